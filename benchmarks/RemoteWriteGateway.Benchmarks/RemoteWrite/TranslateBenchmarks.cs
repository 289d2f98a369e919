using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using Google.Protobuf.Collections;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>What does it cost to send 2.0 requests to a store that takes 1.0? All recorded bodies of a size, decompressed, one after the other.</summary>
[MemoryDiagnoser]
public class TranslateBenchmarks
{
    private static readonly OutgoingOptions Dropping = new() { MaxRequestBytes = 32 << 20 };
    private static readonly OutgoingOptions Forwarding = new() { MaxRequestBytes = 32 << 20, ForwardMetadata = true };

    private readonly OutgoingParts _parts = new();
    private byte[][] _requests = [];
    private WriteWork[] _work = [];

    /// <summary>Recorded bodies: of 2,000 samples each, or of 10,000.</summary>
    [Params("prom2k", "prom10k")]
    public string Bodies { get; set; } = "";

    [GlobalSetup]
    public void ReadBodies()
    {
        _requests = [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "corpus"), $"{Bodies}-*.rw2.snappy")
            .Order()
            .Select(path => Snappier.Snappy.DecompressToArray(File.ReadAllBytes(path)))];
        _work = [.. _requests.Select(request =>
        {
            var work = new WriteWork();
            work.Stamped.Append(request);
            work.Result.HasOutput = true;
            work.Result.HasCustomBounds = true;
            return work;
        })];
    }

    /// <summary>Objects of the one protocol, made into those of the other.</summary>
    [Benchmark(Baseline = true)]
    public long Objects()
    {
        long bytes = 0;
        foreach (byte[] request in _requests)
        {
            bytes += Translate(V2.Request.Parser.ParseFrom(request)).ToByteArray().Length;
        }

        return bytes;
    }

    [Benchmark]
    public long Spans() => Send(Dropping);

    [Benchmark]
    public long SpansWithMetadata() => Send(Forwarding);

    private long Send(OutgoingOptions options)
    {
        long bytes = 0;
        foreach (WriteWork work in _work)
        {
            _parts.Begin(WriteProtocol.V2, WriteProtocol.V1, options, work);
            while (_parts.MoveNext())
            {
                bytes += _parts.Current.Length;
            }
        }

        return bytes;
    }

    private static V1.WriteRequest Translate(V2.Request request)
    {
        var translated = new V1.WriteRequest();
        foreach (V2.TimeSeries series in request.Timeseries)
        {
            var to = new V1.TimeSeries();
            AddLabels(to.Labels, request, series.LabelsRefs);
            foreach (V2.Sample sample in series.Samples)
            {
                to.Samples.Add(new V1.Sample { Value = sample.Value, Timestamp = sample.Timestamp });
            }

            foreach (V2.Histogram histogram in series.Histograms)
            {
                // All fields but the last have the same numbers.
                to.Histograms.Add(V1.Histogram.Parser.ParseFrom(histogram.ToByteArray()));
            }

            foreach (V2.Exemplar exemplar in series.Exemplars)
            {
                var copy = new V1.Exemplar { Value = exemplar.Value, Timestamp = exemplar.Timestamp };
                AddLabels(copy.Labels, request, exemplar.LabelsRefs);
                to.Exemplars.Add(copy);
            }

            translated.Timeseries.Add(to);
        }

        return translated;
    }

    private static void AddLabels(RepeatedField<V1.Label> labels, V2.Request request, RepeatedField<uint> references)
    {
        for (int i = 0; i < references.Count; i += 2)
        {
            labels.Add(new V1.Label { Name = request.Symbols[(int)references[i]], Value = request.Symbols[(int)references[i + 1]] });
        }
    }
}
