namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Decides which items of a series pass, and counts them. One object per request in flight.</summary>
internal sealed class ItemGate(LabelSet labels, LabelSet exemplarLabels)
{
    private StampPlan? _plan;
    private StampResult? _result;
    private TimeWindow _window;
    private long _samples;
    private long _histograms;
    private long _exemplars;
    private long _staleMarkers;
    private long _newestMs;

    /// <summary>Starts a request.</summary>
    public void Begin(StampPlan plan, StampResult result, TimeWindow window)
    {
        _plan = plan;
        _result = result;
        _window = window;
        _samples = 0;
        _histograms = 0;
        _exemplars = 0;
        _staleMarkers = 0;
        _newestMs = long.MinValue;
    }

    public bool Accepts(SampleFields sample)
    {
        StampReason reason = _window.Check(sample.TimestampMs);
        if (reason != StampReason.None)
        {
            RefuseTimestamp(reason, sample.TimestampMs, new ItemCounts(1, 0, 0));
            return false;
        }

        _samples++;
        _staleMarkers += sample.ValueBits == ItemRules.StaleMarkerBits ? 1 : 0;
        _newestMs = Math.Max(_newestMs, sample.TimestampMs);
        return true;
    }

    public bool Accepts(in HistogramFields histogram)
    {
        var counts = new ItemCounts(0, 1, 0);
        HistogramFault fault = HistogramRules.Check(histogram, Options);
        if (!fault.IsNone)
        {
            Result.Refuse(fault.Reason, 0, counts, Result.WantsText(fault.Reason) ? WithSeries(HistogramRules.Text(fault, Options)) : null);
            return false;
        }

        StampReason reason = _window.Check(histogram.TimestampMs);
        if (reason != StampReason.None)
        {
            RefuseTimestamp(reason, histogram.TimestampMs, counts);
            return false;
        }

        _histograms++;
        _staleMarkers += histogram.SumBits == ItemRules.StaleMarkerBits ? 1 : 0;
        _newestMs = Math.Max(_newestMs, histogram.TimestampMs);
        if (histogram.IsCustomBounds)
        {
            Result.HasCustomBounds = true;
            Result.ClassicLabelBytes += ClassicSeries.CountFor(histogram.Bounds) * labels.TextBytes;
        }

        return true;
    }

    /// <summary>Settles the exemplar's labels too; they must have been read.</summary>
    public bool Accepts(ExemplarFields exemplar)
    {
        var counts = new ItemCounts(0, 0, 1);
        LabelFault fault = exemplarLabels.SettleExemplar();
        if (!fault.IsNone)
        {
            StampReason reason = fault.Reason == StampReason.ExemplarLabelsTooLong ? fault.Reason : StampReason.ExemplarLabelsInvalid;
            Result.Refuse(reason, 0, counts, Result.WantsText(reason) ? WithSeries(StampText.ExemplarLabels(fault, exemplarLabels, Options)) : null);
            return false;
        }

        if (exemplar.TimestampMs == 0)
        {
            const StampReason Missing = StampReason.ExemplarTimestampMissing;
            Result.Refuse(Missing, 0, counts, Result.WantsText(Missing) ? WithSeries("exemplar: it has no timestamp") : null);
            return false;
        }

        StampReason timeReason = _window.Check(exemplar.TimestampMs);
        if (timeReason != StampReason.None)
        {
            RefuseTimestamp(timeReason, exemplar.TimestampMs, counts);
            return false;
        }

        _exemplars++;
        _newestMs = Math.Max(_newestMs, exemplar.TimestampMs);
        return true;
    }

    /// <summary>Refuses an exemplar whose labels do not resolve.</summary>
    public void RefuseExemplarRefs(in LabelRefs refs, int symbols)
    {
        const StampReason Reason = StampReason.ExemplarLabelsInvalid;
        Result.Refuse(Reason, 0, new ItemCounts(0, 0, 1), Result.WantsText(Reason) ? WithSeries($"exemplar: {StampText.Refs(refs, symbols)}") : null);
    }

    /// <summary>Counts exemplars that the store is not to get: lost by policy, and so counted as written.</summary>
    public void DropExemplars(int count)
    {
        _exemplars += count;
        Result.DroppedExemplars += count;
    }

    /// <summary>Adds items that were judged elsewhere and accepted.</summary>
    public void Add(in FastItems items)
    {
        _samples += items.Samples;
        _histograms += items.Histograms;
        _exemplars += items.Exemplars;
        _staleMarkers += items.StaleMarkers;
        _newestMs = Math.Max(_newestMs, items.NewestMs);
    }

    /// <summary>Ends a request: the result gets what was accepted.</summary>
    public void Finish()
    {
        Result.Accepted = new ItemCounts(_samples, _histograms, _exemplars);
        Result.StaleMarkers = _staleMarkers;
        Result.NewestTimestampMs = _newestMs;
    }

    private StampOptions Options => _plan!.Options; // Set by Begin, before any item.

    private StampResult Result => _result!; // Set by Begin, before any item.

    private void RefuseTimestamp(StampReason reason, long timestampMs, ItemCounts counts) =>
        Result.Refuse(reason, 0, counts, Result.WantsText(reason) ? WithSeries(StampText.Timestamp(reason, timestampMs, _window, Options)) : null);

    private string WithSeries(string text) => $"{text}: {SeriesExcerpt.Of(labels)}";
}
