namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>What a series of a metric is called behind the family's name.</summary>
public enum SeriesSuffix
{
    None,
    Bucket,
    Sum,
    Count,
    GaugeSum,
    GaugeCount,
}

/// <summary>The label that tells the series of one metric apart.</summary>
public enum SeriesBound
{
    None,
    Le,
    Quantile,
}

/// <summary>One series of a metric, as a store sees it.</summary>
/// <param name="Suffix">What it is called.</param>
/// <param name="BoundLabel">Which label it has besides the metric's.</param>
/// <param name="Bound">Value of that label.</param>
/// <param name="ValueBits">Bits of its value; of a native histogram 0.</param>
/// <param name="Exemplar">The exemplar of a bucket, as an index of <see cref="MetricFamilies.Exemplars"/>; −1 if there is none.</param>
/// <param name="IsNative">A native histogram.</param>
/// <param name="IsCumulative">It counts from a start: a counter, or count, sum and buckets of a histogram or summary.</param>
public readonly record struct MetricSeries(
    SeriesSuffix Suffix, SeriesBound BoundLabel, double Bound, ulong ValueBits, int Exemplar, bool IsNative, bool IsCumulative)
{
    /// <summary>The suffix as it stands in names.</summary>
    public static ReadOnlySpan<byte> TextOf(SeriesSuffix suffix) => suffix switch
    {
        SeriesSuffix.Bucket => "_bucket"u8,
        SeriesSuffix.Sum => "_sum"u8,
        SeriesSuffix.Count => "_count"u8,
        SeriesSuffix.GaugeSum => "_gsum"u8,
        SeriesSuffix.GaugeCount => "_gcount"u8,
        _ => default,
    };

    /// <summary>The label's name.</summary>
    public static ReadOnlySpan<byte> TextOf(SeriesBound bound) => bound switch
    {
        SeriesBound.Le => "le"u8,
        SeriesBound.Quantile => "quantile"u8,
        _ => default,
    };

    /// <summary>The series of a metric: buckets or quantiles by ascending bound, the infinite bucket completed from the count, sum, count, native histogram.</summary>
    /// <param name="families">Where it stands.</param>
    /// <param name="family">Its family.</param>
    /// <param name="metric">One of its metrics.</param>
    /// <param name="takesNative">Without it a native histogram becomes its sum, its count and the infinite bucket.</param>
    /// <param name="series">Receives them; emptied first.</param>
    public static void Of(MetricFamilies families, in FamilyEntry family, in MetricEntry metric, bool takesNative, List<MetricSeries> series)
    {
        ArgumentNullException.ThrowIfNull(families);
        ArgumentNullException.ThrowIfNull(series);
        series.Clear();
        switch (family.Type)
        {
            case FamilyType.Summary:
                AddSummary(families, metric, series);
                break;
            case FamilyType.Histogram or FamilyType.GaugeHistogram:
                AddHistogram(families, family, metric, takesNative, series);
                break;
            default:
                series.Add(new MetricSeries(
                    SeriesSuffix.None, SeriesBound.None, 0, metric.ValueBits, -1, IsNative: false, IsCumulative: family.Type == FamilyType.Counter));
                break;
        }
    }

    private static void AddSummary(MetricFamilies families, in MetricEntry metric, List<MetricSeries> series)
    {
        foreach (ref readonly PointEntry point in families.PointsOf(metric))
        {
            series.Add(new MetricSeries(SeriesSuffix.None, SeriesBound.Quantile, point.Bound, point.Bits, -1, IsNative: false, IsCumulative: false));
        }

        AddTotals(metric, isGauge: false, hasGaugeSuffixes: false, series);
    }

    private static void AddHistogram(
        MetricFamilies families, in FamilyEntry family, in MetricEntry metric, bool takesNative, List<MetricSeries> series)
    {
        bool isGauge = family.Type == FamilyType.GaugeHistogram;
        bool isNative = metric.Has(MetricParts.Native);
        if (!isNative || metric.Points > 0 || !takesNative)
        {
            ReadOnlySpan<PointEntry> points = families.PointsOf(metric);
            foreach (ref readonly PointEntry point in points)
            {
                series.Add(Bucket(point.Bound, metric.CountOf(point), point.Exemplar, isGauge));
            }

            if (points is not [.., { Bound: double.PositiveInfinity }])
            {
                series.Add(Bucket(double.PositiveInfinity, metric.Count, -1, isGauge));
            }

            AddTotals(metric, isGauge, family.HasGaugeSuffixes, series);
        }

        if (isNative && takesNative)
        {
            series.Add(new MetricSeries(SeriesSuffix.None, SeriesBound.None, 0, 0, -1, IsNative: true, !isGauge));
        }
    }

    private static MetricSeries Bucket(double bound, double count, int exemplar, bool isGauge) =>
        new(SeriesSuffix.Bucket, SeriesBound.Le, bound, BitConverter.DoubleToUInt64Bits(count), exemplar, IsNative: false, !isGauge);

    private static void AddTotals(in MetricEntry metric, bool isGauge, bool hasGaugeSuffixes, List<MetricSeries> series)
    {
        series.Add(new MetricSeries(
            hasGaugeSuffixes ? SeriesSuffix.GaugeSum : SeriesSuffix.Sum, SeriesBound.None, 0, metric.ValueBits, -1, IsNative: false, !isGauge));
        series.Add(new MetricSeries(
            hasGaugeSuffixes ? SeriesSuffix.GaugeCount : SeriesSuffix.Count,
            SeriesBound.None,
            0,
            BitConverter.DoubleToUInt64Bits(metric.Count),
            -1,
            IsNative: false,
            !isGauge));
    }
}
