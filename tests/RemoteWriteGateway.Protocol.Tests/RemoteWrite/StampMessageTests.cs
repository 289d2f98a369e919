using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using static RemoteWriteGateway.Protocol.Tests.RemoteWrite.StampLabelTests;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Messages of unusual shape: fields in any order, given twice, unknown, unpacked; metadata; symbols.</summary>
public sealed class StampMessageTests
{
    private const long Now = StampRunner.NowMs;

    private static readonly byte[] Unknown = [0xFA, 0x01, 0x01, 0x63];

    private static readonly byte[] UpLabel = Field(V1Tags.Labels, new V1.Label { Name = "__name__", Value = "up" }.ToByteArray());

    private static readonly byte[] Sample = new V1.Sample { Value = 1, Timestamp = Now }.ToByteArray();

    [Fact]
    public void Unknown_fields_are_dropped_but_in_samples_and_histograms_of_1_0()
    {
        byte[] histogram = [.. new V1.Histogram { Timestamp = Now, CountInt = 0 }.ToByteArray(), .. Unknown];
        byte[] exemplar = [.. Unknown, .. new V1.Exemplar { Timestamp = Now, Value = 1 }.ToByteArray()];
        byte[] label = [.. new V1.Label { Name = "__name__", Value = "up" }.ToByteArray(), .. Unknown];
        byte[] first = [.. Field(V1Tags.Labels, label), .. Unknown, .. Field(V1Tags.Samples, [.. Unknown, .. Sample]), .. Field(V1Tags.Exemplars, exemplar)];
        byte[] second = [.. UpLabel, .. Field(V1Tags.Histograms, histogram)];
        byte[] metadata = [.. new V1.MetricMetadata { MetricFamilyName = "up" }.ToByteArray(), .. Unknown];
        byte[] message = [0x10, 0x01, .. Field(V1Tags.Series, first), .. Field(V1Tags.Series, second), .. Field(V1Tags.Metadata, metadata)];

        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, message);

