namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Why a request, a part of it, or a piece of metadata is not passed on. <see cref="StampReasons.Id"/> gives the id used in answers, metrics and audit.</summary>
public enum StampReason
{
    None = 0,

    // Hard: the whole request is refused and nothing is written.
    DecodedTooLarge,
    ExpandedTooLarge,
    MalformedSnappy,
    MalformedProtobuf,
    InvalidSymbols,
    TooManySymbols,
    TooManySeries,
    TooManySamples,

    // Soft: the smallest faulty part is left out, the rest is written.
    MissingMetricName,
    MetricNameInvalid,
    LabelNameInvalid,
    LabelValueInvalid,
    DuplicateLabelNames,
    InvalidLabelRefs,
    ReservedLabel,
    TooManyLabels,
    MetricNameTooLong,
    LabelNameTooLong,
    LabelValueTooLong,
    SeriesWithoutData,
    TooFarInFuture,
    TooFarInPast,
    HistogramSchemaInvalid,
    HistogramCountMismatch,
    HistogramBucketsMismatch,
    HistogramNegativeCount,
    HistogramSpanInvalid,
    HistogramCustomBoundsInvalid,
    HistogramTooManyBuckets,
    HistogramNotAccepted,
    ExemplarLabelsTooLong,
    ExemplarLabelsInvalid,
    ExemplarTimestampMissing,

    // Metadata: dropped and counted, not told to the sender.
    MetadataInvalid,
    MetadataTooLong,
    MetadataPolicy,
}

/// <summary>The ids of <see cref="StampReason"/>.</summary>
public static class StampReasons
{
    private static readonly string[] Ids =
    [
        "",
        "decoded-too-large", "expanded-too-large", "malformed-snappy", "malformed-protobuf", "invalid-symbols",
        "too-many-symbols", "too-many-series", "too-many-samples",
        "missing-metric-name", "metric-name-invalid", "label-name-invalid", "label-value-invalid", "duplicate-label-names",
        "invalid-label-refs", "reserved-label", "too-many-labels", "metric-name-too-long", "label-name-too-long",
        "label-value-too-long", "series-without-data", "too-far-in-future", "too-far-in-past", "histogram-schema-invalid",
        "histogram-count-mismatch", "histogram-buckets-mismatch", "histogram-negative-count", "histogram-span-invalid",
        "histogram-custom-bounds-invalid", "histogram-too-many-buckets", "histogram-not-accepted", "exemplar-labels-too-long",
        "exemplar-labels-invalid", "exemplar-timestamp-missing",
        "metadata-invalid", "metadata-too-long", "policy",
    ];

    /// <summary>How many reasons there are, <see cref="StampReason.None"/> included: the size of an array indexed by reason.</summary>
    public static int Count => Ids.Length;

    /// <summary>The reason's id, for example <c>too-many-labels</c>.</summary>
    public static string Id(this StampReason reason) => Ids[(int)reason];

    /// <summary>Whether the reason refuses the whole request.</summary>
    public static bool IsHard(this StampReason reason) =>
        reason is >= StampReason.DecodedTooLarge and <= StampReason.TooManySamples;

    /// <summary>Whether the reason refuses a series, or one of its items, while the rest is written.</summary>
    public static bool IsSoft(this StampReason reason) =>
        reason is >= StampReason.MissingMetricName and <= StampReason.ExemplarTimestampMissing;
}
