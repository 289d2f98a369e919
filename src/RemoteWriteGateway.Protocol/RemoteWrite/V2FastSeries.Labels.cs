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

    private const int BlockBytes = 2 * HalfBytes;
    private const int HalfBytes = 32;

    /// <summary>Passes over the labels of a series.</summary>
    /// <returns>The place of the stamp's references among theirs, or <see cref="FastItemReader.NotCommon"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PassLabels(int start, int end)
    {
        // Not none at all, either.
        if ((uint)(end - start - 1) >= BlockBytes)
        {
            return PassAnyLabels(start, end);
        }

        var low = Vector256.Create(_bytes.Slice(start, HalfBytes));
        var high = Vector256.Create(_bytes.Slice(start + HalfBytes, HalfBytes));
        ulong inside = ulong.MaxValue >> (BlockBytes - (end - start));
        ulong goesOn = MaskOf(low, high) & inside;
        if (!AreReferencesGood(low, high, goesOn, inside, start))
        {
            return PassAnyLabels(start, end);
        }

        // Five of six series have the names of the one before them, for they come in the order of the scrape.
        ulong same = MaskOf(Vector256.Equals(low, _known.Low), Vector256.Equals(high, _known.High));
        if (goesOn == _known.GoesOn && inside == _known.Inside && (same & _known.Names) == _known.Names)
        {
            return start + _known.StampOffset;
        }

        return PassNewNames(low, high, goesOn, inside, start);
    }

    /// <summary>Looks at up to 64 bytes of references at once.</summary>
    /// <param name="low">The first 32 bytes.</param>
    /// <param name="high">The other ones.</param>
    /// <param name="goesOn">A bit for each byte that is not the last one of its reference.</param>
    /// <param name="inside">A bit for each byte that belongs to the references.</param>
    /// <param name="start">Where they begin.</param>
    /// <returns>Whether there is an even number of them, all are to symbols but not to the first one, and none has more bytes than it needs, or more than two.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool AreReferencesGood(Vector256<byte> low, Vector256<byte> high, ulong goesOn, ulong inside, int start)
    {
        ulong seconds = goesOn << 1;

        // A zero is a reference to the first symbol, or a second byte that says nothing.
        ulong zeros = MaskOf(Vector256.Equals(low, Vector256<byte>.Zero), Vector256.Equals(high, Vector256<byte>.Zero));

        // The byte, second or only, that the last symbol's number has; no other reference has a larger one.
        Vector256<byte> top = _topByte;
        ulong upToTop = MaskOf(Vector256.Equals(Vector256.Max(low, top), top), Vector256.Equals(Vector256.Max(high, top), top));
        ulong bad = _isLargeTable ? zeros | (seconds & (goesOn | ~upToTop)) : zeros | goesOn | ~upToTop;

        // The last byte must not go on, and the bytes that end a reference be even in number.
        bad = (bad & inside) | (seconds & ~inside) | ((ulong)BitOperations.PopCount(inside & ~goesOn) & 1);
        ulong atTop = _isLargeTable ? seconds & MaskOf(Vector256.Equals(low, top), Vector256.Equals(high, top)) : 0;
        return bad == 0 && (atTop == 0 || AreBelowCount(start, atTop));
    }

    /// <summary>Passes over names that the series before did not have, and remembers them.</summary>
    /// <remarks>Without a call in the loop: what lives across one would live in memory.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PassNewNames(Vector256<byte> low, Vector256<byte> high, ulong goesOn, ulong inside, int start)
    {
        ReadOnlySpan<ulong> namePrefixes = _namePrefixes;
        ReadOnlySpan<byte> block = _bytes.Slice(start, BlockBytes + 1);
        ulong stampPrefix = _plan.NamePrefix;
        ulong previousPrefix = 0;
        ulong starts = ~(goesOn << 1) & inside;
        ulong names = 0;
        int end = start + BitOperations.PopCount(inside);
        int stampAt = end;
        while (starts != 0)
        {
            int at = BitOperations.TrailingZeroCount(starts);
            starts &= starts - 1;
            names |= (starts & (0 - starts)) - (1UL << at);
            starts &= starts - 1;
            uint nameRef = DecodeReference(block[at], block[at + 1]);
            ulong prefix = nameRef < (uint)namePrefixes.Length ? namePrefixes[(int)nameRef] : 0;
            // Names that agree in their first bytes are compared one by one; so are those that cannot stand, and fail there.
            if (prefix <= previousPrefix || prefix == stampPrefix)
            {
                return PassAnyLabels(start, end);
            }

            // Once in a series at most: above the tenant label there is no bound left.
            if (prefix > stampPrefix)
            {
                stampAt = start + at;
                stampPrefix = ulong.MaxValue;
            }

            previousPrefix = prefix;
        }

        if (!HasGoodMetricName(start, end) || !IsWithinLabelLimit(start, end))
        {
            return FastItemReader.NotCommon;
        }

        bool isWorthKnowing = !_symbols.HasBadMetricName;
        _known = isWorthKnowing ? new KnownNames(low, high, goesOn, inside, names, stampAt - start) : default;
        return stampAt;
    }

    /// <summary>Passes over labels one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly int PassAnyLabels(int start, int end)
    {
        int stampAt = end;
        uint previous = NoReference;
        for (int position = start; position < end;)
        {
            ReferencePair pair = ReadPair(position);
            // A prefix of 0 is that of a name that cannot stand. No value is the first symbol, which is empty; the others are good.
            if (pair.Name >= (uint)_symbols.Count || pair.Value >= (uint)_symbols.Count || pair.Value == 0 || pair.End > end
                || _namePrefixes[(int)pair.Name] == 0
                || (previous != NoReference && Text(previous).SequenceCompareTo(Text(pair.Name)) >= 0))
            {
                return FastItemReader.NotCommon;
            }

            if (stampAt == end && Text(pair.Name).SequenceCompareTo(_plan.TenantName) > 0)
            {
                stampAt = position;
            }

            previous = pair.Name;
            position = pair.End;
        }

        return FindGoodMetricName(start, end) && IsWithinLabelLimit(start, end) ? stampAt : FastItemReader.NotCommon;
    }

    /// <summary>Whether references whose second bytes are marked are to symbols.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool AreBelowCount(int start, ulong seconds)
    {
        for (; seconds != 0; seconds &= seconds - 1)
        {
            int second = start + BitOperations.TrailingZeroCount(seconds);
            if (DecodeReference(_bytes[second - 1], _bytes[second]) >= (uint)_namePrefixes.Length)
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

    /// <summary>Whether <c>__name__</c> is there, most often in front, with a value that is good for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool HasGoodMetricName(int start, int end) =>
        (!_symbols.HasBadMetricName && DecodeReference(_bytes[start], _bytes[start + 1]) == _symbols.MetricNameRef)
        || FindGoodMetricName(start, end);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool FindGoodMetricName(int start, int end)
    {
        for (int position = start; position < end;)
        {
            ReferencePair pair = ReadPair(position);
            if (pair.Name == _symbols.MetricNameRef)
            {
                return (_symbols.Traits(pair.Value) & SymbolTraits.BadMetricName) == 0;
            }

            position = pair.End;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool IsWithinLabelLimit(int start, int end)
    {
        // A pair has two bytes at least: so few need not be counted.
        int limit = _plan.Options.MaxLabelsPerSeries;
        return end - start <= 2 * limit || CountReferences(start, end) <= 2 * limit;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
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

    /// <summary>Names of a series that passed, and how its references stand: another one with the same needs no look at its names.</summary>
    /// <param name="Low">The first 32 bytes of references.</param>
    /// <param name="High">The other ones.</param>
    /// <param name="GoesOn">A bit for each byte that is not the last one of its reference.</param>
    /// <param name="Inside">A bit for each byte that belongs to the references.</param>
    /// <param name="Names">A bit for each byte of a reference to a name.</param>
    /// <param name="StampOffset">Where among the bytes the stamp's references go.</param>
    private readonly record struct KnownNames(Vector256<byte> Low, Vector256<byte> High, ulong GoesOn, ulong Inside, ulong Names, int StampOffset);

    private readonly record struct ReferencePair(uint Name, uint Value, int End);
}
