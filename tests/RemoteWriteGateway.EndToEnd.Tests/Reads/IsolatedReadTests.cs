using System.Globalization;
using System.Text.Json;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>A reader of tenant red tries everything on three real stores: nothing that only others have ever comes back.</summary>
public sealed class IsolatedReadTests(ReadStand stand) : IClassFixture<ReadStand>
{
    private static readonly string[] Queries =
    [
        "topk(scalar(count(vault_balance)), lift_floor)", "quantile(scalar(vault_balance), lift_floor)", "topk(scalar(count(topk(9, vault_balance))), vault_balance)",
        "clamp(lift_floor, scalar(vault_balance), 9)", "histogram_quantile(scalar(vault_balance), lift_floor)", "round(vault_balance, 1)",
        "label_replace(vault_balance, \"x\", \"$1\", \"zone\", \"(.*)\")", "max_over_time((-vault_balance)[1h:5m] @ end() offset 0s)", "-(-(-vault_balance))",
        "lift_floor or on() vault_balance", "lift_floor * ignoring(tenant, hush_label, zone) group_right vault_balance", "vault_balance unless lift_floor",
        "sum without (tenant) ({__name__!=\"\"})", "count by (tenant, __name__) ({__name__!=\"\"})", "{__name__!=\"\"}", "{__name__=~\".+\"}",
        "vault_balance{tenant=\"blue\"}", "{tenant!=\"red\"}", "{__name__!=\"\",tenant=~\".*\"}", "{__name__!=\"\",tenant=\"\"}", "{tenant=~\"blue.*\"}",
        "{\"vault_balance\"}", "{'tenant'=~\"blue.*\"}", "{`tenant`=~`blue.*`}", "{\"\\x74enant\"=~\"blue.*\"}", "{__name__=~\"vault.*\"}",
        "vault_untagged", "{hush_label!=\"\"}", "{hush_label=~\".+\"} or vault_untagged", "absent(vault_balance)", "absent_over_time(vault_balance[5m])",
        "vault_balance # } or vault_untagged", "vault_balance #\r or vault_untagged", "{__name__=\"vault_balance\" # }\n}", "{zone=`\\`} or vault_balance",
        "count_values(\"tenant\", vault_balance)", "sort(vault_balance)", "vector(scalar(vault_balance))", "vault_balance[5m:]", "vault_balance[5m]",
        "lift_floor default vault_balance", "WITH (x = vault_balance) x", "{zone=\"a\" or tenant=~\"blue.*\"}", "union(lift_floor, vault_balance)", "info(lift_floor)",
        "lift_floor keep_metric_names", "(lift_floor, vault_balance)", "{__graphite__=\"vault_*\"}", "{vm_account_id=\"0\"}", "RATE(vault_balance[5m])",
    ];

    private static readonly string[] Paths =
    [
        "/api/v1/labels", "/api/v1/label/__name__/values", "/api/v1/label/hush_label/values", "/api/v1/label/tenant/values", "/api/v1/label/U__tenant/values",
        "/api/v1/label/%74enant/values", "/api/v1/label/zone/values", "/api/v1/label/..%2F..%2Fstatus%2Fconfig/values", "/api/v1/label/__name__/values?match[]={hush_label!=%22%22}",
        "/api/v1/labels?match[]=vault_balance&match[]={__name__!=%22%22}", "/api/v1/series?match[]={__name__!=%22%22}", "/api/v1/series?match[]=vault_balance&match[]=vault_untagged",
        "/api/v1/series?match=vault_balance&match[]={tenant=~%22blue.*%22}", "/api/v1/metadata", "/api/v1/metadata?metric=vault_balance", "/api/v1/rules", "/api/v1/alerts",
        "/api/v1/rules?match[]=vault_balance", "/api/v1/status/buildinfo", "/api/v1/status/config", "/api/v1/status/tsdb", "/api/v1/targets", "/federate?match[]={__name__!=%22%22}",
        "/api/v1/export?match[]={__name__!=%22%22}", "/api/v1/series/count", "/api/v1/query?query=vault_balance&extra_label=tenant=blue&extra_filters[]={hush_label!=%22%22}",
        "/api/v1/query?query={__name__!=%22%22}&extra_filters={__name__!=%22%22}", "/prometheus/api/v1/query?query=vault_balance", "/api/v1//query?query=vault_balance",
        "/API/V1/query?query=vault_balance", "/api/v1/query/?query=vault_balance", "/graphite/metrics/find?query=*", "/metrics", "/vmui", "/api/v1/admin/tsdb/snapshot",
        "/api/v1/query_exemplars?query={__name__!=%22%22}", "/tenants/blue/api/v1/labels", "/select/0/prometheus/api/v1/labels", "/render?target=vault_balance", "/tags",
    ];

