using System.Net;
using RemoteWriteGateway.Query;
using RemoteWriteGateway.Tests.Attacks;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>What reaches the store: every selector with the tenants, nothing else of the client's.</summary>
public sealed class ReadIsolationTests
{
    [Theory]
    [InlineData("topk(scalar(count(vault_balance)), lift_floor)", """topk(scalar(count(vault_balance{tenant=~"red"})), lift_floor{tenant=~"red"})""")]
    [InlineData("absent(vault_balance)", """absent(vault_balance{tenant=~"red"})""")]
    [InlineData("vault_balance{tenant=\"blue\"}", """vault_balance{tenant="blue",tenant=~"red"}""")]
    [InlineData("{'tenant'=~`.+`} # all of it", """{tenant=~".+",tenant=~"red"}""")]
    [InlineData("lift_floor or on() vault_balance", """lift_floor{tenant=~"red"} or on () vault_balance{tenant=~"red"}""")]
    public async Task Every_selector_of_a_query_is_kept_to_the_tenant(string query, string sent)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/query?query=" + Uri.EscapeDataString(query));
        await host.CallAsync("/api/v1/query", "query=" + Uri.EscapeDataString(query));

        Assert.Equal(2, host.Asked.Count);
        Assert.All(host.Asked, asked =>
        {
            Assert.Equal(("POST", "/api/v1/query"), (asked.Method, asked.Target));
            Assert.Equal([("query", sent), ("timeout", "120")], ReadHost.ParametersOf(asked));
        });
    }

    [Fact]
    public async Task A_reader_of_two_tenants_reads_both_or_the_one_that_it_names()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/query?query=up", token: host.Both);
        await host.CallAsync("/api/v1/query?query=up", token: host.Both, change: request => request.Headers.Add("X-Scope-OrgID", "blue"));
        await host.CallAsync("/tenants/red/api/v1/query?query=up", token: host.Both);

        Assert.Equal(
            ["""up{tenant=~"blue|red"}""", """up{tenant=~"blue"}""", """up{tenant=~"red"}"""],
            host.Asked.Select(asked => ReadHost.ParametersOf(asked)[0].Value));
    }

    [Fact]
    public async Task Readers_of_two_tenants_are_never_mixed()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = request => ReadHost.Json(
            """{"status":"success","data":{"resultType":"string","result":[0,"?"]}}""".Replace(
                "?", ReadHost.ParametersOf(request)[0].Value.Contains("red", StringComparison.Ordinal) ? "red" : "blue", StringComparison.Ordinal));
        (string Token, string Tenant)[] readers = [(host.Red, "red"), (host.Blue, "blue")];

        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/query?query=lift_floor", token: readers[i % 2].Token);
            Assert.Contains($"\"{readers[i % 2].Tenant}\"", text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Selectors_of_url_and_body_all_leave_in_one_place_each_with_the_tenant()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/series?match[]=lift_floor&match=x", "match[]=vault_balance%7Btenant%3D%22blue%22%7D&end=2026-01-01T00:00:00Z&limit=5");

        ReceivedRequest asked = Assert.Single(host.Asked);
        Assert.Equal("/api/v1/series", asked.Target);
        Assert.Equal(
            [("match[]", """lift_floor{tenant=~"red"}"""), ("match[]", """vault_balance{tenant="blue",tenant=~"red"}"""), ("end", "1767225600"), ("limit", "5")],
            ReadHost.ParametersOf(asked));
    }

    [Fact]
    public async Task Labels_without_a_selector_are_those_of_the_tenant_and_series_without_one_are_refused()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/labels");
        string reason = await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/series");

        Assert.Equal("match-missing", reason);
        Assert.Equal([("match[]", """{tenant=~"red"}""")], ReadHost.ParametersOf(Assert.Single(host.Asked)));
    }

    [Theory]
    [InlineData("zone", "/api/v1/label/zone/values")]
    [InlineData("%74enant", "/api/v1/label/tenant/values")]
    [InlineData("U__tenant", "/api/v1/label/tenant/values")]
    [InlineData("U__zone_2e_id", "/api/v1/label/U__zone_2e_id/values")]
    [InlineData("..%2F..%2Fstatus%2Fconfig", "/api/v1/label/U___2e__2e__2f__2e__2e__2f_status_2f_config/values")]
    [InlineData("%252e", "/api/v1/label/U___25_2e/values")]
    [InlineData("U__..", "/api/v1/label/U___2e__2e_/values")]
    public async Task A_label_in_the_path_is_one_name_without_an_escape(string segment, string path)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        using HttpResponseMessage answer = await RawRequest.SendAsync(
            host.Gateway.Data.BaseAddress!, $"GET /api/v1/label/{segment}/values HTTP/1.1\nAuthorization: Bearer {host.Red}");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        ReceivedRequest asked = Assert.Single(host.Asked);
        Assert.Equal(path, asked.Target.Split('?')[0]);
        Assert.Equal([("match[]", """{tenant=~"red"}""")], ReadHost.ParametersOf(asked));
    }

    [Theory]
    [InlineData("/api/v1//query")]
    [InlineData("/api/v1/query/")]
    [InlineData("/API/v1/query")]
    [InlineData("/api/v1/%71uery")]
    [InlineData("/api/v1/x/../query")]
    [InlineData("/api/v1/query;a=b")]
    [InlineData("/api/v1\\query")]
    [InlineData("/tenants/red/api/v1/query/")]
    [InlineData("/prometheus/api/v1/query")]
    [InlineData("/select/0/prometheus/api/v1/query")]
    [InlineData("/graph")]
    [InlineData("/api/v1/label/a/b/values")]
    public async Task Another_spelling_of_a_route_is_unknown(string path)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        using HttpResponseMessage answer = await RawRequest.SendAsync(
            host.Gateway.Data.BaseAddress!, $"GET {path}?query=up HTTP/1.1\nAuthorization: Bearer {host.Red}");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(host.Asked);
    }

    [Theory]
    [InlineData("/federate")]
    [InlineData("/api/v1/targets")]
    [InlineData("/api/v1/status/config")]
    [InlineData("/api/v1/status/tsdb")]
    [InlineData("/api/v1/admin/tsdb/delete_series")]
    [InlineData("/api/v1/export")]
    [InlineData("/api/v1/series/count")]
    [InlineData("/api/v1/format_query")]
    [InlineData("/api/v1/cardinality/label_names")]
    [InlineData("/tenants/red/api/v1/rules/red/x")]
    public async Task What_belongs_to_everybody_is_refused_by_name_whatever_the_method(string path)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        Assert.Equal("endpoint-refused", await host.ReasonAsync(HttpStatusCode.NotFound, path + "?match[]=up"));
        Assert.Equal("endpoint-refused", await host.ReasonAsync(HttpStatusCode.NotFound, path, "match[]=up"));
        Assert.Equal("endpoint-refused", await host.ReasonAsync(HttpStatusCode.NotFound, path, change: request => request.Method = HttpMethod.Put));
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task Nothing_of_the_clients_head_reaches_the_store()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/query?query=up&extra_label=tenant=blue&extra_filters[]={}&storeMatch[]=x&nocache=1", change: request =>
        {
            foreach (string header in (string[])["X-Prom-Label-Policy", "THANOS-TENANT", "AccountID", "Cookie", "X-Original-URL", "X-HTTP-Method-Override", "Range"])
            {
                request.Headers.TryAddWithoutValidation(header, "blue=1");
            }
        });

        ReceivedRequest asked = Assert.Single(host.Asked);
        Assert.Equal(
            ["Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Host", "User-Agent", "traceparent"],
            asked.Headers.Select(header => header.Key).Order(StringComparer.Ordinal));
        Assert.Equal(["query", "timeout"], ReadHost.ParametersOf(asked).Select(one => one.Name));
        Assert.Equal(4, await host.Gateway.MetricAsync("""rwgateway_query_parameters_dropped_total{route="/api/v1/query"}"""));
    }

    [Theory]
    [InlineData("X-Scope-OrgID", "blue", HttpStatusCode.Forbidden, "tenant-not-granted")]
    [InlineData("X-Scope-OrgID", "red|blue", HttpStatusCode.Forbidden, "tenant-not-granted")]
    [InlineData("X-Scope-OrgID", "nobody", HttpStatusCode.Forbidden, "tenant-not-granted")]
    [InlineData("X-Scope-OrgID", "red|", HttpStatusCode.BadRequest, "tenant-invalid")]
    public async Task A_header_chooses_among_granted_tenants_only(string header, string value, HttpStatusCode status, string reason)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        Assert.Equal(reason, await host.ReasonAsync(status, "/api/v1/query?query=up", change: request => request.Headers.Add(header, value)));
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task Every_route_asks_for_a_token_and_for_the_permission_to_read()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        string nobody = host.Gateway.UserToken("Metrics.Write");
        foreach (ReadRoute route in ReadRoute.All)
        {
            foreach (string prefix in (string[])["", "/tenants/red"])
            {
                string path = prefix + route.Path.Replace("{name}", "zone", StringComparison.Ordinal);
                using HttpResponseMessage unknown = await host.Gateway.CallAsync(route.Methods[0], path, token: null);
                using HttpResponseMessage denied = await host.Gateway.CallAsync(route.Methods[0], path, nobody);

                Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden), (unknown.StatusCode, denied.StatusCode));
                string text = await denied.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                Assert.Contains(route.IsRemoteRead ? "permission-denied:" : "\"error\":\"permission-denied:", text, StringComparison.Ordinal);
            }
        }

        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task Access_that_is_removed_is_refused_on_the_next_read()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        await host.CallAsync("/api/v1/query?query=up");

        await host.Gateway.ReloadPolicyAsync(ReadHost.Policy.Replace("tenants: [red]", "tenants: [blue]", StringComparison.Ordinal));
        await host.CallAsync("/api/v1/query?query=up");
        await host.Gateway.ReloadPolicyAsync(ReadHost.Policy.Replace("Read.Red", "Read.Gone", StringComparison.Ordinal));
        string reason = await host.ReasonAsync(HttpStatusCode.Forbidden, "/api/v1/query?query=up");

        Assert.Equal("permission-denied", reason);
        Assert.Equal(["""up{tenant=~"red"}""", """up{tenant=~"blue"}"""], host.Asked.Select(asked => ReadHost.ParametersOf(asked)[0].Value));
    }

    [Fact]
    public async Task A_store_of_victoriametrics_gets_the_tenants_in_its_url_as_well()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Stores:main:Kind", "VictoriaMetrics")]);

        await host.CallAsync("/api/v1/query?query=up");

        Assert.Equal(
            [("extra_filters[]", """{tenant=~"red"}"""), ("extra_filters", """{tenant=~"red"}"""), ("query", """up{tenant=~"red"}"""), ("timeout", "120")],
            ReadHost.ParametersOf(Assert.Single(host.Asked)));
    }
}
