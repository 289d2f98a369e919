using System.Globalization;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Protocol.Tests.PromQL;

namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>Every store reads what is emitted alike, and gives red's series only: lift_floor is red's, vault_balance blue's, and redwood's name begins like red's.</summary>
public sealed class StoreReadingTests(StoreReadingTests.Stores stores) : IClassFixture<StoreReadingTests.Stores>
{
    /// <summary>The text of a reader of red, and what comes back: labels and value, a series each.</summary>
    public static TheoryData<string, string[]> Reads() => new()
    {
        { "lift_floor", ["{__name__=\"lift_floor\",job=\"a\",tenant=\"red\"} 3"] },
        { "count by (tenant) ({__name__!=\"\"})", ["{tenant=\"red\"} 9"] },
        { "sum without (tenant, job) (vault_balance)", [] },
        { "topk(scalar(vault_balance or vector(1)), lift_floor)", ["{__name__=\"lift_floor\",job=\"a\",tenant=\"red\"} 3"] },
        { "lift_floor or on() vault_balance", ["{__name__=\"lift_floor\",job=\"a\",tenant=\"red\"} 3"] },
        { "vault_balance{tenant=\"blue\"}", [] },
        { "{'tenant'=~`.*`, \"vault_balance\"}", [] },
        { "{tenant!=\"red\", __name__=~\".+\"}", [] },
        { "absent(vault_balance)", ["{} 1"] },
        { "absent(vault_balance{job=\"b\"})", ["{job=\"b\"} 1"] },
        { "max_over_time((-lift_floor)[10m:1m])", ["{job=\"a\",tenant=\"red\"} -3"] },
        { "sum", ["{__name__=\"sum\",tenant=\"red\"} 5"] },
        { "Offset + on() by", ["{} 13"] },
        { "default", ["{__name__=\"default\",tenant=\"red\"} 7"] },
        { "prefix * on () group_left () with", ["{tenant=\"red\"} 30"] },
        { ": # }\r", ["{__name__=\":\",tenant=\"red\"} 8"] },
        { "raw{path=`C:\\d\"'#{}`}", ["{__name__=\"raw\",path=\"C:\\d\"'#{}\",tenant=\"red\"} 9"] },
        { "raw{path='C:\\x5cd\"\\'#{}'} + 0x10", ["{path=\"C:\\d\"'#{}\",tenant=\"red\"} 25"] },
        { "label_replace(lift_floor, \"tenant\", \"blue\", \"\", \"\")", ["{__name__=\"lift_floor\",job=\"a\",tenant=\"blue\"} 3"] },
        { "-2 ^ 2 + lift_floor % 017", ["{job=\"a\",tenant=\"red\"} -1"] },
    };

    [Theory]
    [MemberData(nameof(Reads))]
    public async Task A_read_gives_the_same_series_from_every_store(string text, string[] expected)
    {
        EnforcedQuery query = new();
        Assert.True(query.TryEnforce(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, ParserStand.Red, EnforceOptions.Default), query.Error.ToString());
        foreach ((string name, IStore store) in stores.All)
        {
            string[] found = await Stores.QueryAsync(store, Encoding.UTF8.GetString(query.Span));
            Assert.Equal((name, string.Join('\n', expected)), (name, string.Join('\n', found)));
        }
    }

