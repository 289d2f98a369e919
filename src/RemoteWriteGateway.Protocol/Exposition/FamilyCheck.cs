using System.Globalization;
using System.Text.Unicode;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The rules for one family and its metrics.</summary>
internal readonly ref struct FamilyCheck(MetricFamilies families, in FamilyEntry family, ExpositionOptions options, StampOptions limits)
{
    private readonly FamilyEntry _family = family;

    public ExpositionFault Name()
    {
        ReadOnlySpan<byte> name = families.Text(_family.Name);
        if (!IsName(name, isMetric: true))
        {
            return Fault(ExpositionReason.MetricNameInvalid, _family.Line, $"metric name {ExpositionText.Quoted(name)} is not valid ({Scheme()})");
        }

        // The longest name at the store.
        int length = name.Length + _family.Type switch
        {
            FamilyType.Histogram or FamilyType.GaugeHistogram => "_bucket".Length,
            FamilyType.Summary => "_count".Length,
            _ => 0,
        };
        return length <= options.Limits.MaxMetricNameBytes ? default : Fault(
            ExpositionReason.MetricNameTooLong,
            _family.Line,
            $"{length} bytes in metric name {ExpositionText.Quoted(name)}, limit {options.Limits.MaxMetricNameBytes} (maxMetricNameBytes)");
    }

    public ExpositionFault Metric(in MetricEntry metric, GroupingLabels group, RulesScratch scratch)
    {
        ExpositionFault fault = Labels(metric, group, scratch);
        if (!fault.IsNone)
        {
            return fault;
        }

        if (metric.Has(MetricParts.Timestamp))
        {
            return Fault(
                ExpositionReason.TimestampsNotAllowed, metric.Line, $"a sample of {FamilyName()} has a timestamp; push without them");
        }

        if (!metric.Has(MetricParts.Value) || metric.Has(MetricParts.OtherValue))
        {
            string what = metric.Has(MetricParts.Value) ? "has a value of another type, too" : "has no value of that type";
            return Fault(
                ExpositionReason.TypeMismatch,
                metric.Line,
                $"{FamilyName()} is of type {_family.Type.ToString().ToUpperInvariant()}, and a metric of it {what}");
        }

        if (!FamilyBuilder.IsWhole(_family.Type))
        {
            return default;
        }

        if (metric.Has(MetricParts.NegativeCount))
        {
            return Fault(
                ExpositionReason.HistogramNegativeCount, metric.Line, $"a count of {FamilyName()} is negative or no number");
        }

        fault = Points(metric);
        return fault.IsNone && metric.Has(MetricParts.Native) ? Native(metric) : fault;
    }

    private ExpositionFault Labels(in MetricEntry metric, GroupingLabels group, RulesScratch scratch)
    {
        int kept = 1 + group.NamedCount + (metric.Points > 0 ? 1 : 0);
        ReadOnlySpan<byte> bound = SampleRoles.BoundOf(_family.Type);
        foreach (ref readonly LabelRange label in families.LabelsOf(metric))
        {
            ReadOnlySpan<byte> name = families.Text(label.Name);
            ReadOnlySpan<byte> value = families.Text(label.Value);
            ExpositionFault fault = Label(metric, name, value, bound);
            if (!fault.IsNone)
            {
                return fault;
            }

            kept += value.IsEmpty || group.Contains(name) ? 0 : 1;
        }

        if (kept > options.Limits.MaxLabelsPerSeries)
        {
            return Fault(
                ExpositionReason.TooManyLabels,
                metric.Line,
                $"a series of {FamilyName()} has {kept} labels with those of the path, limit {options.Limits.MaxLabelsPerSeries} (maxLabelsPerSeries)");
        }

        return scratch.Labels.SortOwn(families, metric) is { } twice
            ? Fault(ExpositionReason.DuplicateLabelNames, metric.Line, $"label {ExpositionText.Excerpt(families.Text(twice))} is given twice")
            : default;
    }

    private ExpositionFault Label(in MetricEntry metric, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, ReadOnlySpan<byte> bound)
    {
        if (!IsName(name, isMetric: false))
        {
            return Fault(ExpositionReason.LabelNameInvalid, metric.Line, $"label name {ExpositionText.Quoted(name)} is not valid ({Scheme()})");
        }

        if (name.StartsWith("__"u8) || (!bound.IsEmpty && name.SequenceEqual(bound)))
        {
            return Fault(
                ExpositionReason.LabelNotAllowed, metric.Line, $"{ExpositionText.Excerpt(name)} cannot be a label of {FamilyName()}");
        }

        if (!Utf8.IsValid(value) || value.Contains((byte)0))
        {
            return Fault(ExpositionReason.LabelValueInvalid, metric.Line, $"the value of label {ExpositionText.Excerpt(name)} is not UTF-8, or has U+0000 in it");
        }

        if (name.Length > options.Limits.MaxLabelNameBytes)
        {
            return Fault(
                ExpositionReason.LabelNameTooLong,
                metric.Line,
                $"{name.Length} bytes in label name {ExpositionText.Quoted(name)}, limit {options.Limits.MaxLabelNameBytes} (maxLabelNameBytes)");
        }

        return value.Length <= options.Limits.MaxLabelValueBytes ? default : Fault(
            ExpositionReason.LabelValueTooLong,
            metric.Line,
            $"{value.Length} bytes in the value of label {ExpositionText.Excerpt(name)}, limit {options.Limits.MaxLabelValueBytes} (maxLabelValueBytes)");
    }

    private ExpositionFault Points(in MetricEntry metric)
    {
        ReadOnlySpan<PointEntry> points = families.PointsOf(metric);
        string what = _family.Type == FamilyType.Summary ? "quantile" : "bucket";
        for (int i = 0; i < points.Length; i++)
        {
            if (double.IsNaN(points[i].Bound))
            {
                return Fault(
                    ExpositionReason.LabelValueInvalid, metric.Line, $"a {what} of {FamilyName()} has no number as its bound (NaN)");
            }

            if (i > 0 && points[i].Bound == points[i - 1].Bound)
            {
                return Fault(
                    ExpositionReason.SeriesDuplicate,
                    metric.Line,
                    $"a metric of {FamilyName()} has the {what} {points[i].Bound.ToString(CultureInfo.InvariantCulture)} twice");
            }
        }

        return default;
    }

    private ExpositionFault Native(in MetricEntry metric)
    {
        var reader = new WireReader(families.Text(metric.Native));
        HistogramFields fields = NativeHistogram.ReadFields(ref reader);
        // Custom bounds have no field in this message, so buckets by them mean nothing.
        HistogramFault fault = fields.IsCustomBounds
            ? new HistogramFault(StampReason.HistogramSchemaInvalid, HistogramDetail.None, fields.Schema)
            : HistogramRules.Check(fields, limits);
        if (fault.IsNone && fields.IsFloat != metric.Has(MetricParts.FloatCounts))
        {
            return Fault(
                ExpositionReason.HistogramBucketsMismatch,
                metric.Line,
                $"native histogram {FamilyName()}: its classic buckets have counts of another kind, whole or float, than its native ones");
        }

        return fault.IsNone
            ? BucketNumbers(metric, "positive", fields.Positive) is { IsNone: false } positive ? positive : BucketNumbers(metric, "negative", fields.Negative)
            : Fault(Reason(fault.Reason), metric.Line, $"native histogram {FamilyName()}: {HistogramRules.Text(fault, limits)}");
    }

    /// <summary>Here, unlike on the way of remote write, buckets are counted by their numbers, which have 32 bits.</summary>
    private ExpositionFault BucketNumbers(in MetricEntry metric, string side, in HistogramSide spans) =>
        spans.SpanEnd > int.MaxValue || spans.FirstOffset == int.MinValue
            ? Fault(
                ExpositionReason.HistogramSpanInvalid,
                metric.Line,
                FormattableString.Invariant(
                    $"native histogram {FamilyName()}: {side} spans from {spans.FirstOffset} to {spans.SpanEnd}: the number of a bucket has 32 bits"))
            : default;

    private static ExpositionReason Reason(StampReason reason) => reason switch
    {
        StampReason.HistogramSchemaInvalid => ExpositionReason.HistogramSchemaInvalid,
        StampReason.HistogramCountMismatch => ExpositionReason.HistogramCountMismatch,
        StampReason.HistogramBucketsMismatch => ExpositionReason.HistogramBucketsMismatch,
        StampReason.HistogramNegativeCount => ExpositionReason.HistogramNegativeCount,
        StampReason.HistogramSpanInvalid => ExpositionReason.HistogramSpanInvalid,
        StampReason.HistogramTooManyBuckets => ExpositionReason.HistogramTooManyBuckets,
        _ => ExpositionReason.HistogramCustomBoundsInvalid,
    };

    private string FamilyName() => ExpositionText.Excerpt(families.Text(_family.Name));

    private bool IsName(ReadOnlySpan<byte> name, bool isMetric) => options.Utf8Names
        ? !name.IsEmpty && Utf8.IsValid(name) && !name.Contains((byte)0)
        : NameRules.IsLegacy(name, isMetric);

    private string Scheme() => options.Utf8Names ? "UTF-8, not empty, without U+0000" : "letters, digits and underscores; push.utf8Names allows others";

    private ExpositionFault Fault(ExpositionReason reason, int line, string text) => new(reason, $"{families.Place(line)}: {text}");
}
