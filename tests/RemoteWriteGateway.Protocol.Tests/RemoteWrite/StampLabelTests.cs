using System.Text;
using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Which labels leave: the stamp, what writers must not set, and what is no valid label set.</summary>
public sealed partial class StampLabelTests
{
    public static TheoryData<WriteProtocol> Protocols => [WriteProtocol.V1, WriteProtocol.V2];

    [Theory, MemberData(nameof(Protocols))]
    public void A_series_gets_the_tenant_label(WriteProtocol protocol) =>
        Assert.Equal("""up{job="a",tenant="ours"} 1 2@-5s""", StampRunner.Stamp(protocol, """up{job="a"} 1 2@-5s"""));

    [Theory, MemberData(nameof(Protocols))]
    public void A_tenant_label_sent_by_the_writer_is_replaced(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(protocol, """up{job="a",tenant="theirs",zone="z"} 1""");
        Assert.Equal("""up{job="a",tenant="ours",zone="z"} 1""", outcome.Text);
        Assert.Equal(1, outcome.Result.RemovedTenantLabels);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void A_tenant_label_with_our_own_value_is_there_once(WriteProtocol protocol) =>
        Assert.Equal("""up{tenant="ours"} 1""", StampRunner.Stamp(protocol, """up{tenant="ours"} 1"""));

    [Theory, MemberData(nameof(Protocols))]
    public void An_empty_tenant_label_is_replaced(WriteProtocol protocol) =>
        Assert.Equal("""up{tenant="ours"} 1""", StampRunner.Stamp(protocol, """up{tenant=""} 1"""));

    [Theory, MemberData(nameof(Protocols))]
    public void A_tenant_label_in_front_of_the_metric_name_is_replaced(WriteProtocol protocol) =>
        Assert.Equal("""up{job="a",tenant="ours"} 1""", StampRunner.Stamp(protocol, """{tenant="theirs",job="a",__name__="up"} 1"""));

    [Theory, MemberData(nameof(Protocols))]
    public void Stale_and_exemplar_only_series_are_stamped_too(WriteProtocol protocol)
    {
        var stale = new V1.TimeSeries { Labels = { Labels("__name__", "up", "tenant", "theirs") }, Samples = { StaleSample() } };
        var exemplarOnly = new V1.TimeSeries
        {
            Labels = { Labels("__name__", "up", "tenant", "theirs") },
            Exemplars = { new V1.Exemplar { Value = 1, Timestamp = StampRunner.NowMs, Labels = { Labels("trace_id", "x") } } },
        };
        StampOutcome outcome = StampRunner.Run(protocol, [stale, exemplarOnly]);
        Assert.Equal("up{tenant=\"ours\"} NaN\nup{tenant=\"ours\"}", outcome.Text);
        Assert.Equal(1, outcome.Result.StaleMarkers);
    }

    [Fact]
    public void A_twin_of_the_tenant_label_under_a_second_symbol_is_replaced_too()
    {
        // Symbols 3 and 5 have the same bytes; so have 4 and 6.
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up", "tenant", "theirs", "tenant", "theirs" },
            Timeseries =
            {
                new V2.TimeSeries { LabelsRefs = { 1, 2, 3, 4 }, Samples = { Sample() } },
                new V2.TimeSeries { LabelsRefs = { 1, 2, 5, 6 }, Samples = { Sample() } },
            },
        };
        Assert.Equal("up{tenant=\"ours\"} 1\nup{tenant=\"ours\"} 1", StampRunner.Run(WriteProtocol.V2, request.ToByteArray()).Text);
    }

