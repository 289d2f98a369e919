using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Benchmarks.PromQL;

/// <summary>
/// What does it cost a read to be kept to its tenants? Budget for a dashboard's query: 10 µs and 4 KB for parsing, checking, enforcing
/// and writing, twice the time with the check of what was written. Baseline is what is first thought of: a regular expression for the
/// tokens and a matcher put where a selector seems to be.
/// </summary>
[MemoryDiagnoser]
public class EnforceBenchmarks
{
    private readonly ParsedQuery _parsed = new();
    private readonly EnforcedQuery _enforced = new();
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly TenantMatcher _one = new("tenant", ["team-7"]);
    private readonly TenantMatcher _hundred = new("tenant", Enumerable.Range(0, 100).Select(i => $"team-{i:000}"));
    private byte[] _text = [];
    private string _string = "";

    /// <summary><c>Dashboard</c>: 3 selectors; <c>Monster</c>: 75 selectors in a tree; <c>Limit</c>: as long as a text may be.</summary>
    [Params("Dashboard", "Monster", "Limit")]
    public string Query { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _string = Query switch
        {
            "Dashboard" => BenchmarkQueries.Dashboard,
            "Monster" => BenchmarkQueries.Monster,
            _ => BenchmarkQueries.Limit,
        };
        _text = Encoding.UTF8.GetBytes(_string);
        if (!EnforcedAndChecked() || NaiveEnforcer.Enforce(_string, _one.ToString()).Length < _string.Length)
        {
            throw new InvalidOperationException("The benchmark's query is refused: " + _enforced.Error);
        }
    }

    [Benchmark(Baseline = true)]
    public string TokensByRegex() => NaiveEnforcer.Enforce(_string, "tenant=~\"team-7\"");

    [Benchmark]
    public bool Parsed() => PromQLParser.TryParse(_text, PromQLEntry.Query, ParseOptions.Default, _parsed);

    /// <summary>The budget's row.</summary>
    [Benchmark]
    public int ParsedAndWritten() => Write(_one);

    /// <summary>Everything, as a request has it.</summary>
    [Benchmark]
    public bool EnforcedAndChecked() => _enforced.TryEnforce(_text, PromQLEntry.Query, _one, BenchmarkQueries.Options);

    [Benchmark]
    public int WrittenForHundredTenants() => Write(_hundred);

    private int Write(TenantMatcher matcher)
    {
        if (!PromQLParser.TryParse(_text, PromQLEntry.Query, ParseOptions.Default, _parsed))
        {
            throw new InvalidOperationException("The benchmark's query is refused: " + _parsed.Error);
        }

        _output.ResetWrittenCount();
        return PromQLEmitter.Emit(_text, _parsed, matcher, _output);
    }
}
