using System.Text;
using Google.Protobuf.Collections;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>
/// What stamping is, said once more and as plainly as can be: with objects, strings and LINQ, on series whose labels are
/// resolved. It shares no code with the stamper but the enumeration of reasons.
/// </summary>
internal sealed class ObjectStamper(StampOptions options)
{
    private readonly Dictionary<(StampReason Reason, string Kind), long> _refused = [];

    public List<V1.TimeSeries> Output { get; } = [];

    public IReadOnlyDictionary<(StampReason Reason, string Kind), long> Refused => _refused;

    /// <summary>Stamps one series.</summary>
    /// <param name="labels">Its labels, or null if a reference is to no symbol.</param>
    /// <param name="rawLabels">How many labels were sent.</param>
    /// <param name="series">Its items.</param>
    /// <param name="exemplarLabels">The labels of each of its exemplars, or null.</param>
    /// <param name="hasMetadata">Whether it carries metadata; 1.0: pass true, for a series without items is no fault there.</param>
    public void Add(IReadOnlyList<V1.Label>? labels, int rawLabels, V1.TimeSeries series, IReadOnlyList<IReadOnlyList<V1.Label>?> exemplarLabels, bool hasMetadata)
    {
        if (series.Samples.Count + series.Histograms.Count + series.Exemplars.Count == 0)
        {
            if (!hasMetadata)
            {
                Refuse(StampReason.SeriesWithoutData, "series", 1);
            }

            return;
        }

        StampReason reason = Settle(labels, rawLabels, out List<V1.Label> settled);
        if (reason != StampReason.None)
        {
            Refuse(reason, "series", 1);
            Refuse(reason, "sample", series.Samples.Count);
            Refuse(reason, "histogram", series.Histograms.Count);
            Refuse(reason, "exemplar", series.Exemplars.Count);
            return;
        }

        List<V1.Sample> samples = [.. series.Samples.Where(sample => Passes("sample", CheckTime(sample.Timestamp)))];
        List<V1.Histogram> histograms = [.. series.Histograms.Where(histogram => Passes("histogram", CheckHistogram(histogram)))];
        List<V1.Exemplar> exemplars = [];
        for (int i = 0; i < series.Exemplars.Count && !options.DropExemplars; i++)
        {
            V1.Exemplar exemplar = series.Exemplars[i];
            if (Passes("exemplar", CheckExemplar(exemplar, exemplarLabels[i], out List<V1.Label> kept)))
            {
                exemplars.Add(new V1.Exemplar { Labels = { kept }, Value = exemplar.Value, Timestamp = exemplar.Timestamp });
            }
        }

        bool isSplit = series.Samples.Count > 0 && series.Histograms.Count > 0;
        Write(settled, samples, exemplars, isSplit ? [] : histograms);
        Write(settled, [], [], isSplit ? histograms : []);
    }

    private void Write(List<V1.Label> labels, List<V1.Sample> samples, List<V1.Exemplar> exemplars, List<V1.Histogram> histograms)
    {
        if (samples.Count + exemplars.Count + histograms.Count > 0)
        {
            Output.Add(new V1.TimeSeries { Labels = { labels }, Samples = { samples }, Exemplars = { exemplars }, Histograms = { histograms } });
        }
    }

    private StampReason Settle(IReadOnlyList<V1.Label>? labels, int rawLabels, out List<V1.Label> settled)
    {
        settled = [];
        if (rawLabels > 4 * options.MaxLabelsPerSeries)
        {
            return StampReason.TooManyLabels;
        }

        if (labels is null)
        {
            return StampReason.InvalidLabelRefs;
        }

        StampReason reason = CheckNames(labels);
        if (reason != StampReason.None)
        {
            return reason;
        }

        List<V1.Label> left = [.. labels.Where(static label => label.Value.Length > 0)];
        string? metric = left.SingleOrDefault(static label => label.Name == "__name__")?.Value;
        if (metric is null)
        {
            return StampReason.MissingMetricName;
        }

        if (options.NameScheme == NameScheme.Legacy && !IsLegacy(metric, colon: true))
        {
            return StampReason.MetricNameInvalid;
        }

        if (left.Exists(IsReserved) && options.RefuseReservedLabels)
        {
            return StampReason.ReservedLabel;
        }

        V1.Label? theirs = left.SingleOrDefault(label => label.Name == options.TenantLabel);
        left.RemoveAll(label => label.Name == options.TenantLabel || IsReserved(label));
        if (theirs is not null && options.KeepWriterTenant)
        {
            string name = "exported_" + options.TenantLabel;
            while (left.Exists(label => label.Name == name))
            {
                name = "exported_" + name;
            }

            left.Add(new V1.Label { Name = name, Value = theirs.Value });
        }

        reason = CheckLimits([.. left.OrderBy(static label => label.Name, Utf8Order.Comparer)]);
        if (options.Stamp)
        {
            left.Add(new V1.Label { Name = options.TenantLabel, Value = options.TenantValue });
        }

        settled = [.. left.OrderBy(static label => label.Name, Utf8Order.Comparer)];
        return reason;
    }

