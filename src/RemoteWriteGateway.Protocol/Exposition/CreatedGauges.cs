using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// Start times in text, which has no place for them: clients write a gauge beside the family, named like it, without <c>_total</c> and with
/// <c>_created</c>, whose value is the time in seconds. It stays a gauge; its metric gets the start time all the same.
/// </summary>
public static class CreatedGauges
{
    // Beyond it a time in milliseconds is none that a store would take.
    private const double MaxSeconds = 253_402_300_799;

    private static ReadOnlySpan<byte> Created => "_created"u8;

    private static ReadOnlySpan<byte> Total => "_total"u8;

    /// <summary>Gives the start times to the metrics of a text push. Doing it again changes nothing.</summary>
    /// <param name="families">Checked by <see cref="ContentRules.Check"/>, whose hashes it needs.</param>
    /// <param name="group">The same as there.</param>
    public static void Apply(MetricFamilies families, GroupingLabels group)
    {
        Dictionary<UInt128, int>? gauges = families.Format == ExpositionFormat.Text ? Gauges(families) : null;
        if (gauges is null)
        {
            return;
        }

        var labels = new SeriesLabels();
        var scratch = new WriteBuffer();
        var name = new WriteBuffer();
        foreach (ref readonly FamilyEntry family in families.Families)
        {
            if (family.Type is not (FamilyType.Counter or FamilyType.Histogram or FamilyType.Summary))
            {
                continue;
            }

            name.Clear();
            ReadOnlySpan<byte> own = families.Text(family.Name);
            name.Append(family.Type == FamilyType.Counter && own.EndsWith(Total) ? own[..^Total.Length] : own);
            name.Append(Created);
            foreach (ref MetricEntry metric in families.MetricList.Span.Slice(family.FirstMetric, family.Metrics))
            {
                labels.Merge(families, metric, group);
                if (gauges.TryGetValue(ContentRules.Hash(name.Span, labels, scratch), out int gauge)
                    && families.MetricList[gauge].Value is > 0 and <= MaxSeconds and var seconds)
                {
                    metric.StartMs = (long)Math.Floor(seconds * 1000);
                    metric.Parts |= MetricParts.Start;
                }
            }
        }
    }

    private static Dictionary<UInt128, int>? Gauges(MetricFamilies families)
    {
        Dictionary<UInt128, int>? gauges = null;
        foreach (ref readonly FamilyEntry family in families.Families)
        {
            if (family.Type != FamilyType.Gauge || !families.Text(family.Name).EndsWith(Created))
            {
                continue;
            }

            for (int metric = family.FirstMetric; metric < family.FirstMetric + family.Metrics; metric++)
            {
                (gauges ??= []).TryAdd(families.Hashes[metric], metric);
            }
        }

        return gauges;
    }
}
