namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The end of a body: points under their metrics, metrics under their families, each in the order of the body.</summary>
internal sealed partial class FamilyBuilder
{
    private const int Dropped = -1;

    public ExpositionFault Finish(ExpositionOptions options, bool keepEmpty)
    {
        GatherPoints();
        GatherMetrics(keepEmpty);
        families.Series = 0;
        foreach (ref MetricEntry metric in families.MetricList.Span)
        {
            FamilyType type = families.FamilyList[metric.Family].Type;
            Span<PointEntry> points = families.PointList.Span.Slice(metric.FirstPoint, metric.Points);
            SortPoints(points);
            families.Series += points.Length + (IsWhole(type) ? 2 : 1);
            if (type is FamilyType.Histogram or FamilyType.GaugeHistogram)
            {
                MakeWholeNumbers(ref metric, points);
                families.Series += points is [.., { Bound: double.PositiveInfinity }] ? 0 : 1;
            }
        }

        return families.Series > options.MaxSeriesPerPush ? ExpositionText.TooManySeries(options) : default;
    }

    private void GatherPoints()
    {
        Span<MetricEntry> metrics = families.MetricList.Span;
        int last = 0;
        bool isInOrder = true;
        foreach (ref readonly PointEntry point in families.PointList.Span)
        {
            metrics[point.Metric].Points++;
            isInOrder &= point.Metric >= last;
            last = point.Metric;
        }

        int first = 0;
        foreach (ref MetricEntry metric in metrics)
        {
            metric.FirstPoint = first;
            first += metric.Points;
        }

        if (isInOrder)
        {
            return;
        }

        Fill(_sortedPoints, families.PointList);
        Fill(_starts, metrics.Length);
        foreach (ref readonly PointEntry point in _sortedPoints.Span)
        {
            families.PointList[metrics[point.Metric].FirstPoint + _starts[point.Metric]++] = point;
        }
    }

    private void GatherMetrics(bool keepEmpty)
    {
        Span<FamilyEntry> entries = families.FamilyList.Span;
        int last = 0;
        bool isInOrder = true;
        foreach (ref readonly MetricEntry metric in families.MetricList.Span)
        {
            entries[metric.Family].Metrics++;
            isInOrder &= metric.Family >= last;
            last = metric.Family;
        }

        // Numbers of the families that stay; those of the others are Dropped.
        Fill(_starts, entries.Length);
        int kept = 0;
        int first = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            bool isOurs = families.Text(entries[i].Name) is var name && (name.SequenceEqual(PushTime) || name.SequenceEqual(PushFailureTime));
            if (isOurs || (entries[i].Metrics == 0 && !keepEmpty))
            {
                _starts[i] = Dropped;
                continue;
            }

            _starts[i] = kept;
            entries[kept] = entries[i];
            entries[kept].FirstMetric = first;
            first += entries[kept].Metrics;
            kept++;
        }

        families.FamilyList.Truncate(kept);
        // From here on families are found by none of the old numbers.
        _names.Clear();
        _metrics.Clear();
        if (isInOrder && first == families.MetricList.Count)
        {
            foreach (ref MetricEntry metric in families.MetricList.Span)
            {
                metric.Family = _starts[metric.Family];
            }

            return;
        }

        Fill(_sortedMetrics, families.MetricList);
        families.MetricList.Truncate(first);
        foreach (ref FamilyEntry family in families.FamilyList.Span)
        {
            family.Metrics = 0;
        }

        foreach (ref readonly MetricEntry metric in _sortedMetrics.Span)
        {
            Place(metric, _starts[metric.Family]);
        }
    }

    private void Place(in MetricEntry metric, int family)
    {
        if (family == Dropped)
        {
            families.IgnoredSamples += metric.Points + 1;
            return;
        }

        ref FamilyEntry entry = ref families.FamilyList[family];
        ref MetricEntry placed = ref families.MetricList[entry.FirstMetric + entry.Metrics++];
        placed = metric;
        placed.Family = family;
    }

    private static void SortPoints(Span<PointEntry> points)
    {
        for (int i = 1; i < points.Length; i++)
        {
            if (points[i].Bound < points[i - 1].Bound)
            {
                points.Sort(static (a, b) => a.Bound.CompareTo(b.Bound));
                return;
            }
        }
    }

    /// <summary>Text has no whole numbers; a histogram is one of floats only if a count has a fraction or no place in 64 bits.</summary>
    private static void MakeWholeNumbers(ref MetricEntry metric, Span<PointEntry> points)
    {
        if (!metric.Has(MetricParts.TextCounts))
        {
            return;
        }

        metric.Parts &= ~MetricParts.TextCounts;
        bool isWhole = IsWholeNumber(metric.CountBits);
        foreach (ref readonly PointEntry point in points)
        {
            isWhole &= IsWholeNumber(point.Bits);
        }

        if (!isWhole)
        {
            metric.Parts |= MetricParts.FloatCounts;
            return;
        }

        metric.CountBits = (ulong)BitConverter.UInt64BitsToDouble(metric.CountBits);
        foreach (ref PointEntry point in points)
        {
            point.Bits = (ulong)BitConverter.UInt64BitsToDouble(point.Bits);
        }
    }

    private static bool IsWholeNumber(ulong bits)
    {
        double value = BitConverter.UInt64BitsToDouble(bits);
        return value < 18446744073709551616.0 && value == Math.Floor(value);
    }

    private static void Fill<T>(ScratchList<T> list, ScratchList<T> from)
        where T : unmanaged
    {
        list.Clear();
        foreach (ref readonly T item in from.Span)
        {
            list.Add(item);
        }
    }

    private static void Fill(ScratchList<int> list, int zeros)
    {
        list.Clear();
        for (int i = 0; i < zeros; i++)
        {
            list.Add(0);
        }
    }
}