    [Fact]
    public async Task Whatever_is_generated_or_mutated_shows_nothing_of_another_tenant()
    {
        Random random = new(51);
        PromQLFunction[] functions = [.. PromQLFunctions.All.Where(function => function is { IsLegacy: false, IsExperimental: false })];
        QueryGenerator generator = new(random, functions, withNewest: false);
        QueryMutator mutator = new(random, withNewest: false, functions);
        List<(string Asked, string Emitted)> queries = [];
        EnforcedQuery query = new();
        while (queries.Count < 1_500)
        {
            byte[] text = queries.Count % 2 == 0 ? Encoding.UTF8.GetBytes(generator.Next().Text) : mutator.Next();
            if (query.TryEnforce(text, PromQLEntry.Query, ParserStand.Red, EnforceOptions.Default))
            {
                queries.Add((Encoding.UTF8.GetString(text), Encoding.UTF8.GetString(query.Span)));
            }
        }

        int answered = 0;
        int shown = 0;
        ParallelOptions some = new() { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForEachAsync(queries.SelectMany(one => stores.All.Values.Select(store => (store, one.Asked, one.Emitted))), some, async (read, stop) =>
        {
            (bool isAnswered, string answer) = await Stores.PostAsync(read.store, read.Emitted, stop);
            Assert.DoesNotContain(Stores.BlueOnly, answer, StringComparison.Ordinal);
            Interlocked.Add(ref answered, isAnswered ? 1 : 0);

            // The same unguarded, to know that there is something to be seen.
            (_, answer) = await Stores.PostAsync(read.store, read.Asked, stop);
            Interlocked.Add(ref shown, answer.Contains(Stores.BlueOnly, StringComparison.Ordinal) ? 1 : 0);
        });
        Assert.InRange(answered, queries.Count, queries.Count * 3);
        Assert.InRange(shown, 300, queries.Count * 3);
    }

    /// <summary>Two Prometheus and a VictoriaMetrics with the series of three tenants.</summary>
    public sealed class Stores : IAsyncLifetime
    {
        /// <summary>Stands in every series of blue's that generated queries may find.</summary>
        internal const string BlueOnly = "blue-only";

        private static readonly HttpClient Client = new();

        // Some time ago, since VictoriaMetrics does not show its newest samples to queries, and at a full minute, where subqueries look.
        private static readonly long TimestampMs = DateTimeOffset.UtcNow.AddMinutes(-2).ToUnixTimeSeconds() / 60 * 60_000;

        private readonly Workspace _workspace = new();

        internal Dictionary<string, IStore> All { get; } = [];

        public async ValueTask InitializeAsync()
        {
            CancellationToken cancellationToken = TestContext.Current.CancellationToken;
            All["Prometheus 3"] = await PrometheusServer.StartStoreAsync(_workspace, "reading3", PrometheusServer.Version3, cancellationToken);
            All["Prometheus 2.53"] = await PrometheusServer.StartStoreAsync(_workspace, "reading2", PrometheusServer.Version2, cancellationToken);
            All["VictoriaMetrics"] = await VictoriaMetricsServer.StartAsync(_workspace, cancellationToken);
            WireSeries[] series =
            [
                Red("lift_floor", 3, ("job", "a")), Red("sum", 5), Red("by", 6), Red("Offset", 7), Red("default", 7), Red("prefix", 10), Red("with", 3), Red(":", 8),
                Red("raw", 9, ("path", "C:\\d\"'#{}")),
                WireSeries.Of("vault_balance", TimestampMs, 99, ("job", "a"), ("tenant", "blue")),
                WireSeries.Of("lift_floor", TimestampMs, 55, ("job", "a"), ("tenant", "blue")),
                WireSeries.Of("lift_floor", TimestampMs, 77, ("job", "a"), ("tenant", "redwood")),
                WireSeries.Of("lift_floor", TimestampMs, 88, ("job", "a")),
                .. QueryGenerator.MetricNames.Select(name => WireSeries.Of(name, TimestampMs, 4711, ("job", BlueOnly), ("tenant", "blue"))),
            ];
            foreach (IStore store in All.Values)
            {
                WriteAnswer answer = await new DirectWriter(new Uri(store.Url, "/api/v1/write"), token: null).SendAsync(WireSeries.ToV1(series), DirectWriter.V1, cancellationToken);
                Assert.InRange(answer.Status, 200, 204);
                await store.ReadOnceThereAsync("{__name__!=\"\"}", series.Length, cancellationToken);
            }
        }

        public ValueTask DisposeAsync() => _workspace.DisposeAsync();

        internal static async Task<string[]> QueryAsync(IStore store, string expression)
        {
            (bool isAnswered, string text) = await PostAsync(store, expression, TestContext.Current.CancellationToken);
            Assert.True(isAnswered, $"{expression}\n{text}");
            using JsonDocument document = JsonDocument.Parse(text);
            return [.. document.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().Select(Text).Order(StringComparer.Ordinal)];
        }

        internal static async Task<(bool IsAnswered, string Text)> PostAsync(IStore store, string expression, CancellationToken cancellationToken)
        {
            using FormUrlEncodedContent form = new(new Dictionary<string, string>
            {
                ["query"] = expression,
                ["time"] = (TimestampMs / 1000).ToString(CultureInfo.InvariantCulture),
            });
            using HttpResponseMessage answer = await Client.PostAsync(new Uri(store.Url, "/api/v1/query"), form, cancellationToken);
            return (answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
        }

        private static string Text(JsonElement series)
        {
            IEnumerable<string> labels = series.GetProperty("metric").EnumerateObject()
                .OrderBy(label => label.Name, StringComparer.Ordinal)
                .Select(label => $"{label.Name}=\"{label.Value.GetString()}\"");
            return $"{{{string.Join(',', labels)}}} {series.GetProperty("value")[1].GetString()}";
        }

        private static WireSeries Red(string name, double value, params (string Name, string Value)[] labels) =>
            WireSeries.Of(name, TimestampMs, value, [.. labels, ("tenant", "red")]);
    }
}
