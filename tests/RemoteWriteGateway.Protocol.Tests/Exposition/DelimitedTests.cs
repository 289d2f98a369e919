using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class DelimitedTests
{
    private static readonly MetricFamily Counter = new()
    {
        Name = "c", Help = "Help.", Unit = "rows",
        Metric =
        {
            new Metric
            {
                Label = { new LabelPair { Name = "z", Value = "é" }, new LabelPair { Name = "a", Value = "" } },
                Counter = new Counter
                {
                    Value = 3,
                    Exemplar = new Exemplar { Label = { new LabelPair { Name = "t", Value = "1" } }, Value = 2, Timestamp = new Timestamp { Seconds = 5, Nanos = 6_999_999 } },
                    StartTimestamp = new Timestamp { Seconds = -1, Nanos = 500_000_000 },
                },
            },
        },
    };

    [Fact]
    public void A_counter_keeps_its_start_and_exemplar() => Assert.Equal(
        "Counter c help=Help. unit=rows\n  {z=é,a=} 3 start=-500 #{t=1} 2 @5006", Pushed.Protobuf(Body(Counter)));

    [Fact]
    public void Values_keep_their_bits()
    {
        const ulong Stale = 0x7FF0000000000002;
        byte[] body = Body(new MetricFamily { Name = "g", Type = MetricType.Gauge, Metric = { new Metric { Gauge = new Gauge { Value = 1 } } } });
        int at = body.AsSpan().IndexOf(BitConverter.GetBytes(1.0));
        BitConverter.GetBytes(Stale).CopyTo(body, at);
        Assert.Equal(Stale, Pushed.Read(body, ExpositionFormat.Protobuf).Metrics[0].ValueBits);
    }

    [Fact]
    public void Families_without_metrics_stay_and_of_one_name_are_one()
    {
        MetricFamily more = new() { Name = "c", Metric = { new Metric { Counter = new Counter { Value = 1 } } } };
        Assert.Equal(
            "Gauge empty\nCounter c\n  {} 1\n  {z=é,a=} 3 start=-500 #{t=1} 2 @5006",
            Pushed.Protobuf(Body(new MetricFamily { Name = "empty", Type = MetricType.Gauge }, more, Counter)).Replace(" help=Help. unit=rows", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Histograms_have_classic_and_native_buckets_side_by_side()
    {
        Histogram histogram = new()
        {
            SampleCount = 7, SampleSum = 1.5, Schema = 3, ZeroThreshold = 0.001, ZeroCount = 2,
            PositiveSpan = { new BucketSpan { Offset = -1, Length = 2 } }, PositiveDelta = { 2, 1 },
            Bucket = { new Bucket { UpperBound = 2, CumulativeCount = 5, Exemplar = new Exemplar { Value = 9 } }, new Bucket { UpperBound = 1, CumulativeCount = 4 } },
            Exemplars = { new Exemplar { Value = 1 }, new Exemplar { Value = 2, Timestamp = new Timestamp { Seconds = 1 } } },
        };
        MetricFamilies families = Pushed.Read(Body(Family(histogram)), ExpositionFormat.Protobuf);
        Assert.Equal("Histogram h\n  {} count=7 sum=1.5 [1]=4 [2]=5 #{} 9 #{} 2 @1000", Pushed.Print(families));
        Assert.Equal(1, families.DroppedExemplars);

        NativeHistogram native = new();
        native.Read(families.Text(families.Metrics[0].Native));
        Assert.Equal((3, 0.001, 7UL, 2UL, false), (native.Schema, native.ZeroThreshold, native.CountBits, native.ZeroCountBits, native.IsFloat));
        Assert.Equal([new NativeSpan(-1, 2)], native.PositiveSpans.ToArray());
        Assert.Equal([2L, 1L], native.PositiveBuckets.ToArray());
    }

    [Fact]
    public void Float_counts_win_over_whole_ones_if_they_are_greater_than_zero()
    {
        Histogram histogram = new() { SampleCountFloat = 2.5, Bucket = { new Bucket { UpperBound = 1, CumulativeCount = 2 }, new Bucket { UpperBound = 2, CumulativeCountFloat = 2.25 } } };
        Assert.Equal("Histogram h\n  {} count=2.5f sum=0 [1]=2 [2]=2.25", Pushed.Protobuf(Body(Family(histogram))));
    }

    [Fact]
    public void A_message_given_twice_is_merged()
    {
        byte[] first = new Metric { Counter = new Counter { Value = 1, StartTimestamp = new Timestamp { Seconds = 1 } } }.ToByteArray();
        byte[] second = new Metric { Counter = new Counter { Value = 2 } }.ToByteArray();
        byte[] third = new Metric { Counter = new Counter { Exemplar = new Exemplar { Label = { new LabelPair { Name = "t", Value = "1" } }, Value = 7 } } }.ToByteArray();
        byte[] metric = [.. first, .. second, .. third];
        byte[] family = [.. new MetricFamily { Name = "c" }.ToByteArray(), 0x22, (byte)metric.Length, .. metric];
        Assert.Equal("Counter c\n  {} 2 start=1000 #{t=1} 7", Pushed.Protobuf([(byte)family.Length, .. family]));
    }

    [Theory]
    [InlineData("05", "family 1 (byte 0): the body ends inside a message")]
    [InlineData("80", "family 1 (byte 0): the body ends inside a message")]
    [InlineData("ffffffffff01", "family 1 (byte 0): not valid wire data")]
    [InlineData("ffffffff0f", "family 1 (byte 0): the body ends inside a message")]
    [InlineData("00", "family 1 (byte 0): a family without a name")]
    [InlineData("030a0161020a05", "family 2 (byte 4): not valid wire data")]
    [InlineData("030a01610113", "family 2 (byte 4): not valid wire data")]
    [InlineData("060a0161220308ff01", "family 1 (byte 0): not valid wire data")]
    [InlineData("080a0161180422023a01", "family 1 (byte 0): not valid wire data")]
    public void Bytes_that_are_no_families_are_refused(string hex, string fault) =>
        Assert.Equal($"malformed-protobuf: {fault}", Pushed.Fault(Convert.FromHexString(hex), ExpositionFormat.Protobuf));

    public static TheoryData<MetricFamily, string> Contents => new()
    {
        { new MetricFamily { Name = "a b" }, "metric-name-invalid: family 1: metric name \"a b\" is not valid (letters, digits and underscores; push.utf8Names allows others)" },
        { With(new LabelPair { Name = "a:b" }), "label-name-invalid: family 1: label name \"a:b\" is not valid (letters, digits and underscores; push.utf8Names allows others)" },
        { With(new LabelPair { Value = "x" }), "label-name-invalid: family 1: label name \"\" is not valid (letters, digits and underscores; push.utf8Names allows others)" },
        { With(new LabelPair { Name = "__name__", Value = "x" }), "label-not-allowed: family 1: __name__ cannot be a label of g" },
        { With(new LabelPair { Name = "x" }, new LabelPair { Name = "a" }, new LabelPair { Name = "x" }), "duplicate-label-names: family 1: label x is given twice" },
        { With(new LabelPair { Name = "x", Value = "\0" }), "label-value-invalid: family 1: the value of label x is not UTF-8, or has U+0000 in it" },
        { new MetricFamily { Name = "g", Metric = { new Metric { Gauge = new Gauge() } } }, "type-mismatch: family 1: g is of type COUNTER, and a metric of it has no value of that type" },
        { new MetricFamily { Name = "g", Metric = { new Metric { Gauge = new Gauge(), Counter = new Counter() } } }, "type-mismatch: family 1: g is of type COUNTER, and a metric of it has a value of another type, too" },
        { new MetricFamily { Name = "g", Type = (MetricType)9 }, "type-mismatch: family 1 (byte 0): g has the type 9; there are 0 (counter) to 5 (gauge histogram)" },
        { new MetricFamily { Name = "g", Metric = { new Metric { Counter = new Counter(), TimestampMs = 5 } } }, "timestamps-not-allowed: family 1: a sample of g has a timestamp; push without them" },
        { Family(new Histogram { SampleCountFloat = -1 }), "histogram-negative-count: family 1: a count of h is negative or no number" },
        { Family(new Histogram { Bucket = { new Bucket { UpperBound = double.NaN } } }), "label-value-invalid: family 1: a bucket of h has no number as its bound (NaN)" },
        { Family(new Histogram { Bucket = { new Bucket { UpperBound = 1 }, new Bucket { UpperBound = 1 } } }), "series-duplicate: family 1: a metric of h has the bucket 1 twice" },
        { Family(new Histogram { ZeroThreshold = 1, Schema = 9 }), "histogram-schema-invalid: family 1: native histogram h: schema 9 cannot be stored" },
        { Family(new Histogram { ZeroThreshold = 1, Schema = -53 }), "histogram-schema-invalid: family 1: native histogram h: schema -53 cannot be stored" },
        { Family(new Histogram { PositiveSpan = { new BucketSpan { Length = 2 } }, PositiveDelta = { 1 }, SampleCount = 1 }), "histogram-buckets-mismatch: family 1: native histogram h: positive spans need 2 buckets, got 1" },
        { Family(new Histogram { PositiveSpan = { new BucketSpan { Length = 1 } }, PositiveDelta = { 1 }, SampleCount = 2 }), "histogram-count-mismatch: family 1: native histogram h: count says 2, buckets hold 1" },
        {
            Family(new Histogram { PositiveSpan = { new BucketSpan { Offset = int.MaxValue }, new BucketSpan { Length = 1 } }, PositiveDelta = { 1 }, SampleCount = 1 }),
            "histogram-span-invalid: family 1: native histogram h: positive spans from 2147483647 to 2147483648: the number of a bucket has 32 bits"
        },
        {
            Family(new Histogram { NegativeSpan = { new BucketSpan { Offset = int.MinValue, Length = 1 } }, NegativeDelta = { 1 }, SampleCount = 1 }),
            "histogram-span-invalid: family 1: native histogram h: negative spans from -2147483648 to -2147483647: the number of a bucket has 32 bits"
        },
        {
            Family(new Histogram { PositiveSpan = { new BucketSpan { Length = 1 } }, PositiveDelta = { 2 }, SampleCount = 2, Bucket = { new Bucket { UpperBound = 1, CumulativeCountFloat = 1.5 } } }),
            "histogram-buckets-mismatch: family 1: native histogram h: its classic buckets have counts of another kind, whole or float, than its native ones"
        },
        { Family(new Histogram { NegativeDelta = { 1 }, SampleCount = 1 }), "histogram-buckets-mismatch: family 1: native histogram h: negative spans need 0 buckets, got 1" },
    };

    [Theory]
    [MemberData(nameof(Contents))]
    public void Content_that_must_not_be_stored_is_refused(MetricFamily family, string fault) =>
        Assert.Equal(fault, Pushed.Fault(Body(family), ExpositionFormat.Protobuf));

    [Fact]
    public void Two_families_of_one_name_and_different_types_are_refused() => Assert.Equal(
        "type-mismatch: family 2 (byte 4): a is of type gauge here and counter in family 1",
        Pushed.Fault(Body(new MetricFamily { Name = "a" }, new MetricFamily { Name = "a", Type = MetricType.Gauge }), ExpositionFormat.Protobuf));

    [Fact]
    public void Labels_of_the_path_overwrite_those_of_the_body_before_series_are_compared()
    {
        MetricFamily family = new()
        {
            Name = "g",
            Metric =
            {
                new Metric { Counter = new Counter(), Label = { new LabelPair { Name = "job", Value = "1" } } },
                new Metric { Counter = new Counter(), Label = { new LabelPair { Name = "job", Value = "2" } } },
            },
        };
        GroupingLabels group = GroupingLabels.Create([KeyValuePair.Create("job", "j"), KeyValuePair.Create("zone", "")]);
        Assert.Equal("none", Pushed.Fault(Body(family), ExpositionFormat.Protobuf));
        Assert.Equal(
            "series-duplicate: family 1: g{job=\"j\"} is in the push twice, first in family 1",
            Pushed.Fault(Body(family), ExpositionFormat.Protobuf, null, group));
    }

    internal static byte[] Body(params MetricFamily[] families)
    {
        using MemoryStream stream = new();
        foreach (MetricFamily family in families)
        {
            family.WriteDelimitedTo(stream);
        }

        return stream.ToArray();
    }

    private static MetricFamily Family(Histogram histogram) => new() { Name = "h", Type = MetricType.Histogram, Metric = { new Metric { Histogram = histogram } } };

    private static MetricFamily With(params LabelPair[] labels) => new() { Name = "g", Metric = { new Metric { Label = { labels }, Counter = new Counter() } } };
}
