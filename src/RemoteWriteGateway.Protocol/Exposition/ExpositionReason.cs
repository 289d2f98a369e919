namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Why a pushed body is refused. <see cref="ExpositionReasons.Id"/> gives the id used in answers, metrics and audit.</summary>
public enum ExpositionReason
{
    None = 0,

    // Silent: the body could not be read, or not within its bounds. A refusal leaves no trace in the group.
    MalformedText,
    MalformedOpenMetrics,
    MalformedProtobuf,
    TooManySeries,
    TooManyFamilies,

    // Traced: the body was read, and says what must not be stored. The group's failure time is set.
    TimestampsNotAllowed,
    SeriesDuplicate,
    MissingMetricName,
    MetricNameInvalid,
    LabelNameInvalid,
    LabelNotAllowed,
    LabelValueInvalid,
    DuplicateLabelNames,
    TypeMismatch,
    TooManyLabels,
    MetricNameTooLong,
    LabelNameTooLong,
    LabelValueTooLong,
    HistogramSchemaInvalid,
    HistogramCountMismatch,
    HistogramBucketsMismatch,
    HistogramNegativeCount,
    HistogramSpanInvalid,
    HistogramCustomBoundsInvalid,
    HistogramTooManyBuckets,
    ReservedLabel,
}

/// <summary>The ids of <see cref="ExpositionReason"/>, and which of the two kinds of refusal each is.</summary>
public static class ExpositionReasons
{
    private static readonly string[] Ids =
    [
        "",
        "malformed-text", "malformed-openmetrics", "malformed-protobuf", "too-many-series", "too-many-families",
        "timestamps-not-allowed", "series-duplicate", "missing-metric-name", "metric-name-invalid", "label-name-invalid",
        "label-not-allowed", "label-value-invalid", "duplicate-label-names", "type-mismatch", "too-many-labels",
        "metric-name-too-long", "label-name-too-long", "label-value-too-long", "histogram-schema-invalid",
        "histogram-count-mismatch", "histogram-buckets-mismatch", "histogram-negative-count", "histogram-span-invalid",
        "histogram-custom-bounds-invalid", "histogram-too-many-buckets", "reserved-label",
    ];

    /// <summary>How many reasons there are, <see cref="ExpositionReason.None"/> included: the size of an array indexed by reason.</summary>
    public static int Count => Ids.Length;

    /// <summary>The reason's id, for example <c>malformed-text</c>.</summary>
    public static string Id(this ExpositionReason reason) => Ids[(int)reason];

    /// <summary>Whether the refusal is about content, and so leaves its trace (failure time and reason) in the group.</summary>
    public static bool IsTraced(this ExpositionReason reason) => reason >= ExpositionReason.TimestampsNotAllowed;
}

/// <summary>What is wrong with a body; the default value says that nothing is. Only the first fault is told.</summary>
/// <param name="Reason">Its id goes before <paramref name="Text"/> in the answer.</param>
/// <param name="Text">What, where, the limit, the actual value, and what to do, for example <c>line 3: "12,7" is not a number</c>. It quotes
/// the caller's own bytes: for the answer, never for a log.</param>
public readonly record struct ExpositionFault(ExpositionReason Reason, string Text)
{
    public bool IsNone => Reason == ExpositionReason.None;
}
