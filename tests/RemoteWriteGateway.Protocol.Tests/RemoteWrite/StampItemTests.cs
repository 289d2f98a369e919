using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Samples, exemplars and the shapes of series: what passes, bit for bit, and what is left out and counted.</summary>
public sealed class StampItemTests
{
    private const long Now = StampRunner.NowMs;

    public static TheoryData<WriteProtocol> Protocols => [WriteProtocol.V1, WriteProtocol.V2];

    [Theory]
    [InlineData(0x7ff0_0000_0000_0002UL, 1)]
    [InlineData(0x7ff8_0000_0000_0001UL, 0)]
    [InlineData(0x7ff0_0000_0000_0001UL, 0)]
    [InlineData(0xfff8_dead_beef_0002UL, 0)]
    [InlineData(0x8000_0000_0000_0000UL, 0)]
    [InlineData(0x0000_0000_0000_0001UL, 0)]
    [InlineData(0x7ff0_0000_0000_0000UL, 0)]
    public void A_value_keeps_its_64_bits(ulong bits, int staleMarkers)
    {
        // By hand: the generated classes leave out a negative zero.
        byte[] sample = [0x09, .. BitConverter.GetBytes(bits), .. new V1.Sample { Timestamp = Now }.ToByteArray()];
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            byte[] message = StampRunner.Encode(protocol, [Series(new V1.Sample { Value = 1, Timestamp = Now })]);
            BitConverter.GetBytes(bits).CopyTo(message, message.AsSpan().IndexOf(BitConverter.GetBytes(1.0)));
            StampOutcome outcome = StampRunner.Run(protocol, message);
            Assert.NotEqual(-1, outcome.Output.AsSpan().IndexOf(sample));
            Assert.Equal(staleMarkers, outcome.Result.StaleMarkers);
        }
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Samples_in_the_future_are_left_out_one_by_one(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(protocol, "up{} 1@600s 2@600.001s 3@-5s");
        Assert.Equal("up{tenant=\"ours\"} 1@600s 3@-5s", outcome.Text);
        Assert.Equal(StampReason.TooFarInFuture, outcome.OnlyReason);
        Assert.Equal(0, outcome.Result.RefusedSeries(StampReason.TooFarInFuture));
        Assert.Equal(new ItemCounts(1, 0, 0), outcome.Result.Refused(StampReason.TooFarInFuture));
        Assert.Equal(new ItemCounts(2, 0, 0), outcome.Result.Accepted);
        Assert.Equal(Now + 600_000, outcome.Result.NewestTimestampMs);
        Assert.Equal(
            "timestamp 1700000600001 is 10m0s ahead, limit 10m0s (maxFuture); check the sender's clock: up{}",
            outcome.Result.Text(StampReason.TooFarInFuture));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Old_samples_pass_unless_the_past_is_bounded(WriteProtocol protocol)
    {
        Assert.Equal("up{tenant=\"ours\"} 1@-8000000s", StampRunner.Stamp(protocol, "up{} 1@-8000000s"));
        StampOutcome outcome = StampRunner.Run(protocol, "up{} 1@-3600.001s 2@-3600s", StampRunner.Ours with { MaxPastMs = 3_600_000 });
        Assert.Equal("up{tenant=\"ours\"} 2@-3600s", outcome.Text);
        Assert.Equal(StampReason.TooFarInPast, outcome.OnlyReason);
        Assert.Equal(
            "timestamp 1699996399999 is 1h0m old, limit 1h0m (maxPast); check the sender's clock: up{}",
            outcome.Result.Text(StampReason.TooFarInPast));
    }

    [Theory]
    [InlineData(long.MaxValue, StampReason.TooFarInFuture)]
    [InlineData(long.MinValue, StampReason.TooFarInPast)]
    [InlineData(-1, StampReason.TooFarInPast)]
    public void Timestamps_at_the_ends_of_time_are_told_from_now(long timestampMs, StampReason reason)
    {
        StampOptions options = StampRunner.Ours with { MaxPastMs = 3_600_000 };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, Series(new V1.Sample { Value = 1, Timestamp = timestampMs }), options);
        Assert.Equal(reason, outcome.OnlyReason);
        Assert.Empty(outcome.Output);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void A_series_whose_items_are_all_refused_does_not_leave(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(protocol, "up{} 1@700s 2@800s");
        Assert.Empty(outcome.Output);
        Assert.False(outcome.Result.HasOutput);
        Assert.Equal(new ItemCounts(2, 0, 0), outcome.Result.Refused(StampReason.TooFarInFuture));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Order_and_repeats_of_series_and_samples_are_kept(WriteProtocol protocol)
    {
        const string series = "up{tenant=\"ours\"} 1 0@-9s 1\nup{tenant=\"ours\"} 3@-20s\ndown{tenant=\"ours\"} 4\nup{tenant=\"ours\"} 1";
        Assert.Equal(series, StampRunner.Stamp(protocol, series));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void A_series_with_samples_and_histograms_leaves_as_two(WriteProtocol protocol)
    {
        V1.TimeSeries series = Series(new V1.Sample { Value = 1, Timestamp = Now });
        series.Histograms.Add(new V1.Histogram { Timestamp = Now, CountInt = 0 });
        series.Exemplars.Add(new V1.Exemplar { Value = 2, Timestamp = Now });
        StampOutcome outcome = StampRunner.Run(protocol, series);
        Assert.Equal([1, 0], outcome.Series.Select(static part => part.Samples.Count));
        Assert.Equal([0, 1], outcome.Series.Select(static part => part.Histograms.Count));
        Assert.Equal([1, 0], outcome.Series.Select(static part => part.Exemplars.Count));
        Assert.Equal(outcome.Series[0].Labels, outcome.Series[1].Labels);
        Assert.Equal(new ItemCounts(1, 1, 1), outcome.Result.Accepted);
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void What_custom_bounds_come_to_as_classic_series_is_counted(WriteProtocol protocol)
    {
        // 2 bounds, so 2 buckets, +Inf, _sum and _count, each with __name__="rpc" (11 bytes) and tenant="ours" (10).
        var series = new V1.TimeSeries
        {
            Labels = { new V1.Label { Name = "__name__", Value = "rpc" } },
            Histograms =
            {
                new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = StampRunner.NowMs, CustomValues = { 1, 2 } },
                new V1.Histogram { Schema = 3, CountInt = 0, Timestamp = StampRunner.NowMs },
            },
        };

        Assert.Equal(5 * (11 + 10), StampRunner.Run(protocol, series).Result.ClassicLabelBytes);
    }

    [Fact]
    public void A_series_of_1_0_without_items_is_skipped()
    {
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, "up{}\n{nameless=\"1\"}\ndown{} 1");
        Assert.Equal("down{tenant=\"ours\"} 1", outcome.Text);
        Assert.False(outcome.Result.HasRefusals);
        Assert.Equal(3, outcome.Result.SeriesRead);
    }

    [Fact]
    public void A_series_of_2_0_with_nothing_at_all_is_refused()
    {
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, "up{}\ndown{} 1");
        Assert.Equal("down{tenant=\"ours\"} 1", outcome.Text);
        Assert.Equal(StampReason.SeriesWithoutData, outcome.OnlyReason);
        Assert.Equal("series carries nothing: up{}", outcome.Result.Text(StampReason.SeriesWithoutData));
    }

    [Fact]
    public void A_series_of_2_0_with_metadata_only_does_not_leave_and_is_no_fault()
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2 }, Metadata = new V2.Metadata() } },
        };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, request.ToByteArray());
        Assert.Empty(outcome.Output);
        Assert.False(outcome.Result.HasRefusals);
        Assert.False(outcome.Result.HasFault);
        Assert.Equal(1, outcome.Result.MetadataDropped(StampReason.MetadataPolicy));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Requests_without_series_come_to_nothing(WriteProtocol protocol)
    {
        foreach (byte[] message in new byte[][] { [], new V2.Request { Symbols = { "" } }.ToByteArray(), new V2.Request { Symbols = { "x" } }.ToByteArray() })
        {
            StampOutcome outcome = StampRunner.Run(protocol, message);
            Assert.False(outcome.Result.HasFault);
            Assert.False(outcome.Result.HasOutput);
            Assert.Empty(outcome.Output);
        }
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Exemplars_keep_the_writers_content(WriteProtocol protocol)
    {
        StampOutcome outcome = RunExemplar(protocol, Exemplar("tenant", "theirs", "a", "", "trace_id", "x"));
        V1.Exemplar exemplar = Assert.Single(Assert.Single(outcome.Series).Exemplars);
        Assert.Equal(Exemplar("tenant", "theirs", "trace_id", "x"), exemplar);
        Assert.Equal(new ItemCounts(0, 0, 1), outcome.Result.Accepted);
        Assert.Equal(0, outcome.Result.RemovedTenantLabels);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Exemplars_without_labels_pass(WriteProtocol protocol) =>
        Assert.Equal(new ItemCounts(0, 0, 1), RunExemplar(protocol, Exemplar()).Result.Accepted);

    [Theory, MemberData(nameof(Protocols))]
    public void Faulty_exemplars_are_left_out_one_by_one(WriteProtocol protocol)
    {
        AssertRefused(StampReason.ExemplarLabelsInvalid, Exemplar("a", "1", "a", "2"), "exemplar: label \"a\" occurs twice: up{}");
        AssertRefused(StampReason.ExemplarLabelsInvalid, Exemplar("", "1"), "exemplar: label name \"\" is not valid (UTF-8, not empty): up{}");
        AssertRefused(StampReason.ExemplarTimestampMissing, new V1.Exemplar { Value = 1 }, "exemplar: it has no timestamp: up{}");
        AssertRefused(StampReason.ExemplarLabelsTooLong, Exemplar("a", new string('x', 128)), "exemplar: its labels have too many characters, limit 128: up{}");
        var early = new V1.Exemplar { Value = 1, Timestamp = Now + 600_001 };
        AssertRefused(StampReason.TooFarInFuture, early, "timestamp 1700000600001 is 10m0s ahead, limit 10m0s (maxFuture); check the sender's clock: up{}");

        void AssertRefused(StampReason reason, V1.Exemplar exemplar, string text)
        {
            StampOutcome outcome = RunExemplar(protocol, exemplar, Exemplar("b", "2"));
            Assert.Equal(reason, outcome.OnlyReason);
            Assert.Equal(new ItemCounts(0, 0, 1), outcome.Result.Refused(reason));
            Assert.Equal(text, outcome.Result.Text(reason));
            Assert.Equal(Exemplar("b", "2"), Assert.Single(outcome.Series[0].Exemplars));
        }
    }

    [Theory, MemberData(nameof(Protocols))]
    public void An_exemplars_labels_are_measured_in_characters(WriteProtocol protocol)
    {
        // 127 characters of four bytes, and one.
        string value = string.Concat(Enumerable.Repeat("\U0001F30D", 127));
        Assert.Equal(1, RunExemplar(protocol, Exemplar("a", value)).Result.Accepted.Exemplars);
        Assert.Equal(0, RunExemplar(protocol, Exemplar("a", value + "x")).Result.Accepted.Exemplars);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void An_exemplars_labels_are_not_bound_by_the_limit_of_a_series(WriteProtocol protocol)
    {
        string[] labels = [.. Enumerable.Range(0, 64).SelectMany(static i => new[] { $"{(char)('0' + i)}", "v" })];
        V1.TimeSeries series = Series(new V1.Sample { Value = 1, Timestamp = Now });
        series.Exemplars.Add(Exemplar(labels));

        // In order, which is the common shape, and not.
        StampOutcome outcome = StampRunner.Run(protocol, series, StampRunner.Ours with { MaxLabelsPerSeries = 2 });
        Assert.Equal(new ItemCounts(1, 0, 1), outcome.Result.Accepted);
        series.Exemplars[0].Labels.Add(series.Exemplars[0].Labels[0]);
        series.Exemplars[0].Labels.RemoveAt(0);
        outcome = StampRunner.Run(protocol, series, StampRunner.Ours with { MaxLabelsPerSeries = 2 });
        Assert.Equal(new ItemCounts(1, 0, 1), outcome.Result.Accepted);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Exemplars_can_be_left_out_by_policy_and_count_as_accepted(WriteProtocol protocol)
    {
        V1.TimeSeries series = Series(new V1.Sample { Value = 1, Timestamp = Now });
        series.Exemplars.Add([Exemplar("a", "1"), Exemplar("", "1")]);
        StampOutcome outcome = StampRunner.Run(protocol, series, StampRunner.Ours with { DropExemplars = true });
        Assert.Empty(Assert.Single(outcome.Series).Exemplars);
        Assert.Equal(new ItemCounts(1, 0, 2), outcome.Result.Accepted);
        Assert.Equal(2, outcome.Result.DroppedExemplars);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Exemplars_of_a_refused_series_are_refused_with_it(WriteProtocol protocol)
    {
        V1.TimeSeries series = Series(new V1.Sample { Value = 1, Timestamp = Now });
        series.Labels.Add(new V1.Label { Name = "__name__", Value = "again" });
        series.Exemplars.Add(Exemplar("a", "1"));
        StampOutcome outcome = StampRunner.Run(protocol, series);
        Assert.Equal(new ItemCounts(1, 0, 1), outcome.Result.Refused(StampReason.DuplicateLabelNames));
        Assert.Equal(default, outcome.Result.Accepted);
    }

    [Theory]
    [InlineData(new uint[] { 1, 2, 1 }, "3 label references, an odd number, with 3 symbols, series number 2")]
    [InlineData(new uint[] { 1, 3 }, "label reference 3 with 3 symbols, series number 2")]
    [InlineData(new uint[] { 1, 2, 4_000_000_000, 2 }, "label reference 4000000000 with 3 symbols, series number 2")]
    public void Label_references_that_name_no_symbol_refuse_their_series(uint[] refs, string text)
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up" },
            Timeseries =
            {
                new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { V2Sample() } },
                new V2.TimeSeries { LabelsRefs = { refs }, Samples = { V2Sample() } },
            },
        };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, request.ToByteArray());
        Assert.Equal("up{tenant=\"ours\"} 1", outcome.Text);
        Assert.Equal(StampReason.InvalidLabelRefs, outcome.OnlyReason);
        Assert.Equal(text, outcome.Result.Text(StampReason.InvalidLabelRefs));
    }

    [Theory]
    [InlineData(new uint[] { 1 }, "exemplar: 1 label references, an odd number, with 3 symbols: up{}")]
    [InlineData(new uint[] { 1, 9 }, "exemplar: label reference 9 with 3 symbols: up{}")]
    public void References_of_exemplars_that_name_no_symbol_refuse_the_exemplar(uint[] refs, string text)
    {
        var series = new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { V2Sample() }, Exemplars = { new V2.Exemplar { LabelsRefs = { refs }, Timestamp = Now } } };
        var request = new V2.Request { Symbols = { "", "__name__", "up" }, Timeseries = { series } };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, request.ToByteArray());
        Assert.Equal("up{tenant=\"ours\"} 1", outcome.Text);
        Assert.Equal(text, outcome.Result.Text(StampReason.ExemplarLabelsInvalid));
    }

    private static StampOutcome RunExemplar(WriteProtocol protocol, params V1.Exemplar[] exemplars)
    {
        var series = new V1.TimeSeries { Labels = { new V1.Label { Name = "__name__", Value = "up" } }, Exemplars = { exemplars } };
        return StampRunner.Run(protocol, series);
    }

    private static V1.Exemplar Exemplar(params string[] labels) => new()
    {
        Value = 0.5,
        Timestamp = Now,
        Labels = { labels.Chunk(2).Select(static pair => new V1.Label { Name = pair[0], Value = pair[1] }) },
    };

    private static V1.TimeSeries Series(params V1.Sample[] samples) =>
        new() { Labels = { new V1.Label { Name = "__name__", Value = "up" } }, Samples = { samples } };

    private static V2.Sample V2Sample() => new() { Value = 1, Timestamp = Now };
}
