using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// What <see cref="SeriesStamper"/> would do with the labels of a pushed metric when it is written, done before it is stored: the tenant label and
/// reserved ones leave, or are kept under another name, or refuse the push. Without it two metrics could be two here and one at the store.
/// </summary>
internal static class StampedLabels
{
    /// <summary>Settles the labels of one metric, in place; a label that leaves stays without a value.</summary>
    /// <returns>The first name that refuses the push, or none.</returns>
    public static TextRange? Settle(MetricFamilies families, in MetricEntry metric, StampPlan plan)
    {
        Span<LabelRange> labels = families.LabelList.Span.Slice(metric.FirstLabel, metric.Labels);
        foreach (ref LabelRange label in labels)
        {
            ReadOnlySpan<byte> name = families.Text(label.Name);
            bool isTenant = plan.IsTenantLabel(name);
            if (label.Value.IsEmpty || !(isTenant || plan.IsReserved(name)))
            {
                continue;
            }

            if (plan.Options.RefuseReservedLabels)
            {
                return label.Name;
            }

            label = isTenant && plan.Options.KeepWriterTenant
                ? new LabelRange(ExportedName(families, labels, name), label.Value)
                : label with { Value = new TextRange(label.Value.Start, 0) };
        }

        return null;
    }

    private static TextRange ExportedName(MetricFamilies families, ReadOnlySpan<LabelRange> labels, ReadOnlySpan<byte> tenantLabel)
    {
        byte[] name = [.. "exported_"u8, .. tenantLabel];
        while (IsTaken(families, labels, name))
        {
            name = [.. "exported_"u8, .. name];
        }

        int start = families.Copied.Length;
        families.Copied.Append(name);
        return new TextRange(~start, name.Length);
    }

    private static bool IsTaken(MetricFamilies families, ReadOnlySpan<LabelRange> labels, ReadOnlySpan<byte> name)
    {
        foreach (ref readonly LabelRange label in labels)
        {
            if (!label.Value.IsEmpty && families.Text(label.Name).SequenceEqual(name))
            {
                return true;
            }
        }

        return false;
    }
}
