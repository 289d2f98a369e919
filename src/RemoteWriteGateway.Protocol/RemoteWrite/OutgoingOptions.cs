namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>How a stamped request leaves for a store.</summary>
public sealed record OutgoingOptions
{
    /// <summary>Most bytes of one outgoing message before compression; a larger request is cut into consecutive ones by series, in order.</summary>
    public int MaxRequestBytes { get; init; } = 32 << 20;

    /// <summary>2.0 to 1.0: write a <c>MetricMetadata</c> entry for each family of the request, instead of leaving metadata out.</summary>
    public bool ForwardMetadata { get; init; }

    /// <summary>1.0: write native histograms with custom bounds as classic ones (<c>_bucket</c>, <c>_sum</c>, <c>_count</c>).</summary>
    public bool ExpandCustomBounds { get; init; } = true;
}

/// <summary>What translation left out by policy: it counts as written.</summary>
/// <param name="StartTimestamps">Start timestamps of samples and histograms, and created timestamps of series.</param>
/// <param name="Metadata">Series whose metadata is in no message: not forwarded, or contradicting what is forwarded for the family.</param>
/// <param name="CustomBoundsLayouts">Histograms with custom bounds that left as classic series.</param>
/// <param name="UnknownFields">Fields of 2.0 samples and histograms that we do not know and 1.0 may number otherwise.</param>
public readonly record struct TranslationLosses(long StartTimestamps, long Metadata, long CustomBoundsLayouts, long UnknownFields)
{
    public static TranslationLosses operator +(TranslationLosses a, TranslationLosses b) => new(
        a.StartTimestamps + b.StartTimestamps,
        a.Metadata + b.Metadata,
        a.CustomBoundsLayouts + b.CustomBoundsLayouts,
        a.UnknownFields + b.UnknownFields);

    public static TranslationLosses Add(TranslationLosses left, TranslationLosses right) => left + right;
}
