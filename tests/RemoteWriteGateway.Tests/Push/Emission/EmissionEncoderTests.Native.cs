using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using ClientModel = RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.Tests.Push.Emission;

public sealed partial class EmissionEncoderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Native_histograms_stay_what_they_are_or_become_count_sum_and_one_bucket(bool takesNative)
    {
        Delivery value = new(Row, Native(ClientModel.MetricType.Histogram, withBuckets: false, started: true), null);
        Delivery zero = value with { Row = Row with { InflightStep = EmissionStep.Zero, InflightFloorMs = 0 } };

        string[] expected = takesNative
            ? ["""h{job="nightly"} histogram count=3 sum=4.5 schema=2 buckets=2 @10000000 start=9000000"""]
            :
            [
                """h_bucket{job="nightly",le="+Inf"} 3 @10000000 start=9000000""",
                """h_sum{job="nightly"} 4.5 @10000000 start=9000000""",
                """h_count{job="nightly"} 3 @10000000 start=9000000""",
            ];
        Assert.Equal(expected, SampleLines.Of(Messages([value], takesNative)[0], withMetadata: false).SkipLast(2));

        expected = takesNative
            ? ["""h{job="nightly"} histogram count=0 sum=0 schema=2 buckets=0 @9000000 start=9000000"""]
            :
            [
                """h_bucket{job="nightly",le="+Inf"} 0 @9000000 start=9000000""",
                """h_sum{job="nightly"} 0 @9000000 start=9000000""",
                """h_count{job="nightly"} 0 @9000000 start=9000000""",
            ];
        Assert.Equal(expected, SampleLines.Of(Messages([zero], takesNative)[0], withMetadata: false));
    }

    [Fact]
    public void A_metric_with_both_kinds_of_buckets_gives_both()
    {
        Delivery value = new(Row, Native(ClientModel.MetricType.Histogram, withBuckets: true, started: false), null);

        Assert.Equal(
            ["h_bucket", "h_bucket", "h_sum", "h_count", "h", "push_time_seconds", "push_failure_time_seconds"],
            SampleLines.Of(Messages([value])[0]).Select(line => line[..line.IndexOf('{', StringComparison.Ordinal)]));
    }

    [Fact]
    public void A_gauge_histogram_says_that_it_is_one_and_keeps_its_suffixes()
    {
        Delivery native = new(Row, Native(ClientModel.MetricType.GaugeHistogram, withBuckets: false, started: false), null);

        Assert.Contains(" Gauge @", SampleLines.Of(Messages([native])[0])[0], StringComparison.Ordinal);
        Assert.Equal(
            [
                """g_bucket{job="nightly",le="1.0"} 2 @10000000 gaugehistogram""",
                """g_bucket{job="nightly",le="+Inf"} 3 @10000000 gaugehistogram""",
                """g_gsum{job="nightly"} 4 @10000000 gaugehistogram""",
                """g_gcount{job="nightly"} 3 @10000000 gaugehistogram""",
            ],
            Lines("# TYPE g gaugehistogram\ng_bucket{le=\"1.0\"} 2\ng_bucket{le=\"+Inf\"} 3\ng_gcount 3\ng_gsum 4\n# EOF\n").SkipLast(2));
    }

    [Fact]
    public void The_end_of_a_native_histogram_is_an_empty_one_with_the_marker_as_its_sum()
    {
        Delivery end = new(
            Row with { Generation = 2, InflightGeneration = 2, WrittenGeneration = 1 }, PayloadBody.Empty, Native(ClientModel.MetricType.Histogram, withBuckets: false, started: false));

        Assert.Equal("""h{job="nightly"} stale histogram @10000000 histogram""", Lines(Messages([end]))[^1]);
    }
}
