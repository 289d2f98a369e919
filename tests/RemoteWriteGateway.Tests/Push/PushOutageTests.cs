using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>Pushes on a real PostgreSQL, with the catalog or the audit away, and what is bounded whatever is sent.</summary>
public sealed class PushOutageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_the_catalog_away_pushes_deletions_and_views_are_503_and_all_recovers_by_itself()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using PushHost host = await PushHost.StartAsync(catalog: catalog);
        await host.StoreAsync("/metrics/job/j", "a 1\n");

        await server.KillAsync();
        foreach ((string method, string target, string token) in ((string, string, string)[])
            [
                ("PUT", "/metrics/job/j", host.Red), ("POST", "/metrics/job/new", host.Red), ("DELETE", "/metrics/job/j", host.Red), ("GET", "/metrics", host.Red),
                ("GET", "/api/v1/metrics", host.Red), ("GET", "/api/v1/groups", host.Red), ("DELETE", "/api/v1/groups?match[]={job=\"j\"}", host.RedDeleter),
            ])
        {
            using HttpResponseMessage answer = await host.SendAsync(method, target, token, method is "PUT" or "POST" ? "a 2\n"u8.ToArray() : null);
            string reason = await PushHost.ReasonAsync(answer);
            Assert.True((503, "catalog-unavailable") == ((int)answer.StatusCode, reason), $"{method} {target}: {(int)answer.StatusCode} {reason}");
            Assert.InRange(int.Parse(answer.Headers.GetValues("Retry-After").Single(), System.Globalization.CultureInfo.InvariantCulture), 1, 300);
        }

        await server.StartAgainAsync(Cancel);
        Assert.Equal(["a{instance=\"\",job=\"j\"} 1"], await host.ScrapeAsync());
        await host.StoreAsync("/metrics/job/j", "a 3\n");
        Assert.Equal(["a{instance=\"\",job=\"j\"} 3"], await host.ScrapeAsync());
        Assert.Single(await host.GroupsAsync());
    }

    [Fact]
    public async Task What_cannot_be_put_on_record_is_neither_stored_nor_deleted()
    {
        await using PushHost host = await PushHost.StartAsync(settings: [("Push:AllowWipe", "true")]);
        await host.StoreAsync("/metrics/job/j", "a 1\n");
        AuditLog log = host.Gateway.Services.GetRequiredService<AuditLog>();
        log.IsAvailable = false;

        foreach ((string method, string target, string token) in ((string, string, string)[])
            [
                ("PUT", "/metrics/job/j", host.Red), ("DELETE", "/metrics/job/j", host.Red),
                ("DELETE", "/api/v1/groups?match[]={job=\"j\"}", host.RedDeleter), ("PUT", "/api/v1/admin/wipe", host.RedDeleter),
            ])
        {
            using HttpResponseMessage answer = await host.SendAsync(method, target, token, method is "PUT" ? "a 2\n"u8.ToArray() : null);
            Assert.Equal((method, target, 503, "audit-unavailable"), (method, target, (int)answer.StatusCode, await PushHost.ReasonAsync(answer)));
        }

        log.IsAvailable = true;
        Assert.Equal(["a{instance=\"\",job=\"j\"} 1"], await host.ScrapeAsync());
    }

    [Fact]
    public async Task A_replica_that_holds_as_much_as_it_may_says_so_and_goes_on()
    {
        await using PushHost host = await PushHost.StartAsync(settings: [("Ingest:MaxInflightRequests", "1")]);
        byte[] bomb = Gzip("# " + new string('x', (15 << 20) - 4) + "\n");

        (int Status, string Reason)[] answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ =>
        {
            using HttpResponseMessage answer = await host.SendAsync("PUT", "/metrics/job/j", host.Red, bomb, request => request.Content!.Headers.ContentEncoding.Add("gzip")); // a body was given
            return ((int)answer.StatusCode, await PushHost.ReasonAsync(answer));
        }));

        Assert.All(answers, answer => Assert.Contains(answer, ((int, string)[])[(200, ""), (503, "too-many-inflight")]));
        Assert.Contains((200, ""), answers);
        (int, string) next;
        do
        {
            // What was pushed is on its way to the store, and that takes the one place, too.
            next = await host.PushAsync("/metrics/job/j", "a 1\n");
        }
        while (next is (503, "too-many-inflight"));

        Assert.Equal((200, ""), next);
    }

    [Fact]
    public async Task Gauges_show_what_is_stored_and_whom_the_policy_does_not_know_any_more()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/a", "a 1\nb 2\n");
        await host.StoreAsync("/metrics/job/b", "a 1\n");
        await host.StoreAsync("/metrics/job/b", "a 1\n", host.Blue);
        await host.Gateway.ReloadPolicyAsync($"version: 1\ntenants: {{ red: {{}}, green: {{}} }}\n{PushHost.Bindings.Replace("[blue]", "[red]", StringComparison.Ordinal)}");
        await host.Gateway.Services.GetRequiredService<PushUsageGauges>().ReadAsync(Cancel);

        Assert.Equal(2, await host.Gateway.MetricAsync("rwgateway_push_groups{tenant=\"red\",state=\"live\"}"));
        Assert.Equal(7, await host.Gateway.MetricAsync("rwgateway_push_series{tenant=\"red\"}"));
        Assert.True(await host.Gateway.MetricAsync("rwgateway_push_stored_bytes{tenant=\"red\"}") > 20);
        Assert.Equal(0, await host.Gateway.MetricAsync("rwgateway_push_orphaned_groups{tenant=\"red\"}"));
        Assert.Equal(1, await host.Gateway.MetricAsync("rwgateway_push_orphaned_groups{tenant=\"blue\"}"));
        Assert.Equal(0, await host.Gateway.MetricAsync("rwgateway_push_groups{tenant=\"green\",state=\"live\"}"));
    }

    [Theory]
    [InlineData("Push:Refresh", "00:05:00", "Push:Refresh")]
    [InlineData("Push:Lease", "00:00:11", "Push:Lease")]
    [InlineData("Push:CorsOrigins", "example.org", "Push:CorsOrigins")]
    [InlineData("Push:AllowWhipe", "true", "Push:AllowWhipe")]
    public async Task A_setting_that_is_wrong_stops_the_start_and_is_named(string key, string value, string named)
    {
        Exception fault = await Assert.ThrowsAnyAsync<Exception>(async () => await PushHost.StartAsync(settings: [(key, value)]));

        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    private static byte[] Gzip(string text)
    {
        using MemoryStream packed = new();
        using (System.IO.Compression.GZipStream stream = new(packed, System.IO.Compression.CompressionLevel.Optimal))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
