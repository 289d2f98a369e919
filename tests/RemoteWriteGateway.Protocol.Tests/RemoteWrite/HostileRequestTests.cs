using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using static RemoteWriteGateway.Protocol.Tests.RemoteWrite.StampLabelTests;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Requests that ask for more than they carry: each ends in a fault or in refusals, with memory flat.</summary>
public sealed class HostileRequestTests
{
    private const long Now = StampRunner.NowMs;

    private static readonly byte[] Sample = new V1.Sample { Value = 1, Timestamp = Now }.ToByteArray();

    [Theory]
    [InlineData(WriteProtocol.V1, V1Tags.Series)]
    [InlineData(WriteProtocol.V2, V2Tags.Series)]
    public void A_flood_of_empty_series(WriteProtocol protocol, byte tag)
    {
        byte[] message = new byte[2_000_000];
        for (int i = 0; i < message.Length; i += 2)
        {
            message[i] = tag;
        }

        AssertFault(protocol, message, StampReason.TooManySeries, "1000000 series in one request, limit 50000 (maxSeriesPerRequest)");
    }

    [Fact]
    public void Ten_million_references_in_one_series()
    {
        byte[] refs = Field(V2Tags.LabelRefs, new byte[10_000_000]);
        byte[] message = [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Series, [.. refs, .. Field(V2Tags.Samples, Sample)])];
        StampResult result = StampFlat(WriteProtocol.V2, message, StampRunner.Ours);
        Assert.Equal(1, result.RefusedSeries(StampReason.TooManyLabels));
        Assert.StartsWith("5000000 labels, limit 60 (maxLabelsPerSeries)", result.Text(StampReason.TooManyLabels), StringComparison.Ordinal);
    }

    [Fact]
    public void A_million_references_in_one_exemplar()
    {
        byte[] exemplar = Field(V2Tags.Exemplars, Field(ItemTags.ExemplarLabels, new byte[1_000_000]));
        byte[] symbols = [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Symbols, "__name__")];
        byte[] message = [.. symbols, .. Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, [1, 1]), .. exemplar])];
        StampResult result = StampFlat(WriteProtocol.V2, message, StampRunner.Ours);
        Assert.Equal(1, result.Refused(StampReason.ExemplarLabelsInvalid).Exemplars);
    }

    [Fact]
    public void A_megabyte_that_is_referred_to_fifty_thousand_times()
    {
        byte[] symbols = [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Symbols, "__name__"), .. Field(V2Tags.Symbols, new string('x', 1 << 20))];
        byte[] series = Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, [1, 2]), .. Field(V2Tags.Samples, Sample)]);
        byte[] message = [.. symbols, .. Enumerable.Repeat(series, 50_000).SelectMany(static bytes => bytes)];
        AssertFault(
            WriteProtocol.V2,
            message,
            StampReason.ExpandedTooLarge,
            $"body refers to at least {128 * ((1 << 20) + 8)} bytes, limit 134217728; send smaller batches or raise maxExpandedBytes");
    }

    [Fact]
    public void A_megabyte_that_exemplars_refer_to()
    {
        byte[] symbols = [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Symbols, "__name__"), .. Field(V2Tags.Symbols, "up"), .. Field(V2Tags.Symbols, new string('x', 1 << 20))];
        byte[] exemplar = Field(V2Tags.Exemplars, Field(ItemTags.ExemplarLabels, [2, 3]));
        byte[] series = [.. Field(V2Tags.LabelRefs, [1, 2]), .. Enumerable.Repeat(exemplar, 1000).SelectMany(static bytes => bytes)];
        AssertFault(WriteProtocol.V2, [.. symbols, .. Field(V2Tags.Series, series)], StampReason.ExpandedTooLarge, "body refers to at least");
    }

    [Fact]
    public void More_symbols_than_may_be()
    {
        byte[] symbols = Enumerable.Repeat(Field(V2Tags.Symbols, ""), 600_000).SelectMany(static bytes => bytes).ToArray();
        AssertFault(WriteProtocol.V2, symbols, StampReason.TooManySymbols, "600000 symbols in one request, limit 500000 (Ingest:MaxSymbolsPerRequest)");
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void More_items_than_may_be(WriteProtocol protocol)
    {
        var series = new V1.TimeSeries
        {
            Labels = { new V1.Label { Name = "__name__", Value = "up" } },
            Samples = { Enumerable.Repeat(new V1.Sample { Value = 1, Timestamp = Now }, 600) },
            Histograms = { new V1.Histogram { Timestamp = Now } },
            Exemplars = { new V1.Exemplar { Timestamp = Now } },
        };
        byte[] message = StampRunner.Encode(protocol, [series, series, series]);
        AssertFault(
            protocol,
            message,
            StampReason.TooManySamples,
            "1806 samples, histograms and exemplars in one request, limit 1000 (maxSamplesPerRequest)",
            StampRunner.Ours with { MaxSamplesPerRequest = 1000 });
    }

    [Fact]
    public void The_limits_of_a_request_are_exact()
    {
        StampOptions limits = StampRunner.Ours with { MaxSeriesPerRequest = 2, MaxSamplesPerRequest = 3, MaxSymbolsPerRequest = 3, MaxExpandedBytes = 20 };
        const string atLimit = "up{} 1 2\nup{} 3";
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            Assert.False(StampRunner.Run(protocol, atLimit, limits).Result.HasFault);
            Assert.Equal(StampReason.TooManySeries, StampRunner.Run(protocol, "up{} 1\nup{} 1\nup{} 1", limits).Result.Fault);
            Assert.Equal(StampReason.TooManySamples, StampRunner.Run(protocol, "up{} 1\nup{} 1 2 3", limits).Result.Fault);
        }

        Assert.Equal(StampReason.TooManySymbols, StampRunner.Run(WriteProtocol.V2, "up{} 1\ndown{} 1", limits).Result.Fault);
        StampOutcome expanded = StampRunner.Run(WriteProtocol.V2, atLimit, limits with { MaxExpandedBytes = 19 });
        Assert.Equal("body refers to at least 20 bytes, limit 19; send smaller batches or raise maxExpandedBytes", expanded.Result.FaultText);
    }

    [Fact]
    public void Symbols_that_do_not_begin_with_the_empty_one()
    {
        foreach (string[] symbols in new string[][] { [], ["__name__", ""] })
        {
            var request = new V2.Request { Symbols = { symbols }, Timeseries = { new V2.TimeSeries() } };
            AssertFault(WriteProtocol.V2, request.ToByteArray(), StampReason.InvalidSymbols, "the first symbol must be the empty string");
        }
    }

    [Fact]
    public void Spans_of_four_billion_buckets()
    {
        byte[] span = [0x08, 0x00, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        byte[] spans = Enumerable.Repeat(Field((11 << 3) | 2, span), 100_000).SelectMany(static bytes => bytes).ToArray();
        byte[] label = Field(V1Tags.Labels, new V1.Label { Name = "__name__", Value = "up" }.ToByteArray());
        byte[] series = [.. label, .. Field(V1Tags.Histograms, spans)];
        StampResult result = StampFlat(WriteProtocol.V1, Field(V1Tags.Series, series), StampRunner.Ours);
        Assert.Equal(1, result.Refused(StampReason.HistogramBucketsMismatch).Histograms);
        Assert.StartsWith("positive spans need 429496729500000 buckets, got 0", result.Text(StampReason.HistogramBucketsMismatch), StringComparison.Ordinal);
    }

    [Fact]
    public void Thousands_of_labels_in_reverse_order()
    {
        string labels = string.Join(',', Enumerable.Range(0, 239).Reverse().Select(static i => $"l{i:000}=\"x\""));
        string line = $$"""up{{{labels}}} 1""";
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, line, StampRunner.Ours with { MaxLabelsPerSeries = 240 });
        string[] names = [.. outcome.Series[0].Labels.Select(static label => label.Name)];
        Assert.Equal(241, names.Length);
        Assert.Equal(names.Order(Utf8Order.Comparer), names);
        Assert.Equal(StampReason.TooManyLabels, StampRunner.Run(WriteProtocol.V1, line).OnlyReason);
    }

    [Fact]
    public void A_request_takes_no_more_memory_than_its_budget()
    {
        byte[] message = StampRunner.Encode(WriteProtocol.V2, SeriesText.Parse("up{job=\"a\"} 1"));
        var budget = new SmallBudget(message.Length + WriteBuffer.Slack + 500);
        var work = new WriteWork();
        work.Begin(budget);
        work.Decoded.Append(message);
        Assert.Throws<ByteBudgetExceededException>(() => SeriesStamper.Stamp(WriteProtocol.V2, StampRunner.Ours, Now, work));
        Assert.Equal(0, work.Stamped.Length);
        work.End(keepBytes: 0);
        Assert.Equal(0, budget.Taken);
        Assert.Equal(0, work.HeldBytes);
    }

    private static void AssertFault(WriteProtocol protocol, byte[] message, StampReason reason, string text, StampOptions? options = null)
    {
        StampResult result = StampFlat(protocol, message, options ?? StampRunner.Ours);
        Assert.Equal(reason, result.Fault);
        Assert.StartsWith(text, result.FaultText, StringComparison.Ordinal);
        Assert.False(result.HasOutput);
    }

    /// <summary>Stamps a request and checks that nothing grew but in proportion to its own bytes.</summary>
    private static StampResult StampFlat(WriteProtocol protocol, byte[] message, StampOptions options)
    {
        var work = new WriteWork();
        work.Decoded.Append(message);
        long before = GC.GetAllocatedBytesForCurrentThread();
        SeriesStamper.Stamp(protocol, options.Prepare(), Now, work);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        // Symbols cost 20 bytes each, in arrays that double; two bytes of the message at least. The output is of the message's size.
        Assert.InRange(allocated, 0, (24L * message.Length) + 100_000);
        Assert.Equal(0, work.Stamped.Length);
        return work.Result;
    }

    private sealed class SmallBudget(long limit) : ByteBudget
    {
        public long Taken { get; private set; }

        public override void Take(long bytes)
        {
            if (Taken + bytes > limit)
            {
                throw new ByteBudgetExceededException();
            }

            Taken += bytes;
        }

        public override void GiveBack(long bytes) => Taken -= bytes;
    }
}
