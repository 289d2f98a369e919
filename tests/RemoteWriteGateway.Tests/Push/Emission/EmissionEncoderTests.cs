using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using ClientModel = RemoteWriteGateway.Protocol.Messages.Client;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Push.Emission;

public sealed partial class EmissionEncoderTests
{
    private const long At = 10_000_000;

    private static readonly EmissionRow Row = new()
    {
        Tenant = "ours",
        Labels = """{"job":"nightly","instance":""}""",
        Key = new byte[16],
        Generation = 1,
        InflightStep = EmissionStep.Value,
        InflightGeneration = 1,
        InflightMs = At,
        InflightPushMs = At - 500,
        InflightFailMs = 0,
    };

    private static readonly string[] Bookkeeping =
    [
        """push_time_seconds{job="nightly"} 9999.5 @10000000 gauge help=Last Unix time when changing this group in the Pushgateway succeeded.""",
        """push_failure_time_seconds{job="nightly"} 0 @10000000 gauge help=Last Unix time when changing this group in the Pushgateway failed.""",
    ];

    [Fact]
    public void Values_carry_the_groups_labels_their_type_and_their_help()
    {
        IReadOnlyList<string> lines = Lines(
            """
            # HELP rows_total Rows.
            # TYPE rows_total counter
            rows_total{shard="b",job="other",zone=""} 5
            # TYPE Up gauge
            Up 1
            plain{Zone="x"} NaN

            """);

        Assert.Equal(
            [
                """rows_total{job="nightly",shard="b"} 5 @10000000 counter help=Rows.""",
                """Up{job="nightly"} 1 @10000000 gauge""",
                """plain{Zone="x",job="nightly"} NaN @10000000 unspecified""",
                .. Bookkeeping,
            ],
            lines);
    }

    [Fact]
    public void Classic_histograms_and_summaries_are_flattened_and_the_infinite_bucket_is_completed()
    {
        IReadOnlyList<string> lines = Lines(
            """
            # TYPE took histogram
            took_bucket{le="0.5"} 1
            took_bucket{le="1"} 2
            took_bucket{le="1e7"} 3
            took_sum 4.5
            took_count 4
            # TYPE size summary
            size{quantile="0.5"} 7
            size{quantile="1"} 9
            size_sum 70
            size_count 10

            """);

        Assert.Equal(
            [
                """took_bucket{job="nightly",le="0.5"} 1 @10000000 histogram""",
                """took_bucket{job="nightly",le="1.0"} 2 @10000000 histogram""",
                """took_bucket{job="nightly",le="1e+07"} 3 @10000000 histogram""",
                """took_bucket{job="nightly",le="+Inf"} 4 @10000000 histogram""",
                """took_sum{job="nightly"} 4.5 @10000000 histogram""",
                """took_count{job="nightly"} 4 @10000000 histogram""",
                """size{job="nightly",quantile="0.5"} 7 @10000000 summary""",
                """size{job="nightly",quantile="1.0"} 9 @10000000 summary""",
                """size_sum{job="nightly"} 70 @10000000 summary""",
                """size_count{job="nightly"} 10 @10000000 summary""",
                .. Bookkeeping,
            ],
            lines);
    }

    [Fact]
    public void Bounds_are_left_as_they_were_pushed_where_that_is_asked_for()
    {
        Delivery delivery = new(Row, Pushed.Body("# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_sum 2\nh_count 2\n"), null);

        Assert.Equal(
            ["""h_bucket{job="nightly",le="1"} 2 @10000000 histogram""", """h_bucket{job="nightly",le="+Inf"} 2 @10000000 histogram"""],
            Lines(Messages([delivery], classicBounds: ClassicBounds.AsPushed)).Take(2));
    }

    [Fact]
    public void Labels_stand_in_order_whatever_their_names_are()
    {
        Delivery delivery = new(Row with { Labels = """{"A":"1","job":"nightly","zz":"2"}""" }, Pushed.Body("# TYPE h histogram\nh_bucket{k=\"3\",ma=\"4\",le=\"+Inf\"} 2\nh_sum{k=\"3\",ma=\"4\"} 2\nh_count{k=\"3\",ma=\"4\"} 2\n"), null);

        Assert.Equal("""h_bucket{A="1",job="nightly",k="3",le="+Inf",ma="4",zz="2"} 2 @10000000 histogram""", Lines(Messages([delivery]))[0]);
    }

