using System.Globalization;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

/// <summary>Reads and checks a body as a push does, and prints what was found, a line a fact, in the order of the body.</summary>
internal static class Pushed
{
    public static readonly ExpositionOptions Options = new()
    {
        Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "ours" },
    };

    /// <summary>The families of a body that must be fine.</summary>
    public static string Text(string body, ExpositionOptions? options = null) => Print(Read(Encoding.UTF8.GetBytes(body), ExpositionFormat.Text, options));

    public static string OpenMetrics(string body, ExpositionOptions? options = null) =>
        Print(Read(Encoding.UTF8.GetBytes(body), ExpositionFormat.OpenMetrics, options));

    public static string Protobuf(byte[] body, ExpositionOptions? options = null) => Print(Read(body, ExpositionFormat.Protobuf, options));

    /// <summary>The fault of a body, <c>reason: text</c>.</summary>
    public static string Fault(byte[] body, ExpositionFormat format, ExpositionOptions? options = null, GroupingLabels? group = null)
    {
        ExpositionFault fault = TryRead(body, format, new MetricFamilies(), options, group);
        return fault.IsNone ? "none" : $"{fault.Reason.Id()}: {fault.Text}";
    }

    public static string TextFault(string body, ExpositionOptions? options = null) =>
        Fault(Encoding.UTF8.GetBytes(body), ExpositionFormat.Text, options);

    public static string OpenMetricsFault(string body, ExpositionOptions? options = null) =>
        Fault(Encoding.UTF8.GetBytes(body), ExpositionFormat.OpenMetrics, options);

    public static MetricFamilies Read(byte[] body, ExpositionFormat format, ExpositionOptions? options = null, GroupingLabels? group = null)
    {
        MetricFamilies families = new();
        ExpositionFault fault = TryRead(body, format, families, options, group);
        Assert.True(fault.IsNone, $"{fault.Reason.Id()}: {fault.Text}");
        return families;
    }

    public static ExpositionFault TryRead(
        byte[] body, ExpositionFormat format, MetricFamilies families, ExpositionOptions? options = null, GroupingLabels? group = null)
    {
        ExpositionFault fault = ExpositionReader.Read(body, format, options ?? Options, families);
        return fault.IsNone ? ContentRules.Check(families, group ?? GroupingLabels.Empty, options ?? Options) : fault;
    }

    public static string Print(MetricFamilies families, bool withLabels = true)
    {
        StringBuilder text = new();
        foreach (FamilyEntry family in families.Families)
        {
            text.Append(CultureInfo.InvariantCulture, $"{family.Type} {Str(families, family.Name)}");
            text.Append(family.Help.IsEmpty ? "" : $" help={Str(families, family.Help)}");
            text.Append(family.Unit.IsEmpty ? "" : $" unit={Str(families, family.Unit)}").Append('\n');
            foreach (MetricEntry metric in families.MetricsOf(family))
            {
                PrintMetric(text, families, family, metric, withLabels);
            }
        }

        return text.ToString().TrimEnd('\n');
    }

    public static string Number(ulong bits)
    {
        double value = BitConverter.UInt64BitsToDouble(bits);
        return bits is NumberText.NaNBits ? "NaN" : double.IsNaN(value) ? $"NaN({bits:x})" : value.ToString("R", CultureInfo.InvariantCulture);
    }

    private static void PrintMetric(StringBuilder text, MetricFamilies families, FamilyEntry family, MetricEntry metric, bool withLabels)
    {
        text.Append("  {").Append(withLabels ? Labels(families, families.LabelsOf(metric)) : "").Append('}');
        bool isWhole = family.Type is FamilyType.Summary or FamilyType.Histogram or FamilyType.GaugeHistogram;
        text.Append(isWhole
            ? string.Create(CultureInfo.InvariantCulture, $" count={metric.Count}{(metric.Has(MetricParts.FloatCounts) ? "f" : "")} sum={Number(metric.ValueBits)}")
            : $" {Number(metric.ValueBits)}");
        text.Append(metric.Has(MetricParts.Start) ? $" start={metric.StartMs}" : "");
        foreach (PointEntry point in families.PointsOf(metric))
        {
            string value = family.Type == FamilyType.Summary ? Number(point.Bits) : metric.CountOf(point).ToString(CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture, $" [{point.Bound}]={value}");
            text.Append(point.Exemplar < 0 ? "" : Exemplar(families, families.Exemplars[point.Exemplar]));
        }

        foreach (ExemplarEntry exemplar in families.ExemplarsOf(metric))
        {
            text.Append(Exemplar(families, exemplar));
        }

        text.Append('\n');
    }

    private static string Exemplar(MetricFamilies families, ExemplarEntry exemplar) =>
        $" #{{{Labels(families, families.LabelsOf(exemplar))}}} {Number(exemplar.ValueBits)}{(exemplar.HasTimestamp ? $" @{exemplar.TimestampMs}" : "")}";

    private static string Labels(MetricFamilies families, ReadOnlySpan<LabelRange> labels)
    {
        List<string> printed = [];
        foreach (LabelRange label in labels)
        {
            printed.Add($"{Str(families, label.Name)}={Str(families, label.Value)}");
        }

        return string.Join(',', printed);
    }

    private static string Str(MetricFamilies families, TextRange range) => Encoding.UTF8.GetString(families.Text(range)).Replace("\n", "\\n", StringComparison.Ordinal);
}
