using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>What a tenant's pushes may hold. Immutable, built once per policy snapshot.</summary>
public sealed record ExpositionOptions
{
    /// <summary>The tenant's limits on labels, exemplars and native histograms, which are those of its writes.</summary>
    public required StampOptions Limits { get; init; }

    /// <summary>Whether names may be any UTF-8 instead of <c>[a-zA-Z_:][a-zA-Z0-9_:]*</c>. Policy: <c>push.utf8Names</c>.</summary>
    public bool Utf8Names { get; init; }

    /// <summary>Most series of a push as a store counts them: each bucket, quantile, sum and count is one.</summary>
    public int MaxSeriesPerPush { get; init; } = 20_000;

    /// <summary>Most families of a push, those without samples included.</summary>
    public int MaxFamiliesPerPush { get; init; } = 10_000;

    /// <summary>Exemplars of one metric; those beyond are dropped and counted.</summary>
    internal const int MaxExemplarsPerMetric = 10;

    /// <summary>The limits on native histograms without the store's: a store that takes none gets count, sum and one bucket of them.</summary>
    internal StampOptions HistogramLimits => Limits with { RefuseHistograms = false, RefuseCustomBounds = false };

    /// <summary>Labels of one line or message beyond which it is refused before they are looked at: four times those that it may keep.</summary>
    internal int MaxRawLabels => (int)Math.Min(4L * Limits.MaxLabelsPerSeries, int.MaxValue);
}
