using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

// References to labels. Those of a name are decoded and compared with the one before; of a value it is enough to know that
// it is a reference to some symbol but the empty one, for a table with a symbol that is no good value is not common.
internal ref partial struct V2FastSeries
{
    // Past all symbols: what cannot be read as one.
    private const uint NoReference = uint.MaxValue;

    /// <summary>Passes over the labels of a series.</summary>
    /// <returns>The place of the stamp's references among theirs, or <see cref="FastItemReader.NotCommon"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly int PassLabels(int start, int end)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        ReadOnlySpan<ulong> namePrefixes = _namePrefixes;
        ulong stampPrefix = _plan.NamePrefix;
        ulong previousPrefix = 0;
        int stampAt = end;
        int position = start;
        while (position < end)
        {
            ulong starts = FindReferences(bytes, position, end, namePrefixes.Length, out int length);
            if (starts == 0)
            {
                return FastItemReader.NotCommon;
            }

            ReadOnlySpan<byte> block = bytes.Slice(position, BlockBytes + 1);
            while (starts != 0)
            {
                int at = BitOperations.TrailingZeroCount(starts);
                starts &= starts - 1;
                starts &= starts - 1;
                uint nameRef = DecodeReference(block[at], block[at + 1]);
                if (nameRef >= (uint)namePrefixes.Length)
                {
                    return FastItemReader.NotCommon;
                }

                ulong prefix = namePrefixes[(int)nameRef];
                if (prefix <= previousPrefix && !IsAbove(start, position + at, prefix != previousPrefix))
                {
                    return FastItemReader.NotCommon;
                }

                // True once in a series, as a rule: above the tenant label there is no bound left.
                if (prefix >= stampPrefix && !IsBelowStamp(nameRef))
                {
                    stampAt = position + at;
                    stampPrefix = ulong.MaxValue;
                }

                previousPrefix = prefix;
            }

            position += length;
        }

        return HasGoodMetricName(start, end) && IsWithinLabelLimit(start, end) ? stampAt : FastItemReader.NotCommon;
    }

    private const int BlockBytes = 2 * HalfBytes;
    private const int HalfBytes = 32;

    /// <summary>Looks at up to 64 bytes of references at once.</summary>
    /// <param name="bytes">The message and the slack behind it.</param>
    /// <param name="position">Where a pair begins.</param>
    /// <param name="end">Where the references end.</param>
    /// <param name="symbols">How many symbols there are.</param>
    /// <param name="length">Bytes of the whole pairs among them.</param>
    /// <returns>
    /// A bit for each byte that a reference begins at, an even number of them. 0 if there is no whole pair, or if one
    /// reference is to no symbol or to the first one, has more bytes than it needs, or more than two.
    /// </returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong FindReferences(ReadOnlySpan<byte> bytes, int position, int end, int symbols, out int length)
    {
        var low = Vector256.Create(bytes.Slice(position, HalfBytes));
        var high = Vector256.Create(bytes.Slice(position + HalfBytes, HalfBytes));
        ulong goesOn = MaskOf(low, high);
        ulong inside = ulong.MaxValue >> (BlockBytes - Math.Min(end - position, BlockBytes));
        ulong lasts = ~goesOn & inside;
        if ((BitOperations.PopCount(lasts) & 1) != 0)
        {
            // A name whose value is not among these bytes: for the next time.
            lasts ^= 1UL << BitOperations.Log2(lasts);
        }

        length = BlockBytes - BitOperations.LeadingZeroCount(lasts);
        if (lasts == 0)
        {
            return 0;
        }

        // A zero is a reference to the first symbol, or a second byte that says nothing.
        ulong zeros = MaskOf(Vector256.Equals(low, Vector256<byte>.Zero), Vector256.Equals(high, Vector256<byte>.Zero));
        ulong seconds = goesOn << 1;
        bool isLarge = symbols > 0x80;
        // The byte, second or only, that the last symbol's number has, and larger ones.
        var top = Vector256.Create((byte)Math.Min(isLarge ? (symbols - 1) >> 7 : symbols - 1, 0xFF));
        ulong notAboveTop = MaskOf(Vector256.Equals(Vector256.Max(low, top), top), Vector256.Equals(Vector256.Max(high, top), top));
        ulong bad = isLarge ? zeros | (seconds & (goesOn | ~notAboveTop)) : zeros | goesOn | ~notAboveTop;
        ulong whole = ulong.MaxValue >> (BlockBytes - length);
        ulong atTop = seconds & whole & MaskOf(Vector256.Equals(low, top), Vector256.Equals(high, top));
        return (bad & whole) == 0 && AreBelow(bytes, position, atTop, symbols) ? ~seconds & whole : 0;
    }

    /// <summary>Whether references whose second bytes are marked are below <paramref name="symbols"/>.</summary>
    private static bool AreBelow(ReadOnlySpan<byte> bytes, int position, ulong seconds, int symbols)
    {
        for (; seconds != 0; seconds &= seconds - 1)
        {
            int second = position + BitOperations.TrailingZeroCount(seconds);
            if (DecodeReference(bytes[second - 1], bytes[second]) >= (uint)symbols)
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong MaskOf(Vector256<byte> low, Vector256<byte> high) =>
        low.ExtractMostSignificantBits() | ((ulong)high.ExtractMostSignificantBits() << HalfBytes);

    /// <summary>A reference of one or two bytes; by a mask and not by a branch, for lengths alternate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint DecodeReference(uint first, uint second) => (first & 0x7F) | ((second << 7) & (0 - (first >> 7)));

    /// <summary>Whether <c>__name__</c> is there with a value that is good for it.</summary>
    private readonly bool HasGoodMetricName(int start, int end)
    {
        ReferencePair pair = ReadPair(start);
        while (pair.Name != _symbols.MetricNameRef)
        {
            if (pair.End >= end)
            {
                return false;
            }

            pair = ReadPair(pair.End);
        }

        return !_symbols.HasBadMetricName || (_symbols.Traits(pair.Value) & SymbolTraits.BadMetricName) == 0;
    }

    private readonly bool IsWithinLabelLimit(int start, int end)
    {
        // A pair has two bytes at least: so few need not be counted.
        int limit = _plan.Options.MaxLabelsPerSeries;
        return end - start <= 2 * limit || CountReferences(start, end) <= 2 * limit;
    }

    private readonly int CountReferences(int start, int end)
    {
        int count = 0;
        foreach (byte next in _bytes[start..end])
        {
            count += next < 0x80 ? 1 : 0;
        }

        return count;
    }

    /// <summary>What the references between two positions come to when written out.</summary>
    private readonly long CountExpandedBytes(WireRange refs)
    {
        long expanded = 0;
        for (int position = refs.Start; position < refs.End;)
        {
            ReferencePair pair = ReadPair(position);
            expanded += (long)_symbols.Range(pair.Name).Length + _symbols.Range(pair.Value).Length;
            position = pair.End;
        }

        return expanded;
    }

    /// <summary>Whether the name that is referred to at <paramref name="position"/> is above the one before it, with which it shares its first bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool IsAbove(int start, int position, bool isSmaller)
    {
        if (isSmaller || start == position)
        {
            return false;
        }

        ReferencePair previous = ReadPair(start);
        while (previous.End < position)
        {
            previous = ReadPair(previous.End);
        }

        return Text(previous.Name).SequenceCompareTo(Text(ReadPair(position).Name)) < 0;
    }

    /// <summary>Whether the name is below the tenant label's, with which it may share its first bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool IsBelowStamp(uint nameRef) => Text(nameRef).SequenceCompareTo(_plan.TenantName) < 0;

    /// <summary>Two references of any length; those that are not in the shortest form read as <see cref="NoReference"/>.</summary>
    private readonly ReferencePair ReadPair(int position)
    {
        WireReader reader = WireReader.Within(_bytes, new WireRange(position, 2 * MaxReferenceBytes));
        ulong name = reader.ReadVarint();
        ulong value = reader.ReadVarint();
        bool isShortest = !reader.HasFault && name < NoReference && value < NoReference
            && WireWriter.VarintSize(name) + WireWriter.VarintSize(value) == reader.Position - position;
        return isShortest
            ? new ReferencePair((uint)name, (uint)value, reader.Position)
            : new ReferencePair(NoReference, NoReference, position);
    }

    private readonly record struct ReferencePair(uint Name, uint Value, int End);
}
