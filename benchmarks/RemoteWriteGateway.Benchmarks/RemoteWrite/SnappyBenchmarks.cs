using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>What does snappy cost a body, unpacked and packed? All bodies of a group, one after the other.</summary>
[MemoryDiagnoser]
[ShortRunJob]
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory, BenchmarkLogicalGroupRule.ByParams)]
[CategoriesColumn]
public class SnappyBenchmarks
{
    private RecordedGroup _group = null!; // Set up before any benchmark.

    public static IEnumerable<string> Groups => RecordedGroup.Names;

    [ParamsSource(nameof(Groups))]
    public string Group { get; set; } = "";

    [GlobalSetup]
    public void Read()
    {
        _group = new RecordedGroup(Group);
        foreach (WriteWork work in _group.Work)
        {
            SeriesStamper.Stamp(_group.Protocol, RecordedGroup.Options, RecordedGroup.NowMs, work);
        }
    }

    [Benchmark(Baseline = true), BenchmarkCategory("Decompress")]
    public long DecompressByIronSnappy() => _group.Bodies.Sum(static body => (long)IronSnappy.Snappy.Decode(body).Length);

    [Benchmark, BenchmarkCategory("Decompress")]
    public long Decompress()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.TryDecompress(work, 64 << 20);
            bytes += work.Decoded.Length;
        }

        return bytes;
    }

    [Benchmark(Baseline = true), BenchmarkCategory("Compress")]
    public long CompressByIronSnappy() => _group.Messages.Sum(static message => (long)IronSnappy.Snappy.Encode(message).Length);

    [Benchmark, BenchmarkCategory("Compress")]
    public long Compress()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.Compress(work.Decoded.Span, work.Output);
            bytes += work.Output.Length;
        }

        return bytes;
    }

    [Benchmark(Baseline = true), BenchmarkCategory("Stamped")]
    public long CompressStampedAnew()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.Compress(work.Stamped.Span, work.Output);
            bytes += work.Output.Length;
        }

        return bytes;
    }

    /// <summary>With what the sender packed, where the message begins as the sender's did: all symbols of 2.0.</summary>
    [Benchmark, BenchmarkCategory("Stamped")]
    public long CompressStamped()
    {
        long bytes = 0;
        foreach (WriteWork work in _group.Work)
        {
            SnappyBlock.Compress(work, work.Stamped.Span);
            bytes += work.Output.Length;
        }

        return bytes;
    }
}
