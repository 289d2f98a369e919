namespace RemoteWriteGateway.Protocol.RemoteWrite;

// The general way of one series: scanned, settled, written. The request as a whole is in V2Stamper.cs.
internal ref partial struct V2Stamper
{
    private void StampSeries(WireRange series, WireReader rest, long entry)
    {
        V2Series found = Scan(series);
        if (_result.HasFault)
        {
            return;
        }

        _read += found.Items.Counts;
        int limit = plan.Options.MaxSamplesPerRequest;
        long soFar = _read.Total + _fast.Items.Total;
        if (soFar > limit)
        {
            long all = soFar + RequestCount.Items(rest, WriteProtocol.V2);
            _result.SetFault(StampReason.TooManySamples, StampText.TooMany("samples, histograms and exemplars", all, limit, "maxSamplesPerRequest"));
            return;
        }

        if (found.Items.Total == 0)
        {
            RefuseEmpty(found);
            return;
        }

        if (!TrySettleLabels(found, entry))
        {
            return;
        }

        _labels.AssertStamped();
        _labels.CountRemoved(_result);
        ResolveMetadata(ref found);
        if (found.Items.MustSplit)
        {
            Write(series, found, SeriesPart.WithoutHistograms);
            Write(series, found, SeriesPart.OnlyHistograms);
        }
        else
        {
            Write(series, found, SeriesPart.All);
        }
    }

    private readonly void RefuseEmpty(in V2Series found)
    {
        if (found.HasMetadata)
        {
            // Nothing is lost: stores refuse such a series, and the sender repeats metadata with its samples.
            _result.DropMetadata(StampReason.MetadataPolicy);
            return;
        }

        const StampReason Reason = StampReason.SeriesWithoutData;
        _result.Refuse(Reason, 1, default, _result.WantsText(Reason) ? $"series carries nothing: {SeriesExcerpt.Of(_labels)}" : null);
    }

    /// <summary>False if the series is refused for its labels, or the whole request for what they come to.</summary>
    private bool TrySettleLabels(in V2Series found, long entry)
    {
        bool isResolved = _labels.RawCount <= plan.MaxRawLabels;
        if (isResolved && found.Refs.IsInvalid)
        {
            const StampReason Reason = StampReason.InvalidLabelRefs;
            _result.Refuse(Reason, 1, found.Items.Counts, _result.WantsText(Reason) ? $"{StampText.Refs(found.Refs, _symbols.Count)}, series number {entry}" : null);
            return false;
        }

        if (isResolved && !TryExpand(_labels))
        {
            return false;
        }

        LabelFault fault = _labels.SettleSeries(_symbols.StampNameRef, _symbols.StampValueRef);
        if (!fault.IsNone)
        {
            string? text = _result.WantsText(fault.Reason) ? StampText.Labels(fault, _labels, plan.Options) : null;
            _result.Refuse(fault.Reason, 1, found.Items.Counts, text);
        }

        return fault.IsNone;
    }

    /// <summary>Adds what labels take when written out. False, with a fault, over the limit: a few bytes of references can ask for gigabytes.</summary>
    private bool TryExpand(LabelSet labels)
    {
        foreach (ref readonly LabelEntry label in labels.Entries)
        {
            _expandedBytes += (long)label.NameLength + label.ValueLength;
        }

        long soFar = _expandedBytes + _fast.ExpandedBytes;
        if (soFar <= plan.Options.MaxExpandedBytes)
        {
            return true;
        }

        _result.SetFault(
            StampReason.ExpandedTooLarge,
            StampText.TooManyBytes("refers to at least", soFar, plan.Options.MaxExpandedBytes, "maxExpandedBytes"));
        return false;
    }

    /// <summary>Reads all of a series: its labels are kept, its items counted, and every byte is known to be well formed after it.</summary>
    private readonly V2Series Scan(WireRange series)
    {
        _labels.Clear();
        var found = new V2Series();
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    found.Refs.Read(ref reader, tag, _symbols, _labels);
                    break;
                case 6:
                    found.CreatedTimestamp = reader.ReadVarint(tag);
                    break;
                case > 6:
                    reader.Skip(tag);
                    _result.UnknownFields++;
                    break;
                default:
                    int outerEnd = reader.Enter(tag);
                    ScanMessage(ref reader, tag.Field, ref found);
                    reader.Leave(outerEnd);
                    break;
            }
        }

        FailIfMalformed(reader);
        return found;
    }

    private readonly void ScanMessage(ref WireReader reader, int field, ref V2Series found)
    {
        switch (field)
        {
            case 2:
                ItemRules.ReadSample(ref reader, WriteProtocol.V2);
                found.Items.Samples++;
                break;
            case 3:
                HistogramFields.Read(ref reader, WriteProtocol.V2);
                found.Items.Histograms++;
                break;
            case 4:
                ReadExemplar(ref reader, countUnknown: true, out _);
                found.Items.Exemplars++;
                break;
            default:
                found.HasMetadata = true;
                found.Metadata.Read(ref reader, _result);
                break;
        }
    }

    private readonly void ResolveMetadata(ref V2Series found)
    {
        if (!found.HasMetadata)
        {
            return;
        }

        StampReason reason = found.Metadata.Resolve(_symbols, plan.Options.MaxMetadataBytes);
        if (reason != StampReason.None)
        {
            _result.DropMetadata(reason);
            found.HasMetadata = false;
        }
    }

    private void Write(WireRange series, in V2Series found, SeriesPart part)
    {
        int start = _output.BeginMessage(V2Tags.Series);
        WriteLabelRefs(_labels);
        int itemsStart = _output.Length;
        if (part.Samples)
        {
            CopySamples(series);
        }

        if (part.Histograms)
        {
            CopyHistograms(series);
        }

        if (part.Exemplars)
        {
            CopyExemplars(series);
        }

        if (_output.Length == itemsStart)
        {
            _output.AbandonMessage(start);
            return;
        }

        if (found.HasMetadata)
        {
            found.Metadata.Write(_output);
        }

        if (found.CreatedTimestamp != 0)
        {
            _output.AppendVarint(V2Tags.CreatedTimestamp, found.CreatedTimestamp);
        }

        _output.EndMessage(start);
    }

    private readonly void WriteLabelRefs(LabelSet labels)
    {
        if (labels.Count == 0)
        {
            return;
        }

        int start = _output.BeginMessage(V2Tags.LabelRefs);
        _output.Reserve(labels.Count * 2 * WireWriter.MaxVarintBytes);
        foreach (ref readonly LabelEntry label in labels.Entries)
        {
            bool isExported = (label.NameRef & LabelEntry.ExportedFlag) != 0;
            uint nameRef = isExported ? _symbols.ExportedRef((int)(label.NameRef & ~LabelEntry.ExportedFlag)) : label.NameRef;
            int position = WireWriter.WriteVarint(_output.Array, _output.Length, nameRef);
            _output.Length = WireWriter.WriteVarint(_output.Array, position, label.ValueRef);
        }

        _output.EndMessage(start);
    }

    private readonly void CopySamples(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryFind(V2Tags.Samples, out WireRange range))
        {
            WireReader item = WireReader.Within(_message, range);
            if (_items.Accepts(ItemRules.ReadSample(ref item, WriteProtocol.V2)))
            {
                _output.AppendBytes(V2Tags.Samples, reader.Slice(range));
            }
        }
    }

    private readonly void CopyHistograms(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryFind(V2Tags.Histograms, out WireRange range))
        {
            WireReader item = WireReader.Within(_message, range);
            if (_items.Accepts(HistogramFields.Read(ref item, WriteProtocol.V2)))
            {
                _output.AppendBytes(V2Tags.Histograms, reader.Slice(range));
            }
        }
    }

    private void CopyExemplars(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (!_result.HasFault && reader.TryFind(V2Tags.Exemplars, out WireRange range))
        {
            if (plan.Options.DropExemplars)
            {
                _items.DropExemplars(1);
                continue;
            }

            WireReader item = WireReader.Within(_message, range);
            ExemplarFields exemplar = ReadExemplar(ref item, countUnknown: false, out LabelRefs refs);
            CopyExemplar(exemplar, refs);
        }
    }

    private void CopyExemplar(ExemplarFields exemplar, in LabelRefs refs)
    {
        bool isResolved = _exemplarLabels.RawCount <= plan.MaxKeptLabels;
        if (isResolved && refs.IsInvalid)
        {
            _items.RefuseExemplarRefs(refs, _symbols.Count);
            return;
        }

        if (isResolved && !TryExpand(_exemplarLabels))
        {
            return;
        }

        if (_items.Accepts(exemplar))
        {
            int start = _output.BeginMessage(V2Tags.Exemplars);
            WriteLabelRefs(_exemplarLabels);
            ItemRules.AppendExemplarNumbers(_output, exemplar);
            _output.EndMessage(start);
        }
    }

    private readonly ExemplarFields ReadExemplar(ref WireReader reader, bool countUnknown, out LabelRefs refs)
    {
        _exemplarLabels.Clear();
        refs = new LabelRefs();
        ulong value = 0;
        ulong timestamp = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    refs.Read(ref reader, tag, _symbols, _exemplarLabels);
                    break;
                case 2:
                    value = reader.ReadFixed64(tag);
                    break;
                case 3:
                    timestamp = reader.ReadVarint(tag);
                    break;
                default:
                    reader.Skip(tag);
                    _result.UnknownFields += countUnknown ? 1 : 0;
                    break;
            }
        }

        return new ExemplarFields(value, (long)timestamp);
    }
}
