using System.Net;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>Azure Monitor as a read store: one selector a tenant on <c>/series</c>, and a proof whose selectors name a metric.</summary>
public sealed class AzureMonitorReadTests
{
    private const string Names = """{"status":"success","data":["1st","stale","fresh"]}""";
    private const string One = """{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}""";

    [Fact]
    public async Task A_selector_of_series_is_sent_once_for_each_tenant()
    {
        await using ReadHost host = await StartAsync(("Query:OtherTenants", "Refuse"));

        (HttpStatusCode status, string text) = await host.CallAsync("/api/v1/series?match[]=lift_floor{zone='a'}&match[]=up{tenant='blue'}", token: host.Both);
        string refused = await host.ReasonAsync(HttpStatusCode.Forbidden, "/api/v1/series?match[]=up{tenant='blue'}");
        await host.CallAsync("/api/v1/query?query=up", token: host.Both);

        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Equal("selector-names-other-tenant", refused);
        Assert.Equal(
            [
                ("match[]", """lift_floor{zone="a",tenant="blue"}"""), ("match[]", """lift_floor{zone="a",tenant="red"}"""),
                ("match[]", """up{tenant="blue",tenant="blue"}"""), ("match[]", """up{tenant="blue",tenant="red"}"""),
            ],
            ReadHost.ParametersOf(host.Asked[0]));
        Assert.Equal(("query", """up{tenant=~"blue|red"}"""), ReadHost.ParametersOf(host.Asked[1])[0]);
    }

    [Fact]
    public async Task The_proof_asks_about_a_metric_that_has_samples_now()
    {
        await using ReadHost host = await StartAsync();
        await host.CallAsync("/api/v1/query?query=up");

        string[] probes = [.. host.Gateway.Store.Requests
            .SelectMany(ReadHost.ParametersOf)
            .Where(one => one.Value.Contains("probe-", StringComparison.Ordinal))
            .Select(one => one.Value)];
        Assert.NotEmpty(probes);
        Assert.All(probes, probe => Assert.Contains("{__name__=\"fresh\",", probe, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_metric_that_has_samples_nothing_is_proven()
    {
        await using ReadHost host = await StartAsync(isFresh: false);

        Assert.Equal("endpoint-unproven", await host.ReasonAsync(HttpStatusCode.ServiceUnavailable, "/api/v1/query?query=up"));
        Assert.Empty(host.Asked);
    }

    private static Task<ReadHost> StartAsync(params (string, string?)[] settings) => StartAsync(isFresh: true, settings);

    private static Task<ReadHost> StartAsync(bool isFresh, params (string, string?)[] settings) => ReadHost.StartAsync(
        [("Stores:main:Kind", "AzureMonitor"), ("Stores:main:Path", "/write"), ("Stores:main:Read:Url", "{store}workspace"), .. settings],
        probes: request =>
            request.Target == "/workspace/api/v1/label/__name__/values" ? ReadHost.Json(Names)
            : ReadHost.ParametersOf(request) is [("query", var query)] && !query.Contains("probe-", StringComparison.Ordinal)
                ? ReadHost.Json(isFresh && query == "count({__name__=\"fresh\"})" ? One : ReadHost.EmptyVector)
            : null);
}
