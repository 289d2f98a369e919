using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Stamps 1.0 series of the shape that senders write: labels first, then samples, exemplars, histograms; every length in its
/// shortest form; nothing empty, nothing unknown, nothing to refuse.
/// </summary>
/// <remarks>
/// One pass reads what <see cref="V1Stamper"/> reads in several: such a series leaves as its own bytes with the stamp put
/// in between, so nothing is written anew. <c>StampDifferentialTests</c> hold the two together; <c>StampBenchmarks</c>
/// pays for it.
/// The assertion of the general way is the loop over the labels itself: a name that is not above the one before, or that is
/// the tenant label's, ends the fast way, and the stamp goes between the last name below it and the first one above.
/// </remarks>
internal ref partial struct V1FastSeries
{
    // 0A len 0A len, read as a little-endian number: lengths below 128, so of one byte.
    private const uint LabelHead = 0x000A_000A;
    private const uint LabelHeadMask = 0x80FF_80FF;
    private const int LabelHeadBytes = 4;

    // Head, a name of one byte, 12 len, a value of one byte.
    private const int MinLabelBytes = 8;

    // Not NotCommon: the labels may be common but for their order.
    private const int Unsorted = -2;

    // Labels to be compared whole.
    private const int Tied = -3;

    private static readonly ulong MetricNamePrefix = NameOrder.Prefix("__name__"u8);

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _messageEnd;
    private readonly StampPlan _plan;
    private readonly FastItemReader _itemReader;
    private readonly byte[] _stamp;
    private readonly int _stampBytes;
    private readonly WriteBuffer _output;
    private readonly FastLabel[] _labels;
    private readonly FastLabel[] _knownLabels;
    private readonly byte[] _knownOrder;
    private int _knownCount;
    private readonly LabelRun[] _runs;
    private int _knownRuns;
    private int _knownStampRun;
    private readonly TimeWindow _window;
    private FastItems _rareItems;
    private bool _isUnsorted;

    /// <summary>Items of all series that were stamped here.</summary>
    public FastItems Items;

    /// <summary>Series that were stamped here.</summary>
    public int SeriesCount;

    public V1FastSeries(WriteWork work, StampPlan plan, TimeWindow window)
    {
        // With the slack: a few bytes may be read behind the message, and are then not used.
        _bytes = work.Decoded.Array;
        _messageEnd = work.Decoded.Length;
        _plan = plan;
        _itemReader = new FastItemReader(_bytes, plan.Options, window, WriteProtocol.V1);
        _stamp = plan.PaddedLabelField;
        _stampBytes = plan.Options.Stamp ? plan.LabelFieldBytes : 0;
        _output = work.Stamped;
        _window = window;
        _labels = work.Scratch.FastLabels.Ensure(MaxUnsortedLabels);
        _knownLabels = work.Scratch.KnownLabels.Ensure(MaxUnsortedLabels);
        _knownOrder = work.Scratch.KnownOrder.Ensure(MaxUnsortedLabels);
        _runs = work.Scratch.KnownRuns.Ensure(MaxUnsortedLabels);
        Items = FastItems.None;
    }

    /// <summary>Stamps series from <paramref name="position"/> on, as long as they are of the common shape and within what the request may still have.</summary>
    /// <returns>The position of the first field that is no such series, or the end of the message.</returns>
    public int StampRun(int position, long seriesLeft, long itemsLeft)
    {
        long lastItem = Items.Total + itemsLeft;
        while (seriesLeft-- > 0 && !_plan.HasShortLimits
            && FastItemReader.TryEnterShort(_bytes, position, _messageEnd, V1Tags.Series, out WireRange series)
            && TryStamp(series, lastItem))
        {
            SeriesCount++;
            position = series.End;
        }

        return position;
    }

    private bool TryStamp(WireRange series, long lastItem)
    {
        int stampAt = 0;
        int labelsEnd = _isUnsorted ? Unsorted : PassLabels(series.Start, series.End, out stampAt);
        if (labelsEnd <= Unsorted)
        {
            // A sender that does not sort does it nowhere: from here on no series is tried both ways.
            _isUnsorted |= labelsEnd == Unsorted;
            return TryStampUnsorted(series, lastItem);
        }

        if (labelsEnd < 0 || !AreLabelsGood(series.Start, labelsEnd) || !TryPassItems(labelsEnd, series.End, lastItem))
        {
            return false;
        }

        Span<byte> output = BeginSeries(series.Length + _stampBytes, out int position);
        position = FastBytes.Copy(_bytes, series.Start, stampAt - series.Start, output, position);
        position = FastBytes.CopyShort(_stamp, 0, _stampBytes, output, position);
        _output.Length = FastBytes.Copy(_bytes, stampAt, series.End - stampAt, output, position);
        return true;
    }

    /// <summary>Passes over all items: samples, exemplars, histograms, in this order, as they would be written. Counts them if all of them pass.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPassItems(int labelsEnd, int end, long lastItem)
    {
        // Counted at once, and taken back if the series turns out not to be common: that is rare.
        int samples = Items.Samples;
        int staleMarkers = Items.StaleMarkers;
        long newestMs = Items.NewestMs;
        int position = FastItemReader.PassUsualSamples(_bytes, labelsEnd, end, _window, ref Items);
        bool isRare = position != end;
        if (isRare)
        {
            position = PassRareItems(position, end, Items.Samples > samples);
        }

        if (position != end || position == labelsEnd || Items.Total + (isRare ? _rareItems.Total : 0) > lastItem)
        {
            Items.Samples = samples;
            Items.StaleMarkers = staleMarkers;
            Items.NewestMs = newestMs;
            return false;
        }

        if (isRare)
        {
            Items.Add(_rareItems);
        }

        return true;
    }

    /// <summary>Passes over the labels of a series, whose names must all differ in their first eight bytes, from special ones too, and finds the stamp's place among them.</summary>
    /// <returns>The position behind the labels, or <see cref="FastItemReader.NotCommon"/>, or <see cref="Unsorted"/>, or <see cref="Tied"/>.</returns>
    /// <remarks>Without a call in the loop: what lives across one would live in memory.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly int PassLabels(int start, int end, out int stampAt)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        ReadOnlySpan<ulong> specials = _plan.SpecialPrefixes;
        int special = 0;
        ulong bound = specials[0];
        ulong previousPrefix = 0;
        int stamp = int.MaxValue;
        int position = start;
        stampAt = start;
        while (position < end)
        {
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(position, LabelHeadBytes));
            if ((byte)head != V1Tags.Labels)
            {
                break;
            }

            if (!TryPassLabel(bytes, head, position, end, out int nameLength, out int next))
            {
                return FastItemReader.NotCommon;
            }

            ulong prefix = NameOrder.ShortPrefix(bytes, position + LabelHeadBytes, nameLength);
            if (prefix <= previousPrefix)
            {
                return prefix == previousPrefix ? Tied : Unsorted;
            }

            // Twice or so in a series: past a special name there is the next one, and none past the last.
            while (prefix >= bound)
            {
                if (prefix == bound)
                {
                    return Tied;
                }

                stamp = special == _plan.TenantSpecial ? position : stamp;
                special++;
                bound = specials[special];
            }

            previousPrefix = prefix;
            position = next;
        }

        stampAt = Math.Min(stamp, position);
        return position;
    }

    /// <summary>Passes over one label of which <paramref name="head"/> are the first four bytes: name and value, the latter not empty, and nothing else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryPassLabel(ReadOnlySpan<byte> bytes, uint head, int position, int end, out int nameLength, out int next)
    {
        nameLength = (int)(head >> 24);
        next = position + 2 + (int)((head >> 8) & 0x7F);
        int valueAt = position + LabelHeadBytes + nameLength;
        int valueLength = next - valueAt - 2;
        return (head & LabelHeadMask) == LabelHead && valueLength > 0 && next <= end
            && BinaryPrimitives.ReadUInt16LittleEndian(bytes.Slice(valueAt, 2)) == (V1Tags.LabelValue | (valueLength << 8));
    }

    /// <summary>What there is to ask of all labels together, once their shape and order are known.</summary>
    private readonly bool AreLabelsGood(int start, int end)
    {
        // A label has eight bytes at least: so few need not be counted.
        int limit = _plan.Options.MaxLabelsPerSeries;
        return HasMetricName(start, end) && (end - start <= MinLabelBytes * limit || CountLabels(start, end) <= limit)
            && AreTextsValid(start, end) && !(_plan.Options.TenantLabelIgnoresCase && HasReserved(start, end));
    }

    /// <summary>Whether <c>__name__</c> is there; most often it is the first one.</summary>
    private readonly bool HasMetricName(int start, int end)
    {
        for (int position = start; position < end; position = Next(position))
        {
            if (_bytes[position + 3] == 8 && BinaryPrimitives.ReadUInt64BigEndian(_bytes.Slice(position + LabelHeadBytes, 8)) == MetricNamePrefix)
            {
                return true;
            }
        }

        return false;
    }

    private readonly int CountLabels(int start, int end)
    {
        int count = 0;
        for (int position = start; position < end; position = Next(position))
        {
            count++;
        }

        return count;
    }

    /// <summary>Whether a label is reserved that only differs from the tenant label in the case of letters.</summary>
    private readonly bool HasReserved(int start, int end)
    {
        for (int position = start; position < end; position = Next(position))
        {
            if (_plan.IsReserved(Name(position)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether names and values between two positions are what the scheme of names allows.</summary>
    private readonly bool AreTextsValid(int start, int end)
    {
        // Tags and lengths below 128 are ASCII as well: one look at all bytes says it for most series.
        bool isAscii = FastBytes.IsAscii(_bytes, start, end - start);
        return (isAscii && _plan.Options.NameScheme == NameScheme.Utf8) || AreTextsValidOneByOne(start, end);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool AreTextsValidOneByOne(int start, int end)
    {
        for (int position = start; position < end;)
        {
            int next = Next(position);
            ReadOnlySpan<byte> name = Name(position);
            ReadOnlySpan<byte> value = _bytes[(position + LabelHeadBytes + name.Length + 2)..next];
            if (!Utf8.IsValid(name) || !Utf8.IsValid(value) || !_plan.AllowsLabelName(name)
                || (name.SequenceEqual("__name__"u8) && !_plan.AllowsMetricName(value)))
            {
                return false;
            }

            position = next;
        }

        return true;
    }

    /// <summary>What most series do not have: samples of another shape, exemplars, histograms.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PassRareItems(int position, int end, bool hasSamples)
    {
        _rareItems = FastItems.None;
        while (position >= 0 && position < end && _bytes[position] == V1Tags.Samples)
        {
            position = _itemReader.PassSample(position, end, ref _rareItems);
        }

        while (position >= 0 && position < end && _bytes[position] == V1Tags.Exemplars)
        {
            position = PassExemplar(position, end);
        }

        // A series with both leaves as two.
        hasSamples |= _rareItems.Samples > 0;
        while (position >= 0 && position < end && _bytes[position] == V1Tags.Histograms && !hasSamples)
        {
            position = _itemReader.PassHistogram(position, end, ref _rareItems);
        }

        return position;
    }

    private int PassExemplar(int position, int end)
    {
        if (_plan.Options.DropExemplars || !_itemReader.TryEnter(position, end, out WireRange range))
        {
            return FastItemReader.NotCommon;
        }

        int labelsEnd = PassExemplarLabels(range);
        return labelsEnd < 0 ? labelsEnd : _itemReader.PassExemplarNumbers(labelsEnd, range.End, ref _rareItems);
    }

    private readonly int PassExemplarLabels(WireRange exemplar)
    {
        int previous = -1;
        int position = exemplar.Start;
        while (position < exemplar.End && _bytes[position] == ItemTags.ExemplarLabels)
        {
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.Slice(position, LabelHeadBytes));
            if (!TryPassLabel(_bytes, head, position, exemplar.End, out int nameLength, out int next) || nameLength == 0
                || (previous >= 0 && Name(previous).SequenceCompareTo(Name(position)) >= 0))
            {
                return FastItemReader.NotCommon;
            }

            previous = position;
            position = next;
        }

        // Bytes are no fewer than characters: within the limit without counting, framing included.
        bool isShort = position - exemplar.Start <= ItemRules.MaxExemplarCharacters;
        return isShort && AreTextsValid(exemplar.Start, position) ? position : FastItemReader.NotCommon;
    }

    /// <summary>Makes room for a series, and writes its tag and length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Span<byte> BeginSeries(int length, out int position)
    {
        _output.Reserve(WireWriter.FieldSize(length));
        Span<byte> output = _output.Array;
        output[_output.Length] = V1Tags.Series;
        position = WireWriter.WriteVarint(output, _output.Length + 1, (uint)length);
        return output;
    }

    /// <summary>Where the label at <paramref name="position"/> ends, whose head is known to be common.</summary>
    private readonly int Next(int position) => position + 2 + _bytes[position + 1];

    /// <summary>Name of the label at <paramref name="position"/>, whose head is known to be common.</summary>
    private readonly ReadOnlySpan<byte> Name(int position) => _bytes.Slice(position + LabelHeadBytes, _bytes[position + 3]);
}
