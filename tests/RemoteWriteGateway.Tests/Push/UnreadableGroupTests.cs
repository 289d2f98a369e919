using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Push.Storage;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>A group whose payload cannot be read, over HTTP: everybody else is shown and stored as ever, and it is told what to do about that one.</summary>
public sealed class UnreadableGroupTests
{
    private const string Told = "payload-unreadable: A stored payload ";
    private const string Good = "a{instance=\"\",job=\"good\"} 1";

    /// <summary>Large enough to be packed.</summary>
    private static readonly string Large = string.Concat(Enumerable.Range(0, 60).Select(i => $"# TYPE m{i} gauge\nm{i}{{zone=\"abcdefgh\"}} {i}\n"));

    public static TheoryData<string, string> Damages => Damage.AllOnBothProviders;

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Views_show_all_other_groups_and_of_it_what_needs_no_payload(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using PushHost host = await HostAsync(catalog, kind);

        Assert.Equal([Good], await host.ScrapeAsync());
        using (HttpResponseMessage scrape = await host.SendAsync("GET", "/metrics", host.Red))
        {
            string text = await scrape.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Contains("push_time_seconds{instance=\"\",job=\"bad\"} ", text, StringComparison.Ordinal);
            Assert.Contains("push_failure_time_seconds{instance=\"\",job=\"bad\"} 0\n", text, StringComparison.Ordinal);
        }

        JsonArray groups = await host.GroupsAsync();
        Assert.Equal(2, groups.Count);
        JsonObject bad = groups.Single(group => (string?)group!["labels"]!["job"] == "bad")!.AsObject(); // each has labels
        Assert.Equal(["labels", "last_push_successful", "push_time_seconds", "push_failure_time_seconds"], bad.Select(one => one.Key));
        Assert.Equal("1", (string?)groups.Single(group => (string?)group!["labels"]!["job"] == "good")!["a"]!["metrics"]![0]!["value"]); // as pushed

        Assert.Equal(3, await host.Gateway.MetricAsync("rwgateway_push_unreadable_payloads_total{tenant=\"red\",result=\"left-out\"}"));
        Assert.Equal(0, await host.Gateway.MetricAsync("rwgateway_push_unreadable_payloads_total{tenant=\"blue\",result=\"left-out\"}"));
        Assert.Single(host.Gateway.Logs.All, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("Views show the group without it", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task The_list_of_groups_tells_of_it_after_its_next_refresh(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using PushHost host = await HostAsync(catalog, kind);
        CatalogDatabase database = host.Gateway.Services.GetRequiredService<CatalogDatabase>();
        string[] told;
        do
        {
            // Again and again, as what was under way before the damage makes it due a minute later.
            await database.ExecuteAsync("UPDATE push_groups SET next_emit_ms = 1 WHERE lease_owner IS NULL", null, TestContext.Current.CancellationToken);
            host.Gateway.Time.Advance(TimeSpan.FromSeconds(1));
            JsonArray items = (await host.JsonAsync("GET", "/api/v1/groups", host.Red))["data"]!["groups"]!.AsArray(); // there, or the test fails
            told = [.. items.Select(item => $"{item!["labels"]!["job"]} {((string?)item["lastWriteError"])?[..Told.Length]}").Order(StringComparer.Ordinal)];
        }
        while (told[0] == "bad ");

        Assert.Equal(["bad " + Told, "good "], told);
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_push_that_adds_to_it_is_told_what_to_do_and_that_helps(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using PushHost host = await HostAsync(catalog, kind);

        using (HttpResponseMessage answer = await host.SendAsync("POST", "/metrics/job/bad", host.Red, "m1 1\n"u8.ToArray()))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
            string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.StartsWith("payload-unreadable: what is stored of the group cannot be read, so nothing can be added to it; PUT the group in mode replace, or DELETE it,", text, StringComparison.Ordinal);
        }

        Assert.Equal(1, await host.Gateway.MetricAsync("rwgateway_push_requests_total{tenant=\"red\",method=\"POST\",outcome=\"failed\",reason=\"payload-unreadable\"}"));
        Assert.Single(host.Gateway.Logs.All, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("A push that adds to it was refused", StringComparison.Ordinal));

        await host.StoreAsync("/metrics/job/bad", "m1 1\n");
        Assert.Equal([Good, "m1{instance=\"\",job=\"bad\"} 1"], await host.ScrapeAsync());
        await host.StoreAsync("/metrics/job/bad", "m2 2\n", method: "POST");
        Assert.Equal([Good, "m1{instance=\"\",job=\"bad\"} 1", "m2{instance=\"\",job=\"bad\"} 2"], await host.ScrapeAsync());
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task It_can_be_deleted_alone_by_selector_and_with_all(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using PushHost host = await HostAsync(catalog, kind);
        foreach ((string method, string target, string token, HttpStatusCode status) in ((string, string, string, HttpStatusCode)[])
            [
                ("DELETE", "/metrics/job/bad", host.Red, HttpStatusCode.Accepted),
                ("DELETE", "/api/v1/groups?match[]={job=\"bad\"}", host.RedDeleter, HttpStatusCode.OK),
                ("PUT", "/api/v1/admin/wipe", host.RedDeleter, HttpStatusCode.Accepted),
            ])
        {
            using (HttpResponseMessage answer = await host.SendAsync(method, target, token))
            {
                Assert.Equal((target, status), (target, answer.StatusCode));
            }

            Assert.DoesNotContain(await host.GroupsAsync(), group => (string?)group!["labels"]!["job"] == "bad");

            // Another group may have its series now.
            await host.StoreAsync("/metrics/job/bad/zone/abcdefgh", Large);
            await host.StoreAsync("/metrics/job/bad/zone/abcdefgh", "");
            await host.StoreAsync("/metrics/job/bad", Large);
            await Damage.DoAsync(host.Gateway.Services.GetRequiredService<CatalogDatabase>(), kind, Storage.PushHost.Key("job=bad"));
        }
    }

    /// <summary>With a group <c>good</c> and a group <c>bad</c>, which cannot be read.</summary>
    private static async Task<PushHost> HostAsync(EmptyCatalog catalog, string kind)
    {
        PushHost host = await PushHost.StartAsync(settings: [("Push:AllowWipe", "true")], catalog: catalog);
        await host.StoreAsync("/metrics/job/good", "a 1\n");
        await host.StoreAsync("/metrics/job/bad", Large);
        await Damage.DoAsync(host.Gateway.Services.GetRequiredService<CatalogDatabase>(), kind, Storage.PushHost.Key("job=bad"));
        return host;
    }
}
