using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>What does a body cost from the compressed one received to the compressed one sent? All bodies of a group, one after the other.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class FullPathBenchmarks
{
    private RecordedGroup _group = null!; // Set up before any benchmark.

    public static IEnumerable<string> Groups => RecordedGroup.Names;

    [ParamsSource(nameof(Groups))]
    public string Group { get; set; } = "";

    [GlobalSetup]
    public void Read() => _group = new RecordedGroup(Group);

    [Benchmark(Baseline = true)]
    public long ObjectsAndIronSnappy() => _group.Bodies.Sum(body =>
        (long)IronSnappy.Snappy.Encode(ObjectStamping.Stamp(_group.Protocol, IronSnappy.Snappy.Decode(body), RecordedGroup.Options)).Length);

    /// <summary>What nobody who looks into a body can do without.</summary>
    [Benchmark]
    public long DecompressAndCompress()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.TryDecompress(work, 64 << 20);
            SnappyBlock.Compress(work.Decoded.Span, work.Output);
            bytes += work.Output.Length;
        }

        return bytes;
    }

    [Benchmark]
    public long FullPath()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.TryDecompress(work, 64 << 20);
            SeriesStamper.Stamp(_group.Protocol, RecordedGroup.Options, RecordedGroup.NowMs, work);
            SnappyBlock.Compress(work, work.Stamped.Span);
            bytes += work.Output.Length;
        }

        return bytes;
    }
}
