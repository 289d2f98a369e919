namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Stamps an <c>io.prometheus.write.v2.Request</c>.</summary>
/// <remarks>
/// This is the general way, right for any shape of message. <see cref="V2FastSeries"/> does the same for requests of the
/// shape that senders commonly write, byte for byte, and leaves all others to this one. The output is a new request:
/// the sender's symbols under their own numbers, the stamp's behind them, then the series.
/// </remarks>
internal ref struct V2Stamper(WriteWork work, StampPlan plan, TimeWindow window)
{
    private readonly ReadOnlySpan<byte> _message = work.Decoded.Span;
    private readonly WriteBuffer _output = work.Stamped;
    private readonly StampResult _result = work.Result;
    private readonly LabelSet _labels = work.Scratch.Labels;
    private readonly LabelSet _exemplarLabels = work.Scratch.ExemplarLabels;
    private readonly ItemGate _items = work.Scratch.Items;
    private readonly SymbolTable _symbols = work.Scratch.Symbols;
    private V2FastSeries _fast;
    private ItemCounts _read;
    private long _expandedBytes;

    /// <summary>
    /// Stamps a request of the common layout: all symbols, then all series. False for any other one, and where the request
    /// is to be refused whole: then <see cref="Stamp"/> must start over, for whom the work is as new.
    /// </summary>
    /// <param name="isExact">What references come to is added up, and not only bounded: a try without it may have ended with <see cref="StampReason.ExpandedTooLarge"/> too early.</param>
    public bool TryStampCommon(bool isExact)
    {
        int symbolsEnd = PassSymbols();
        if (!_symbols.BeginsWithEmpty || _symbols.HasInvalidUtf8 || _symbols.HasBadValue || _symbols.Count > plan.Options.MaxSymbolsPerRequest)
        {
            return false;
        }

        _symbols.AddStamp();
        _output.Append(_message[..symbolsEnd]);
        _fast = new V2FastSeries(work, plan, window, isExact);
        var reader = WireReader.Within(_message, new WireRange(symbolsEnd, _message.Length - symbolsEnd));
        while (true)
        {
            StampRun(ref reader);
            if (!reader.TryFindNext(V2Tags.Series, out WireRange series))
            {
                break;
            }

            long entry = ++_result.SeriesRead + _fast.SeriesCount;
            if (entry > plan.Options.MaxSeriesPerRequest)
            {
                return false;
            }

            StampSeries(series, reader, entry);
            if (_result.HasFault)
            {
                return false;
            }
        }

        if (reader.HasFault || reader.Position < _message.Length)
        {
            return false;
        }

        _result.SeriesRead += _fast.SeriesCount;
        _result.FastSeries = _fast.SeriesCount;
        _items.Add(_fast.Items);
        Finish(symbolsEnd);
        return true;
    }

    /// <summary>Passes over series of the common shape, as many as there are from where <paramref name="reader"/> stands.</summary>
    private void StampRun(ref WireReader reader)
    {
        StampOptions options = plan.Options;
        long seriesLeft = options.MaxSeriesPerRequest - _result.SeriesRead - _fast.SeriesCount;
        long itemsLeft = options.MaxSamplesPerRequest - _read.Total - _fast.Items.Total;
        long expandedLeft = options.MaxExpandedBytes - _expandedBytes - _fast.ExpandedBytes;
        reader.MoveTo(_fast.StampRun(reader.Position, seriesLeft, itemsLeft, expandedLeft));
    }

    /// <summary>Stamps a request of any layout.</summary>
    public void Stamp()
    {
        if (!TryReadSymbols())
        {
            return;
        }

        _symbols.AddStamp();
        _symbols.WriteOwn(_output);
        int symbolsEnd = _output.Length;
        var reader = new WireReader(_message);
        long entry = 0;
        while (!_result.HasFault && reader.TryFind(V2Tags.Series, out WireRange series))
        {
            StampSeries(series, reader, ++entry);
        }

        Finish(symbolsEnd);
    }

    /// <summary>Puts the symbols that series needed besides the sender's behind those: only now is known which.</summary>
    private readonly void Finish(int symbolsEnd)
    {
        _result.Read = _read + _fast.Items.Counts;
        _result.HasOutput = _output.Length > symbolsEnd;
        if (_result.HasOutput)
        {
            _output.Insert(symbolsEnd, _symbols.Extra);
        }
        else
        {
            _output.Clear();
        }
    }

    /// <summary>Reads the symbols that stand in front, as far as they stand as they would be written.</summary>
    /// <returns>The position behind them.</returns>
    private readonly int PassSymbols()
    {
        int position = 0;
        while (FastItemReader.TryEnterShort(work.Decoded.Array, position, _message.Length, V2Tags.Symbols, out WireRange symbol))
        {
            _symbols.Add(symbol);
            position = symbol.End;
        }

        return position;
    }

    /// <summary>Finds all symbols, which may stand anywhere, and counts the series. False if the request is refused.</summary>
    private readonly bool TryReadSymbols()
    {
        var reader = new WireReader(_message);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 4:
                    WireRange symbol = reader.ReadBytes(tag);
                    if (!reader.HasFault)
                    {
                        _symbols.Add(symbol);
                    }

                    break;
                case 5:
                    reader.ReadBytes(tag);
                    _result.SeriesRead++;
                    break;
                default:
                    reader.Skip(tag);
                    _result.UnknownFields++;
                    break;
            }
        }

        StampOptions options = plan.Options;
        if (reader.HasFault)
        {
            FailIfMalformed(reader);
        }
        else if (_symbols.Count > options.MaxSymbolsPerRequest)
        {
            _result.SetFault(StampReason.TooManySymbols, StampText.TooMany("symbols", _symbols.Count, options.MaxSymbolsPerRequest, "Ingest:MaxSymbolsPerRequest"));
        }
        else if (_result.SeriesRead > options.MaxSeriesPerRequest)
        {
            _result.SetFault(StampReason.TooManySeries, StampText.TooMany("series", _result.SeriesRead, options.MaxSeriesPerRequest, "maxSeriesPerRequest"));
        }
        else if (_result.SeriesRead > 0 && !_symbols.BeginsWithEmpty)
        {
            _result.SetFault(StampReason.InvalidSymbols, "the first symbol must be the empty string");
        }

        return !_result.HasFault;
    }

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
        bool isResolved = _exemplarLabels.RawCount <= plan.MaxRawLabels;
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

    private readonly void FailIfMalformed(in WireReader reader)
    {
        if (reader.HasFault && !_result.HasFault)
        {
            _result.SetFault(StampReason.MalformedProtobuf, StampText.Malformed(WriteProtocol.V2, reader.Fault, reader.FaultPosition));
        }
    }
}
