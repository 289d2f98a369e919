namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class TextFormatTests
{
    [Theory]
    [InlineData("a 1", "Untyped a\n  {} 1")]
    [InlineData("a 1\r\nb 2\r\n", "Untyped a\n  {} 1\nUntyped b\n  {} 2")]
    [InlineData("\n  \n\t a \t 1 \t\n", "Untyped a\n  {} 1")]
    [InlineData("a{}1\n", "Untyped a\n  {} 1")]
    [InlineData("a{x=\"1\"}2\n", "Untyped a\n  {x=1} 2")]
    [InlineData("a { x = \"1\" , y=\"2\" , } 3\n", "Untyped a\n  {x=1,y=2} 3")]
    [InlineData("a{x=\"\"} 3\n", "Untyped a\n  {x=} 3")]
    [InlineData("a{x=\"q\\\"b\\\\n\\n\"} 3\n", "Untyped a\n  {x=q\"b\\n\\n} 3")]
    [InlineData("a{x=\"},{ #é😀\"} 3\n", "Untyped a\n  {x=},{ #é😀} 3")]
    [InlineData(":a:b 3\n_a{_b=\"\"} 4", "Untyped :a:b\n  {} 3\nUntyped _a\n  {_b=} 4")]
    [InlineData("{\"a\"} 1\n", "Untyped a\n  {} 1")]
    [InlineData("{\"a\",x=\"y\",} 1\n", "Untyped a\n  {x=y} 1")]
    [InlineData("{ \"a\" , \"x\"=\"y\" } 1\n", "Untyped a\n  {x=y} 1")]
    [InlineData("# HELP a one\\n\\\\two \\\"x\n# TYPE a CounTer \na 1", "Counter a help=one\\n\\two \"x\n  {} 1")]
    [InlineData("# TYPE a gauge\n# HELP a text\na 1", "Gauge a help=text\n  {} 1")]
    [InlineData("a 1\n# HELP a text\n", "Untyped a help=text\n  {} 1")]
    [InlineData("#\n# x\n#x\n# TYPE\n# TYPE a\n# HELP\n# HELP a\n# EOF\n# UNIT a b\na 1", "Untyped a\n  {} 1")]
    [InlineData("# TYPE a gauge\n# HELP b none", "")]
    [InlineData("a 1\nb 2\na{x=\"1\"} 3\nb{x=\"1\"} 4", "Untyped a\n  {} 1\n  {x=1} 3\nUntyped b\n  {} 2\n  {x=1} 4")]
    [InlineData("push_time_seconds{x=\"1\"} 1\npush_failure_time_seconds 2\na 3", "Untyped a\n  {} 3")]
    public void Lines_become_families(string body, string families) => Assert.Equal(families, Pushed.Text(body));

    [Fact]
    public void A_histogram_is_gathered_from_its_samples_in_whatever_order()
    {
        const string Body = """
            # TYPE took histogram
            took_bucket{le="+Inf",z="a"} 3
            took_sum{z="a"} 2.5
            took_bucket{z="b",le="1"} 7
            took_bucket{z="a",le="0.5"} 1
            took_count{z="a"} 3
            took_bucket{y="1",z="c",le="2"} 1
            took_bucket{z="c",y="1",le="1"} 1
            took_count{z="b"} 7
            """;
        Assert.Equal(
            """
            Histogram took
              {z=a} count=3 sum=2.5 [0.5]=1 [Infinity]=3
              {z=b} count=7 sum=0 [1]=7
              {y=1,z=c} count=0 sum=0 [1]=1 [2]=1
            """,
            Pushed.Text(Body));
        Assert.Equal(13, Pushed.Read(System.Text.Encoding.UTF8.GetBytes(Body), Protocol.Exposition.ExpositionFormat.Text).Series);
    }

    [Theory]
    [InlineData("# TYPE s summary\ns{quantile=\"0.9\"} 2\ns{quantile=\"0.5\"} NaN\ns_sum 3\ns_count 4", "Summary s\n  {} count=4 sum=3 [0.5]=NaN [0.9]=2")]
    [InlineData("# TYPE h histogram\nh_bucket{le=\"1\"} 0.5\nh_count 2", "Histogram h\n  {} count=2f sum=0 [1]=0.5")]
    [InlineData("# TYPE h gauge_histogram\nh_bucket{le=\"1\"} 1\nh_count 2\nh_sum -3", "GaugeHistogram h\n  {} count=2 sum=-3 [1]=1")]
    [InlineData("# TYPE h histogram\n# TYPE h_count gauge", "fault")]
    [InlineData("h_count 1\n# TYPE h histogram\nh_count 2\nh_sum 1", "Untyped h_count\n  {} 1\n  {} 2\nHistogram h\n  {} count=0 sum=1")]
    [InlineData("# TYPE g gauge\ng{le=\"wide\",quantile=\"x\"} 1", "Gauge g\n  {le=wide,quantile=x} 1")]
    public void Suffixes_and_bounds_belong_to_types_that_have_them(string body, string families) =>
        Assert.Equal(families, Pushed.TextFault(body) is var fault && fault.StartsWith("malformed", StringComparison.Ordinal) ? "fault" : PrintAnyway(body));

    private static string PrintAnyway(string body)
    {
        Protocol.Exposition.MetricFamilies found = new();
        Pushed.TryRead(System.Text.Encoding.UTF8.GetBytes(body), Protocol.Exposition.ExpositionFormat.Text, found);
        return Pushed.Print(found);
    }

    [Theory]
    [InlineData("a 1\n7x 2", "malformed-text: line 2: a metric name cannot begin with \"7\"")]
    [InlineData("{} 1", "malformed-text: line 1: no metric name")]
    [InlineData("a{\"b\"} 1", "malformed-text: line 1: two metric names")]
    [InlineData("a{,} 1", "malformed-text: line 1: label name expected, found \",\"")]
    [InlineData("a{zone-x=\"1\"} 1", "malformed-text: line 1: expected = after label zone, found \"-\"")]
    [InlineData("a{zone=1} 1", "malformed-text: line 1: the value of label zone must be in double quotes")]
    [InlineData("a{zone=\"1\" x=\"\"} 1", "malformed-text: line 1: expected , or } after label zone, found \"x\"")]
    [InlineData("a{zone=\"1\",zone=\"1\"} 1", "malformed-text: line 1: label zone is given twice")]
    [InlineData("a{__name__=\"b\"} 1", "malformed-text: line 1: __name__ cannot be a label")]
    [InlineData("a{zone=\"\\q\"} 1", "malformed-text: line 1: unknown escape \\q")]
    [InlineData("a{zone=\"x\n\"} 1", "malformed-text: line 1: the line ends inside quotes")]
    [InlineData("a 12,7", "malformed-text: line 1: \"12,7\" is not a number")]
    [InlineData("a 1 3.25", "malformed-text: line 1: \"3.25\" is not a whole number of milliseconds")]
    [InlineData("a 1 3 9", "malformed-text: line 1: unexpected \"9\" after the timestamp")]
    [InlineData("# TYPE a enum", "malformed-text: line 1: unknown type \"enum\"; one of counter, gauge, summary, untyped, histogram, gaugehistogram")]
    [InlineData("# TYPE m gauge\n# TYPE m gauge", "malformed-text: line 2: second TYPE for m")]
    [InlineData("m 1\n# TYPE m gauge", "malformed-text: line 2: TYPE for m after its samples")]
    [InlineData("# HELP m a\n# HELP m a", "malformed-text: line 2: second HELP for m")]
    [InlineData("# TYPE took histogram\ntook_bucket{le=\"wide\"} 1", "malformed-text: line 2: le must be a number, found \"wide\"")]
    [InlineData("# TYPE took histogram\ntook_count -1", "malformed-text: line 2: negative count of took")]
    [InlineData("# TYPE took summary\ntook_count 1.5", "malformed-text: line 2: the count of took must be a whole number below 2^64, found 1.5")]
    [InlineData("# TYPE took histogram\ntook_count NaN", "malformed-text: line 2: NaN is no count of took")]
    [InlineData("a 1\nb", "malformed-text: line 2: the body ends inside a line")]
    [InlineData("a 1\nb\n", "malformed-text: line 2: a number expected, found the end of the line")]
    [InlineData("a{x=\"1", "malformed-text: line 1: the body ends inside a line")]
    [InlineData("a# 1\n", "malformed-text: line 1: \"#\" is not a number")]
    [InlineData("a 1 # {x=\"y\"} 1\n", "malformed-text: line 1: \"#\" is not a whole number of milliseconds")]
    [InlineData("# TYPE a gauge a 1 # TYPE b gauge b 2", "malformed-text: line 1: unknown type \"gauge a 1 # TYPE b gauge b 2\"; one of counter, gauge, summary, untyped, histogram, gaugehistogram; sent with curl --data? use --data-binary")]
    [InlineData("{\"a b\"} 1", "malformed-text: line 1: the metric name \"a b\" may have only letters, digits, colons and underscores (push.utf8Names allows others)")]
    [InlineData("a{\"b:c\"=\"\"} 1", "malformed-text: line 1: the label name \"b:c\" may have only letters, digits and underscores (push.utf8Names allows others)")]
    [InlineData("a{b=\"\0\"} 1", "malformed-text: line 1: the value of label b is not UTF-8 without U+0000")]
    public void The_first_fault_is_told_with_its_line(string body, string fault) => Assert.Equal(fault, Pushed.TextFault(body));

    [Theory]
    [InlineData("a{zone=\"\u00ff\"} 1", "malformed-text: line 1: the value of label zone is not UTF-8")]
    [InlineData("# HELP a \u00ff", "malformed-text: line 1: the text of HELP is not UTF-8")]
    [InlineData("a \u00ff\u0001", "malformed-text: line 1: \"\\xFF\\x01\" is not a number")]
    public void Bytes_that_are_no_text_are_told_as_numbers(string latin1, string fault) =>
        Assert.Equal(fault, Pushed.Fault(System.Text.Encoding.Latin1.GetBytes(latin1), Protocol.Exposition.ExpositionFormat.Text));

    [Fact]
    public void Names_may_be_any_text_where_the_tenant_allows_it()
    {
        var utf8 = Pushed.Options with { Utf8Names = true };
        Assert.Equal("Gauge a.b c\n  {d é=1} 2", Pushed.Text("# TYPE \"a.b c\" gauge\n{\"a.b c\",\"d é\"=\"1\"} 2", utf8));
        Assert.Equal("malformed-text: line 1: no metric name", Pushed.TextFault("{\"\"} 1", utf8));
    }

    [Theory]
    [InlineData("a 1 5", "timestamps-not-allowed: line 1: a sample of a has a timestamp; push without them")]
    [InlineData("a 1\na{x=\"\"} 5", "series-duplicate: line 2: a is in the push twice, first in line 1")]
    [InlineData("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 5", "series-duplicate: line 2: a{x=\"1\",y=\"2\"} is in the push twice, first in line 1")]
    [InlineData("a{__x=\"1\"} 1", "label-not-allowed: line 1: __x cannot be a label of a")]
    [InlineData("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1", "series-duplicate: line 2: a metric of h has the bucket 1 twice")]
    [InlineData("# TYPE h histogram\nh_sum 1\nh_sum 1", "series-duplicate: line 3: h_sum is given twice with the same labels")]
    public void Content_that_must_not_be_stored_is_refused(string body, string fault) => Assert.Equal(fault, Pushed.TextFault(body));
}