    private StampReason CheckLimits(List<V1.Label> labels)
    {
        if (labels.Count > options.MaxLabelsPerSeries)
        {
            return StampReason.TooManyLabels;
        }

        foreach (V1.Label label in labels)
        {
            bool isMetric = label.Name == "__name__";
            if (!isMetric && Encoding.UTF8.GetByteCount(label.Name) > options.MaxLabelNameBytes)
            {
                return StampReason.LabelNameTooLong;
            }

            if (Encoding.UTF8.GetByteCount(label.Value) > (isMetric ? options.MaxMetricNameBytes : options.MaxLabelValueBytes))
            {
                return isMetric ? StampReason.MetricNameTooLong : StampReason.LabelValueTooLong;
            }

            if (options.NameScheme == NameScheme.Legacy && !IsLegacy(label.Name, colon: false))
            {
                return StampReason.LabelNameInvalid;
            }
        }

        return StampReason.None;
    }

    private StampReason CheckExemplar(V1.Exemplar exemplar, IReadOnlyList<V1.Label>? labels, out List<V1.Label> kept)
    {
        kept = [];
        if (labels is null || CheckNames(labels) != StampReason.None)
        {
            return StampReason.ExemplarLabelsInvalid;
        }

        kept = [.. labels.Where(static label => label.Value.Length > 0).OrderBy(static label => label.Name, Utf8Order.Comparer)];
        int characters = 0;
        foreach (V1.Label label in kept)
        {
            if (options.NameScheme == NameScheme.Legacy && !IsLegacy(label.Name, colon: false))
            {
                return StampReason.ExemplarLabelsInvalid;
            }

            characters += label.Name.EnumerateRunes().Count() + label.Value.EnumerateRunes().Count();
            if (characters > 128)
            {
                return StampReason.ExemplarLabelsTooLong;
            }
        }

        return exemplar.Timestamp == 0 ? StampReason.ExemplarTimestampMissing : CheckTime(exemplar.Timestamp);
    }

    private StampReason CheckHistogram(V1.Histogram histogram)
    {
        bool isCustom = histogram.Schema == -53;
        bool isFloat = histogram.CountCase == V1.Histogram.CountOneofCase.CountFloat;
        int buckets = histogram.NegativeDeltas.Count + histogram.NegativeCounts.Count + histogram.PositiveDeltas.Count + histogram.PositiveCounts.Count;
        if (options.RefuseHistograms || (isCustom && options.RefuseCustomBounds))
        {
            return StampReason.HistogramNotAccepted;
        }

        if (!isCustom && (histogram.Schema < -4 || histogram.Schema > (options.AllowHighResolution ? 52 : 8)))
        {
            return StampReason.HistogramSchemaInvalid;
        }

        if (buckets > options.MaxHistogramBuckets)
        {
            return StampReason.HistogramTooManyBuckets;
        }

        if (isFloat ? histogram.NegativeDeltas.Count + histogram.PositiveDeltas.Count > 0 || histogram.ZeroCountInt != 0
            : histogram.NegativeCounts.Count + histogram.PositiveCounts.Count > 0 || histogram.ZeroCountFloat != 0)
        {
            return StampReason.HistogramBucketsMismatch;
        }

        if (histogram.CountFloat < 0 || histogram.ZeroCountFloat < 0)
        {
            return StampReason.HistogramNegativeCount;
        }

        StampReason reason = CheckBounds(histogram, isCustom);
        reason = reason == StampReason.None ? CheckSide(histogram.NegativeSpans, histogram.NegativeDeltas, histogram.NegativeCounts) : reason;
        reason = reason == StampReason.None ? CheckSide(histogram.PositiveSpans, histogram.PositiveDeltas, histogram.PositiveCounts) : reason;
        decimal total = Accumulate(histogram.NegativeDeltas).Sum() + Accumulate(histogram.PositiveDeltas).Sum() + histogram.ZeroCountInt;
        if (reason == StampReason.None && !isFloat && (double.IsNaN(histogram.Sum) ? total > histogram.CountInt : total != histogram.CountInt))
        {
            return StampReason.HistogramCountMismatch;
        }

        return reason == StampReason.None ? CheckTime(histogram.Timestamp) : reason;
    }

