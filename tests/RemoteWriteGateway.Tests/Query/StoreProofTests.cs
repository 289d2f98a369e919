using System.Net;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>A store must show that it keeps tenants apart before it is asked.</summary>
public sealed class StoreProofTests
{
    [Fact]
    public async Task An_empty_store_is_answered_for_at_once()
    {
        await using ReadHost host = await ReadHost.StartAsync(probes: request =>
            request.Target.EndsWith("/labels?limit=1", StringComparison.Ordinal) ? ReadHost.Json("""{"status":"success","data":[]}""") : null);

        Assert.Equal((HttpStatusCode.OK, ReadHost.EmptyVector), await host.CallAsync("/api/v1/query?query=up"));
        Assert.Equal("""{"status":"success","data":{"resultType":"matrix","result":[]}}""", (await host.CallAsync("/api/v1/query_range?query=up&start=0&end=1&step=1")).Text);
        Assert.Equal("""{"status":"success","data":[]}""", (await host.CallAsync("/api/v1/labels")).Text);
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task The_first_read_after_data_arrived_finds_it()
    {
        bool hasData = false;
        await using ReadHost host = await ReadHost.StartAsync(probes: request =>
            request.Target.EndsWith("/labels?limit=1", StringComparison.Ordinal) && !hasData ? ReadHost.Json("""{"status":"success","data":[]}""") : null);
        await host.CallAsync("/api/v1/query?query=up");

        hasData = true;
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(1));
        await host.CallAsync("/api/v1/query?query=up");

        Assert.Single(host.Asked);
    }

    [Fact]
    public async Task A_route_that_gives_data_to_nobody_is_off_and_the_others_are_served()
    {
        await using ReadHost host = await ReadHost.StartAsync(probes: request =>
            request.Target == "/api/v1/labels" ? ReadHost.Json("""{"status":"success","data":["vault_balance"]}""") : null);

        Assert.Equal("endpoint-disabled", await host.ReasonAsync(HttpStatusCode.NotFound, "/api/v1/labels"));
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query?query=up")).Status);
        Assert.Equal(1, await host.Gateway.MetricAsync("""rwgateway_query_store_route{store="main",route="/api/v1/labels",state="failed"}"""));
    }

    [Fact]
    public async Task A_redirect_of_a_probe_is_a_failure()
    {
        await using ReadHost host = await ReadHost.StartAsync(probes: request =>
            request.Target == "/api/v1/query" ? ReadHost.Json("", 301).With("Location", "/x") : null);

        Assert.Equal("endpoint-disabled", await host.ReasonAsync(HttpStatusCode.NotFound, "/api/v1/query?query=up"));
    }

    [Fact]
    public async Task A_store_that_lets_the_last_of_two_matchers_win_is_off()
    {
        await using ReadHost host = await ReadHost.StartAsync(probes: request =>
            ReadHost.ParametersOf(request).Any(one => one.Value.Contains("=~\".+\"", StringComparison.Ordinal))
                ? ReadHost.Json("""{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}""")
                : null);

        Assert.Equal("endpoint-disabled", await host.ReasonAsync(HttpStatusCode.NotFound, "/api/v1/query?query=up"));
    }

    [Fact]
    public async Task While_the_store_cannot_be_asked_only_what_names_no_series_is_served()
    {
        await using ReadHost host = await ReadHost.StartAsync(probes: _ => StoreAnswer.Abort);
        host.Answering = _ => ReadHost.Json("""{"status":"success","data":{"resultType":"scalar","result":[0,"2"]}}""");

        using HttpResponseMessage refused = await host.SendAsync("/api/v1/query?query=up");
        (HttpStatusCode status, string text) = await host.CallAsync("/api/v1/query", "query=1%2B1");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Contains("endpoint-unproven", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("\"2\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Build_information_is_ours_with_the_stores_version()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/status/buildinfo");

        Assert.Contains("\"version\":\"3.5.0\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("features", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_by_header_gets_the_ids_and_no_matcher()
    {
        await using ReadHost host = await ReadHost.StartAsync(
            [("Stores:main:Kind", "Mimir"), ("Stores:main:Read:Federation", "true")],
            ReadHost.Policy.Replace("blue: {}", "blue: { storeId: b-1 }", StringComparison.Ordinal),
            OnlyWithHeader);

        await host.CallAsync("/api/v1/query?query=up", token: host.Both);
        await host.CallAsync("/api/v1/metadata", token: host.Blue);

        Assert.Equal(["b-1|red", "b-1"], host.Asked.Select(asked => asked.Header("X-Scope-OrgID")));
        Assert.Equal("/prometheus/api/v1/query", host.Asked[0].Target);
        Assert.Equal(("query", "up{}"), ReadHost.ParametersOf(host.Asked[0])[0]);
    }

    [Fact]
    public async Task A_store_by_header_that_answers_without_one_is_off()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Stores:main:Kind", "Mimir")]);
        host.Answering = _ => ReadHost.Json("""{"status":"success","data":[]}""");

        Assert.Equal("endpoint-disabled", await host.ReasonAsync(HttpStatusCode.NotFound, "/api/v1/query?query=up"));
        Assert.Equal("endpoint-disabled", await host.ReasonAsync(HttpStatusCode.NotFound, "/api/v1/metadata"));
    }

    [Fact]
    public async Task A_store_by_path_takes_one_tenant_a_read()
    {
        await using ReadHost host = await ReadHost.StartAsync(
            [("Stores:main:Kind", "VictoriaMetricsCluster")],
            ReadHost.Policy.Replace("red: {}, blue: {}", "red: { storeId: '7' }, blue: { storeId: '8:1' }", StringComparison.Ordinal));

        await host.CallAsync("/api/v1/query?query=up");
        string reason = await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query?query=up", token: host.Both);
        await host.CallAsync("/tenants/blue/api/v1/labels", token: host.Both);

        Assert.Equal("one-tenant-per-read", reason);
        Assert.Equal(["/select/7/prometheus/api/v1/query", "/select/8%3A1/prometheus/api/v1/labels"], host.Asked.Select(asked => asked.Target));
    }

    // A store that refuses whoever names no tenant, as Mimir does.
    private static StoreAnswer? OnlyWithHeader(ReceivedRequest request) =>
        request.Header("X-Scope-OrgID") is null ? ReadHost.Json("no org id", 401) : null;
}
