namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The types that OpenMetrics has.</summary>
internal enum OpenMetricsType
{
    Unknown,
    Gauge,
    Counter,
    StateSet,
    Info,
    Histogram,
    GaugeHistogram,
    Summary,
}

/// <summary>What each type is called, what its samples are called, and what it is stored as.</summary>
internal static class OpenMetricsTypes
{
    public const string Names = "counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown";

    public static bool TryParse(ReadOnlySpan<byte> text, out OpenMetricsType type)
    {
        (bool isKnown, type) = text switch
        {
            _ when text.SequenceEqual("counter"u8) => (true, OpenMetricsType.Counter),
            _ when text.SequenceEqual("gauge"u8) => (true, OpenMetricsType.Gauge),
            _ when text.SequenceEqual("histogram"u8) => (true, OpenMetricsType.Histogram),
            _ when text.SequenceEqual("gaugehistogram"u8) => (true, OpenMetricsType.GaugeHistogram),
            _ when text.SequenceEqual("summary"u8) => (true, OpenMetricsType.Summary),
            _ when text.SequenceEqual("info"u8) => (true, OpenMetricsType.Info),
            _ when text.SequenceEqual("stateset"u8) => (true, OpenMetricsType.StateSet),
            _ => (text.SequenceEqual("unknown"u8), OpenMetricsType.Unknown),
        };
        return isKnown;
    }

    public static FamilyType Stored(OpenMetricsType type) => type switch
    {
        OpenMetricsType.Counter => FamilyType.Counter,
        OpenMetricsType.Gauge or OpenMetricsType.Info or OpenMetricsType.StateSet => FamilyType.Gauge,
        OpenMetricsType.Histogram => FamilyType.Histogram,
        OpenMetricsType.GaugeHistogram => FamilyType.GaugeHistogram,
        OpenMetricsType.Summary => FamilyType.Summary,
        _ => FamilyType.Untyped,
    };

    /// <summary>What a sample is whose name is the family's and <paramref name="suffix"/>. False if the type has no such samples.</summary>
    public static bool TryGetRole(OpenMetricsType type, ReadOnlySpan<byte> suffix, out SampleRole role)
    {
        role = suffix switch
        {
            _ when suffix.IsEmpty => type == OpenMetricsType.Summary ? SampleRole.Bare : SampleRole.Value,
            _ when suffix.SequenceEqual("_bucket"u8) => SampleRole.Bucket,
            _ when suffix.SequenceEqual("_count"u8) => SampleRole.Count,
            _ when suffix.SequenceEqual("_sum"u8) => SampleRole.Sum,
            _ when suffix.SequenceEqual("_created"u8) => SampleRole.Created,
            _ when suffix.SequenceEqual("_gcount"u8) => SampleRole.GaugeCount,
            _ when suffix.SequenceEqual("_gsum"u8) => SampleRole.GaugeSum,
            // The role that a plain name has elsewhere.
            _ => SampleRole.Value,
        };
        return type switch
        {
            OpenMetricsType.Counter => role == SampleRole.Created || suffix.SequenceEqual("_total"u8),
            OpenMetricsType.Info => suffix.SequenceEqual("_info"u8),
            OpenMetricsType.Histogram => role is SampleRole.Bucket or SampleRole.Count or SampleRole.Sum or SampleRole.Created,
            OpenMetricsType.GaugeHistogram => role is SampleRole.Bucket or SampleRole.GaugeCount or SampleRole.GaugeSum,
            OpenMetricsType.Summary => role is SampleRole.Bare or SampleRole.Count or SampleRole.Sum or SampleRole.Created,
            _ => suffix.IsEmpty,
        };
    }
}
