using System.Net;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>Every route and method under every base: who may, and what is answered.</summary>
public sealed class PushRouteTests
{
    private static readonly string[] Bases = ["", "/tenants/red", "/replace", "/sum", "/tenants/red/replace", "/tenants/red/sum"];

    [Theory]
    [InlineData("PUT", "/metrics/job/j", 401, "no-credentials", null)]
    [InlineData("POST", "/metrics/job/j", 401, "no-credentials", null)]
    [InlineData("DELETE", "/metrics/job/j", 401, "no-credentials", null)]
    [InlineData("GET", "/metrics/job/j", 401, "no-credentials", null)]
    [InlineData("PUT", "/metrics/job/j/x", 401, "no-credentials", null)] // the path is looked at after the caller
    [InlineData("OPTIONS", "/metrics/job/j", 200, "", "DELETE, OPTIONS, POST, PUT")]
    [InlineData("GET", "/metrics", 401, "no-credentials", null)]
    [InlineData("POST", "/metrics", 401, "no-credentials", null)]
    [InlineData("GET", "/api/v1/metrics", 401, "no-credentials", null)]
    [InlineData("GET", "/api/v1/status", 401, "no-credentials", null)]
    [InlineData("GET", "/api/v1/groups", 401, "no-credentials", null)]
    [InlineData("DELETE", "/api/v1/groups?match[]={job=\"j\"}", 401, "no-credentials", null)]
    [InlineData("PUT", "/api/v1/admin/wipe", 401, "no-credentials", null)]
    [InlineData("GET", "/metrics/job", 401, "no-credentials", null)]
    [InlineData("GET", "/-/quit", 405, "method-not-allowed", "POST, PUT")]
    [InlineData("PUT", "/-/quit", 403, "lifecycle-disabled", null)]
    [InlineData("POST", "/-/quit", 403, "lifecycle-disabled", null)]
    public async Task Without_a_token_little_is_answered(string method, string target, int status, string reason, string? allow)
    {
        await using PushHost host = await PushHost.StartAsync();
        foreach (string one in Bases)
        {
            using HttpResponseMessage answer = await host.SendAsync(method, one + target, null);
            Assert.Equal((one, status, reason, allow), (one, (int)answer.StatusCode, await PushHost.ReasonAsync(answer), AllowOf(answer)));
        }
    }

    [Theory]
    [InlineData("GET", "/metrics/job/j", 405, "method-not-allowed", "DELETE, OPTIONS, POST, PUT")]
    [InlineData("PATCH", "/metrics/job/j", 405, "method-not-allowed", "DELETE, OPTIONS, POST, PUT")]
    [InlineData("GET", "/metrics/job/j/x", 400, "path-odd-segments", null)] // the path is looked at before the method
    [InlineData("DELETE", "/metrics/job//", 400, "path-missing-job", null)]
    [InlineData("PUT", "/metrics", 405, "method-not-allowed", "GET, OPTIONS")]
    [InlineData("DELETE", "/api/v1/metrics", 405, "method-not-allowed", "GET, OPTIONS")]
    [InlineData("POST", "/api/v1/status", 405, "method-not-allowed", "GET, OPTIONS")]
    [InlineData("PUT", "/api/v1/groups", 405, "method-not-allowed", "DELETE, GET, OPTIONS")]
    [InlineData("PUT", "/api/v1/admin/wipe", 404, "not-found", null)]
    [InlineData("GET", "/api/v1/admin/wipe", 404, "not-found", null)]
    [InlineData("PUT", "/metrics/job", 404, "not-found", null)]
    [InlineData("PUT", "/metrics/job/", 404, "not-found", null)]
    [InlineData("PUT", "/metrics/job@base64/", 404, "not-found", null)]
    [InlineData("PUT", "/metrics/jobs/j", 404, "not-found", null)]
    public async Task With_a_token_a_wrong_method_or_path_is_told(string method, string target, int status, string reason, string? allow)
    {
        await using PushHost host = await PushHost.StartAsync();
        foreach (string one in Bases)
        {
            using HttpResponseMessage answer = await host.SendAsync(method, one + target, host.Red);
            Assert.Equal((one, status, reason, allow), (one, (int)answer.StatusCode, await PushHost.ReasonAsync(answer), AllowOf(answer)));
        }
    }

