using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// The families of one body, as <see cref="ExpositionReader"/> found them: families, their metrics, and each metric's labels, points and
/// exemplars, all in flat lists. One object per body in flight, recycled whole; not thread-safe.
/// </summary>
/// <remarks>
/// Texts are ranges of the body wherever it holds them as they are; what had to be unescaped was copied. So the body's bytes must stay
/// as they were for as long as this is read. Nothing is an object of its own, and the lists keep their size from body to body.
/// </remarks>
/// <example><code>
/// foreach (ref readonly FamilyEntry family in families.Families)
/// {
///     foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
///     {
///         foreach (ref readonly LabelRange label in families.LabelsOf(metric)) { use(families.Text(label.Name), families.Text(label.Value)); }
///         foreach (ref readonly PointEntry bucket in families.PointsOf(metric)) { use(bucket.Bound, metric.CountOf(bucket)); }
///     }
/// }
/// </code></example>
public sealed class MetricFamilies
{
    private ByteBudget _budget = ByteBudget.Unlimited;

    /// <summary>In the order of the body; of one name only one.</summary>
    public ReadOnlySpan<FamilyEntry> Families => FamilyList.Span;

    /// <summary>Family after family.</summary>
    public ReadOnlySpan<MetricEntry> Metrics => MetricList.Span;

    /// <summary>The hash of each of <see cref="Metrics"/>, as <see cref="ContentRules.Hash"/> makes it; filled by <see cref="ContentRules.Check"/>.</summary>
    public ReadOnlySpan<UInt128> Hashes => Builder.Rules.Hashes.Span;

    public ReadOnlySpan<ExemplarEntry> Exemplars => ExemplarList.Span;

    /// <summary>Series as a store counts them: a value is one; a summary or histogram has its sum, its count and one for each quantile or bucket, the infinite one included.</summary>
    public int Series { get; internal set; }

    /// <summary>Samples that say nothing and were left out: of a histogram or summary without suffix or bound, and all of <c>push_time_seconds</c> and <c>push_failure_time_seconds</c>.</summary>
    public int IgnoredSamples { get; internal set; }

    /// <summary>Exemplars that were left out: invalid, or more than a metric may have.</summary>
    public int DroppedExemplars { get; internal set; }

    /// <summary>Bytes that the lists hold.</summary>
    public long HeldBytes =>
        Copied.Capacity + FamilyList.HeldBytes + MetricList.HeldBytes + LabelList.HeldBytes + PointList.HeldBytes
        + ExemplarList.HeldBytes + Builder.HeldBytes;

    internal ReadOnlyMemory<byte> Body { get; set; }

    internal ExpositionFormat Format { get; set; }

    /// <summary>What does not stand in the body as it is.</summary>
    internal WriteBuffer Copied { get; } = new();

    internal ScratchList<FamilyEntry> FamilyList { get; } = new();

    internal ScratchList<MetricEntry> MetricList { get; } = new();

    internal ScratchList<LabelRange> LabelList { get; } = new();

    internal ScratchList<PointEntry> PointList { get; } = new();

    internal ScratchList<ExemplarEntry> ExemplarList { get; } = new();

    internal FamilyBuilder Builder => field ??= new FamilyBuilder(this);

    public ReadOnlySpan<MetricEntry> MetricsOf(in FamilyEntry family) => MetricList.Span.Slice(family.FirstMetric, family.Metrics);

    public ReadOnlySpan<LabelRange> LabelsOf(in MetricEntry metric) => LabelList.Span.Slice(metric.FirstLabel, metric.Labels);

    public ReadOnlySpan<LabelRange> LabelsOf(in ExemplarEntry exemplar) => LabelList.Span.Slice(exemplar.FirstLabel, exemplar.Labels);

    /// <summary>The buckets or quantiles of a metric, by ascending bound.</summary>
    public ReadOnlySpan<PointEntry> PointsOf(in MetricEntry metric) => PointList.Span.Slice(metric.FirstPoint, metric.Points);

    /// <summary>The exemplars of a counter (one at most) or of a native histogram.</summary>
    public ReadOnlySpan<ExemplarEntry> ExemplarsOf(in MetricEntry metric) => ExemplarList.Span.Slice(metric.FirstExemplar, metric.Exemplars);

    /// <summary>The bytes of a text: valid UTF-8 once <see cref="ContentRules"/> found nothing.</summary>
    public ReadOnlySpan<byte> Text(TextRange range) => range.Start >= 0
        ? Body.Span.Slice(range.Start, range.Length)
        : Copied.Span.Slice(~range.Start, range.Length);

    /// <summary>Where a metric stands, as texts name it: <c>line 3</c>, in protobuf <c>family 3</c>.</summary>
    internal string Place(in MetricEntry metric) => Place(metric.Line);

    internal string Place(int line) => $"{(Format == ExpositionFormat.Protobuf ? "family" : "line")} {line}";

    /// <summary>Marks a family as one whose sum and count are <c>_gsum</c> and <c>_gcount</c>: its message cannot say so.</summary>
    /// <param name="family">Index into <see cref="Families"/>, of a gauge histogram.</param>
    public void MarkGaugeSuffixes(int family) => FamilyList[family].HasGaugeSuffixes = true;

    /// <summary>Forgets the contents and lets go of the body: one tenant's labels must not show up in another's push.</summary>
    public void Clear()
    {
        Body = default;
        Copied.Clear();
        FamilyList.Clear();
        MetricList.Clear();
        LabelList.Clear();
        PointList.Clear();
        ExemplarList.Clear();
        Builder.Clear();
        Series = IgnoredSamples = DroppedExemplars = 0;
    }

    /// <summary>Starts a push: what the lists hold already, and all that they grow by, is taken from <paramref name="budget"/>.</summary>
    /// <exception cref="ByteBudgetExceededException">Not even what the lists hold is left; nothing was taken.</exception>
    public void Begin(ByteBudget budget)
    {
        budget.Take(HeldBytes);
        SetBudget(budget);
    }

    /// <summary>Ends a push: contents are forgotten, lists larger than <paramref name="keepBytes"/> each are let go, and the budget gets all back.</summary>
    public void End(int keepBytes)
    {
        Clear();
        Copied.Trim(keepBytes);
        FamilyList.Trim(keepBytes);
        MetricList.Trim(keepBytes);
        LabelList.Trim(keepBytes);
        PointList.Trim(keepBytes);
        ExemplarList.Trim(keepBytes);
        Builder.Trim(keepBytes);
        _budget.GiveBack(HeldBytes);
        SetBudget(ByteBudget.Unlimited);
    }

    private void SetBudget(ByteBudget budget)
    {
        _budget = budget;
        Copied.Budget = budget;
        FamilyList.Budget = budget;
        MetricList.Budget = budget;
        LabelList.Budget = budget;
        PointList.Budget = budget;
        ExemplarList.Budget = budget;
        Builder.SetBudget(budget);
    }
}
