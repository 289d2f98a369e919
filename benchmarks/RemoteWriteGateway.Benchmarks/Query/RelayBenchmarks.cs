using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Query;

namespace RemoteWriteGateway.Benchmarks.Query;

/// <summary>
/// What does it cost to look at an answer before it leaves? <c>/series</c> of 10,000 label sets, about 1.6 MB in pieces of 64 KiB as they come
/// from a store, and a store's 10,000 rules, a third of which are the reader's. Baselines: the same bytes read by the JSON reader alone, and made objects of.
/// </summary>
[MemoryDiagnoser]
public class RelayBenchmarks
{
    private const int Items = 10_000;
    private const int PieceBytes = 64 << 10;

    private readonly EgressCheck _check = new("tenant", ["blue", "red"]);
    private ReadOnlySequence<byte> _series;
    private ReadOnlyMemory<byte> _seriesBytes;
    private byte[] _rules = [];

    [GlobalSetup]
    public void Setup()
    {
        string series = string.Join(',', Enumerable.Range(0, Items).Select(i => string.Create(CultureInfo.InvariantCulture, $$"""
            {"__name__":"http_request_duration_seconds_bucket","handler":"/api/v1/things/{{i}}","instance":"10.1.{{i / 250}}.{{i % 250}}:8080","job":"shop","le":"0.25","tenant":"red"}
            """)));
        _seriesBytes = Encoding.UTF8.GetBytes($$"""{"status":"success","data":[{{series}}]}""");
        _series = Pieces(_seriesBytes);
        string rules = string.Join(',', Enumerable.Range(0, Items).Select(i => string.Create(CultureInfo.InvariantCulture, $$"""
            {"state":"firing","name":"Rule{{i}}","query":"sum(rate(errors_total[5m])) > {{i}}","duration":300,"keepFiringFor":0,"labels":{"severity":"page","tenant":"{{(i % 3 == 0 ? "red" : "green")}}"},
            "annotations":{"summary":"Errors of shop {{i}}"},"alerts":[{"labels":{"alertname":"Rule{{i}}","tenant":"{{(i % 3 == 0 ? "red" : "green")}}"},"annotations":{},"state":"firing",
            "activeAt":"2026-01-01T00:00:00Z","value":"1e+00"}],"health":"ok","evaluationTime":0.001,"lastEvaluation":"2026-01-01T00:00:00Z","type":"alerting"}
            """)));
        _rules = Encoding.UTF8.GetBytes($$$"""{"status":"success","data":{"groups":[{"name":"g","file":"f","interval":60,"limit":0,"rules":[{{{rules}}}],"evaluationTime":1,"lastEvaluation":"2026-01-01T00:00:00Z"}]}}""");
        if (!LookAtSeries() || SeriesAsObjects() != Items)
        {
            throw new InvalidOperationException("The answer is not what it was made to be.");
        }
    }

    /// <summary>The reader alone, which any look at JSON must pay for.</summary>
    [Benchmark(Baseline = true)]
    public long ReadSeries()
    {
        Utf8JsonReader json = new(_series);
        long tokens = 0;
        while (json.Read())
        {
            tokens++;
        }

        return tokens;
    }

    /// <summary>What we do. Budget: 150 MB/s, no byte for each series.</summary>
    [Benchmark]
    public bool LookAtSeries() => _check.Look(_series, EgressShape.Series, out _) == EgressVerdict.Good;

    /// <summary>The obvious way.</summary>
    [Benchmark]
    public int SeriesAsObjects()
    {
        using JsonDocument document = JsonDocument.Parse(_seriesBytes);
        int ours = 0;
        foreach (JsonElement series in document.RootElement.GetProperty("data").EnumerateArray())
        {
            ours += series.GetProperty("tenant").GetString() is "red" or "blue" ? 1 : 0;
        }

        return ours;
    }

    /// <summary>A store's rules, as they are in the shared cache, for one reader. Budget: 100 ms.</summary>
    [Benchmark]
    public long FilterRules()
    {
        using JsonDocument document = JsonDocument.Parse(_rules);
        ArrayBufferWriter<byte> output = new();
        using Utf8JsonWriter json = new(output);
        json.WriteStartArray();
        if (!new RuleFilter("tenant", ["red"], hidesShared: false).TryWriteGroups(document.RootElement.GetProperty("data"), new RuleWishes(), json))
        {
            throw new InvalidOperationException("The rules are not what they were made to be.");
        }

        json.WriteEndArray();
        json.Flush();
        return json.BytesCommitted;
    }

    private static ReadOnlySequence<byte> Pieces(ReadOnlyMemory<byte> bytes)
    {
        Piece first = new(bytes[..Math.Min(PieceBytes, bytes.Length)], null);
        Piece last = first;
        for (int start = PieceBytes; start < bytes.Length; start += PieceBytes)
        {
            last = new Piece(bytes[start..Math.Min(start + PieceBytes, bytes.Length)], last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
