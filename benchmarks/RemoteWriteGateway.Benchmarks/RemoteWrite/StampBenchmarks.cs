using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>What does it cost to read, validate, stamp and write a request, decompressed? All bodies of a group, one after the other.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class StampBenchmarks
{
    private RecordedGroup _group = null!; // Set up before any benchmark.

    public static IEnumerable<string> Groups => RecordedGroup.Names;

    [ParamsSource(nameof(Groups))]
    public string Group { get; set; } = "";

    [GlobalSetup]
    public void Read() => _group = new RecordedGroup(Group);

    [Benchmark(Baseline = true)]
    public long Objects() => _group.Messages.Sum(message => (long)ObjectStamping.Stamp(_group.Protocol, message, RecordedGroup.Options).Length);

    [Benchmark]
    public long Stamp() => Stamp(isFast: true);

    /// <summary>The way that only series of an unusual shape take.</summary>
    [Benchmark]
    public long StampGenerally() => Stamp(isFast: false);

    private long Stamp(bool isFast)
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SeriesStamper.Stamp(_group.Protocol, RecordedGroup.Options, RecordedGroup.NowMs, work, isFast);
            bytes += work.Stamped.Length;
        }

        return bytes;
    }
}
