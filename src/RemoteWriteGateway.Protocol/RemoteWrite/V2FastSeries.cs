using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Stamps 2.0 series of the shape that senders write: references first, to sorted labels, then samples, histograms,
/// exemplars, metadata; every number in its shortest form; nothing empty, nothing unknown, nothing to refuse.
/// </summary>
/// <remarks>
/// Only references are read: what there is to say about a symbol was said once, by <see cref="SymbolTable"/>. Such a series
/// leaves as its own bytes with the two references of the stamp put in between. <c>StampDifferentialTests</c> hold this and
/// <see cref="V2Stamper"/> together; <c>StampBenchmarks</c> pays for it. As with <see cref="V1FastSeries"/> the loop over
/// the labels (in the other file of this type) is the assertion: names strictly ascend, none is the tenant label's, and the
/// stamp stands at its place.
/// </remarks>
internal ref partial struct V2FastSeries
{
    private const int MaxReferenceBytes = 5;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _messageEnd;
    private readonly ReadOnlySpan<ulong> _namePrefixes;
    private readonly SymbolTable _symbols;
    private readonly StampPlan _plan;
    private readonly TimeWindow _window;
    private readonly FastItemReader _itemReader;
    private readonly WriteBuffer _output;
    private readonly byte[] _stamp;
    private readonly int _stampBytes;
    private readonly bool _isExact;
    private FastItems _rareItems;
    private long _rareExpandedBytes;

    /// <summary>Items of all series that were stamped here.</summary>
    public FastItems Items;

    /// <summary>Series that were stamped here.</summary>
    public int SeriesCount;

    /// <summary>What the references of all series that were stamped here come to when written out: that, or no less than that.</summary>
    public long ExpandedBytes;

    /// <summary>Call once the symbols are known, the stamp's included.</summary>
    /// <param name="work">The request.</param>
    /// <param name="plan">What it is stamped with.</param>
    /// <param name="window">What timestamps it may have.</param>
    /// <param name="isExact">Whether to add up what references come to; else each counts for the longest symbol, which costs nothing and is enough for almost all requests.</param>
    public V2FastSeries(WriteWork work, StampPlan plan, TimeWindow window, bool isExact)
    {
        // With the slack: a few bytes may be read behind the message, and are then not used.
        _bytes = work.Decoded.Array;
        _messageEnd = work.Decoded.Length;
        _symbols = work.Scratch.Symbols;
        _namePrefixes = _symbols.NamePrefixes;
        _plan = plan;
        _window = window;
        _itemReader = new FastItemReader(_bytes, plan.Options, window, WriteProtocol.V2);
        _output = work.Stamped;
        _stamp = work.Scratch.StampRefs.Ensure((2 * MaxReferenceBytes) + WriteBuffer.Slack);
        if (plan.Options.Stamp)
        {
            _stampBytes = WireWriter.WriteVarint(_stamp, 0, _symbols.StampNameRef);
            _stampBytes = WireWriter.WriteVarint(_stamp, _stampBytes, _symbols.StampValueRef);
        }

        _isExact = isExact;
        Items = FastItems.None;
    }

    /// <summary>Stamps series from <paramref name="position"/> on, as long as they are of the common shape and within what the request may still have.</summary>
    /// <returns>The position of the first field that is no such series, or the end of the message.</returns>
    public int StampRun(int position, long seriesLeft, long itemsLeft, long expandedLeft)
    {
        long lastItem = Items.Total + itemsLeft;
        long lastByte = ExpandedBytes + expandedLeft;
        while (seriesLeft-- > 0
            && FastItemReader.TryEnterShort(_bytes, position, _messageEnd, V2Tags.Series, out WireRange series)
            && TryStamp(series, lastItem, lastByte))
        {
            SeriesCount++;
            position = series.End;
        }

        return position;
    }

    private bool TryStamp(WireRange series, long lastItem, long lastByte)
    {
        if (!FastItemReader.TryEnterShort(_bytes, series.Start, series.End, V2Tags.LabelRefs, out WireRange refs))
        {
            return false;
        }

        int stampAt = PassLabels(refs.Start, refs.End);
        if (stampAt < 0)
        {
            return false;
        }

        int samples = 0;
        int staleMarkers = 0;
        long newestMs = long.MinValue;
        int position = refs.End;
        while (position < series.End && FastItemReader.ReadUsualSample(_bytes, position, out ulong bits, out long timestampMs) is > 0 and int length)
        {
            if (!_window.Holds(timestampMs) || position + length > series.End)
            {
                return false;
            }

            samples++;
            staleMarkers += bits == ItemRules.StaleMarkerBits ? 1 : 0;
            newestMs = Math.Max(newestMs, timestampMs);
            position += length;
        }

        bool isRare = _isExact || (position < series.End && _bytes[position] != V2Tags.Metadata);
        // A reference has a byte at least.
        long expanded = (long)refs.Length * _symbols.MaxLength;
        if (isRare)
        {
            position = PassRare(refs, position, series.End, samples > 0);
            expanded = _isExact ? _rareExpandedBytes : expanded + _rareExpandedBytes;
        }

        if (position <= refs.End || PassMetadata(position, series.End) != series.End
            || Items.Total + samples + (isRare ? _rareItems.Total : 0) > lastItem || ExpandedBytes + expanded > lastByte)
        {
            return false;
        }

        ExpandedBytes += expanded;
        Items.Samples += samples;
        Items.StaleMarkers += staleMarkers;
        Items.NewestMs = Math.Max(Items.NewestMs, newestMs);
        if (isRare)
        {
            Items.Add(_rareItems);
        }

        Write(series, refs, stampAt);
        return true;
    }

    private readonly void Write(WireRange series, WireRange refs, int stampAt)
    {
        int refsLength = refs.Length + _stampBytes;
        int length = series.End - refs.End + WireWriter.FieldSize(refsLength);
        _output.Reserve(WireWriter.FieldSize(length));
        Span<byte> output = _output.Array;
        output[_output.Length] = V2Tags.Series;
        int position = WireWriter.WriteVarint(output, _output.Length + 1, (uint)length);
        output[position++] = V2Tags.LabelRefs;
        position = WireWriter.WriteVarint(output, position, (uint)refsLength);
        position = FastBytes.Copy(_bytes, refs.Start, stampAt - refs.Start, output, position);
        position = FastBytes.Copy(_stamp, 0, _stampBytes, output, position);
        _output.Length = FastBytes.Copy(_bytes, stampAt, series.End - stampAt, output, position);
    }

    /// <summary>What most series do not have: samples of another shape, histograms, exemplars; and what references come to, if that is counted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PassRare(WireRange refs, int position, int end, bool hasSamples)
    {
        _rareItems = FastItems.None;
        _rareExpandedBytes = _isExact ? CountExpandedBytes(refs) : 0;
        while (position >= 0 && position < end && _bytes[position] == V2Tags.Samples)
        {
            position = _itemReader.PassSample(position, end, ref _rareItems);
        }

        // A series with both leaves as two.
        hasSamples |= _rareItems.Samples > 0;
        while (position >= 0 && position < end && _bytes[position] == V2Tags.Histograms && !hasSamples)
        {
            position = _itemReader.PassHistogram(position, end, ref _rareItems);
        }

        while (position >= 0 && position < end && _bytes[position] == V2Tags.Exemplars)
        {
            position = PassExemplar(position, end);
        }

        return position;
    }

    private int PassExemplar(int position, int end)
    {
        if (_plan.Options.DropExemplars || !_itemReader.TryEnter(position, end, out WireRange range))
        {
            return FastItemReader.NotCommon;
        }

        int numbers = range.Start;
        if (range.Length > 0 && _bytes[numbers] == ItemTags.ExemplarLabels)
        {
            if (!_itemReader.TryEnter(numbers, range.End, out WireRange refs) || !TryPassExemplarLabels(refs))
            {
                return FastItemReader.NotCommon;
            }

            numbers = refs.End;
        }

        return _itemReader.PassExemplarNumbers(numbers, range.End, ref _rareItems);
    }

    private bool TryPassExemplarLabels(WireRange refs)
    {
        uint previous = NoReference;
        long bytes = 0;
        int position = refs.Start;
        while (position < refs.End)
        {
            ReferencePair pair = ReadPair(position);
            if (pair.Name >= (uint)_symbols.Count || pair.Value >= (uint)_symbols.Count
                || ((_symbols.Traits(pair.Name) | _symbols.Traits(pair.Value)) & (SymbolTraits.InvalidUtf8 | SymbolTraits.Empty)) != 0
                || (previous != NoReference && Text(previous).SequenceCompareTo(Text(pair.Name)) >= 0)
                || !_plan.AllowsLabelName(Text(pair.Name)))
            {
                return false;
            }

            bytes += (long)_symbols.Range(pair.Name).Length + _symbols.Range(pair.Value).Length;
            previous = pair.Name;
            position = pair.End;
        }

        // Bytes are no fewer than characters: within the limit without counting. An empty run would not be written.
        _rareExpandedBytes += bytes;
        return position == refs.End && bytes is > 0 and <= ItemRules.MaxExemplarCharacters;
    }

    /// <summary>Passes over metadata, if there is any, that would be written just so; anything behind it is not common.</summary>
    private readonly int PassMetadata(int position, int end)
    {
        if (position == end)
        {
            return end;
        }

        // Prometheus writes an empty one where it knows nothing.
        if (position + 2 == end && _bytes[position] == V2Tags.Metadata && _bytes[position + 1] == 0)
        {
            return end;
        }

        if (!FastItemReader.TryEnterShort(_bytes, position, end, V2Tags.Metadata, out WireRange range))
        {
            return FastItemReader.NotCommon;
        }

        int next = PassNumber(range.Start, range.End, V2Tags.MetadataType, out uint type);
        next = PassNumber(next, range.End, V2Tags.MetadataHelp, out uint help);
        next = PassNumber(next, range.End, V2Tags.MetadataUnit, out uint unit);
        bool isCommon = next == range.End && type <= int.MaxValue && help < (uint)_symbols.Count && unit < (uint)_symbols.Count
            && ((_symbols.Traits(help) | _symbols.Traits(unit)) & SymbolTraits.BadMetadata) == 0;
        return isCommon ? range.End : FastItemReader.NotCommon;
    }

    /// <summary>Passes over a number, if it is there; a zero would not be written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int PassNumber(int position, int end, byte tag, out uint number)
    {
        number = 0;
        if (position < 0 || position >= end || _bytes[position] != tag)
        {
            return position;
        }

        uint three = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.Slice(position, sizeof(uint))) >> 8;
        int length = 1;
        number = three & 0x7F;
        if ((three & 0x80) != 0)
        {
            number |= (three >> 1) & 0x3F80;
            length++;
            if ((three & 0x8000) != 0)
            {
                number |= (three >> 2) & 0x1F_C000;
                length++;
            }
        }

        bool isWrittenSo = number != 0 && (three & 0x80_8080) != 0x80_8080 && length == WireWriter.VarintSize(number);
        return isWrittenSo ? position + 1 + length : FastItemReader.NotCommon;
    }

    private readonly ReadOnlySpan<byte> Text(uint reference)
    {
        WireRange range = _symbols.Range(reference);
        return _bytes.Slice(range.Start, range.Length);
    }
}
