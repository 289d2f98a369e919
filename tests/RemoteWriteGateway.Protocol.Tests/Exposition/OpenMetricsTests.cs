namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class OpenMetricsTests
{
    [Theory]
    [InlineData("# EOF", "")]
    [InlineData("# EOF\n", "")]
    [InlineData("a 1\n# EOF", "Untyped a\n  {} 1")]
    [InlineData("# TYPE a gauge\n# HELP a b\\n\\q\\\"\na{x=\"\\q\"} 1\n# EOF", "Gauge a help=b\\n\\q\"\n  {x=\\q} 1")]
    [InlineData("# TYPE a counter\na_total 1 # {t=\"x\"} 0.5 1.5\na_created 12.3456\n# EOF", "Counter a_total\n  {} 1 start=12345 #{t=x} 0.5 @1500")]
    [InlineData("# TYPE a counter\na_created 1\na_total 1 # {} 2\n# EOF", "Counter a_total\n  {} 1 start=1000 #{} 2")]
    [InlineData("# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total{x=\"1\"} 1\na_seconds_total{x=\"2\"} 2\n# EOF", "Counter a_seconds_total unit=seconds\n  {x=1} 1\n  {x=2} 2")]
    [InlineData("# TYPE a info\na_info{v=\"1\"} 1\n# EOF", "Gauge a_info\n  {v=1} 1")]
    [InlineData("# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0\n# EOF", "Gauge a\n  {a=on} 1\n  {a=off} 0")]
    [InlineData("# TYPE a summary\na{quantile=\"0.5\"} 1\na_count 2\na_sum 3\na_created 4\n# EOF", "Summary a\n  {} count=2 sum=3 start=4000 [0.5]=1")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"1.0\"} 1 # {t=\"y\"} 0.7\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum 3\n# EOF", "Histogram a\n  {} count=2 sum=3 [1]=1 #{t=y} 0.7 [Infinity]=2")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"+Inf\",x=\"1\"} 2\na_bucket{x=\"2\",le=\"+Inf\"} 3\n# EOF", "Histogram a\n  {x=1} count=0 sum=0 [Infinity]=2\n  {x=2} count=0 sum=0 [Infinity]=3")]
    [InlineData("# TYPE a gaugehistogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2.5\na_gcount 2.5\na_gsum -3\n# EOF", "GaugeHistogram a\n  {} count=2.5f sum=-3 [-1]=1 [Infinity]=2.5")]
    [InlineData("# TYPE a gauge\na 1\n# TYPE b gauge\nb 2\na_x 3\n# EOF", "Gauge a\n  {} 1\nGauge b\n  {} 2\nUntyped a_x\n  {} 3")]
    public void Families_become_what_is_stored(string body, string families) => Assert.Equal(families, Pushed.OpenMetrics(body));

    [Theory]
    [InlineData("a 1\n", "line 1: the text does not end with # EOF")]
    [InlineData("a 1\n# EOF\na 2\n", "line 3: the text does not end with # EOF")]
    [InlineData("# EOF\n\n", "line 2: the text does not end with # EOF")]
    [InlineData("a 1\n\n# EOF", "line 2: empty line")]
    [InlineData("a 1\r\n# EOF", "line 1: \"1\\x0D\" is not a number")]
    [InlineData("a  1\n# EOF", "line 1: \"\" is not a number")]
    [InlineData("a 1 \n# EOF", "line 1: a time in seconds expected, found the end of the line")]
    [InlineData(" a 1\n# EOF", "line 1: a metric name cannot begin with \" \"")]
    [InlineData("a{x=\"1\", y=\"2\"} 1\n# EOF", "line 1: label name expected, found \" \"")]
    [InlineData("a{x=\"1\",} 1\n# EOF", "line 1: label name expected, found \"}\"")]
    [InlineData("a{x=\"1\"}1\n# EOF", "line 1: one blank expected, found \"1\"")]
    [InlineData("# comment\n# EOF", "line 1: # TYPE, # HELP, # UNIT or # EOF expected, with one blank between words")]
    [InlineData("# TYPE a Gauge\n# EOF", "line 1: unknown type \"Gauge\"; one of counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown")]
    [InlineData("# TYPE a untyped\n# EOF", "line 1: unknown type \"untyped\"; one of counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown")]
    [InlineData("# TYPE a gauge\n# TYPE a gauge\n# EOF", "line 2: second TYPE for a")]
    [InlineData("a 1\n# HELP a x\n# EOF", "line 2: HELP for a after its samples")]
    [InlineData("# HELP a\n# EOF", "line 1: one blank and a text expected, found the end of the line")]
    [InlineData("# TYPE a gauge\n# UNIT a seconds\n# EOF", "line 2: the name of a must end with its unit, _seconds")]
    [InlineData("# UNIT a_b b\n# TYPE a_b info\n# EOF", "line 2: a_b can have no unit: it is an info or a state set")]
    [InlineData("a 1\nb 1\na{x=\"1\"} 1\n# EOF", "line 3: family a is not in one piece, or two families have samples of this name")]
    [InlineData("# TYPE a counter\na 1\n# EOF", "line 2: family a is not in one piece, or two families have samples of this name")]
    [InlineData("# TYPE a_total gauge\na_total 1\n# TYPE a counter\na_total 1\n# EOF", "line 4: two families have samples of the name a_total")]
    [InlineData("# TYPE a counter\na_total 1\n# TYPE a_total gauge\n# EOF", "line 3: family a_total is not in one piece, or two families have samples of this name")]
    [InlineData("# TYPE a counter\na_total NaN\n# EOF", "line 2: the value of a_total must be a number and not negative")]
    [InlineData("# TYPE a counter\na_total -1\n# EOF", "line 2: the value of a_total must be a number and not negative")]
    [InlineData("# TYPE a counter\na_created 1\n# EOF", "line 2: a metric of a has no _total")]
    [InlineData("# TYPE a counter\na_created NaN\na_total 1\n# EOF", "line 2: the value of a_created is not a time in seconds")]
    [InlineData("# TYPE a gauge\na 1 # {x=\"y\"} 1\n# EOF", "line 2: only buckets and the _total of counters can have an exemplar")]
    [InlineData("# TYPE a info\na_info 2\n# EOF", "line 2: the value of a_info must be 1")]
    [InlineData("# TYPE a stateset\na{b=\"on\"} 1\n# EOF", "line 2: a state of a needs the label a")]
    [InlineData("# TYPE a stateset\na{a=\"on\"} 2\n# EOF", "line 2: the value of a must be 0 or 1")]
    [InlineData("# TYPE a summary\na 1\n# EOF", "line 2: label quantile is missing")]
    [InlineData("# TYPE a summary\na{quantile=\"1.5\"} 1\n# EOF", "line 2: a quantile must be between 0 and 1")]
    [InlineData("# TYPE a summary\na_sum -1\n# EOF", "line 2: the value of a_sum must be a number and not negative")]
    [InlineData("# TYPE a summary\na_count 1.5\n# EOF", "line 2: the count of a must be a whole number below 2^64, found 1.5")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"1\"} 1\n# EOF", "line 2: a metric of a has no bucket with le=\"+Inf\"")]
    [InlineData("# TYPE a histogram\na_bucket 1\n# EOF", "line 2: label le is missing")]
    [InlineData("# TYPE a histogram\na_sum{le=\"1\"} 1\n# EOF", "line 2: a_sum can have no label le")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\n# EOF", "line 3: the buckets of a must ascend")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"2\"} 3\na_bucket{le=\"+Inf\"} 1\n# EOF", "line 3: a bucket of a holds less than the one before it")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"+Inf\"} 3\na_sum 1\na_count 4\n# EOF", "line 2: a metric of a has another count than its bucket with le=\"+Inf\"")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"-1\"} 0\na_bucket{le=\"+Inf\"} 3\na_sum 1\na_count 3\n# EOF", "line 2: a metric of a has negative bounds and so can have no _sum")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"+Inf\"} 3\na_sum -1\na_count 3\n# EOF", "line 2: a metric of a has a negative sum and no negative bounds")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"+Inf\"} 3\na_count 3\n# EOF", "line 2: a metric of a must have both its sum and its count, or neither")]
    [InlineData("# TYPE a histogram\na_bucket{le=\"+Inf\",x=\"1\"} 3\na_bucket{le=\"+Inf\",x=\"2\"} 3\na_bucket{le=\"+Inf\",x=\"1\"} 3\n# EOF", "line 4: a metric of a is not in one piece: other labels stand between its samples")]
    [InlineData("# TYPE a counter\na_total 1 # {x=\"12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678\"} 1\n# EOF", "line 2: the labels of an exemplar have more than 128 characters")]
    [InlineData("a 1 1e400\n# EOF", "line 1: \"1e400\" is not a time in seconds")]
    [InlineData("a 1 NaN\n# EOF", "line 1: \"NaN\" is not a time in seconds")]
    public void What_the_specification_forbids_is_refused(string body, string fault) =>
        Assert.Equal($"malformed-openmetrics: {fault}", Pushed.OpenMetricsFault(body));

    [Theory]
    [InlineData("a 1 1.5\n# EOF", "timestamps-not-allowed: line 1: a sample of a has a timestamp; push without them")]
    [InlineData("a 1\na 2\n# EOF", "series-duplicate: line 2: a is in the push twice, first in line 1")]
    [InlineData("# TYPE a counter\na_total 1\na_total 2\n# EOF", "series-duplicate: line 3: a_total is given twice with the same labels")]
    public void Content_that_must_not_be_stored_is_refused(string body, string fault) => Assert.Equal(fault, Pushed.OpenMetricsFault(body));

    [Fact]
    public void A_metric_keeps_ten_exemplars_and_the_others_are_counted()
    {
        string buckets = string.Concat(Enumerable.Range(1, 12).Select(i => $"a_bucket{{le=\"{i}\"}} {i} # {{t=\"{i}\"}} {i}\n"));
        Protocol.Exposition.MetricFamilies families = Pushed.Read(
            System.Text.Encoding.UTF8.GetBytes($"# TYPE a histogram\n{buckets}a_bucket{{le=\"+Inf\"}} 12\n# EOF"), Protocol.Exposition.ExpositionFormat.OpenMetrics);
        Assert.Equal(2, families.DroppedExemplars);
        Assert.Equal(10, families.PointsOf(families.Metrics[0]).ToArray().Count(point => point.Exemplar >= 0));
    }
}
