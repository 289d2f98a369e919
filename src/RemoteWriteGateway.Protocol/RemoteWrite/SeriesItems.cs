namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>How many items stand in a series, before any of them is judged.</summary>
internal struct SeriesItems
{
    public int Samples;
    public int Histograms;
    public int Exemplars;

    public readonly long Total => (long)Samples + Histograms + Exemplars;

    public readonly ItemCounts Counts => new(Samples, Histograms, Exemplars);

    /// <summary>Samples and histograms cannot share a series everywhere: such a one leaves as two.</summary>
    public readonly bool MustSplit => Samples > 0 && Histograms > 0;
}

/// <summary>Which items of a series go into the series that is written.</summary>
internal readonly record struct SeriesPart(bool Samples, bool Histograms, bool Exemplars)
{
    public static SeriesPart All => new(true, true, true);

    /// <summary>First part of a series that is split.</summary>
    public static SeriesPart WithoutHistograms => new(true, false, true);

    /// <summary>Second part of a series that is split.</summary>
    public static SeriesPart OnlyHistograms => new(false, true, false);
}