    [Fact]
    public void Start_times_and_exemplars_go_with_the_first_value_of_a_generation()
    {
        const string Text =
            """
            # TYPE rows counter
            # UNIT rows_seconds seconds
            rows_total 5 # {trace="a"} 2 9.5
            rows_created 9000.25
            # TYPE took histogram
            took_bucket{le="1.0"} 1 # {trace="b"} 0.5
            took_bucket{le="+Inf"} 1
            took_count 1
            took_sum 0.5
            # EOF
            """;
        string text = Text.Replace("# UNIT rows_seconds seconds\n", "", StringComparison.Ordinal);

        Assert.Equal(
            [
                """rows_total{job="nightly"} 5 @10000000 start=9000250 counter""",
                """rows_total{job="nightly"} # {trace="a"} 2 @9500""",
                """took_bucket{job="nightly",le="1.0"} 1 @10000000 histogram""",
                """took_bucket{job="nightly",le="1.0"} # {trace="b"} 0.5 @10000000""",
            ],
            Lines(text).Take(4));

        Delivery refresh = new(Row with { WrittenGeneration = 1 }, Pushed.Body(text), null);
        Delivery afterRefusal = new(Row with { Attempts = 1 }, Pushed.Body(text), null);
        Assert.DoesNotContain(Lines(Messages([refresh])), line => line.Contains('#', StringComparison.Ordinal));
        Assert.DoesNotContain(Lines(Messages([afterRefusal])), line => line.Contains('#', StringComparison.Ordinal));
        Assert.Contains(Lines(Messages([refresh])), line => line.Contains("start=9000250", StringComparison.Ordinal));
    }

    [Fact]
    public void An_exemplar_of_a_family_that_was_not_pushed_again_is_not_sent_again()
    {
        const string Text = "# TYPE rows counter\nrows_total 5 # {trace=\"a\"} 2\n# EOF\n";
        GroupKey key = Pushed.Key(("job", "nightly"));
        PayloadBody old = PayloadBody.Parse(Pushed.Stored(key, Text, 1)!);
        PayloadBody pushedAgain = PayloadBody.Parse(Pushed.Stored(key, Text, 2)!);
        EmissionRow row = Row with { WrittenGeneration = 1, InflightGeneration = 2, Generation = 2 };

        Assert.Empty(Messages([new Delivery(row, old, old)])[0].Timeseries[0].Exemplars);
        Assert.Single(Messages([new Delivery(row, pushedAgain, old)])[0].Timeseries[0].Exemplars);
    }

    [Fact]
    public void Zeros_are_those_of_what_has_started_and_of_what_counts()
    {
        PayloadBody body = Pushed.Body(
            """
            # TYPE a counter
            a_total 5
            a_created 9999
            # TYPE b counter
            b_total 6
            # TYPE c gauge
            c 7
            # TYPE h histogram
            h_bucket{le="1.0"} 1
            h_bucket{le="+Inf"} 1
            h_count 1
            h_sum 0.5
            # TYPE s summary
            s{quantile="0.5"} 1
            s_count 1
            s_sum 1
            # EOF
            """, "a_total", "h", "s");
        EmissionRow zero = Row with { InflightStep = EmissionStep.Zero, InflightFloorMs = 0 };

        Assert.Equal(
            [
                """a_total{job="nightly"} 0 @9999000 start=9999000""",
                """h_bucket{job="nightly",le="1.0"} 0 @9999999""",
                """h_bucket{job="nightly",le="+Inf"} 0 @9999999""",
                """h_sum{job="nightly"} 0 @9999999""",
                """h_count{job="nightly"} 0 @9999999""",
                """s_sum{job="nightly"} 0 @9999999""",
                """s_count{job="nightly"} 0 @9999999""",
            ],
            SampleLines.Of(Messages([new Delivery(zero, body, null)])[0], withMetadata: false));
    }

