using Google.Protobuf.WellKnownTypes;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>
/// What a Pushgateway and the gateway show of <c>/metrics</c> in delimited protobuf: start times, exemplars and native buckets, which no other
/// form tells. A line a metric, sorted, in which empty labels are none, as in <see cref="PushedContent"/>. The bookkeeping is left to that.
/// </summary>
internal static class PushedFamilies
{
    /// <summary>Of the gateway's answer.</summary>
    public static IReadOnlyList<string> OfGateway(byte[] delimited) => Lines(Read(delimited));

    /// <summary>
    /// Of a Pushgateway's answer, with the two differences in time applied: the gateway keeps milliseconds, as stores do, and takes a gauge
    /// <c>…_created</c> of the same labels for the start time that text cannot tell.
    /// </summary>
    public static IReadOnlyList<string> OfPushgateway(byte[] delimited)
    {
        List<MetricFamily> families = Read(delimited);
        foreach (MetricFamily family in families)
        {
            string name = family.Name.EndsWith("_total", StringComparison.Ordinal) ? family.Name[..^"_total".Length] : family.Name;
            MetricFamily? created = families.Find(one => one.Name == name + "_created");
            foreach (Metric metric in family.Metric)
            {
                AddStart(metric, created?.Metric.FirstOrDefault(one => one.Label.Equals(metric.Label))?.Gauge.Value);
                foreach (Timestamp time in Times(metric))
                {
                    time.Nanos -= time.Nanos % 1_000_000;
                }
            }
        }

        return Lines(families);
    }

    private static void AddStart(Metric metric, double? seconds)
    {
        if (seconds is not { } value)
        {
            return;
        }

        Timestamp start = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds((long)Math.Floor(value * 1000)));
        switch (metric)
        {
            case { Counter: { } counter }:
                counter.StartTimestamp ??= start;
                break;
            case { Histogram: { } histogram }:
                histogram.StartTimestamp ??= start;
                break;
            case { Summary: { } summary }:
                summary.StartTimestamp ??= start;
                break;
            default:
                break;
        }
    }

    private static IEnumerable<Timestamp> Times(Metric metric)
    {
        Timestamp?[] times =
        [
            metric.Counter?.StartTimestamp,
            metric.Counter?.Exemplar?.Timestamp,
            metric.Summary?.StartTimestamp,
            metric.Histogram?.StartTimestamp,
            .. metric.Histogram?.Exemplars.Select(exemplar => exemplar.Timestamp) ?? [],
            .. metric.Histogram?.Bucket.Select(bucket => bucket.Exemplar?.Timestamp) ?? [],
        ];
        return times.OfType<Timestamp>();
    }

    private static List<MetricFamily> Read(byte[] delimited)
    {
        using MemoryStream bytes = new(delimited);
        List<MetricFamily> families = [];
        while (bytes.Position < bytes.Length)
        {
            MetricFamily family = MetricFamily.Parser.ParseDelimitedFrom(bytes);
            if (PushedContent.IsOwn(family.Name) || family.Name is "push_time_seconds" or "push_failure_time_seconds")
            {
                continue;
            }

            families.Add(family);
            foreach (Metric metric in family.Metric)
            {
                LabelPair[] labels =
                    [.. metric.Label.Where(label => label.Value.Length > 0 || label.Name == "instance").OrderBy(label => label.Name, StringComparer.Ordinal)];
                metric.Label.Clear();
                metric.Label.AddRange(labels);
            }
        }

        return families;
    }

    private static IReadOnlyList<string> Lines(List<MetricFamily> families) =>
    [
        .. families.SelectMany(family => family.Metric.Select(metric => $"{family.Name} {family.Type} {family.Help} {metric}")).Order(StringComparer.Ordinal),
    ];
}
