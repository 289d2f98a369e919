using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

// How one series is written, from wherever it was cut on; what becomes of the pieces is in OutgoingParts.cs.
public sealed partial class OutgoingParts
{
    /// <summary>Writes a series from where it was cut on. False if the message is full.</summary>
    private bool WriteSeries(OutgoingMessage message, WireRange entry)
    {
        StampedSeries series = StampedSeries.Read(_work.Stamped.Span, entry, _from, _expands);
        _beforeSeries = CutHere(message);
        _beforeHistogram = default;

        if (_cursor.Step == SeriesStep.Metadata)
        {
            message.AppendMetadata(series);
            _cursor.Step = SeriesStep.Items;
            if (!Keep(message, _beforeSeries))
            {
                return false;
            }
        }

        if (_cursor.Step == SeriesStep.Items)
        {
            if (!WriteItems(message, series))
            {
                return false;
            }

            _cursor.Begin(series.HasCustomBounds ? SeriesStep.Histograms : SeriesStep.Done);
        }

        return _cursor.Step == SeriesStep.Done || WriteExpanded(message, series);
    }

    /// <summary>Writes what of a series with custom bounds becomes classic series.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // Rare, and its locals would have to be cleared for every series.
    private bool WriteExpanded(OutgoingMessage message, in StampedSeries series)
    {
        message.Classic.BeginSeries(message, series);
        if (_cursor.Step == SeriesStep.Histograms)
        {
            if (!WriteHistograms(message, series))
            {
                return false;
            }

            _cursor.Begin(SeriesStep.Exemplars);
        }

        if (!WriteBucketExemplars(message, series))
        {
            return false;
        }

        _cursor.Begin(SeriesStep.Done);
        return true;
    }

    /// <summary>Writes the series' own entry: all of its items, or those that are not expanded.</summary>
    private bool WriteItems(OutgoingMessage message, in StampedSeries series)
    {
        Cut before = InnerCutHere(message);
        var items = new StampedItems(_work.Stamped.Span, series, _cursor.Position, _from);
        bool isOpen = false;
        while (items.MoveNext())
        {
            if (series.HasCustomBounds && IsExpanded(items))
            {
                continue;
            }

            if (!isOpen)
            {
                message.OpenEntry();
                message.AppendLabels(series);
                isOpen = true;
            }

            message.AppendItem(items.Kind, items.Contents);
            _cursor.Position = items.Next;
            if (!Keep(message, before))
            {
                return false;
            }

            before = InnerCutHere(message);
        }

        message.CloseEntry();
        return true;
    }

    /// <summary>Whether an item of a series with custom bounds leaves with the classic series: such a histogram, and exemplars.</summary>
    private bool IsExpanded(in StampedItems item) =>
        item.Kind == ItemKind.Exemplar
        || (item.Kind == ItemKind.Histogram && CustomBoundsHistogram.IsOne(_work.Stamped.Span, item.Contents));

    /// <summary>Writes the classic series of the histograms with custom bounds.</summary>
    private bool WriteHistograms(OutgoingMessage message, in StampedSeries series)
    {
        ClassicSeries classic = message.Classic;
        var items = new StampedItems(_work.Stamped.Span, series, _cursor.Position, _from);
        while (items.MoveNext())
        {
            if (items.Kind == ItemKind.Exemplar || !IsExpanded(items))
            {
                continue;
            }

            classic.Histogram.Load(_work.Stamped.Span, items.Contents);
            _beforeHistogram = InnerCutHere(message);
            for (int entry = Math.Max(_cursor.ClassicEntry, classic.FirstEntry); entry < classic.EndEntry; entry++)
            {
                Cut before = InnerCutHere(message);
                message.OpenEntry();
                classic.AppendEntry(_work.Part, entry);
                message.CloseEntry();
                _cursor.ClassicEntry = entry + 1;
                if (entry + 1 == classic.EndEntry)
                {
                    message.Count(ItemKind.Histogram);
                    message.CountLosses(classic.Histogram.Losses);
                    _cursor.Begin(SeriesStep.Histograms);
                    _cursor.Position = items.Next;
                }

                if (!Keep(message, before))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Writes exemplars of histograms with custom bounds: each to the bucket that counts it, as a classic histogram has them.</summary>
    private bool WriteBucketExemplars(OutgoingMessage message, in StampedSeries series)
    {
        ReadOnlySpan<byte> stamped = _work.Stamped.Span;
        _beforeHistogram = default;
        var items = new StampedItems(stamped, series, 0, _from);
        while (items.MoveNext())
        {
            if (items.Kind == ItemKind.Histogram && IsExpanded(items))
            {
                message.Classic.Histogram.Load(stamped, items.Contents);
            }
        }

        items = new StampedItems(stamped, series, _cursor.Position, _from);
        while (items.MoveNext())
        {
            if (items.Kind != ItemKind.Exemplar)
            {
                continue;
            }

            Cut before = InnerCutHere(message);
            message.OpenEntry();
            message.Classic.AppendBucketLabels(_work.Part, message.Classic.Histogram.BucketOf(ExemplarValue(stamped, items.Contents)));
            message.AppendItem(items.Kind, items.Contents);
            message.CloseEntry();
            _cursor.Position = items.Next;
            if (!Keep(message, before))
            {
                return false;
            }
        }

        return true;
    }

    private static double ExemplarValue(ReadOnlySpan<byte> stamped, WireRange exemplar)
    {
        double value = 0;
        WireReader reader = WireReader.Within(stamped, exemplar);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Raw == ItemTags.ExemplarValue)
            {
                value = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
            }
            else
            {
                reader.Skip(tag);
            }
        }

        return value;
    }
}
