using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class TextFormatWriterTests
{
    private static readonly GroupingLabels Group = GroupingLabels.Create([KeyValuePair.Create("job", "j\"1\""), KeyValuePair.Create("zone", "")]);

    [Fact]
    public void Families_are_written_as_a_scrape_wants_them()
    {
        const string Body = "# HELP a x\\\\y\\n\n# TYPE a counter\na{zone=\"1\",job=\"no\",b=\"\\n\"} 1e6\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2.5\nh_count 3\n"
            + "# TYPE s summary\ns{quantile=\"0.5\",instance=\"i\"} NaN\ns_sum{instance=\"i\"} -Inf\ns_count{instance=\"i\"} 3\n";
        Assert.Equal(
            """
            # HELP a x\\y\n
            # TYPE a counter
            a{b="\n",instance="",job="j\"1\""} 1e+06
            # TYPE h histogram
            h_bucket{instance="",job="j\"1\"",le="1"} 1
            h_bucket{instance="",job="j\"1\"",le="+Inf"} 3
            h_sum{instance="",job="j\"1\""} 2.5
            h_count{instance="",job="j\"1\""} 3
            # TYPE s summary
            s{instance="i",job="j\"1\"",quantile="0.5"} NaN
            s_sum{instance="i",job="j\"1\""} -Inf
            s_count{instance="i",job="j\"1\""} 3

            """,
            Write(Body, ExpositionFormat.Text, Pushed.Options));
    }

    [Fact]
    public void Names_that_text_has_no_place_for_get_underscores_and_gauge_histograms_keep_their_suffixes()
    {
        ExpositionOptions utf8 = Pushed.Options with { Utf8Names = true };
        Assert.Equal(
            "# TYPE _1_b_c untyped\n_1_b_c{instance=\"\",job=\"j\\\"1\\\"\",__x=\"1\"} 2\n",
            Write("{\"01.b😀c\",\"é:x\"=\"1\"} 2", ExpositionFormat.Text, utf8));
        Assert.Contains("h_gsum{instance=\"\",job=\"j\\\"1\\\"\"} 1\nh_gcount{", Write(
            "# TYPE h gaugehistogram\nh_bucket{le=\"+Inf\"} 1\nh_gsum 1\nh_gcount 1\n# EOF", ExpositionFormat.OpenMetrics, utf8), StringComparison.Ordinal);
    }

    private static string Write(string body, ExpositionFormat format, ExpositionOptions options)
    {
        MetricFamilies families = Pushed.Read(Encoding.UTF8.GetBytes(body), format, options, Group);
        WriteBuffer output = new();
        SeriesLabels labels = new();
        foreach (FamilyEntry family in families.Families)
        {
            TextFormatWriter.WriteHeader(families.Text(family.Name), families.Text(family.Help), family.Type, output);
            foreach (MetricEntry metric in families.MetricsOf(family))
            {
                labels.Merge(families, metric, Group);
                TextFormatWriter.WriteMetric(families, family, metric, labels, instance: true, output);
            }
        }

        return Encoding.UTF8.GetString(output.Span);
    }
}
