using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
    private readonly bool _isLargeTable;
    private readonly Vector256<byte> _topByte;
    private KnownNames _known;
    private Vector128<byte> _knownMetadata;
    private int _knownMetadataBytes;
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

        // More symbols than one byte can number: the byte in question is then the second one.
        _isLargeTable = _symbols.Count > 0x80;
        _topByte = Vector256.Create((byte)Math.Min(_isLargeTable ? (_symbols.Count - 1) >> 7 : _symbols.Count - 1, byte.MaxValue));
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

        // Counted at once, and taken back if the series turns out not to be common: that is rare.
        int samples = Items.Samples;
        int staleMarkers = Items.StaleMarkers;
        long newestMs = Items.NewestMs;
        int position = FastItemReader.PassUsualSamples(_bytes, refs.End, series.End, _window, ref Items);
        bool isRare = _isExact || (position < series.End && (position < 0 || _bytes[position] != V2Tags.Metadata));
        if (!isRare)
        {
            // A reference has a byte at least.
            _rareExpandedBytes = (long)refs.Length * _symbols.MaxLength;
        }
        else
        {
            position = PassRare(refs, position, series.End, Items.Samples > samples);
        }

        if (position <= refs.End || !TryPassMetadata(position, series.End) || !TryCount(isRare, lastItem, lastByte))
        {
            Items.Samples = samples;
            Items.StaleMarkers = staleMarkers;
            Items.NewestMs = newestMs;
            return false;
        }

        Write(series, refs, stampAt);
        return true;
    }

    private bool TryCount(bool isRare, long lastItem, long lastByte)
    {
        long expanded = ExpandedBytes + _rareExpandedBytes;
        long items = Items.Total + (isRare ? _rareItems.Total : 0);
        if (items > lastItem || expanded > lastByte)
        {
            return false;
        }

        ExpandedBytes = expanded;
        if (isRare)
        {
            Items.Add(_rareItems);
        }

        return true;
    }

    private readonly void Write(WireRange series, WireRange refs, int stampAt)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        int stampBytes = _stampBytes;
        int refsLength = refs.Length + stampBytes;
        int length = series.End - refs.End + WireWriter.FieldSize(refsLength);
        _output.Reserve(WireWriter.FieldSize(length));
        Span<byte> output = _output.Array;
        int position = _output.Length;
        if (length < 0x80)
        {
            // Both lengths have one byte: tag, length, tag, length in one piece.
            uint heads = V2Tags.Series | ((uint)length << 8) | ((uint)V2Tags.LabelRefs << 16) | ((uint)refsLength << 24);
            BinaryPrimitives.WriteUInt32LittleEndian(output[position..], heads);
            position += sizeof(uint);
        }
        else
        {
            output[position] = V2Tags.Series;
            position = WireWriter.WriteVarint(output, position + 1, (uint)length);
            output[position] = V2Tags.LabelRefs;
            position = WireWriter.WriteVarint(output, position + 1, (uint)refsLength);
        }

        position = FastBytes.CopyShort(bytes, refs.Start, stampAt - refs.Start, output, position);
        position = FastBytes.CopyShort(_stamp, 0, stampBytes, output, position);
        _output.Length = FastBytes.Copy(bytes, stampAt, series.End - stampAt, output, position);
    }

    /// <summary>What most series do not have: samples of another shape, histograms, exemplars; and what references come to, if that is counted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PassRare(WireRange refs, int position, int end, bool hasSamples)
    {
        _rareItems = FastItems.None;
        _rareExpandedBytes = _isExact ? CountExpandedBytes(refs) : (long)refs.Length * _symbols.MaxLength;
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

    /// <summary>Whether what is left is metadata, or nothing, that would be written just so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPassMetadata(int position, int end)
    {
        // Mostly it is that of the series before, of the same family, or empty.
        int length = end - position;
        if (length <= Vector128<byte>.Count)
        {
            var bytes = Vector128.Create(_bytes.Slice(position, Vector128<byte>.Count));
            uint same = Vector128.Equals(bytes, _knownMetadata).ExtractMostSignificantBits() | (uint.MaxValue << length);
            if (length == _knownMetadataBytes && same == uint.MaxValue)
            {
                return true;
            }

            if (!TryPassNewMetadata(position, end))
            {
                return false;
            }

            _knownMetadata = bytes;
            _knownMetadataBytes = length;
            return true;
        }

        return TryPassNewMetadata(position, end);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool TryPassNewMetadata(int position, int end)
    {
        if (position == end)
        {
            return true;
        }

        if (!FastItemReader.TryEnterShort(_bytes, position, end, V2Tags.Metadata, out WireRange range))
        {
            return false;
        }

        int next = PassNumber(range.Start, V2Tags.MetadataType, out _);
        next = PassNumber(next, V2Tags.MetadataHelp, out uint help);
        next = PassNumber(next, V2Tags.MetadataUnit, out uint unit);
        return range.End == end && next == end && help < (uint)_namePrefixes.Length && unit < (uint)_namePrefixes.Length
            && (!_symbols.HasBadMetadata || ((_symbols.Traits(help) | _symbols.Traits(unit)) & SymbolTraits.BadMetadata) == 0);
    }

    /// <summary>Passes over a number of one or two bytes, if it is there; a zero would not be written.</summary>
    /// <returns>The position behind it; past all ends if it is not such a number.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int PassNumber(int position, byte tag, out uint number)
    {
        uint three = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.Slice(Math.Min(position, _messageEnd), sizeof(uint)));
        number = 0;
        if ((byte)three != tag)
        {
            return position;
        }

        uint first = (byte)(three >> 8);
        uint second = (byte)(three >> 16);
        bool isLong = first >= 0x80;
        number = DecodeReference(first, second);
        bool isWrittenSo = isLong ? second - 1 < 0x7F : first != 0;
        return isWrittenSo ? position + (isLong ? 3 : 2) : int.MaxValue;
    }

    private readonly ReadOnlySpan<byte> Text(uint reference)
    {
        WireRange range = _symbols.Range(reference);
        return _bytes.Slice(range.Start, range.Length);
    }
}
