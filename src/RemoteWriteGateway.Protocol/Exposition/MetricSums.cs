using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Adds pushed metrics to stored ones, and compares them. The stored families are changed in place; the pushed ones never.</summary>
public static class MetricSums
{
    /// <summary>Whether a count can be added up: counters and sums are finite, counters not negative.</summary>
    public static bool IsAdditive(FamilyType type, in MetricEntry metric) => type switch
    {
        FamilyType.Counter => metric.Value >= 0 && double.IsFinite(metric.Value),
        FamilyType.Histogram or FamilyType.Summary => double.IsFinite(metric.Value) && double.IsFinite(metric.Count),
        _ => true,
    };

    /// <summary>Whether the value, a count or a bucket is lower than it was: by definition the counting began anew in between.</summary>
    /// <param name="families">The newer ones.</param>
    /// <param name="metric">One of them, of a counter, histogram or summary.</param>
    /// <param name="type">Of both.</param>
    /// <param name="before">The older ones.</param>
    /// <param name="old">The same metric there.</param>
    public static bool IsLower(MetricFamilies families, in MetricEntry metric, FamilyType type, MetricFamilies before, in MetricEntry old)
    {
        if (type == FamilyType.Counter)
        {
            return metric.Value < old.Value;
        }

        if (metric.Count < old.Count)
        {
            return true;
        }

        if (type != FamilyType.Histogram)
        {
            return false;
        }

        ReadOnlySpan<PointEntry> points = families.PointsOf(metric);
        ReadOnlySpan<PointEntry> oldPoints = before.PointsOf(old);
        for (int i = 0, j = 0; i < points.Length && j < oldPoints.Length;)
        {
            if (points[i].Bound == oldPoints[j].Bound && metric.CountOf(points[i]) < old.CountOf(oldPoints[j]))
            {
                return true;
            }

            int order = points[i].Bound.CompareTo(oldPoints[j].Bound);
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        return metric.Has(MetricParts.Native) && old.Has(MetricParts.Native) && IsNativeLower(families, metric, before, old);
    }

    private static bool IsNativeLower(MetricFamilies families, in MetricEntry metric, MetricFamilies before, in MetricEntry old)
    {
        try
        {
            return new NativeBuckets<double>(Native(families, metric)).IsLowerThan(new NativeBuckets<double>(Native(before, old)));
        }
        catch (OverflowException)
        {
            // Buckets of numbers that nobody can count: what cannot be compared begins anew.
            return true;
        }
    }

    /// <summary>Adds a counter, summary (its quantiles go) or histogram to the stored metric.</summary>
    /// <param name="kept">The stored families.</param>
    /// <param name="index">The metric there. Untouched if the answer is false.</param>
    /// <param name="type">Of both.</param>
    /// <param name="pushed">The pushed families.</param>
    /// <param name="metric">The metric there.</param>
    /// <param name="maxBuckets">Most buckets of a native histogram, 0 for any number: a sum that would have more is kept at a lower resolution.</param>
    /// <returns>
    /// False if they cannot be added, because their buckets differ, are too many at any resolution, or a count would have no place: it begins anew with what was pushed.
    /// </returns>
    public static bool TryAdd(MetricFamilies kept, int index, FamilyType type, MetricFamilies pushed, in MetricEntry metric, int maxBuckets)
    {
        ref MetricEntry entry = ref kept.MetricList[index];
        double value = entry.Value + metric.Value;
        if (!double.IsFinite(value))
        {
            return false;
        }

        MetricEntry sum = entry with { ValueBits = BitConverter.DoubleToUInt64Bits(value) };
        switch (type)
        {
            case FamilyType.Counter:
                break;
            case FamilyType.Summary:
                sum.Points = 0;
                sum.CountBits = unchecked(entry.CountBits + metric.CountBits);
                if (sum.CountBits < entry.CountBits)
                {
                    return false;
                }

                break;
            default:
                if (!TryAddHistogram(kept, ref sum, pushed, metric, maxBuckets))
                {
                    return false;
                }

                break;
        }

        entry = sum;
        TakeExemplars(kept, ref entry, pushed, metric);
        return true;
    }

    /// <summary>Sets the value of a stored gauge.</summary>
    public static void Set(MetricFamilies kept, int index, double value) => kept.MetricList[index].ValueBits = BitConverter.DoubleToUInt64Bits(value);

    /// <summary>Takes a stored metric's exemplars away: they were written with the push that brought them.</summary>
    public static void DropExemplars(MetricFamilies kept, int index)
    {
        ref MetricEntry metric = ref kept.MetricList[index];
        metric.Exemplars = 0;
        foreach (ref PointEntry point in kept.PointList.Span.Slice(metric.FirstPoint, metric.Points))
        {
            point.Exemplar = -1;
        }
    }

    /// <summary>Takes the quantiles of a metric away that begins in a sum.</summary>
    internal static MetricEntry WithoutQuantiles(FamilyType type, in MetricEntry metric) =>
        type == FamilyType.Summary ? metric with { Points = 0 } : metric;

    private static bool TryAddHistogram(MetricFamilies kept, ref MetricEntry sum, MetricFamilies pushed, in MetricEntry metric, int maxBuckets)
    {
        if (sum.Has(MetricParts.Native) != metric.Has(MetricParts.Native) || !HaveSameBounds(kept.PointsOf(sum), pushed.PointsOf(metric)))
        {
            return false;
        }

        bool isFloat = sum.Has(MetricParts.FloatCounts) || metric.Has(MetricParts.FloatCounts);
        MetricEntry before = sum;
        if (!TryAddCounts(isFloat, before.CountBits, before, metric.CountBits, metric, out ulong count))
        {
            return false;
        }

        Span<PointEntry> points = kept.PointList.Span.Slice(sum.FirstPoint, sum.Points);
        ReadOnlySpan<PointEntry> more = pushed.PointsOf(metric);
        Span<ulong> counts = points.Length <= 64 ? stackalloc ulong[points.Length] : new ulong[points.Length];
        for (int i = 0; i < points.Length; i++)
        {
            // The infinite bucket may stand in one of them only; elsewhere it is the count.
            ulong bits = i < more.Length ? more[i].Bits : metric.CountBits;
            if (!TryAddCounts(isFloat, points[i].Bits, before, bits, metric, out counts[i]))
            {
                return false;
            }
        }

        if (sum.Has(MetricParts.Native) && !TryAddNative(kept, ref sum, pushed, metric, maxBuckets))
        {
            return false;
        }

        for (int i = 0; i < points.Length; i++)
        {
            points[i].Bits = counts[i];
        }

        sum.CountBits = count;
        sum.Parts |= isFloat ? MetricParts.FloatCounts : 0;
        return true;
    }

    private static bool TryAddNative(MetricFamilies kept, ref MetricEntry sum, MetricFamilies pushed, in MetricEntry metric, int maxBuckets)
    {
        NativeHistogram a = Native(kept, sum);
        NativeHistogram b = Native(pushed, metric);
        if (!IsExponential(a) || !IsExponential(b))
        {
            return false;
        }

        int start = kept.Copied.Length;
        try
        {
            bool isWritten = a.IsFloat || b.IsFloat
                ? TryWrite(new NativeBuckets<double>(a), new NativeBuckets<double>(b), maxBuckets, kept.Copied)
                : TryWrite(new NativeBuckets<long>(a), new NativeBuckets<long>(b), maxBuckets, kept.Copied);
            if (!isWritten)
            {
                return false;
            }
        }
        catch (OverflowException)
        {
            kept.Copied.Length = start;
            return false;
        }

        sum.Native = new TextRange(~start, kept.Copied.Length - start);
        return true;
    }

    private static bool TryWrite<T>(NativeBuckets<T> a, NativeBuckets<T> b, int maxBuckets, WriteBuffer output)
        where T : struct, System.Numerics.INumber<T>
    {
        a.Add(b);
        if (maxBuckets > 0 && !a.TryLimit(maxBuckets))
        {
            return false;
        }

        a.Write(output);
        return true;
    }

    private static bool TryAddCounts(bool isFloat, ulong a, in MetricEntry of, ulong b, in MetricEntry other, out ulong sum)
    {
        if (isFloat)
        {
            sum = BitConverter.DoubleToUInt64Bits(AsDouble(a, of) + AsDouble(b, other));
            return true;
        }

        sum = unchecked(a + b);
        return sum >= a;
    }

    private static double AsDouble(ulong bits, in MetricEntry of) => of.Has(MetricParts.FloatCounts) ? BitConverter.UInt64BitsToDouble(bits) : bits;

    private static bool HaveSameBounds(ReadOnlySpan<PointEntry> a, ReadOnlySpan<PointEntry> b)
    {
        int bounds = Finite(a);
        if (bounds != Finite(b))
        {
            return false;
        }

        for (int i = 0; i < bounds; i++)
        {
            if (a[i].Bound != b[i].Bound)
            {
                return false;
            }
        }

        return true;
    }

    private static int Finite(ReadOnlySpan<PointEntry> points) => points is [.., { Bound: double.PositiveInfinity }] ? points.Length - 1 : points.Length;

    private static bool IsExponential(NativeHistogram histogram) => histogram.Schema is >= -4 and <= 8;

    private static NativeHistogram Native(MetricFamilies families, in MetricEntry metric)
    {
        var histogram = new NativeHistogram();
        histogram.Read(families.Text(metric.Native));
        return histogram;
    }

    private static void TakeExemplars(MetricFamilies kept, ref MetricEntry entry, MetricFamilies pushed, in MetricEntry metric)
    {
        Span<PointEntry> points = kept.PointList.Span.Slice(entry.FirstPoint, entry.Points);
        ReadOnlySpan<PointEntry> more = pushed.PointsOf(metric);
        for (int i = 0; i < points.Length; i++)
        {
            bool hasNew = i < more.Length && more[i].Exemplar >= 0;
            points[i].Exemplar = hasNew ? Take(kept, pushed, pushed.Exemplars[more[i].Exemplar]) : -1;
        }

        entry.FirstExemplar = kept.ExemplarList.Count;
        entry.Exemplars = metric.Exemplars;
        foreach (ref readonly ExemplarEntry exemplar in pushed.ExemplarsOf(metric))
        {
            Take(kept, pushed, exemplar);
        }
    }

    private static int Take(MetricFamilies kept, MetricFamilies pushed, in ExemplarEntry exemplar)
    {
        int firstLabel = kept.LabelList.Count;
        foreach (ref readonly LabelRange label in pushed.LabelsOf(exemplar))
        {
            kept.LabelList.Add(new LabelRange(Copy(kept, pushed.Text(label.Name)), Copy(kept, pushed.Text(label.Value))));
        }

        return kept.ExemplarList.Add(exemplar with { FirstLabel = firstLabel });
    }

    private static TextRange Copy(MetricFamilies kept, ReadOnlySpan<byte> text)
    {
        int start = kept.Copied.Length;
        kept.Copied.Append(text);
        return new TextRange(~start, text.Length);
    }
}