        // Of the request (Cortex' source), the series, the label, the exemplar, the metadata.
        Assert.Equal(5, outcome.Result.UnknownFields);
        Assert.Equal(2, Occurrences(outcome.Output, Unknown));
        Assert.Equal(1, Occurrences(outcome.Output, Field(V1Tags.Samples, [.. Unknown, .. Sample])));
        Assert.Equal(1, Occurrences(outcome.Output, Field(V1Tags.Histograms, histogram)));
    }

    [Fact]
    public void Unknown_fields_are_dropped_but_in_samples_and_histograms_of_2_0()
    {
        byte[] histogram = [.. new V2.Histogram { Timestamp = Now, CountInt = 0, StartTimestamp = 5 }.ToByteArray(), .. Unknown];
        byte[] exemplar = [.. Unknown, .. new V2.Exemplar { Timestamp = Now, Value = 1 }.ToByteArray()];
        byte[] metadata = [.. new V2.Metadata { HelpRef = 1 }.ToByteArray(), .. Unknown];
        byte[] first = [.. UpRefs, .. Unknown, .. Field(V2Tags.Samples, [.. Unknown, .. Sample]), .. Field(V2Tags.Exemplars, exemplar), .. Field(V2Tags.Metadata, metadata)];
        byte[] second = [.. UpRefs, .. Field(V2Tags.Histograms, histogram)];

        StampOutcome outcome = StampRunner.Run(
            WriteProtocol.V2,
            [0x10, 0x01, .. UpSymbols, .. Field(V2Tags.Series, first), .. Field(V2Tags.Series, second)]);

        Assert.Equal(4, outcome.Result.UnknownFields);
        Assert.Equal(2, Occurrences(outcome.Output, Unknown));
        Assert.Equal(1, Occurrences(outcome.Output, Field(V2Tags.Samples, [.. Unknown, .. Sample])));
        Assert.Equal(1, Occurrences(outcome.Output, Field(V2Tags.Histograms, histogram)));
    }

    [Fact]
    public void Fields_of_a_series_may_stand_in_any_order()
    {
        byte[] job = Field(V1Tags.Labels, new V1.Label { Name = "job", Value = "a" }.ToByteArray());
        byte[] series = [.. job, .. Field(V1Tags.Samples, Sample), .. UpLabel, .. Field(V1Tags.Samples, Sample)];
        Assert.Equal("""up{job="a",tenant="ours"} 1 1""", StampRunner.Run(WriteProtocol.V1, Field(V1Tags.Series, series)).Text);

        byte[] refs = Field(V2Tags.LabelRefs, [3, 2]);
        byte[] seriesV2 = [.. Field(V2Tags.Samples, Sample), .. refs, .. Field(V2Tags.Samples, Sample), .. UpRefs];
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, [.. UpSymbols, .. Field(V2Tags.Symbols, "job"), .. Field(V2Tags.Series, seriesV2)]);
        Assert.Equal("""up{job="up",tenant="ours"} 1 1""", outcome.Text);
    }

    [Fact]
    public void References_are_read_packed_in_runs_and_one_by_one()
    {
        byte[] oneByOne = [0x08, 1, 0x08, 2, .. Field(V2Tags.Samples, Sample)];
        byte[] runs = [.. Field(V2Tags.LabelRefs, [1]), .. Field(V2Tags.LabelRefs, []), .. Field(V2Tags.LabelRefs, [2]), .. Field(V2Tags.Samples, Sample)];
        byte[] mixed = [0x08, 1, .. Field(V2Tags.LabelRefs, [2]), .. Field(V2Tags.Samples, Sample)];
        byte[] long10 = [.. Field(V2Tags.LabelRefs, [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 2]), .. Field(V2Tags.Samples, Sample)];
        foreach (byte[] each in new[] { oneByOne, runs, mixed, long10 })
        {
            StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, [.. UpSymbols, .. Field(V2Tags.Series, each)]);
            Assert.Equal("up{tenant=\"ours\"} 1", outcome.Text);
            // Written anew: packed, in shortest form.
            Assert.Equal(1, Occurrences(outcome.Output, Field(V2Tags.LabelRefs, [1, 2, 3, 4])));
        }
    }

    [Fact]
    public void References_that_only_look_like_those_of_the_series_before_are_told_apart()
    {
        List<byte> symbols = [.. UpSymbols, .. Field(V2Tags.Symbols, "job")];
        for (int i = 4; i < 300; i++)
        {
            symbols.AddRange(Field(V2Tags.Symbols, $"s{i}"));
        }

        // Two pairs in six bytes, and three pairs in six: names of the former stand where the latter has a name and a value.
        byte[] two = Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, [1, 0x85, 0x01, 3, 0x84, 0x02]), .. Field(V2Tags.Samples, Sample)]);
        byte[] three = Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, [1, 5, 1, 3, 4, 2]), .. Field(V2Tags.Samples, Sample)]);
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, [.. symbols, .. two, .. three, .. two]);
        Assert.Equal("s133{job=\"s260\",tenant=\"ours\"} 1\ns133{job=\"s260\",tenant=\"ours\"} 1", outcome.Text);
        Assert.Equal(StampReason.DuplicateLabelNames, outcome.OnlyReason);
    }

    [Fact]
    public void Labels_in_the_order_of_the_series_before_are_told_from_those_that_only_begin_alike()
    {
        // Not sorted, so that the order found for the first one is tried on the others.
        StampOutcome outcome = StampRunner.Run(
            WriteProtocol.V1,
            """
            up{zone_of_b="1",zone_of_a="2",b="3"} 1
            up{zone_of_b="4",zone_of_a="5",b="6"} 1
            up{zone_of_a="7",zone_of_b="8",b="9"} 1
            up{zone_of_b="1",zone_of_a="2"} 1
            up{zone_of_b="1",zone_of_a="2",b="3",a="4"} 1
            up{zone_of_b="1",zone_of_b="2",b="3"} 1
            up{zone_of_b="1",tenant="theirs",b="3"} 1
            """);
        Assert.Equal(
            """
            up{b="3",tenant="ours",zone_of_a="2",zone_of_b="1"} 1
            up{b="6",tenant="ours",zone_of_a="5",zone_of_b="4"} 1
            up{b="9",tenant="ours",zone_of_a="7",zone_of_b="8"} 1
            up{tenant="ours",zone_of_a="2",zone_of_b="1"} 1
            up{a="4",b="3",tenant="ours",zone_of_a="2",zone_of_b="1"} 1
            up{b="3",tenant="ours",zone_of_b="1"} 1
            """,
            outcome.Text);
        Assert.Equal(StampReason.DuplicateLabelNames, outcome.OnlyReason);
    }

    [Fact]
    public void Symbols_may_stand_behind_and_between_series()
    {
        byte[] series = Field(V2Tags.Series, [.. UpRefs, .. Field(V2Tags.Samples, Sample)]);
        byte[] empty = Field(V2Tags.Symbols, "");
        byte[] name = Field(V2Tags.Symbols, "__name__");
        byte[] up = Field(V2Tags.Symbols, "up");
        foreach (byte[] message in new byte[][] { [.. series, .. empty, .. name, .. up], [.. empty, .. series, .. name, .. up], [.. empty, .. name, .. up, .. series] })
        {
            StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, message);
            Assert.Equal("up{tenant=\"ours\"} 1", outcome.Text);
            Assert.Equal(["", "__name__", "up", "tenant", "ours"], outcome.AsV2().Symbols);
        }
    }

    [Fact]
    public void Symbols_of_the_stamp_that_are_there_are_used_again()
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "ours", "tenant", "tenant", "ours" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = 1, Timestamp = Now } } } },
        };
        V2.Request stamped = StampRunner.Run(WriteProtocol.V2, request.ToByteArray()).AsV2();
        Assert.Equal(request.Symbols, stamped.Symbols);
        Assert.Equal([1u, 2u, 3u, 2u], stamped.Timeseries[0].LabelsRefs);
    }

    [Fact]
    public void The_timestamp_of_creation_is_kept()
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = 1, Timestamp = Now, StartTimestamp = 7 } }, CreatedTimestamp = -3 } },
        };
        V2.TimeSeries stamped = StampRunner.Run(WriteProtocol.V2, request.ToByteArray()).AsV2().Timeseries[0];
        Assert.Equal(-3, stamped.CreatedTimestamp);
        Assert.Equal(7, stamped.Samples[0].StartTimestamp);
    }

    [Fact]
    public void Metadata_of_2_0_is_merged_and_written_anew()
    {
        byte[] first = Field(V2Tags.Metadata, new V2.Metadata { Type = V2.Metadata.Types.MetricType.Counter, HelpRef = 1 }.ToByteArray());
        byte[] second = Field(V2Tags.Metadata, new V2.Metadata { HelpRef = 2, UnitRef = 1 }.ToByteArray());
        byte[] series = [.. UpRefs, .. first, .. Field(V2Tags.Samples, Sample), .. second];
        V2.TimeSeries stamped = StampRunner.Run(WriteProtocol.V2, [.. UpSymbols, .. Field(V2Tags.Series, series)]).AsV2().Timeseries[0];
        Assert.Equal(new V2.Metadata { Type = V2.Metadata.Types.MetricType.Counter, HelpRef = 2, UnitRef = 1 }, stamped.Metadata);
    }

    [Fact]
    public void Faulty_metadata_of_2_0_is_dropped_and_the_series_written()
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up", new string('x', 1025) },
            Timeseries =
            {
                SeriesWith(new V2.Metadata { HelpRef = 9 }),
                SeriesWith(new V2.Metadata { UnitRef = 3 }),
            },
        };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, request.ToByteArray());
        Assert.All(outcome.AsV2().Timeseries, static series => Assert.Null(series.Metadata));
        Assert.Equal(2, outcome.Result.Accepted.Samples);
        Assert.Equal(1, outcome.Result.MetadataDropped(StampReason.MetadataInvalid));
        Assert.Equal(1, outcome.Result.MetadataDropped(StampReason.MetadataTooLong));
        Assert.False(outcome.Result.HasRefusals);
    }

    [Fact]
    public void A_long_help_text_is_cut_at_a_character_boundary()
    {
        // 1,024 would be in the middle of a character of two bytes.
        string help = "x" + new string('\u00e9', 600);
        string cut = "x" + new string('\u00e9', 511);
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up", help },
            Timeseries = { SeriesWith(new V2.Metadata { HelpRef = 3 }), SeriesWith(new V2.Metadata { HelpRef = 3 }) },
        };
        V2.Request v2 = StampRunner.Run(WriteProtocol.V2, request.ToByteArray()).AsV2();
        Assert.Equal(["", "__name__", "up", help, "tenant", "ours", cut], v2.Symbols);
        Assert.Equal([6u, 6u], v2.Timeseries.Select(static series => series.Metadata.HelpRef));

        var metadata = new V1.MetricMetadata { MetricFamilyName = "up", Help = help };
        StampOutcome v1 = StampRunner.Run(WriteProtocol.V1, new V1.WriteRequest { Metadata = { metadata } }.ToByteArray());
        Assert.Equal(cut, v1.AsV1().Metadata[0].Help);
    }

    [Fact]
    public void Metadata_of_1_0_passes_or_is_dropped_by_policy()
    {
        var metadata = new V1.MetricMetadata { MetricFamilyName = "up", Help = "h", Unit = "s", Type = (V1.MetricMetadata.Types.MetricType)(-5) };
        byte[] message = new V1.WriteRequest { Metadata = { metadata } }.ToByteArray();
        StampOutcome kept = StampRunner.Run(WriteProtocol.V1, message);
        Assert.Equal(metadata, Assert.Single(kept.AsV1().Metadata));
        Assert.True(kept.Result.HasOutput);

        StampOutcome dropped = StampRunner.Run(WriteProtocol.V1, message, StampRunner.Ours with { DropMetadata = true });
        Assert.Empty(dropped.Output);
        Assert.False(dropped.Result.HasOutput);
        Assert.Equal(1, dropped.Result.MetadataDropped(StampReason.MetadataPolicy));
    }

    [Fact]
    public void Faulty_metadata_of_1_0_is_dropped_and_not_told()
    {
        byte[] notUtf8 = Field(V1Tags.Metadata, [.. Field(V1Tags.MetadataName, "up"), .. Field(V1Tags.MetadataHelp, [0xFF])]);
        byte[] nameless = Field(V1Tags.Metadata, Field(V1Tags.MetadataHelp, "help"));
        byte[] longName = Field(V1Tags.Metadata, Field(V1Tags.MetadataName, new string('x', 1025)));
        byte[] longUnit = Field(V1Tags.Metadata, [.. Field(V1Tags.MetadataName, "up"), .. Field(V1Tags.MetadataUnit, new string('x', 1025))]);
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, [.. notUtf8, .. nameless, .. longName, .. longUnit]);
        Assert.Empty(outcome.Output);
        Assert.False(outcome.Result.HasRefusals);
        Assert.Equal(2, outcome.Result.MetadataDropped(StampReason.MetadataInvalid));
        Assert.Equal(2, outcome.Result.MetadataDropped(StampReason.MetadataTooLong));
    }

    [Theory]
    [InlineData(WriteProtocol.V1, new byte[] { 0x0A, 0x05, 0x00 }, "body is not a prometheus.WriteRequest: a value goes past the end of its message at byte 1")]
    [InlineData(WriteProtocol.V1, new byte[] { 0x0B }, "body is not a prometheus.WriteRequest: a wire type is unknown at byte 1")]
    [InlineData(WriteProtocol.V1, new byte[] { 0x08, 0x01 }, "body is not a prometheus.WriteRequest: a field has another wire type than it must have at byte 1")]
    [InlineData(WriteProtocol.V1, new byte[] { 0x00 }, "body is not a prometheus.WriteRequest: a field number is out of range at byte 0")]
    [InlineData(WriteProtocol.V1, new byte[] { 0x0A, 0x02, 0x0A, 0x01 }, "body is not a prometheus.WriteRequest: a value goes past the end of its message at byte 3")]
    [InlineData(WriteProtocol.V2, new byte[] { 0x22, 0x7F }, "body is not a io.prometheus.write.v2.Request: a value goes past the end of its message at byte 1")]
    [InlineData(WriteProtocol.V2, new byte[] { 0xF8, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, "body is not a io.prometheus.write.v2.Request: a varint has more than 10 bytes at byte 2")]
    [InlineData(WriteProtocol.V2, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x01 }, "body is not a io.prometheus.write.v2.Request: a field number is out of range at byte 0")]
    public void Bytes_that_are_no_message_refuse_the_request(WriteProtocol protocol, byte[] message, string text)
    {
        StampOutcome outcome = StampRunner.Run(protocol, message);
        Assert.Equal(StampReason.MalformedProtobuf, outcome.Result.Fault);
        Assert.Equal(text, outcome.Result.FaultText);
        Assert.Empty(outcome.Output);
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void A_fault_in_the_last_series_leaves_nothing_of_the_first_ones(WriteProtocol protocol)
    {
        byte[] good = StampRunner.Encode(protocol, SeriesText.Parse("up{} 1\nup{} 1@700s\n{} 1"));
        byte[] series = Field(protocol == WriteProtocol.V1 ? V1Tags.Series : V2Tags.Series, Field(V1Tags.Samples, [0x09, 0x01]));
        StampOutcome outcome = StampRunner.Run(protocol, [.. good, .. series]);
        Assert.Equal(StampReason.MalformedProtobuf, outcome.Result.Fault);
        Assert.Empty(outcome.Output);
        Assert.False(outcome.Result.HasRefusals);
        Assert.False(outcome.Result.HasOutput);
        Assert.Equal(default, outcome.Result.Read);
        Assert.Equal(default, outcome.Result.Accepted);
    }

    private static byte[] UpSymbols => [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Symbols, "__name__"), .. Field(V2Tags.Symbols, "up")];

    private static byte[] UpRefs => Field(V2Tags.LabelRefs, [1, 2]);

    private static V2.TimeSeries SeriesWith(V2.Metadata metadata) => new()
    {
        LabelsRefs = { 1, 2 },
        Samples = { new V2.Sample { Value = 1, Timestamp = Now } },
        Metadata = metadata,
    };

    private static int Occurrences(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> of)
    {
        int count = 0;
        for (int at = bytes.IndexOf(of); at >= 0; at = bytes.IndexOf(of))
        {
            count++;
            bytes = bytes[(at + of.Length)..];
        }

        return count;
    }
}