    [Fact]
    public void A_label_twice_under_two_symbols_with_the_same_bytes_is_refused()
    {
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up", "tenant", "theirs", "tenant" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2, 3, 4, 5, 4 }, Samples = { Sample() } } },
        };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, request.ToByteArray());
        Assert.Equal(StampReason.DuplicateLabelNames, outcome.OnlyReason);
        Assert.Empty(outcome.Output);
    }

    [Fact]
    public void A_label_message_with_two_names_means_its_last_one()
    {
        // The first name would pass, the last one is what a store reads.
        byte[] label = [.. Field(0x0A, "job"), .. Field(0x12, "x"), .. Field(0x0A, "tenant"), .. Field(0x12, "theirs")];
        byte[] series = [.. Field(0x0A, new V1.Label { Name = "__name__", Value = "up" }.ToByteArray()), .. Field(0x0A, label), .. Field(0x12, V1Sample().ToByteArray())];
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, Field(0x0A, series));
        Assert.Equal("""up{tenant="ours"} 1""", outcome.Text);
        Assert.Equal(-1, outcome.Output.AsSpan().IndexOf("theirs"u8));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Labels_leave_in_byte_order(WriteProtocol protocol)
    {
        // By UTF-16 the globe (a surrogate pair) would stand before the tilde.
        const string globe = "\U0001F30D";
        const string tilde = "\uFF5E";
        StampOutcome outcome = StampRunner.Run(protocol, $$"""{{{globe}}="1",tenant_a="2",{{tilde}}="3",Z="4",__name__="up",tenan="5"} 1""");
        Assert.Equal(["Z", "__name__", "tenan", "tenant", "tenant_a", tilde, globe], outcome.Series[0].Labels.Select(static label => label.Name));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Names_that_agree_in_their_first_eight_bytes_are_compared_whole(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(
            protocol,
            """up{container_name="1",containe="2",container="3",container_id="4"} 1""",
            StampRunner.Ours with { TenantLabel = "container_ie" });
        Assert.Equal(
            ["__name__", "containe", "container", "container_id", "container_ie", "container_name"],
            outcome.Series[0].Labels.Select(static label => label.Name));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Empty_labels_are_removed(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(protocol, """up{a="",job="x",z=""} 1""");
        Assert.Equal("""up{job="x",tenant="ours"} 1""", outcome.Text);
        Assert.Equal(2, outcome.Result.RemovedEmptyLabels);
    }

    [Theory]
    [InlineData(WriteProtocol.V1, "vm_account_id")]
    [InlineData(WriteProtocol.V1, "vm_project_id")]
    [InlineData(WriteProtocol.V1, "__tenant_id__")]
    [InlineData(WriteProtocol.V1, "tenant_id")]
    [InlineData(WriteProtocol.V2, "vm_account_id")]
    [InlineData(WriteProtocol.V2, "vm_project_id")]
    [InlineData(WriteProtocol.V2, "__tenant_id__")]
    [InlineData(WriteProtocol.V2, "tenant_id")]
    public void Reserved_labels_are_removed_or_refused(WriteProtocol protocol, string label)
    {
        string series = $$"""up{{{label}}="7",job="a"} 1""";
        StampOptions remove = StampRunner.Ours with { ReservedLabels = ["tenant_id"] };
        StampOutcome removed = StampRunner.Run(protocol, series, remove);
        Assert.Equal("""up{job="a",tenant="ours"} 1""", removed.Text);
        Assert.Equal(1, removed.Result.RemovedReservedLabels);

        StampOutcome refused = StampRunner.Run(protocol, series, remove with { RefuseReservedLabels = true });
        Assert.Equal(StampReason.ReservedLabel, refused.OnlyReason);
        Assert.StartsWith($"label \"{label}\" is set by the gateway: up{{", refused.Result.Text(StampReason.ReservedLabel), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void The_writers_tenant_label_is_removed_even_where_reserved_labels_are_refused(WriteProtocol protocol) =>
        Assert.Equal(
            """up{tenant="ours"} 1""",
            StampRunner.Stamp(protocol, """up{tenant="theirs"} 1""", StampRunner.Ours with { RefuseReservedLabels = true }));

    [Theory, MemberData(nameof(Protocols))]
    public void A_store_that_ignores_case_gets_no_other_spelling_of_the_tenant_label(WriteProtocol protocol)
    {
        const string series = """up{TENANT="1",Tenant="2",tenant="3",tenanT="4"} 1""";
        StampOutcome outcome = StampRunner.Run(protocol, series, StampRunner.Ours with { TenantLabelIgnoresCase = true });
        Assert.Equal("""up{tenant="ours"} 1""", outcome.Text);
        Assert.Equal(1, outcome.Result.RemovedTenantLabels);
        Assert.Equal(3, outcome.Result.RemovedReservedLabels);
        Assert.Equal("""up{TENANT="1",Tenant="2",tenanT="4",tenant="ours"} 1""", StampRunner.Stamp(protocol, series));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void The_writers_tenant_can_be_kept_under_another_name(WriteProtocol protocol)
    {
        StampOptions keep = StampRunner.Ours with { KeepWriterTenant = true };
        Assert.Equal(
            """up{exported_tenant="theirs",tenant="ours"} 1""",
            StampRunner.Stamp(protocol, """up{tenant="theirs"} 1""", keep));
        Assert.Equal(
            """up{exported_exported_tenant="theirs",exported_tenant="x",tenant="ours"} 1""",
            StampRunner.Stamp(protocol, """up{exported_tenant="x",tenant="theirs"} 1""", keep));
        Assert.Equal("""up{tenant="ours"} 1""", StampRunner.Stamp(protocol, """up{tenant=""} 1""", keep));
    }

    [Theory, MemberData(nameof(Protocols))]
    public void Several_series_share_the_kept_name(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(
            protocol,
            """
            up{tenant="a"} 1
            down{exported_tenant="x",tenant="b"} 1
            up{tenant="c"} 1
            """,
            StampRunner.Ours with { KeepWriterTenant = true });
        Assert.Equal(
            """
            up{exported_tenant="a",tenant="ours"} 1
            down{exported_exported_tenant="b",exported_tenant="x",tenant="ours"} 1
            up{exported_tenant="c",tenant="ours"} 1
            """,
            outcome.Text);
    }

    [Theory, MemberData(nameof(Protocols))]
    public void A_store_isolated_by_other_means_gets_no_stamp_and_not_the_writers_label_either(WriteProtocol protocol)
    {
        StampOptions none = StampRunner.Ours with { Stamp = false };
        Assert.Equal("""up{job="a"} 1""", StampRunner.Stamp(protocol, """up{job="a",tenant="theirs"} 1""", none));
        Assert.Equal(
            """up{exported_tenant="theirs"} 1""",
            StampRunner.Stamp(protocol, """up{tenant="theirs"} 1""", none with { KeepWriterTenant = true }));
    }

    [Theory]
    [InlineData(StampReason.MissingMetricName, """{job="a"} 1""", """series without a metric name: {job="a"}""")]
    [InlineData(StampReason.MissingMetricName, """{__name__="",job="a"} 1""", """series without a metric name: {job="a"}""")]
    [InlineData(StampReason.DuplicateLabelNames, """up{job="a",job="b"} 1""", """label "job" occurs twice: up{job="a",job="b"}""")]
    [InlineData(StampReason.DuplicateLabelNames, """up{job="",job=""} 1""", """label "job" occurs twice: up{job="",job=""}""")]
    [InlineData(StampReason.DuplicateLabelNames, """up{tenant="a",tenant="b"} 1""", """label "tenant" occurs twice: up{tenant="a",tenant="b"}""")]
    [InlineData(StampReason.LabelNameInvalid, """up{="a"} 1""", "label name \"\" is not valid (UTF-8, not empty): up{\"\"=\"a\"}")]
    public void A_faulty_series_is_left_out_and_the_rest_is_written(StampReason reason, string faulty, string text)
    {
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            StampOutcome outcome = StampRunner.Run(protocol, $"before{{}} 1\n{faulty} 2\nafter{{}} 3");
            Assert.Equal("before{tenant=\"ours\"} 1\nafter{tenant=\"ours\"} 3", outcome.Text);
            Assert.Equal(reason, outcome.OnlyReason);
            Assert.Equal(1, outcome.Result.RefusedSeries(reason));
            Assert.Equal(new ItemCounts(2, 0, 0), outcome.Result.Refused(reason));
            Assert.Equal(new ItemCounts(2, 0, 0), outcome.Result.Accepted);
            Assert.Equal(new ItemCounts(4, 0, 0), outcome.Result.Read);
            Assert.Equal(text, outcome.Result.Text(reason));
        }
    }

    [Theory, MemberData(nameof(Protocols))]
    public void A_series_without_labels_is_refused_whatever_stands_before_and_behind_it(WriteProtocol protocol)
    {
        StampOutcome outcome = StampRunner.Run(protocol, "{} 1\nup{} 2\n{} 3\nup{} 4");
        Assert.Equal("up{tenant=\"ours\"} 2\nup{tenant=\"ours\"} 4", outcome.Text);
        Assert.Equal(StampReason.MissingMetricName, outcome.OnlyReason);

        // 2.0: an empty run of references, and no field at all.
        byte[] sample = Field(V2Tags.Samples, Sample().ToByteArray());
        byte[] symbols = [.. Field(V2Tags.Symbols, ""), .. Field(V2Tags.Symbols, "__name__"), .. Field(V2Tags.Symbols, "up")];
        byte[] emptyRun = Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, ""), .. sample]);
        byte[] up = Field(V2Tags.Series, [.. Field(V2Tags.LabelRefs, [1, 2]), .. sample]);
        StampOutcome empty = StampRunner.Run(WriteProtocol.V2, [.. symbols, .. emptyRun, .. up, .. emptyRun]);
        Assert.Equal("up{tenant=\"ours\"} 1", empty.Text);
        Assert.Equal(2, empty.Result.RefusedSeries(StampReason.MissingMetricName));
    }

    [Theory]
    [InlineData("""a:b{} 1""", StampReason.None)]
    [InlineData("""a.b{} 1""", StampReason.MetricNameInvalid)]
    [InlineData("""9a{} 1""", StampReason.MetricNameInvalid)]
    [InlineData("""a{b:c="1"} 1""", StampReason.LabelNameInvalid)]
    [InlineData("""a{9b="1"} 1""", StampReason.LabelNameInvalid)]
    [InlineData("""a{_b9="1"} 1""", StampReason.None)]
    [InlineData("""a{b c=""} 1""", StampReason.None)]
    [InlineData("""a{b="x y"} 1""", StampReason.None)]
    public void Legacy_names_are_asked_for_by_scheme(string series, StampReason reason)
    {
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            StampOutcome legacy = StampRunner.Run(protocol, series, StampRunner.Ours with { NameScheme = NameScheme.Legacy });
            Assert.Equal(reason != StampReason.None, legacy.Result.HasRefusals);
            Assert.Equal(reason == StampReason.None ? 0 : 1, legacy.Result.RefusedSeries(reason));
            Assert.False(StampRunner.Run(protocol, series).Result.HasRefusals);
        }
    }

    public static TheoryData<string, byte[]> InvalidUtf8 => new()
    {
        { "a byte that continues nothing", [0x80] },
        { "a character that ends early", [0x61, 0xC3] },
        { "an overlong slash", [0xC0, 0xAF] },
        { "a surrogate", [0xED, 0xA0, 0x80] },
        { "past the last character", [0xF4, 0x90, 0x80, 0x80] },
    };

    [Theory, MemberData(nameof(InvalidUtf8))]
    public void Invalid_utf8_is_refused_and_never_replaced(string what, byte[] text)
    {
        Assert.NotEmpty(what);
        AssertRefused(StampReason.LabelValueInvalid, "job"u8, text);
        AssertRefused(StampReason.MetricNameInvalid, "__name__"u8, text);
        AssertRefused(StampReason.LabelNameInvalid, text, "a"u8);

        static void AssertRefused(StampReason reason, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            byte[] label = Field(0x0A, [.. Field(0x0A, name), .. Field(0x12, value)]);
            StampOutcome v1 = StampRunner.Run(WriteProtocol.V1, Field(0x0A, [.. label, .. Field(0x12, V1Sample().ToByteArray())]));
            Assert.Equal(reason, v1.OnlyReason);
            Assert.Empty(v1.Output);

            byte[] symbols = [.. Field(0x22, ""u8), .. Field(0x22, name), .. Field(0x22, value)];
            var series = new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { Sample() } };
            StampOutcome v2 = StampRunner.Run(WriteProtocol.V2, [.. symbols, .. Field(0x2A, series.ToByteArray())]);
            Assert.Equal(reason, v2.OnlyReason);
            Assert.Empty(v2.Output);
        }
    }

    [Fact]
    public void A_symbol_that_is_not_utf8_leaves_empty_while_the_others_keep_their_numbers()
    {
        byte[] symbols = [.. Field(0x22, ""u8), .. Field(0x22, [0xFF]), .. Field(0x22, "__name__"u8), .. Field(0x22, "up"u8)];
        var good = new V2.TimeSeries { LabelsRefs = { 2, 3 }, Samples = { Sample() } };
        var bad = new V2.TimeSeries { LabelsRefs = { 2, 1 }, Samples = { Sample() } };
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V2, [.. symbols, .. Field(0x2A, bad.ToByteArray()), .. Field(0x2A, good.ToByteArray())]);
        Assert.Equal("""up{tenant="ours"} 1""", outcome.Text);
        Assert.Equal(["", "", "__name__", "up", "tenant", "ours"], outcome.AsV2().Symbols);
        Assert.Equal(StampReason.MetricNameInvalid, outcome.OnlyReason);
    }

    [Fact]
    public void A_quoted_series_is_cut_at_a_character_boundary()
    {
        string value = string.Concat(Enumerable.Repeat("é", 300));
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, $$"""{job="{{value}}"} 1""");
        string text = outcome.Result.Text(StampReason.MissingMetricName);
        string series = text["series without a metric name: ".Length..];
        Assert.StartsWith("{job=\"éé", series, StringComparison.Ordinal);
        Assert.EndsWith("é...", series, StringComparison.Ordinal);
        Assert.InRange(Encoding.UTF8.GetByteCount(series), 198, 200);
    }

    [Fact]
    public void A_quoted_series_shows_no_control_characters()
    {
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, new V1.TimeSeries { Labels = { Labels("a b", "x\n\"\\") }, Samples = { V1Sample() } });
        Assert.Equal("""series without a metric name: {"a b"="x\x0a\"\\"}""", outcome.Result.Text(StampReason.MissingMetricName));
    }

    [Theory]
    [InlineData("", "ours")]
    [InlineData("tenant", "")]
    [InlineData("__name__", "ours")]
    public void A_label_that_cannot_be_a_stamp_is_a_fault_of_the_options(string label, string value) =>
        Assert.ThrowsAny<ArgumentException>(() => new StampOptions { TenantLabel = label, TenantValue = value }.Prepare());

    [Fact]
    public void Times_that_run_backwards_are_a_fault_of_the_options()
    {
        Assert.ThrowsAny<ArgumentException>(() => (StampRunner.Ours with { MaxFutureMs = -1 }).Prepare());
        Assert.ThrowsAny<ArgumentException>(() => (StampRunner.Ours with { MaxPastMs = -1 }).Prepare());
    }

    [Fact]
    public void Half_a_surrogate_pair_cannot_be_a_stamp() =>
        Assert.ThrowsAny<ArgumentException>(() => new StampOptions { TenantLabel = "tenant", TenantValue = "\ud800" }.Prepare());

    internal static byte[] Field(byte tag, ReadOnlySpan<byte> contents)
    {
        var buffer = new WriteBuffer();
        buffer.AppendBytes(tag, contents);
        return buffer.Span.ToArray();
    }

    internal static byte[] Field(byte tag, string contents) => Field(tag, Encoding.UTF8.GetBytes(contents));

    private static IEnumerable<V1.Label> Labels(params string[] texts) =>
        texts.Chunk(2).Select(static pair => new V1.Label { Name = pair[0], Value = pair[1] });

    private static V1.Sample V1Sample() => new() { Value = 1, Timestamp = StampRunner.NowMs };

    private static V1.Sample StaleSample() =>
        new() { Value = BitConverter.UInt64BitsToDouble(0x7ff0_0000_0000_0002), Timestamp = StampRunner.NowMs };

    private static V2.Sample Sample() => new() { Value = 1, Timestamp = StampRunner.NowMs };
}
