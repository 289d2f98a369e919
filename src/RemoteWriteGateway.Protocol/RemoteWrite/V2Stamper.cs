namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Stamps an <c>io.prometheus.write.v2.Request</c>.</summary>
/// <remarks>
/// This is the general way, right for any shape of message. <see cref="V2FastSeries"/> does the same for requests of the
/// shape that senders commonly write, byte for byte, and leaves all others to this one. The output is a new request:
/// the sender's symbols under their own numbers, the stamp's behind them, then the series.
/// </remarks>
internal ref partial struct V2Stamper(WriteWork work, StampPlan plan, TimeWindow window)
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

    private readonly void FailIfMalformed(in WireReader reader)
    {
        if (reader.HasFault && !_result.HasFault)
        {
            _result.SetFault(StampReason.MalformedProtobuf, StampText.Malformed(WriteProtocol.V2, reader.Fault, reader.FaultPosition));
        }
    }
}
