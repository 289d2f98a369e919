using System.Globalization;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.EndToEnd.Tests.Exposition;

/// <summary>The content of a group in one form, whether a Pushgateway tells it or our reader found it: a line a family, a line a metric, all sorted.</summary>
internal static class GroupText
{
    /// <summary>Of the only group in an answer of <c>/api/v1/metrics</c>. Empty labels are none.</summary>
    public static string Of(JsonElement answer)
    {
        List<string> lines = [];
        foreach (JsonProperty family in answer.GetProperty("data").EnumerateArray().Single().EnumerateObject())
        {
            if (family.Name is "labels" or "last_push_successful" or "push_time_seconds" or "push_failure_time_seconds")
            {
                continue;
            }

            string type = family.Value.GetProperty("type").GetString()!; // Not null: each family has a type.
            string help = family.Value.TryGetProperty("help", out JsonElement text) ? text.GetString()! : ""; // Not null: a string.
            lines.Add($"{family.Name} {type} {help}");
            foreach (JsonElement metric in family.Value.GetProperty("metrics").EnumerateArray())
            {
                lines.Add(Metric(family.Name, metric));
            }
        }

        return Sorted(lines);
    }

    /// <summary>Of what our reader found, under the group's labels.</summary>
    public static string Of(MetricFamilies families, GroupingLabels group)
    {
        List<string> lines = [];
        SeriesLabels labels = new();
        foreach (FamilyEntry family in families.Families)
        {
            string name = Encoding.UTF8.GetString(families.Text(family.Name));
            string type = family.Type == FamilyType.GaugeHistogram ? "GAUGE_HISTOGRAM" : family.Type.ToString().ToUpperInvariant();
            lines.Add($"{name} {type} {Encoding.UTF8.GetString(families.Text(family.Help))}");
            foreach (MetricEntry metric in families.MetricsOf(family))
            {
                labels.Merge(families, metric, group);
                lines.Add(Metric(name, families, family, metric, labels));
            }
        }

        return Sorted(lines);
    }

    private static string Metric(string family, JsonElement metric)
    {
        IEnumerable<string> labels = metric.GetProperty("labels").EnumerateObject()
            .Where(label => label.Value.GetString() != "")
            .OrderBy(label => label.Name, StringComparer.Ordinal)
            .Select(label => $"{label.Name}={label.Value.GetString()}");
        StringBuilder text = new($"{family} {{{string.Join(',', labels)}}}");
        foreach (string key in (string[])["value", "count", "sum"])
        {
            text.Append(metric.TryGetProperty(key, out JsonElement number) ? $" {key}={Number(number.GetString())}" : "");
        }

        foreach (string key in (string[])["buckets", "quantiles"])
        {
            if (metric.TryGetProperty(key, out JsonElement points) && points.ValueKind == JsonValueKind.Object)
            {
                IEnumerable<(double Bound, string Value)> pairs = points.EnumerateObject()
                    .Select(point => (BitConverter.UInt64BitsToDouble(Bits(point.Name)), Number(point.Value.GetString())));
                foreach ((double bound, string value) in pairs.OrderBy(point => point.Item1))
                {
                    text.Append(CultureInfo.InvariantCulture, $" [{bound}]={value}");
                }
            }
        }

        return text.ToString();
    }

    private static string Metric(string name, MetricFamilies families, FamilyEntry family, MetricEntry metric, SeriesLabels labels)
    {
        List<string> pairs = [];
        for (int i = 0; i < labels.Count; i++)
        {
            pairs.Add($"{Encoding.UTF8.GetString(labels.Name(i))}={Encoding.UTF8.GetString(labels.Value(i))}");
        }

        pairs.Sort(StringComparer.Ordinal);
        StringBuilder text = new($"{name} {{{string.Join(',', pairs)}}}");
        bool isWhole = family.Type is FamilyType.Summary or FamilyType.Histogram or FamilyType.GaugeHistogram;
        text.Append(isWhole ? $" count={Number(metric.Count)} sum={Number(metric.Value)}" : $" value={Number(metric.Value)}");
        foreach (PointEntry point in families.PointsOf(metric))
        {
            double value = family.Type == FamilyType.Summary ? BitConverter.UInt64BitsToDouble(point.Bits) : metric.CountOf(point);
            text.Append(CultureInfo.InvariantCulture, $" [{point.Bound}]={Number(value)}");
        }

        return text.ToString();
    }

    private static ulong Bits(string text) => NumberText.TryParse(Encoding.ASCII.GetBytes(text), out ulong bits)
        ? bits
        : throw new FormatException($"\"{text}\" is not a number");

    private static string Number(string? text) => Number(BitConverter.UInt64BitsToDouble(Bits(text ?? "")));

    /// <summary>As Go prints it: so that our printing is compared, too.</summary>
    private static string Number(double value)
    {
        Span<byte> text = stackalloc byte[NumberText.MaxLength];
        return Encoding.ASCII.GetString(text[..NumberText.Format(value, text)]);
    }

    private static string Sorted(List<string> lines)
    {
        lines.Sort(StringComparer.Ordinal);
        return string.Join('\n', lines);
    }
}
