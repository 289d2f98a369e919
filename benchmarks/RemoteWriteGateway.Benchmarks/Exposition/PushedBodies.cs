using System.Globalization;
using System.Text;
using Google.Protobuf;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.Benchmarks.Exposition;

/// <summary>One push in all three formats: counters and gauges with three labels, and histograms of twelve buckets.</summary>
internal static class PushedBodies
{
    private static readonly double[] Bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, double.PositiveInfinity];

    /// <param name="isOpenMetrics">OpenMetrics, or text 0.0.4.</param>
    /// <param name="metrics">Of each kind.</param>
    public static byte[] Text(bool isOpenMetrics, int metrics)
    {
        StringBuilder text = new();
        string total = isOpenMetrics ? "" : "_total";
        text.Append(CultureInfo.InvariantCulture, $"# HELP batch_rows{total} Rows that were read, by table and state.\n# TYPE batch_rows{total} counter\n");
        for (int i = 0; i < metrics; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"batch_rows_total{Labels(i)} {i * 7919}\n");
        }

        text.Append("# HELP batch_lag_seconds Age of the newest row.\n# TYPE batch_lag_seconds gauge\n");
        for (int i = 0; i < metrics; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"batch_lag_seconds{Labels(i)} {i / 7.0:R}\n");
        }

        text.Append("# HELP batch_took_seconds How long a table took.\n# TYPE batch_took_seconds histogram\n");
        for (int i = 0; i < metrics / 10; i++)
        {
            for (int bucket = 0; bucket < Bounds.Length; bucket++)
            {
                string bound = double.IsInfinity(Bounds[bucket]) ? "+Inf" : Bounds[bucket].ToString("R", CultureInfo.InvariantCulture);
                text.Append(CultureInfo.InvariantCulture, $"batch_took_seconds_bucket{Labels(i)[..^1]},le=\"{bound}\"}} {bucket * i}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"batch_took_seconds_sum{Labels(i)} {i * 1.5:R}\nbatch_took_seconds_count{Labels(i)} {(Bounds.Length - 1) * i}\n");
        }

        text.Append(isOpenMetrics ? "# EOF\n" : "");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <inheritdoc cref="Text"/>
    public static byte[] Protobuf(int metrics)
    {
        MetricFamily rows = new() { Name = "batch_rows_total", Help = "Rows that were read, by table and state." };
        MetricFamily lag = new() { Name = "batch_lag_seconds", Help = "Age of the newest row.", Type = MetricType.Gauge };
        MetricFamily took = new() { Name = "batch_took_seconds", Help = "How long a table took.", Type = MetricType.Histogram };
        for (int i = 0; i < metrics; i++)
        {
            rows.Metric.Add(new Metric { Label = { Pairs(i) }, Counter = new Counter { Value = i * 7919 } });
            lag.Metric.Add(new Metric { Label = { Pairs(i) }, Gauge = new Gauge { Value = i / 7.0 } });
            if (i % 10 == 0)
            {
                Histogram histogram = new() { SampleCount = (ulong)((Bounds.Length - 1) * i), SampleSum = i * 1.5 };
                histogram.Bucket.Add(Bounds.Select((bound, bucket) => new Bucket { UpperBound = bound, CumulativeCount = (ulong)(bucket * i) }));
                took.Metric.Add(new Metric { Label = { Pairs(i) }, Histogram = histogram });
            }
        }

        using MemoryStream stream = new();
        foreach (MetricFamily family in (MetricFamily[])[rows, lag, took])
        {
            family.WriteDelimitedTo(stream);
        }

        return stream.ToArray();
    }

    private static string Labels(int i) => $"{{database=\"warehouse\",table=\"customer_orders_{i}\",state=\"done\"}}";

    private static LabelPair[] Pairs(int i) =>
    [
        new() { Name = "database", Value = "warehouse" }, new() { Name = "table", Value = $"customer_orders_{i}" }, new() { Name = "state", Value = "done" },
    ];
}