    public static TheoryData<string> Stores => [.. ReadStand.Stores];

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task No_query_reaches_beyond_the_tenant(string store)
    {
        string time = stand.Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string start = stand.Now.AddMinutes(-2).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        foreach (string query in Queries)
        {
            string escaped = Uri.EscapeDataString(query);
            await HeldAsync(store, query, await stand.GetAsync(store, $"/api/v1/query?query={escaped}&time={time}"));
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/query", Form(("query", query), ("time", time))));
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/query_range", Form(("query", query), ("start", start), ("end", time), ("step", "15"))));
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/query_exemplars", Form(("query", query), ("start", start), ("end", time))));
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/series", Form(("match[]", "lift_floor"), ("match[]", query))));
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/labels", Form(("match[]", query))));
            await HeldAsync(store, query, await stand.GetAsync(store, $"/api/v1/label/hush_label/values?match[]={escaped}"));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task No_route_reaches_beyond_the_tenant(string store)
    {
        foreach (string path in Paths)
        {
            await HeldAsync(store, path, await stand.GetAsync(store, path));
            string[] parts = path.Split('?', 2);
            await HeldAsync(store, path, await stand.PostAsync(store, parts[0], [.. Pairs(parts.ElementAtOrDefault(1) ?? "")]));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Mutated_queries_reach_no_further(string store)
    {
        const int Count = 400;
        Random random = new(20_261);
        string time = stand.Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        for (int i = 0; i < Count; i++)
        {
            string query = Mutate(random);
            await HeldAsync(store, query, await stand.PostAsync(store, "/api/v1/query", Form(("query", query), ("time", time))));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_reader_finds_all_that_is_its_own(string store)
    {
        string time = stand.Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        foreach (string name in ReadStand.OddNames.Append("lift_floor"))
        {
            (int status, string text) = await stand.GetAsync(store, $"/api/v1/query?query={Uri.EscapeDataString($"count({{__name__=\"{name}\"}})")}&time={time}");
            Assert.True(status == 200 && text.Contains("\"1\"", StringComparison.Ordinal), $"{store} {name}: {status} {text}");
        }

        JsonElement names = JsonDocument.Parse((await stand.GetAsync(store, "/api/v1/label/__name__/values")).Text).RootElement.GetProperty("data");
        Assert.Equal([.. ReadStand.OddNames.Append("lift_floor").Order(StringComparer.Ordinal)], names.EnumerateArray().Select(name => name.GetString()).Order(StringComparer.Ordinal));
        Assert.Contains("hush_blue", (await stand.GetAsync(store, "/api/v1/series?match[]=vault_balance", "blue")).Text, StringComparison.Ordinal);
        (int _, string absent) = await stand.GetAsync(store, $"/api/v1/query?query=absent(vault_balance)&time={time}");
        Assert.Contains("\"metric\":{}", absent, StringComparison.Ordinal);
    }

    private static Task HeldAsync(string store, string what, (int Status, string Text) answer)
    {
        // The client's own words come back in errors; what only others have was in none of them.
        string text = what.Contains(ReadStand.Secret, StringComparison.Ordinal) ? answer.Text.Replace("hush_label", "", StringComparison.Ordinal) : answer.Text;
        Assert.False(text.Contains(ReadStand.Secret, StringComparison.OrdinalIgnoreCase), $"{store} {what}: {answer.Text}");
        Assert.False(text.Contains(ReadStand.SecretValue, StringComparison.Ordinal), $"{store} {what}: {answer.Text}");
        Assert.True(answer.Status is 200 or 400 or 403 or 404 or 405 or 422 or 502, $"{store} {what}: {answer.Status} {answer.Text}");
        return Task.CompletedTask;
    }

    private static string Mutate(Random random)
    {
        string[] pieces = ["vault_balance", "lift_floor", "{", "}", "(", ")", "[5m]", "[5m:1m]", "tenant=~\"blue.*\"", "\"", "'", "`", "\\", "#", "\n", "\r", ",", " or ", " and ", " unless ", "@ end()", " offset 1m", "sum", "topk(5,", "by (tenant)", "{__name__!=\"\"}", "-", "=~", "=", "\u00a0", "/*", ";"];
        string query = Queries[random.Next(Queries.Length)];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(query.Length + 1);
            query = random.Next(3) switch
            {
                0 => query.Insert(at, pieces[random.Next(pieces.Length)]),
                1 when at < query.Length => query.Remove(at, Math.Min(random.Next(1, 6), query.Length - at)),
                _ => query[..at] + pieces[random.Next(pieces.Length)] + Queries[random.Next(Queries.Length)],
            };
        }

        return query;
    }

    private static IEnumerable<KeyValuePair<string, string>> Form(params (string Name, string Value)[] pairs) =>
        pairs.Select(pair => KeyValuePair.Create(pair.Name, pair.Value));

    private static IEnumerable<KeyValuePair<string, string>> Pairs(string query) => query.Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(pair => KeyValuePair.Create(Uri.UnescapeDataString(pair.Split('=', 2)[0]), Uri.UnescapeDataString(pair.Split('=', 2)[1])));
}