    [Fact]
    public async Task A_head_of_a_path_is_refused_without_a_body()
    {
        await using PushHost host = await PushHost.StartAsync();

        using HttpResponseMessage group = await host.SendAsync("HEAD", "/metrics/job/j", host.Red);
        using HttpResponseMessage scrape = await host.SendAsync("HEAD", "/metrics", host.Red);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, group.StatusCode);
        Assert.Equal((HttpStatusCode.OK, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"), (scrape.StatusCode, scrape.Content.Headers.ContentType?.ToString()));
    }

    [Fact]
    public async Task Every_route_stands_under_every_base_and_pushes_meet_there()
    {
        await using PushHost host = await PushHost.StartAsync();
        for (int i = 0; i < Bases.Length; i++)
        {
            await host.StoreAsync($"{Bases[i]}/metrics/job/j{i}", "a 1\n");
        }

        foreach (string one in Bases)
        {
            JsonNode groups = await host.JsonAsync("GET", one + "/api/v1/metrics", host.Red);
            Assert.Equal(Bases.Length, groups["data"]!.AsArray().Count); // there, or the test fails
            Assert.Equal("catalog", (string?)(await host.JsonAsync("GET", one + "/api/v1/status", host.Red))["data"]!["flags"]!["persistence.file"]); // there, or the test fails
            foreach (string route in (string[])["/metrics", "/api/v1/groups", "/-/healthy", "/-/ready", "/", "/status"])
            {
                using HttpResponseMessage answer = await host.SendAsync("GET", one + route, host.Red);
                Assert.Equal((one, route, HttpStatusCode.OK), (one, route, answer.StatusCode));
            }
        }
    }

    [Fact]
    public async Task The_page_shows_no_data_and_asks_for_no_token()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/secret", "a 1\n");

        foreach (string target in (string[])["/", "/status", "/tenants/red/"])
        {
            using HttpResponseMessage answer = await host.SendAsync("GET", target, null);
            string page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Equal((HttpStatusCode.OK, "text/html; charset=utf-8"), (answer.StatusCode, answer.Content.Headers.ContentType?.ToString()));
            Assert.DoesNotContain("secret", page, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/api/v1/metrics")]
    [InlineData("/api/v1/status")]
    [InlineData("/api/v1/groups")]
    [InlineData("/api/v1/admin/wipe")]
    [InlineData("/api/v1/whatever")]
    public async Task Browsers_are_answered_as_a_pushgateway_answers_them(string target)
    {
        await using PushHost host = await PushHost.StartAsync(settings: [("Push:CorsOrigins", "https://grafana.example.org")]);

        using HttpResponseMessage preflight = await host.SendAsync("OPTIONS", target, null);
        using HttpResponseMessage answer = await host.SendAsync("GET", "/api/v1/metrics", host.Red);

        Assert.Equal(HttpStatusCode.OK, preflight.StatusCode);
        Assert.All((HttpResponseMessage[])[preflight, answer], one =>
        {
            Assert.Equal("https://grafana.example.org", one.Headers.GetValues("Access-Control-Allow-Origin").Single());
            Assert.Equal("GET, POST, DELETE, OPTIONS", one.Headers.GetValues("Access-Control-Allow-Methods").Single());
            Assert.Equal("Accept, Authorization, Content-Type, Origin", one.Headers.GetValues("Access-Control-Allow-Headers").Single());
            Assert.Equal("Date", one.Headers.GetValues("Access-Control-Expose-Headers").Single());
        });
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Assert.Contains("must-revalidate", answer.Headers.GetValues("Cache-Control").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writers_are_no_pushers_and_the_write_routes_stay_theirs()
    {
        await using PushHost host = await PushHost.StartAsync();

        Assert.Equal((403, "permission-denied"), await host.PushAsync("/metrics/job/j", "a 1\n", host.Gateway.UserToken("Write.Red")));
        Assert.Equal((403, "permission-denied"), await host.PushAsync("/api/v1/push", "", host.Red, "POST"));
        using HttpResponseMessage preflight = await host.SendAsync("OPTIONS", "/api/v1/write", null);
        Assert.Equal(HttpStatusCode.Unauthorized, preflight.StatusCode);
    }

    [Fact]
    public async Task Who_may_push_or_read_may_look_and_only_who_may_push_pushes()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j", "a 1\n");
        string reader = host.Gateway.UserToken("Read.Red");

        Assert.Single(await host.GroupsAsync(reader));
        Assert.Single(await host.ScrapeAsync(reader));
        Assert.Equal((403, "permission-denied"), await host.PushAsync("/metrics/job/j", "a 2\n", reader));
        foreach ((string method, string target, string token, int status, string reason) in ((string, string, string, int, string)[])
            [
                ("DELETE", "/metrics/job/j", reader, 403, "permission-denied"),
                ("DELETE", "/api/v1/groups?match[]={job=\"j\"}", host.Red, 403, "permission-denied"),
                ("DELETE", "/metrics/job/j", host.RedDeleter, 403, "permission-denied"),
                ("GET", "/metrics", host.RedDeleter, 403, "permission-denied"),
                ("GET", "/metrics", host.Gateway.UserToken("Push.Red", "Read.Blue"), 400, "tenant-ambiguous"),
                ("GET", "/metrics", host.Gateway.UserToken("Read.Red", "Read.Blue"), 400, "tenant-ambiguous"),
                ("GET", "/metrics", host.Gateway.UserToken("Push.Red", "Read.Red"), 200, ""),
            ])
        {
            using HttpResponseMessage answer = await host.SendAsync(method, target, token);
            string told = status == 200 ? "" : await PushHost.ReasonAsync(answer);
            Assert.Equal((method, target, status, reason), (method, target, (int)answer.StatusCode, told));
        }

        Assert.Single(await host.GroupsAsync());
    }

    [Fact]
    public async Task Wipe_is_there_only_if_it_is_switched_on()
    {
        await using PushHost host = await PushHost.StartAsync(settings: [("Push:AllowWipe", "true")]);
        await host.StoreAsync("/metrics/job/a", "a 1\n");
        await host.StoreAsync("/metrics/job/b", "a 1\n");
        await host.StoreAsync("/metrics/job/a", "a 1\n", host.Blue);

        using HttpResponseMessage pusher = await host.SendAsync("PUT", "/api/v1/admin/wipe", host.Red);
        using HttpResponseMessage wrong = await host.SendAsync("GET", "/api/v1/admin/wipe", host.RedDeleter);
        using HttpResponseMessage wiped = await host.SendAsync("PUT", "/api/v1/admin/wipe", host.RedDeleter);

        Assert.Equal(HttpStatusCode.Forbidden, pusher.StatusCode);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "OPTIONS, PUT"), (wrong.StatusCode, AllowOf(wrong)));
        Assert.Equal((HttpStatusCode.Accepted, 0), (wiped.StatusCode, wiped.Content.Headers.ContentLength));
        Assert.Empty(await host.GroupsAsync());
        Assert.Single(await host.GroupsAsync(host.Blue));
    }

    [Fact]
    public async Task Groups_are_listed_in_pages_and_deleted_by_selectors()
    {
        await using PushHost host = await PushHost.StartAsync();
        for (int i = 0; i < 5; i++)
        {
            await host.StoreAsync($"/metrics/job/nightly-{i}/x/{i % 2}", "a 1\n");
        }

        await host.StoreAsync("/metrics/job/hourly", "a 1\nb 2\n");
        await host.StoreAsync("/metrics/job/nightly-0/x/0", "a 1\n", host.Blue);

        JsonNode first = await host.JsonAsync("GET", "/api/v1/groups?limit=4", host.Red);
        JsonNode second = await host.JsonAsync("GET", $"/api/v1/groups?limit=4&cursor={(string?)first["data"]!["next"]}", host.Red); // there, or the test fails
        JsonNode hourly = (await host.JsonAsync("GET", "/api/v1/groups?match[]={job=\"hourly\"}", host.Red))["data"]!["groups"]![0]!;
        Assert.Equal((4, 2, null), (first["data"]!["groups"]!.AsArray().Count, second["data"]!["groups"]!.AsArray().Count, (string?)second["data"]!["next"]));
        Assert.Equal(
            ("live", "replace", 4, 1L, null, "66666666-0000-4000-8000-000000000001"),
            ((string?)hourly["state"], (string?)hourly["mode"], (int)hourly["series"]!, (long)hourly["generation"]!, (string?)hourly["failReason"], (string?)hourly["pushedBy"]!["objectId"]));

        const string Selectors = "match[]={job=~\"nightly-.*\",x=\"1\"}&match[]={job=\"nightly-4\"}";
        JsonNode dry = await host.JsonAsync("DELETE", $"/api/v1/groups?{Selectors}&dryRun=true", host.RedDeleter);
        Assert.Equal("""{"status":"success","data":{"matched":3,"deleted":0}}""", dry.ToJsonString());
        Assert.Equal(6, (await host.GroupsAsync()).Count);
        JsonNode done = await host.JsonAsync("DELETE", $"/api/v1/groups?{Selectors}", host.RedDeleter);
        Assert.Equal("""{"status":"success","data":{"matched":3,"deleted":3}}""", done.ToJsonString());
        Assert.Equal(3, (await host.GroupsAsync()).Count);
        Assert.Single(await host.GroupsAsync(host.Blue));
    }

    [Theory]
    [InlineData("DELETE", "", "match-missing")]
    [InlineData("DELETE", "?dryRun=true", "match-missing")]
    [InlineData("DELETE", "?match[]=up", "selector-invalid")]
    [InlineData("DELETE", "?match[]={job=~\"[[:alpha:]]\"}", "selector-invalid")]
    [InlineData("DELETE", "?match[]={job=\"j\"}&dryrun=true", "parameter-invalid")]
    [InlineData("DELETE", "?match[]={job=\"j\"}&dryRun=1", "parameter-invalid")]
    [InlineData("DELETE", "?match[]={job=\"j\"}&dryRun=true&dryRun=false", "parameter-repeated")]
    [InlineData("GET", "?limit=0", "parameter-invalid")]
    [InlineData("GET", "?limit=1001", "parameter-invalid")]
    [InlineData("GET", "?cursor=zz", "parameter-invalid")]
    [InlineData("GET", "?match[]={}", "selector-invalid")]
    public async Task Parameters_that_are_not_understood_delete_nothing(string method, string query, string reason)
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j", "a 1\n");

        using HttpResponseMessage answer = await host.SendAsync(method, "/api/v1/groups" + query, method == "GET" ? host.Red : host.RedDeleter);

        Assert.Equal((400, reason), ((int)answer.StatusCode, await PushHost.ReasonAsync(answer)));
        Assert.Single(await host.GroupsAsync());
    }

    private static string? AllowOf(HttpResponseMessage answer) => answer.Content.Headers.Allow.Count == 0 ? null : string.Join(", ", answer.Content.Headers.Allow);
}
