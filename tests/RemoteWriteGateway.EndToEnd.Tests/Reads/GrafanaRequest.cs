using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>One request of Grafana's Prometheus data source, as its server sends it for a signed-in user.</summary>
/// <param name="Step">What the user does.</param>
/// <param name="Method">GET or POST.</param>
/// <param name="Target">Path and query.</param>
/// <param name="Form">The body of a POST, encoded.</param>
/// <param name="Status">What must be answered.</param>
/// <param name="Filled">A part of the answer of a store with <c>lift_floor{zone="a"} 7</c>.</param>
/// <param name="Empty">The whole answer of a store without data; null where it is the same as any.</param>
internal sealed record GrafanaRequest(string Step, HttpMethod Method, string Target, string? Form, int Status, string Filled, string? Empty)
{
    private const string EmptyList = """{"status":"success","data":[]}""";
    private const string EmptyMap = """{"status":"success","data":{}}""";
    private const string EmptyVector = """{"status":"success","data":{"resultType":"vector","result":[]}}""";
    private const string EmptyMatrix = """{"status":"success","data":{"resultType":"matrix","result":[]}}""";
    private const string EmptyGroups = """{"status":"success","data":{"groups":[]}}""";

    /// <summary>What Grafana sends along: the forwarded identity aside, nothing that a gateway needs.</summary>
    private static readonly (string Name, string Value)[] Headers =
    [
        ("User-Agent", "Grafana/12.1.0"), ("Accept-Encoding", "gzip"), ("X-Grafana-Org-Id", "1"), ("X-Grafana-User", "ann@example.org"), ("X-Datasource-Uid", "metrics"),
        ("X-Dashboard-Uid", "overview"), ("X-Panel-Id", "2"), ("X-Query-Group-Id", "5d2c"), ("X-Grafana-From-Expr", "false"), ("X-ID-Token", "an-id-token"),
        ("Fromalert", "false"), ("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("X-Forwarded-For", "127.0.0.1"),
    ];

    /// <summary>A session, in its order: data source page, label browser, editor, panel, variables, alerting pages.</summary>
    /// <param name="now">The time of the newest samples, or a little later.</param>
    public static IReadOnlyList<GrafanaRequest> Session(DateTimeOffset now)
    {
        string end = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string start = now.AddSeconds(-60).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string span = $"start={start}&end={end}";
        const string AnyName = "match%5B%5D=%7B__name__%21%3D%22%22%7D"; // {__name__!=""}
        const string OfMetric = "match%5B%5D=lift_floor";
        return
        [
            // "Save & test": the health check, then what kind of server it is.
            Post("health check", "/api/v1/query", $"query=1%2B1&time={end}.123", "\"2\"", null),
            Get("kind of server", "/api/v1/status/buildinfo", "\"version\":\"3.", null),
            Get("rules to probe the ruler", "/api/v1/rules", "\"groups\":[]", EmptyGroups),

            // The editor opens: metrics with their metadata, recording rules to expand, then label names and values.
            Get("metric names", $"/api/v1/label/__name__/values?{span}&limit=40000", "lift_floor", EmptyList),
            Get("metric names, as autocomplete asks", $"/api/v1/label/__name__/values?{AnyName}&{span}&limit=40000", "lift_floor", EmptyList),
            Get("metadata", "/api/v1/metadata?limit=40000", EmptyMap, EmptyMap),
            Post("label names", "/api/v1/labels", $"{AnyName}&{span}&limit=40000", "\"zone\"", EmptyList),
            Post("label names of a metric", "/api/v1/labels", $"{OfMetric}&{span}&limit=40000", "\"tenant\",\"zone\"", EmptyList),
            Get("label values of a metric", $"/api/v1/label/zone/values?{OfMetric}&{span}&limit=40000", "[\"a\"]", EmptyList),
            Get("values of a label that is no identifier", $"/api/v1/label/U__zone_2e_id/values?{AnyName}&{span}&limit=40000", EmptyList, EmptyList),
            Post("label browser, series", "/api/v1/series", $"match%5B%5D=%7B__name__%3D%22lift_floor%22%2Czone%3D~%22a%7Cb%22%7D&{span}&limit=40000", "lift_floor", EmptyList),

            // A panel: range and instant query, exemplars, and the same query with what a dashboard's variables become.
            Post("panel", "/api/v1/query_range", $"query=lift_floor&{span}&step=15", "\"7\"", EmptyMatrix),
            Post("panel, with a variable of several values", "/api/v1/query_range", $"query=sum%28lift_floor%7Bzone%3D~%22%28a%7Cb%29%22%7D%29+by+%28zone%29&{span}&step=15", "\"7\"", EmptyMatrix),
            Post("table", "/api/v1/query", $"query=topk%285%2C+lift_floor%29&time={end}", "\"7\"", EmptyVector),
            Post("exemplars", "/api/v1/query_exemplars", $"query=lift_floor&{span}", EmptyList, EmptyList),

            // Variables: label_names(), label_values(label), label_values(metric, label), metrics(regex), query_result(query), series.
            Post("variable label_names()", "/api/v1/labels", span, "\"zone\"", EmptyList),
            Get("variable label_values(label)", $"/api/v1/label/zone/values?{span}", "[\"a\"]", EmptyList),
            Get("variable label_values(metric, label)", $"/api/v1/label/zone/values?{OfMetric}&{span}", "[\"a\"]", EmptyList),
            Get("variable metrics(regex)", $"/api/v1/label/__name__/values?{span}", "lift_floor", EmptyList),
            Post("variable query_result(query)", "/api/v1/query", $"query=count+by+%28zone%29+%28lift_floor%29&time={end}", "\"a\"", EmptyVector),
            Post("variable of series", "/api/v1/series", $"match%5B%5D=lift_floor&{span}", "\"zone\":\"a\"", EmptyList),

            // A tenant is written in the selector: nothing of another one, and no error.
            Post("another tenant's panel", "/api/v1/query_range", $"query=vault_balance&{span}&step=15", "\"result\":[]", EmptyMatrix),

            // The alerting pages.
            Get("alert rules, one page", "/api/v1/rules?type=alert&exclude_alerts=true&group_limit=40", "\"groups\":[]", EmptyGroups),
            Get("recording rules", "/api/v1/rules?type=record", "\"groups\":[]", EmptyGroups),
            Get("alerts", "/api/v1/alerts", "\"alerts\":[]", """{"status":"success","data":{"alerts":[]}}"""),

            // A POST that is answered 400 or 405 comes again as GET, its body in the address.
            Post("metadata by POST", "/api/v1/metadata", "limit=10", "method-not-allowed", null, 405),
            Get("metadata by GET", "/api/v1/metadata?limit=10", EmptyMap, EmptyMap),
            Post("label values by POST", "/api/v1/label/zone/values", $"{OfMetric}&{span}", "method-not-allowed", null, 405),
            Get("label values by GET", $"/api/v1/label/zone/values?{OfMetric}&{span}", "[\"a\"]", EmptyList),
            Post("a faulty selector by POST", "/api/v1/labels", "match%5B%5D=rate%28x%29", "selector-invalid", null, 400),
            Get("a faulty selector by GET", "/api/v1/labels?match%5B%5D=rate%28x%29", "selector-invalid", null, 400),
            Post("a faulty query", "/api/v1/query_range", $"query=rate%28lift_floor%29&{span}&step=15", "1:6: parse error: rate() takes a range vector", null, 400),
        ];
    }

    /// <summary>Sends it.</summary>
    public async Task<(int Status, string Text)> SendAsync(Uri gateway, string token, CancellationToken cancellationToken)
    {
        using HttpClientHandler handler = new() { AutomaticDecompression = DecompressionMethods.GZip, AllowAutoRedirect = false };
        using HttpClient client = new(handler);
        using HttpRequestMessage request = new(Method, new Uri(gateway, Target));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach ((string name, string value) in Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (Form is not null)
        {
            request.Content = new ByteArrayContent(Encoding.ASCII.GetBytes(Form));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-www-form-urlencoded");
        }

        using HttpResponseMessage answer = await client.SendAsync(request, cancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
    }

    private static GrafanaRequest Get(string step, string target, string filled, string? empty, int status = 200) =>
        new(step, HttpMethod.Get, target, null, status, filled, empty);

    private static GrafanaRequest Post(string step, string target, string form, string filled, string? empty, int status = 200) =>
        new(step, HttpMethod.Post, target, form, status, filled, empty);
}