    private static StampReason CheckBounds(V1.Histogram histogram, bool isCustom)
    {
        if (!isCustom)
        {
            return histogram.CustomValues.Count > 0 ? StampReason.HistogramCustomBoundsInvalid : StampReason.None;
        }

        bool ascend = histogram.CustomValues.Zip(histogram.CustomValues.Skip(1)).All(static pair => pair.First < pair.Second);
        if (!ascend || !histogram.CustomValues.All(double.IsFinite) || histogram.ZeroCountInt != 0 || histogram.ZeroCountFloat != 0
            || histogram.ZeroThreshold != 0 || histogram.NegativeSpans.Count + histogram.NegativeDeltas.Count + histogram.NegativeCounts.Count > 0)
        {
            return StampReason.HistogramCustomBoundsInvalid;
        }

        bool isPast = histogram.PositiveSpans.Sum(static span => span.Offset + (long)span.Length) > histogram.CustomValues.Count + 1;
        return histogram.PositiveSpans.Any(static span => span.Offset < 0) || isPast ? StampReason.HistogramSpanInvalid : StampReason.None;
    }

    private static StampReason CheckSide(RepeatedField<V1.BucketSpan> spans, RepeatedField<long> deltas, RepeatedField<double> counts)
    {
        if (spans.Skip(1).Any(static span => span.Offset < 0))
        {
            return StampReason.HistogramSpanInvalid;
        }

        if (spans.Sum(static span => span.Length) != deltas.Count + counts.Count)
        {
            return StampReason.HistogramBucketsMismatch;
        }

        bool isNegative = Accumulate(deltas).Any(static count => count is < 0 or > long.MaxValue) || counts.Any(static count => count < 0);
        return isNegative ? StampReason.HistogramNegativeCount : StampReason.None;
    }

    private static IEnumerable<decimal> Accumulate(IEnumerable<long> deltas)
    {
        decimal count = 0;
        foreach (long delta in deltas)
        {
            yield return count += delta;
        }
    }

    private static StampReason CheckNames(IReadOnlyList<V1.Label> labels) =>
        labels.Any(static label => label.Name.Length == 0) ? StampReason.LabelNameInvalid
        : labels.DistinctBy(static label => label.Name).Count() < labels.Count ? StampReason.DuplicateLabelNames
        : StampReason.None;

    private bool IsReserved(V1.Label label) =>
        label.Name != options.TenantLabel
        && (label.Name is "vm_account_id" or "vm_project_id" or "__tenant_id__"
            || options.ReservedLabels.Contains(label.Name)
            || (options.TenantLabelIgnoresCase && label.Name.Equals(options.TenantLabel, StringComparison.OrdinalIgnoreCase)));

    private static bool IsLegacy(string name, bool colon) =>
        !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_' || (colon && c == ':'));

    private StampReason CheckTime(long timestampMs) =>
        (decimal)timestampMs > (decimal)StampRunner.NowMs + options.MaxFutureMs ? StampReason.TooFarInFuture
        : options.MaxPastMs > 0 && (decimal)timestampMs < (decimal)StampRunner.NowMs - options.MaxPastMs ? StampReason.TooFarInPast
        : StampReason.None;

    private bool Passes(string kind, StampReason reason)
    {
        if (reason != StampReason.None)
        {
            Refuse(reason, kind, 1);
        }

        return reason == StampReason.None;
    }

    private void Refuse(StampReason reason, string kind, int count)
    {
        if (count > 0)
        {
            _refused[(reason, kind)] = _refused.GetValueOrDefault((reason, kind)) + count;
        }
    }
}
