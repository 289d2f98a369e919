namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Which names a series' metric and labels may have.</summary>
public enum NameScheme
{
    /// <summary>Any valid UTF-8 that is not empty.</summary>
    Utf8,

    /// <summary><c>[a-zA-Z_:][a-zA-Z0-9_:]*</c> for metrics, the same without the colon for labels.</summary>
    Legacy,
}

/// <summary>
/// All that stamping needs to know of a tenant and of the store behind it. Immutable, built once per policy snapshot;
/// names and values are encoded once here so that requests only copy.
/// </summary>
public sealed record StampOptions
{
    /// <summary>Name of the tenant label, for example <c>tenant</c>. A writer's label of this name is always removed.</summary>
    public required string TenantLabel { get; init; }

    /// <summary>Value of the tenant label: the tenant's name.</summary>
    public required string TenantValue { get; init; }

    /// <summary>Whether the label is put on; false for stores that are isolated by header or path (the writer's own is removed all the same).</summary>
    public bool Stamp { get; init; } = true;

    /// <summary>Keep a writer's non-empty tenant label as <c>exported_</c> + name, with one more <c>exported_</c> while that is taken.</summary>
    public bool KeepWriterTenant { get; init; }

    /// <summary>Remove a tenant label in any letter case (ASCII): for a store whose label names ignore case.</summary>
    public bool TenantLabelIgnoresCase { get; init; }

    /// <summary>Names of labels that no writer may set, besides the tenant label.</summary>
    public IReadOnlyCollection<string> ReservedLabels { get; init; } = [];

    /// <summary>Refuse series with a reserved label or a writer's tenant label (reason <c>reserved-label</c>) instead of removing the label.</summary>
    public bool RefuseReservedLabels { get; init; }

    public NameScheme NameScheme { get; init; }

    /// <summary>Most <c>timeseries</c> entries of a request, empty ones too.</summary>
    public int MaxSeriesPerRequest { get; init; } = 50_000;

    /// <summary>Most items of a request: samples, histograms and exemplars together.</summary>
    public int MaxSamplesPerRequest { get; init; } = 100_000;

    /// <summary>2.0: most symbols of a request.</summary>
    public int MaxSymbolsPerRequest { get; init; } = 500_000;

    /// <summary>2.0: most bytes that all label names and values take when written out for each series and exemplar.</summary>
    public long MaxExpandedBytes { get; init; } = 128L << 20;

    /// <summary>Most labels of a series, <c>__name__</c> included, empty ones and the stamp not.</summary>
    public int MaxLabelsPerSeries { get; init; } = 60;

    /// <summary>Most bytes of a metric name.</summary>
    public int MaxMetricNameBytes { get; init; } = 512;

    /// <summary>Most bytes of a label name.</summary>
    public int MaxLabelNameBytes { get; init; } = 256;

    /// <summary>Most bytes of a label value.</summary>
    public int MaxLabelValueBytes { get; init; } = 2048;

    /// <summary>Most bytes of a metadata's name, help and unit, each.</summary>
    public int MaxMetadataBytes { get; init; } = 1024;

    /// <summary>Most buckets of a native histogram, both sides together; 0 is no limit.</summary>
    public int MaxHistogramBuckets { get; init; } = 1000;

    /// <summary>How far ahead of now a timestamp may be, in milliseconds.</summary>
    public long MaxFutureMs { get; init; } = 600_000;

    /// <summary>How far behind now a timestamp may be, in milliseconds; 0 is no limit.</summary>
    public long MaxPastMs { get; init; }

    /// <summary>The store takes no native histograms: they are refused with <c>histogram-not-accepted</c>.</summary>
    public bool RefuseHistograms { get; init; }

    /// <summary>Native histograms with custom bounds (schema −53) are refused with <c>histogram-not-accepted</c>.</summary>
    public bool RefuseCustomBounds { get; init; }

    /// <summary>Schemas 9 to 52 pass (Prometheus 3.7 and later reduce them) instead of <c>histogram-schema-invalid</c>.</summary>
    public bool AllowHighResolution { get; init; }

    /// <summary>Leave exemplars out (counted as lost by policy, and as written).</summary>
    public bool DropExemplars { get; init; }

    /// <summary>1.0: leave <c>MetricMetadata</c> entries out (counted, reason <c>policy</c>). 2.0: metadata rides on the series and stays.</summary>
    public bool DropMetadata { get; init; }

    /// <summary>The same with names and values encoded. Built by the first request, or before by whoever wants faults in the options to show early.</summary>
    /// <exception cref="ArgumentException">The tenant label cannot be put on a series: its name or value is empty, or it is <c>__name__</c>.</exception>
    internal StampPlan Plan =>
        // A copy by "with" brings the plan of its original along: that one is not this one's.
        field is { } plan && ReferenceEquals(plan.Options, this) ? plan : field = new StampPlan(this);

    /// <summary>Encodes names and values now, so that a fault in the options shows before the first request.</summary>
    /// <exception cref="ArgumentException">The tenant label cannot be put on a series: its name or value is empty, or it is <c>__name__</c>.</exception>
    public StampOptions Prepare()
    {
        _ = Plan;
        return this;
    }
}
