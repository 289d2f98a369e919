using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.Exposition;

/// <summary>What does it cost to read a pushed text, and then to check it?</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class ReadTextBenchmarks
{
    internal static readonly ExpositionOptions Options = new()
    {
        Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "ours" },
    };

    internal static readonly GroupingLabels Group = GroupingLabels.Create([KeyValuePair.Create("job", "nightly")]);

    private readonly MetricFamilies _families = new();
    private byte[] _text = [];
    private byte[] _openMetrics = [];

    [Params(5, 1000)]
    public int Metrics { get; set; }

    [GlobalSetup]
    public void Make()
    {
        _text = PushedBodies.Text(isOpenMetrics: false, Metrics);
        _openMetrics = PushedBodies.Text(isOpenMetrics: true, Metrics);
        Console.WriteLine($"// {Metrics} metrics: text {_text.Length} bytes, OpenMetrics {_openMetrics.Length} bytes");
    }

    [Benchmark(Baseline = true)]
    public int Split() => SplittingParser.Parse(_text).Count;

    [Benchmark]
    public int Text() => Read(_text, ExpositionFormat.Text, isChecked: false);

    [Benchmark]
    public int TextChecked() => Read(_text, ExpositionFormat.Text, isChecked: true);

    [Benchmark]
    public int OpenMetrics() => Read(_openMetrics, ExpositionFormat.OpenMetrics, isChecked: false);

    private int Read(byte[] body, ExpositionFormat format, bool isChecked)
    {
        ExpositionFault fault = ExpositionReader.Read(body, format, Options, _families);
        fault = fault.IsNone && isChecked ? ContentRules.Check(_families, Group, Options) : fault;
        return fault.IsNone ? _families.Series : throw new InvalidOperationException(fault.Text);
    }
}
