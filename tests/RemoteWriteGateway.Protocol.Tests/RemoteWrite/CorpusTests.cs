using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Every recorded body goes through whole, and comes out as the generated classes would have stamped it.</summary>
public sealed class CorpusTests
{
    // After the last recorded sample.
    private const long NowMs = 4_000_000_000_000;

    public static TheoryData<string> Names => Corpus.Names;

    [Theory, MemberData(nameof(Names))]
    public void A_recorded_body_unpacks_and_packs(string name)
    {
        RecordedBody body = Corpus.Get(name);
        var work = new WriteWork();
        work.Body.Append(body.Compressed);
        Assert.True(SnappyBlock.TryDecompress(work, 32 << 20));
        Assert.True(work.Decoded.Span.SequenceEqual(body.Message));
        SnappyBlock.Compress(work.Decoded.Span, work.Output);
        Assert.True(IronSnappy.Snappy.Decode(work.Output.Span).AsSpan().SequenceEqual(body.Message));
    }

    [Theory, MemberData(nameof(Names))]
    public void A_recorded_body_is_stamped_as_objects_would_be(string name)
    {
        RecordedBody body = Corpus.Get(name);
        var work = new WriteWork();
        work.Decoded.Append(body.Message);
        SeriesStamper.Stamp(body.Protocol, StampRunner.Ours, NowMs, work);
        Assert.False(work.Result.HasFault);
        Assert.False(work.Result.HasRefusals);
        Assert.Equal(work.Result.Read, work.Result.Accepted);
        Assert.True(work.Result.HasOutput);
        Assert.True(work.Result.FastSeries >= work.Result.SeriesRead * 0.97, $"{work.Result.FastSeries} of {work.Result.SeriesRead} series are of the common shape");
        if (body.Protocol == WriteProtocol.V1)
        {
            V1.WriteRequest request = V1.WriteRequest.Parser.ParseFrom(body.Message);
            Assert.True(StampObjects(request).Equals(V1.WriteRequest.Parser.ParseFrom(work.Stamped.Span)));
        }
        else
        {
            V2.Request request = V2.Request.Parser.ParseFrom(body.Message);
            V2.Request stamped = V2.Request.Parser.ParseFrom(work.Stamped.Span);
            Assert.True(StampObjects(Translation.ToV1(request)).Equals(Translation.ToV1(stamped)));
            Assert.Equal(request.Symbols, stamped.Symbols.Take(request.Symbols.Count));
            Assert.True(request.Timeseries.Select(static series => series.Metadata).SequenceEqual(stamped.Timeseries.Select(static series => series.Metadata)));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_stamped_body_is_little_larger_than_the_recorded_one(string name)
    {
        RecordedBody body = Corpus.Get(name);
        var work = new WriteWork();
        work.Body.Append(body.Compressed);
        Assert.True(SnappyBlock.TryDecompress(work, 32 << 20));
        SeriesStamper.Stamp(body.Protocol, StampRunner.Ours, NowMs, work);
        SnappyBlock.Compress(work, work.Stamped.Span);
        Assert.True(IronSnappy.Snappy.Decode(work.Output.Span).AsSpan().SequenceEqual(work.Stamped.Span));


        // The budget of the performance reference holds over the corpus; a single body may be a little above.
        Assert.InRange(work.Output.Length, 1, body.Compressed.Length * 1.08);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_warm_request_allocates_next_to_nothing(string name)
    {
        RecordedBody body = Corpus.Get(name);
        StampOptions options = StampRunner.Ours.Prepare();
        var work = new WriteWork();
        work.Body.Append(body.Compressed);
        long allocated = long.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.True(SnappyBlock.TryDecompress(work, 32 << 20));
            SeriesStamper.Stamp(body.Protocol, options, NowMs, work);
            SnappyBlock.Compress(work, work.Stamped.Span);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        // The snappy library's decompressor; nothing for each series, nothing for each label.
        Assert.InRange(allocated, 0, 200);
    }

    private static V1.WriteRequest StampObjects(V1.WriteRequest request)
    {
        foreach (V1.TimeSeries series in request.Timeseries)
        {
            V1.Label[] labels =
            [
                .. series.Labels.Where(static label => label.Name != "tenant" && label.Value.Length > 0)
                    .Append(new V1.Label { Name = "tenant", Value = "ours" })
                    .OrderBy(static label => label.Name, Utf8Order.Comparer),
            ];
            series.Labels.Clear();
            series.Labels.Add(labels);
        }

        return request;
    }
}
