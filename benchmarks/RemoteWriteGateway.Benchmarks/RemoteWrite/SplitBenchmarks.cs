using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>What does it cost to cut a recorded request into parts, each with a symbol table of its own in 2.0? Baseline is to copy the request as it is.</summary>
[MemoryDiagnoser]
public class SplitBenchmarks
{
    private readonly OutgoingParts _parts = new();
    private readonly WriteWork _work = new();
    private OutgoingOptions _options = new();
    private WriteProtocol _protocol;

    [Params("prom10k-00.rw1", "prom10k-00.rw2")]
    public string Body { get; set; } = "";

    /// <summary>How many parts the request is cut into, or one more.</summary>
    [Params(2, 16)]
    public int Parts { get; set; }

    [GlobalSetup]
    public void ReadBody()
    {
        byte[] body = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "corpus", $"{Body}.snappy"));
        _work.Stamped.Append(Snappier.Snappy.DecompressToArray(body));
        _work.Result.HasOutput = true;
        _protocol = Body.EndsWith('1') ? WriteProtocol.V1 : WriteProtocol.V2;
        _options = new OutgoingOptions { MaxRequestBytes = _work.Stamped.Length / Parts };
    }

    [Benchmark(Baseline = true)]
    public int Copy()
    {
        _work.Part.Clear();
        _work.Part.Append(_work.Stamped.Span);
        return _work.Part.Length;
    }

    [Benchmark]
    public long Split()
    {
        long bytes = 0;
        _parts.Begin(_protocol, _protocol, _options, _work);
        while (_parts.MoveNext())
        {
            bytes += _parts.Current.Length;
        }

        return bytes;
    }
}
