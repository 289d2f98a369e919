using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.Benchmarks.Exposition;

/// <summary>What does it cost to read pushed protobuf?</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class ReadDelimitedBenchmarks
{
    private readonly MetricFamilies _families = new();
    private byte[] _body = [];

    [Params(5, 1000)]
    public int Metrics { get; set; }

    [GlobalSetup]
    public void Make()
    {
        _body = PushedBodies.Protobuf(Metrics);
        Console.WriteLine($"// {Metrics} metrics: {_body.Length} bytes");
    }

    [Benchmark(Baseline = true)]
    public int Objects()
    {
        int metrics = 0;
        using CodedInputStream input = new(_body);
        while (!input.IsAtEnd)
        {
            MetricFamily family = new();
            input.ReadMessage(family);
            metrics += family.Metric.Count;
        }

        return metrics;
    }

    [Benchmark]
    public int Delimited()
    {
        ExpositionFault fault = ExpositionReader.Read(_body, ExpositionFormat.Protobuf, ReadTextBenchmarks.Options, _families);
        return fault.IsNone ? _families.Metrics.Length : throw new InvalidOperationException(fault.Text);
    }

    [Benchmark]
    public int DelimitedChecked()
    {
        int metrics = Delimited();
        ExpositionFault fault = ContentRules.Check(_families, ReadTextBenchmarks.Group, ReadTextBenchmarks.Options);
        return fault.IsNone ? metrics : throw new InvalidOperationException(fault.Text);
    }
}
