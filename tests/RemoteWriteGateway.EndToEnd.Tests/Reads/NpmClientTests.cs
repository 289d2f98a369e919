using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.PromQL;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Protocol.Tests.PromQL;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>
/// The npm packages by which web pages and Grafana's plugins ask a Prometheus, unmodified, through the gateway; and the grammar by which
/// query editors read PromQL, on what the gateway writes. Their programs stand in <c>Reads/Npm</c>.
/// </summary>
public sealed partial class NpmClientTests(ReadStand stand) : IClassFixture<ReadStand>
{
    public static TheoryData<string> Stores => [.. ReadStand.Stores];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Prometheus_query_finds_what_is_the_readers(string store)
    {
        JsonNode answers = await RunAsync("prometheus-query.cjs", store);

        foreach (string method in (string[])["GET", "POST"])
        {
            JsonNode At(string question) => answers[$"{question} {method}"]!["data"]
                ?? throw new InvalidOperationException($"{store} {question} {method}: {answers[$"{question} {method}"]}"); // not null: each question has an answer

            Assert.Equal(7, (int)At("instant")["result"]![0]!["value"]!["value"]!); // what is missing fails the test
            Assert.Equal(5, At("range")["result"]![0]!["values"]!.AsArray().Count);
            Assert.Empty(At("others")["result"]!.AsArray());
            JsonNode series = Assert.Single(At("series").AsArray())!;
            Assert.Equal(("lift_floor", $"red-{store}"), ((string)series["name"]!, (string)series["labels"]!["tenant"]!));
            Assert.Contains("zone", Texts(At("labelNames")));
            Assert.Equal(["a"], Texts(At("labelValues")));
            Assert.Empty(At("metadata").AsObject());
            Assert.NotEmpty((string)At("buildinfo")["version"]!);
            if (store != "victoriametrics")
            {
                // Without vmalert behind it VictoriaMetrics has neither.
                Assert.Empty(At("rules").AsArray());
                Assert.Empty(At("alerts").AsArray());
            }

            Assert.StartsWith("query-invalid: ", (string)answers[$"invalid {method}"]!["error"]!, StringComparison.Ordinal);
            foreach (string refused in (string[])["flags", "configuration", "targets", "snapshot", "deletion"])
            {
                JsonNode answer = answers[$"{refused} {method}"]!;
                Assert.True(((string?)answer["error"])?.StartsWith("endpoint-refused: ", StringComparison.Ordinal), $"{refused} {method}: {answer}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task The_completion_of_query_editors_offers_what_is_the_readers(string store)
    {
        JsonNode answers = await RunAsync("codemirror-promql.cjs", store);

        Assert.All(Texts(answers["errors"]!), error => Assert.Contains("Not Found", error, StringComparison.Ordinal)); // the server's flags, which it does without
        foreach (string method in (string[])["GET", "POST"])
        {
            string[] At(string question) => Texts(answers[$"{question} {method}"]!);

            Assert.Equal([.. ReadStand.OddNames.Append("lift_floor").Order(StringComparer.Ordinal)], At("metrics").Order(StringComparer.Ordinal));
            Assert.Equal(["__name__", "tenant", "zone"], At("labels").Order(StringComparer.Ordinal));
            Assert.Equal(["a"], At("values"));
            Assert.Equal($"red-{store}", (string)Assert.Single(answers[$"series {method}"]!.AsArray())!["tenant"]!);
            Assert.Contains("lift_floor", At("lift_fl|"));
            Assert.Contains("zone", At("lift_floor{|}"));
            Assert.Equal(["a"], At("lift_floor{zone=\"|\"}"));
            Assert.DoesNotContain("vault_balance", At("vault_b|"));
            Assert.Contains("zone", At("sum by (|) (lift_floor)"));
        }
    }

    /// <summary>That grammar is a third reader of PromQL, besides the stores' two: it finds as many selectors, and no fault.</summary>
    [Fact]
    public async Task What_is_written_for_stores_is_read_without_a_fault_by_the_grammar_of_query_editors()
    {
        TenantMatcher matcher = new("tenant", ["blue", "red"]);
        EnforcedQuery query = new();
        QueryGenerator generator = new(new Random(31), PromQLFunctions.All, withNewest: false);
        List<string> written = [];
        List<int> selectors = [];
        foreach (string text in HandwrittenQueries.All.Concat(Enumerable.Range(0, 3_000).Select(_ => generator.Next().Text)))
        {
            if (query.TryEnforce(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, matcher, ParserStand.Options)
                && Encoding.UTF8.GetString(query.Span) is var emitted
                && !UnknownToTheGrammar().IsMatch(emitted))
            {
                written.Add(emitted);
                selectors.Add(query.Parsed.Selectors.Length);
            }
        }

        string folder = stand.Workspace.Folder("lezer");
        string input = stand.Workspace.Write("lezer", "texts.json", JsonSerializer.Serialize(written));
        JsonNode found = await NodeAsync("lezer-promql.cjs", folder, new Dictionary<string, string> { ["TEXTS"] = input });

        Assert.InRange(written.Count, 2_500, 4_000);
        string[] wrong = [.. written.Index()
            .Where(text => (int)found[text.Index]![0]! != selectors[text.Index] || (int)found[text.Index]![1]! != 0)
            .Select(text => $"{text.Item}: {selectors[text.Index]} selectors; there {found[text.Index]![0]}, faults {found[text.Index]![1]}")];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {written.Count}:\n{string.Join('\n', wrong.Take(20))}");
    }

    private async Task<JsonNode> RunAsync(string program, string store)
    {
        JsonNode answers = await NodeAsync(program, stand.Workspace.Folder("npm"), new Dictionary<string, string>
        {
            ["GATEWAY_URL"] = stand.Gateway.Url.ToString().TrimEnd('/'),
            ["TOKEN"] = await stand.TokenAsync($"red-{store}"),

            // Whole seconds, none of them before the sample that it is to show.
            ["START"] = stand.Now.AddSeconds(-59).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            ["END"] = stand.Now.AddSeconds(1).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        });
        string text = answers.ToJsonString();
        Assert.DoesNotContain(ReadStand.Secret, text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(ReadStand.SecretValue, text, StringComparison.Ordinal);
        return answers;
    }

    private static async Task<JsonNode> NodeAsync(string program, string folder, Dictionary<string, string> environment)
    {
        environment["NODE_PATH"] = Repository.NodeModules();
        CommandResult result = await Command.RunAsync(
            Repository.Node, [Repository.PathOf($"tests/RemoteWriteGateway.EndToEnd.Tests/Reads/Npm/{program}")], folder, Cancellation, environment);
        Assert.True(result.Code == 0, $"{program}: {result.Text}");
        return JsonNode.Parse(result.Output)!; // Not null: each of them prints an object or an array.
    }

    /// <summary>What Prometheus takes and that grammar does not: <c>5.</c> and <c>1.e3</c>; <c>min_of()</c>, <c>max_of()</c> outside durations.</summary>
    [GeneratedRegex("""\b[0-9]+\.(?![0-9])|\b(min|max)_of\(""")]
    private static partial Regex UnknownToTheGrammar();

    private static string[] Texts(JsonNode list) => [.. list.AsArray().Select(item => (string)item!)]; // Not null: lists of texts.
}
