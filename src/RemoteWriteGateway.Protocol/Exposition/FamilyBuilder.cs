using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Fills a <see cref="MetricFamilies"/> while a body is read: finds families by name and metrics by labels, and puts all in order at the end.</summary>
internal sealed partial class FamilyBuilder(MetricFamilies families)
{
    private readonly HashIndex _names = new();
    private readonly HashIndex _metrics = new();
    private readonly ScratchList<NamedFamily> _named = new();
    private readonly ScratchList<MetricEntry> _sortedMetrics = new();
    private readonly ScratchList<PointEntry> _sortedPoints = new();
    private readonly ScratchList<int> _starts = new();

    /// <summary>Families that are not stored, whatever is pushed: the gateway writes these itself.</summary>
    private static ReadOnlySpan<byte> PushTime => "push_time_seconds"u8;

    private static ReadOnlySpan<byte> PushFailureTime => "push_failure_time_seconds"u8;

    public long HeldBytes =>
        _names.HeldBytes + _metrics.HeldBytes + _named.HeldBytes + _sortedMetrics.HeldBytes + _sortedPoints.HeldBytes + _starts.HeldBytes
        + Rules.HeldBytes;

    /// <summary>Working memory of <see cref="ContentRules"/>.</summary>
    internal RulesScratch Rules { get; } = new();

    public void Clear()
    {
        _names.Clear();
        _metrics.Clear();
        _named.Clear();
        _sortedMetrics.Clear();
        _sortedPoints.Clear();
        _starts.Clear();
        Rules.Clear();
    }

    public void Trim(int maxBytes)
    {
        _names.Trim(maxBytes);
        _metrics.Trim(maxBytes);
        _named.Trim(maxBytes);
        _sortedMetrics.Trim(maxBytes);
        _sortedPoints.Trim(maxBytes);
        _starts.Trim(maxBytes);
        Rules.Trim(maxBytes);
    }

    public void SetBudget(ByteBudget budget)
    {
        _names.Budget = budget;
        _metrics.Budget = budget;
        _named.Budget = budget;
        _sortedMetrics.Budget = budget;
        _sortedPoints.Budget = budget;
        _starts.Budget = budget;
        Rules.SetBudget(budget);
    }

    /// <summary>Index of the family with this name, or −1.</summary>
    public int FindFamily(ReadOnlySpan<byte> name)
    {
        uint hash = HashIndex.Hash(name);
        int probe = 0;
        for (int item = _names.Next(hash, ref probe); item >= 0; item = _names.Next(hash, ref probe))
        {
            if (families.Text(_named[item].Name).SequenceEqual(name))
            {
                return _named[item].Family;
            }
        }

        return -1;
    }

    /// <summary>Adds a family whose name was not found.</summary>
    public int AddFamily(TextRange name, FamilyType type, int line)
    {
        int family = families.FamilyList.Add(new FamilyEntry { Name = name, Type = type, Line = line });
        NameFamily(name, family);
        return family;
    }

    /// <summary>Has a family found by one more name.</summary>
    public void NameFamily(TextRange name, int family) =>
        _names.Add(HashIndex.Hash(families.Text(name)), _named.Add(new NamedFamily(name, family)));

    /// <summary>Adds a metric with the labels that were added last.</summary>
    public int AddMetric(int family, int firstLabel, int line)
    {
        families.Series += IsWhole(families.FamilyList[family].Type) ? 2 : 1;
        return families.MetricList.Add(new MetricEntry
        {
            Family = family,
            FirstLabel = firstLabel,
            Labels = families.LabelList.Count - firstLabel,
            Line = line,
        });
    }

    /// <summary>The metric of a family with <paramref name="count"/> labels from <paramref name="firstLabel"/> on, in whatever order, or −1. Finds those of <see cref="AddFoundMetric"/>.</summary>
    public int FindMetric(int family, int firstLabel, int count, out uint hash)
    {
        ReadOnlySpan<LabelRange> labels = families.LabelList.Span.Slice(firstLabel, count);
        hash = (uint)family * 0x9E3779B1;
        foreach (ref readonly LabelRange label in labels)
        {
            // Added up, so that order makes no difference.
            hash += (HashIndex.Hash(families.Text(label.Name)) * 31) ^ HashIndex.Hash(families.Text(label.Value));
        }

        int probe = 0;
        for (int item = _metrics.Next(hash, ref probe); item >= 0; item = _metrics.Next(hash, ref probe))
        {
            if (families.MetricList[item].Family == family && HasLabels(families.MetricList[item], labels))
            {
                return item;
            }
        }

        return -1;
    }

    /// <summary>Adds a metric that <see cref="FindMetric"/> did not find, so that it does.</summary>
    public int AddFoundMetric(int family, int firstLabel, uint hash, int line)
    {
        int metric = AddMetric(family, firstLabel, line);
        _metrics.Add(hash, metric);
        return metric;
    }

    /// <summary>Whether the metric has these labels, in whatever order.</summary>
    public bool HasLabels(in MetricEntry metric, ReadOnlySpan<LabelRange> labels)
    {
        ReadOnlySpan<LabelRange> own = families.LabelsOf(metric);
        if (own.Length != labels.Length)
        {
            return false;
        }

        for (int i = 0; i < labels.Length; i++)
        {
            ReadOnlySpan<byte> name = families.Text(labels[i].Name);
            ReadOnlySpan<byte> value = families.Text(labels[i].Value);
            // Samples of one metric nearly always have their labels in the same order.
            if (!IsLabel(own[i], name, value) && !ContainsLabel(own, name, value))
            {
                return false;
            }
        }

        return true;
    }

    public void AddPoint(int metric, double bound, ulong bits, int exemplar)
    {
        families.Series++;
        families.PointList.Add(new PointEntry { Metric = metric, Bound = bound, Bits = bits, Exemplar = exemplar });
    }

    /// <summary>Whether a metric of the type is a whole of sum, count and points.</summary>
    public static bool IsWhole(FamilyType type) => type is FamilyType.Summary or FamilyType.Histogram or FamilyType.GaugeHistogram;

    private bool ContainsLabel(ReadOnlySpan<LabelRange> labels, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        foreach (ref readonly LabelRange label in labels)
        {
            if (IsLabel(label, name, value))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsLabel(in LabelRange label, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) =>
        families.Text(label.Name).SequenceEqual(name) && families.Text(label.Value).SequenceEqual(value);

    private readonly record struct NamedFamily(TextRange Name, int Family);
}
