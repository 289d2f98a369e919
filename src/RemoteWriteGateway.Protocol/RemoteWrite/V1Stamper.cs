namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Stamps a <c>prometheus.WriteRequest</c>.</summary>
/// <remarks>
/// This is the general way, right for any shape of message. <see cref="V1FastSeries"/> does the same for series of the
/// shape that senders commonly write, byte for byte, and leaves all others to this one.
/// </remarks>
internal ref struct V1Stamper(WriteWork work, StampPlan plan, TimeWindow window, bool isFast)
{
    private readonly ReadOnlySpan<byte> _message = work.Decoded.Span;
    private readonly WriteBuffer _output = work.Stamped;
    private readonly StampResult _result = work.Result;
    private readonly LabelSet _labels = work.Scratch.Labels;
    private readonly LabelSet _exemplarLabels = work.Scratch.ExemplarLabels;
    private readonly ItemGate _items = work.Scratch.Items;
    private V1FastSeries _fast = new(work, plan, window);
    private ItemCounts _read;

    public void Stamp()
    {
        var reader = new WireReader(_message);
        while (!_result.HasFault)
        {
            StampRun(ref reader);
            if (!reader.TryReadTag(out WireTag tag))
            {
                break;
            }

            StampField(ref reader, tag);
        }

        FailIfMalformed(reader);
        _result.Read = _read + _fast.Items.Counts;
        _result.SeriesRead += _fast.SeriesCount;
        _result.FastSeries = _fast.SeriesCount;
        _result.HasOutput = _output.Length > 0;
        _items.Add(_fast.Items);
    }

    /// <summary>Passes over series of the common shape, as many as there are from where <paramref name="reader"/> stands.</summary>
    private void StampRun(ref WireReader reader)
    {
        if (isFast && !reader.HasFault)
        {
            long seriesLeft = plan.Options.MaxSeriesPerRequest - _result.SeriesRead - _fast.SeriesCount;
            long itemsLeft = plan.Options.MaxSamplesPerRequest - _read.Total - _fast.Items.Total;
            int position = _fast.StampRun(reader.Position, seriesLeft, itemsLeft);
            reader.MoveTo(_fast.PassMetadataRun(position, _result));
        }
    }

    private void StampField(ref WireReader reader, WireTag tag)
    {
        switch (tag.Field)
        {
            case 1:
                WireRange series = reader.ReadBytes(tag);
                if (!reader.HasFault)
                {
                    StampEntry(reader, series);
                }

                break;
            case 3:
                WireRange metadata = reader.ReadBytes(tag);
                if (!reader.HasFault)
                {
                    CopyMetadata(metadata);
                }

                break;
            default:
                reader.Skip(tag);
                _result.UnknownFields++;
                break;
        }
    }

    private void StampEntry(WireReader rest, WireRange series)
    {
        int limit = plan.Options.MaxSeriesPerRequest;
        long soFar = ++_result.SeriesRead + _fast.SeriesCount;
        if (soFar > limit)
        {
            long all = soFar + RequestCount.Series(rest, WriteProtocol.V1);
            _result.SetFault(StampReason.TooManySeries, StampText.TooMany("series", all, limit, "maxSeriesPerRequest"));
            return;
        }

        StampSeries(rest, series);
    }

    private void StampSeries(WireReader rest, WireRange series)
    {
        SeriesItems found = Scan(series);
        if (_result.HasFault)
        {
            return;
        }

        _read += found.Counts;
        int limit = plan.Options.MaxSamplesPerRequest;
        long soFar = _read.Total + _fast.Items.Total;
        if (soFar > limit)
        {
            long all = soFar + RequestCount.Items(rest, WriteProtocol.V1);
            _result.SetFault(StampReason.TooManySamples, StampText.TooMany("samples, histograms and exemplars", all, limit, "maxSamplesPerRequest"));
            return;
        }

        if (found.Total == 0)
        {
            // Nothing to write and nothing lost: some senders leave such entries behind.
            return;
        }

        LabelFault fault = _labels.SettleSeries(0, 0);
        if (!fault.IsNone)
        {
            string? text = _result.WantsText(fault.Reason) ? StampText.Labels(fault, _labels, plan.Options) : null;
            _result.Refuse(fault.Reason, 1, found.Counts, text);
            return;
        }

        _labels.AssertStamped();
        _labels.CountRemoved(_result);
        if (found.MustSplit)
        {
            Write(series, SeriesPart.WithoutHistograms);
            Write(series, SeriesPart.OnlyHistograms);
        }
        else
        {
            Write(series, SeriesPart.All);
        }
    }

    /// <summary>Reads all of a series: its labels are kept, its items counted, and every byte is known to be well formed after it.</summary>
    private SeriesItems Scan(WireRange series)
    {
        _labels.Clear();
        var found = new SeriesItems();
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field > 4)
            {
                reader.Skip(tag);
                _result.UnknownFields++;
                continue;
            }

            int outerEnd = reader.Enter(tag);
            switch (tag.Field)
            {
                case 1:
                    ReadLabel(ref reader, _labels, countUnknown: true);
                    break;
                case 2:
                    ItemRules.ReadSample(ref reader, WriteProtocol.V1);
                    found.Samples++;
                    break;
                case 3:
                    ReadExemplar(ref reader, countUnknown: true);
                    found.Exemplars++;
                    break;
                default:
                    HistogramFields.Read(ref reader, WriteProtocol.V1);
                    found.Histograms++;
                    break;
            }

            reader.Leave(outerEnd);
        }

        FailIfMalformed(reader);
        return found;
    }

    private void Write(WireRange series, SeriesPart part)
    {
        int start = _output.BeginMessage(V1Tags.Series);
        foreach (ref readonly LabelEntry label in _labels.Entries)
        {
            AppendLabel(V1Tags.Labels, _labels.Name(label), _labels.Value(label));
        }

        int itemsStart = _output.Length;
        if (part.Samples)
        {
            CopySamples(series);
        }

        if (part.Exemplars)
        {
            CopyExemplars(series);
        }

        if (part.Histograms)
        {
            CopyHistograms(series);
        }

        if (_output.Length == itemsStart)
        {
            _output.AbandonMessage(start);
            return;
        }

        _output.EndMessage(start);
    }

    private readonly void CopySamples(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryFind(V1Tags.Samples, out WireRange range))
        {
            WireReader item = WireReader.Within(_message, range);
            if (_items.Accepts(ItemRules.ReadSample(ref item, WriteProtocol.V1)))
            {
                _output.AppendBytes(V1Tags.Samples, reader.Slice(range));
            }
        }
    }

    private readonly void CopyHistograms(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryFind(V1Tags.Histograms, out WireRange range))
        {
            WireReader item = WireReader.Within(_message, range);
            if (_items.Accepts(HistogramFields.Read(ref item, WriteProtocol.V1)))
            {
                _output.AppendBytes(V1Tags.Histograms, reader.Slice(range));
            }
        }
    }

    private readonly void CopyExemplars(WireRange series)
    {
        WireReader reader = WireReader.Within(_message, series);
        while (reader.TryFind(V1Tags.Exemplars, out WireRange range))
        {
            if (plan.Options.DropExemplars)
            {
                _items.DropExemplars(1);
                continue;
            }

            WireReader item = WireReader.Within(_message, range);
            ExemplarFields exemplar = ReadExemplar(ref item, countUnknown: false);
            if (_items.Accepts(exemplar))
            {
                WriteExemplar(exemplar);
            }
        }
    }

    private readonly void WriteExemplar(ExemplarFields exemplar)
    {
        int start = _output.BeginMessage(V1Tags.Exemplars);
        foreach (ref readonly LabelEntry label in _exemplarLabels.Entries)
        {
            AppendLabel(ItemTags.ExemplarLabels, _exemplarLabels.Name(label), _exemplarLabels.Value(label));
        }

        ItemRules.AppendExemplarNumbers(_output, exemplar);
        _output.EndMessage(start);
    }

    private readonly void AppendLabel(byte tag, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int length = WireWriter.FieldSize(name.Length) + WireWriter.FieldSize(value.Length);
        _output.Reserve(WireWriter.FieldSize(length));
        byte[] to = _output.Array;
        int position = _output.Length;
        to[position++] = tag;
        position = WireWriter.WriteVarint(to, position, (uint)length);
        position = WireWriter.WriteBytes(to, position, V1Tags.LabelName, name);
        _output.Length = WireWriter.WriteBytes(to, position, V1Tags.LabelValue, value);
    }

    /// <summary>Reads the label that <paramref name="reader"/> stands in. A field that is there twice counts as its last one, as the store would read it.</summary>
    private readonly void ReadLabel(ref WireReader reader, LabelSet labels, bool countUnknown)
    {
        WireRange name = default;
        WireRange value = default;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    name = reader.ReadBytes(tag);
                    break;
                case 2:
                    value = reader.ReadBytes(tag);
                    break;
                default:
                    reader.Skip(tag);
                    _result.UnknownFields += countUnknown ? 1 : 0;
                    break;
            }
        }

        labels.CountRaw();
        if (!reader.HasFault && labels.HasRoom)
        {
            labels.Keep(name, value, 0, 0);
        }
    }

    private readonly ExemplarFields ReadExemplar(ref WireReader reader, bool countUnknown)
    {
        _exemplarLabels.Clear();
        ulong value = 0;
        ulong timestamp = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    int outerEnd = reader.Enter(tag);
                    ReadLabel(ref reader, _exemplarLabels, countUnknown);
                    reader.Leave(outerEnd);
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

    private readonly void CopyMetadata(WireRange range)
    {
        WireReader reader = WireReader.Within(_message, range);
        V1Metadata metadata = V1Metadata.Read(ref reader, _result);
        FailIfMalformed(reader);
        if (!_result.HasFault)
        {
            metadata.Write(_message, plan.Options, _result, _output);
        }
    }

    private readonly void FailIfMalformed(in WireReader reader)
    {
        if (reader.HasFault && !_result.HasFault)
        {
            _result.SetFault(StampReason.MalformedProtobuf, StampText.Malformed(WriteProtocol.V1, reader.Fault, reader.FaultPosition));
        }
    }
}