    // The start that a metric brought, held behind what was written, within 50 minutes, and before the value.
    [Theory]
    [InlineData("9000", 0L, "9000000 start=9000000")]
    [InlineData("9000", 9_500_000L, "9500001 start=9000000")]
    [InlineData("1", 0L, "7000000 start=1000")]
    [InlineData("20000", 0L, "9999999")]
    [InlineData("9000", 9_999_998L, "9999999 start=9000000")]
    public void A_zero_stands_at_the_start_as_far_as_that_can_be(string created, long floor, string expected)
    {
        PayloadBody body = Pushed.Body($"# TYPE a counter\na_total 5\na_created {created}\n# EOF\n", "a_total");
        EmissionRow zero = Row with { InflightStep = EmissionStep.Zero, InflightFloorMs = floor };

        Assert.Equal([$$"""a_total{job="nightly"} 0 @{{expected}}"""], SampleLines.Of(Messages([new Delivery(zero, body, null)])[0], withMetadata: false));
    }

    [Fact]
    public void A_start_after_the_value_is_no_start()
    {
        Assert.Equal("""a_total{job="nightly"} 5 @10000000 counter""", Lines("# TYPE a counter\na_total 5\na_created 20000\n# EOF\n")[0]);
    }

    [Fact]
    public void Series_that_are_gone_get_a_marker_at_the_time_of_the_values()
    {
        PayloadBody written = Pushed.Body(
            """
            # TYPE gone gauge
            gone 1
            # TYPE part gauge
            part{k="a"} 1
            part{k="b"} 2
            # TYPE h histogram
            h_bucket{le="1"} 1
            h_bucket{le="2"} 1
            h_sum 1
            h_count 1

            """);
        PayloadBody body = Pushed.Body(
            """
            # TYPE part gauge
            part{k="b"} 3
            # TYPE h histogram
            h_bucket{le="1"} 1
            h_bucket{le="4"} 1
            h_sum 1
            h_count 1

            """);
        Delivery delivery = new(Row with { Generation = 2, InflightGeneration = 2, WrittenGeneration = 1 }, body, written);

        Assert.Equal(
            [
                """gone{job="nightly"} stale @10000000 gauge""",
                """part{job="nightly",k="a"} stale @10000000 gauge""",
                """h_bucket{job="nightly",le="2.0"} stale @10000000 histogram""",
            ],
            Lines(Messages([delivery])).Where(line => line.Contains("stale", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_series_that_goes_on_in_another_family_gets_no_marker()
    {
        PayloadBody written = Pushed.Body("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n");
        PayloadBody body = Pushed.Body("# TYPE h_count gauge\nh_count 7\n");
        Delivery delivery = new(Row with { Generation = 2, InflightGeneration = 2, WrittenGeneration = 1 }, body, written);

        IReadOnlyList<string> lines = Lines(Messages([delivery]));

        Assert.Equal(["""h_count{job="nightly"} 7 @10000000 gauge"""], lines.Where(line => line.StartsWith("h_count", StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(line => line.Contains("stale", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_end_of_a_group_is_markers_only()
    {
        Delivery end = new(
            Row with { State = GroupState.Deleted, Generation = 2, InflightGeneration = 2, WrittenGeneration = 1, InflightPushMs = null, InflightFailMs = null },
            PayloadBody.Empty,
            Pushed.Body("a 1\n"));

        Assert.Equal(
            ["""push_time_seconds{job="nightly"} stale @10000000""", """push_failure_time_seconds{job="nightly"} stale @10000000""", """a{job="nightly"} stale @10000000"""],
            SampleLines.Of(Messages([end])[0], withMetadata: false));
    }

    [Fact]
    public void An_expired_group_keeps_its_two_times()
    {
        Delivery expired = new(Row with { State = GroupState.Expired, Generation = 2, InflightGeneration = 2, WrittenGeneration = 1 }, PayloadBody.Empty, Pushed.Body("a 1\n"));

        Assert.Equal([.. Bookkeeping, """a{job="nightly"} stale @10000000 unspecified"""], Lines(Messages([expired])));
    }

    [Fact]
    public void A_large_group_takes_several_messages_at_the_same_time_and_nothing_is_lost_between_them()
    {
        string text = string.Concat(Enumerable.Range(0, 250).Select(i => $"m{{k=\"{i}\"}} {i}\n"));
        Delivery large = new(Row, Pushed.Body(text), Pushed.Body(text.Replace("m{", "old{", StringComparison.Ordinal))) { Series = 252 };
        large = large with { Row = Row with { Generation = 2, InflightGeneration = 2, WrittenGeneration = 1 } };

        V2.Request[] messages = Messages([large, large], bounds: new RequestBounds(100, 2 << 20));

        Assert.All(messages, message => Assert.True(message.Timeseries.Count <= 101));
        Assert.Equal(2 * (250 + 250 + 2), messages.Sum(message => message.Timeseries.Count));
        Assert.All(messages.SelectMany(message => message.Timeseries), series => Assert.Equal(At, Assert.Single(series.Samples).Timestamp));
        Assert.Equal(502, messages.SelectMany(message => SampleLines.Of(message)).Distinct().Count());
    }

    [Fact]
    public void Messages_end_before_they_are_too_large()
    {
        string text = string.Concat(Enumerable.Range(0, 300).Select(i => $"m{{k=\"{i}{new string('x', 2000)}\"}} {i}\n"));

        V2.Request[] messages = Messages([new Delivery(Row, Pushed.Body(text), null)], bounds: new RequestBounds(10_000, 512 << 10));

        Assert.True(messages.Length > 1);
        Assert.All(messages, message => Assert.True(message.CalculateSize() < 512 << 10));
        Assert.Equal(302, messages.Sum(message => message.Timeseries.Count));
    }

    [Fact]
    public void The_same_delivery_is_the_same_bytes_whatever_was_encoded_before()
    {
        Delivery delivery = new(Row, Pushed.Body("a{k=\"v\"} 1\n# TYPE b histogram\nb_bucket{le=\"1\"} 1\nb_sum 1\nb_count 1\n"), null);
        EmissionEncoder used = new(ClassicBounds.Normalised, RequestBounds.Default);
        WriteWork work = new();
        Assert.Single(used.Write([new Delivery(Row, Pushed.Body("x 1\nk{v=\"job\"} 3\n"), null), delivery], true, work));

        Assert.Single(used.Write([delivery], true, work));

        Assert.Equal(Bytes([delivery])[0], work.Decoded.Span.ToArray());
    }

    private static PayloadBody Native(ClientModel.MetricType type, bool withBuckets, bool started)
    {
        ClientModel.MetricFamily family = new() { Name = "h", Type = type };
        ClientModel.Histogram histogram = new()
        {
            SampleCount = 3,
            SampleSum = 4.5,
            Schema = 2,
            ZeroThreshold = 0.001,
            PositiveSpan = { new ClientModel.BucketSpan { Offset = 1, Length = 2 } },
            PositiveDelta = { 1, 1 },
            StartTimestamp = new() { Seconds = 9000 },
        };
        if (withBuckets)
        {
            histogram.Bucket.Add(new ClientModel.Bucket { CumulativeCount = 2, UpperBound = 1 });
        }

        family.Metric.Add(new ClientModel.Metric { Histogram = histogram });
        using MemoryStream body = new();
        Google.Protobuf.MessageExtensions.WriteDelimitedTo(family, body);
        return PayloadBody.Parse(Pushed.Stored(Pushed.Key(("job", "nightly")), body.ToArray(), ExpositionFormat.Protobuf, 1, started ? ["h"] : [])!);
    }

    private static IReadOnlyList<string> Lines(string text) => Lines(Messages([new Delivery(Row, Pushed.Body(text), null)]));

    private static IReadOnlyList<string> Lines(V2.Request[] messages) => [.. messages.SelectMany(message => SampleLines.Of(message))];

    private static V2.Request[] Messages(
        IReadOnlyList<Delivery> batch, bool takesNative = true, ClassicBounds classicBounds = ClassicBounds.Normalised, RequestBounds? bounds = null) =>
        [.. Bytes(batch, takesNative, classicBounds, bounds).Select(V2.Request.Parser.ParseFrom)];

    private static byte[][] Bytes(
        IReadOnlyList<Delivery> batch, bool takesNative = true, ClassicBounds classicBounds = ClassicBounds.Normalised, RequestBounds? bounds = null)
    {
        EmissionEncoder encoder = new(classicBounds, bounds ?? RequestBounds.Default);
        WriteWork work = new();
        return [.. encoder.Write(batch, takesNative, work).Select(_ => work.Decoded.Span.ToArray())];
    }
}
