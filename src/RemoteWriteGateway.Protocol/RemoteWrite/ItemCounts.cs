namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>How many items of each kind: the three that Remote Write 2.0 counts in its answers.</summary>
public readonly record struct ItemCounts(long Samples, long Histograms, long Exemplars)
{
    public long Total => Samples + Histograms + Exemplars;

    public static ItemCounts operator +(ItemCounts a, ItemCounts b) =>
        new(a.Samples + b.Samples, a.Histograms + b.Histograms, a.Exemplars + b.Exemplars);

    public static ItemCounts operator -(ItemCounts a, ItemCounts b) =>
        new(a.Samples - b.Samples, a.Histograms - b.Histograms, a.Exemplars - b.Exemplars);

    public static ItemCounts Add(ItemCounts left, ItemCounts right) => left + right;

    public static ItemCounts Subtract(ItemCounts left, ItemCounts right) => left - right;
}
