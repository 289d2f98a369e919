using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Items that the fast ways passed on. They refuse none: a series with anything to refuse is left to the general way.</summary>
internal struct FastItems
{
    public int Samples;
    public int Histograms;
    public int Exemplars;
    public int StaleMarkers;
    public long NewestMs;

    public static FastItems None => new() { NewestMs = long.MinValue };

    public readonly long Total => (long)Samples + Histograms + Exemplars;

    public readonly ItemCounts Counts => new(Samples, Histograms, Exemplars);

    // Field by field: as a whole it would be copied in pieces wider than those it was just written in, and wait for them.
    public void Add(in FastItems more)
    {
        Samples += more.Samples;
        Histograms += more.Histograms;
        Exemplars += more.Exemplars;
        StaleMarkers += more.StaleMarkers;
        NewestMs = Math.Max(NewestMs, more.NewestMs);
    }
}

/// <summary>Passes over items that the fast ways copy as they are, and judges them by the rules of the general way.</summary>
/// <remarks>Methods return the position behind what they passed over, or <see cref="NotCommon"/>: then the general way decides.</remarks>
internal readonly ref struct FastItemReader(ReadOnlySpan<byte> bytes, StampOptions options, TimeWindow window, WriteProtocol protocol)
{
    public const int NotCommon = -1;

    // 12 10 09, value, 10, timestamp: a sample of value and timestamp, the latter in six bytes as from 1971 to 2109.
    private const uint SampleHead = 0x09_10_12;
    private const int SampleBytes = 18;

    // 12 07 10, timestamp: the same with a value of 0, which is left out.
    private const uint ZeroSampleHead = 0x10_07_12;
    private const int ZeroSampleBytes = 9;

    private const byte TimestampTag = 0x10;
    private const ulong SixByteMask = 0x8080_8080_8080;
    private const ulong SixByteMark = 0x0080_8080_8080;

    // Enough for a sample in one piece; the slack behind the message has room for it.
    private const int Window = 32;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Reads one sample of the usual shape; its tag is 12 in both protocols.</summary>
    /// <returns>Its bytes, or 0 if there is another field, or a sample of another shape.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadUsualSample(ReadOnlySpan<byte> bytes, int position, out ulong bits, out long timestampMs)
    {
        ReadOnlySpan<byte> sample = bytes.Slice(position, Window);
        uint head = BinaryPrimitives.ReadUInt32LittleEndian(sample) & 0xFF_FFFF;
        bool isZero = head == ZeroSampleHead;
        ulong timestamp = isZero ? BinaryPrimitives.ReadUInt64LittleEndian(sample[3..]) : BinaryPrimitives.ReadUInt64LittleEndian(sample[12..]);
        bits = isZero ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(sample[3..]);
        timestampMs = DecodeSixBytes(timestamp);
        bool isUsual = (isZero || (head == SampleHead && sample[11] == TimestampTag)) && (timestamp & SixByteMask) == SixByteMark;
        return !isUsual ? 0 : isZero ? ZeroSampleBytes : SampleBytes;
    }

    /// <summary>Passes over a sample of any shape.</summary>
    public int PassSample(int position, int end, ref FastItems items)
    {
        if (!TryEnter(position, end, out WireRange range))
        {
            return NotCommon;
        }

        WireReader reader = WireReader.Within(_bytes, range);
        SampleFields sample = ItemRules.ReadSample(ref reader, protocol);
        if (reader.HasFault || !window.Holds(sample.TimestampMs))
        {
            return NotCommon;
        }

        items.Samples++;
        items.StaleMarkers += sample.ValueBits == ItemRules.StaleMarkerBits ? 1 : 0;
        items.NewestMs = Math.Max(items.NewestMs, sample.TimestampMs);
        return range.End;
    }

    /// <summary>Passes over one histogram.</summary>
    public int PassHistogram(int position, int end, ref FastItems items)
    {
        if (!TryEnter(position, end, out WireRange range))
        {
            return NotCommon;
        }

        WireReader reader = WireReader.Within(_bytes, range);
        HistogramFields histogram = HistogramFields.Read(ref reader, protocol);
        if (reader.HasFault
            || histogram.IsCustomBounds // The general way counts what they come to as classic series.
            || !HistogramRules.Check(histogram, options).IsNone
            || !window.Holds(histogram.TimestampMs))
        {
            return NotCommon;
        }

        items.Histograms++;
        items.StaleMarkers += histogram.SumBits == ItemRules.StaleMarkerBits ? 1 : 0;
        items.NewestMs = Math.Max(items.NewestMs, histogram.TimestampMs);
        return range.End;
    }

    /// <summary>Passes over value and timestamp of an exemplar, the labels of which end at <paramref name="position"/>. They must stand as they would be written.</summary>
    public int PassExemplarNumbers(int position, int end, ref FastItems items)
    {
        if (position < end && _bytes[position] == ItemTags.ExemplarValue)
        {
            // A zero would not be written.
            if (BinaryPrimitives.ReadUInt64LittleEndian(_bytes.Slice(position + 1, 8)) == 0)
            {
                return NotCommon;
            }

            position += 1 + 8;
        }

        if (position >= end || _bytes[position] != ItemTags.ExemplarTimestamp)
        {
            return NotCommon;
        }

        WireReader reader = WireReader.Within(_bytes, new WireRange(position + 1, Math.Max(0, end - position - 1)));
        ulong timestamp = reader.ReadVarint();
        bool isWrittenSo = !reader.HasFault && reader.Position == end && WireWriter.VarintSize(timestamp) == end - position - 1;
        if (!isWrittenSo || timestamp == 0 || !window.Holds((long)timestamp))
        {
            return NotCommon;
        }

        items.Exemplars++;
        items.NewestMs = Math.Max(items.NewestMs, (long)timestamp);
        return end;
    }

    /// <summary>The contents of the next field, if it has the tag <paramref name="wanted"/> and a length in its shortest form, below 2 MiB, and within <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEnterShort(ReadOnlySpan<byte> bytes, int position, int end, byte wanted, out WireRange range)
    {
        range = default;
        if (position >= end || bytes[position] != wanted)
        {
            return false;
        }

        // What is read here behind the end is in the slack, and the check below sees it.
        uint head = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(position, 4)) >> 8;
        int length = (int)(head & 0x7F);
        int start = position + 2;
        if ((head & 0x80) != 0)
        {
            length |= (int)((head >> 1) & 0x3F80);
            start++;
            if ((head & 0x8000) != 0)
            {
                length |= (int)((head >> 2) & 0x1F_C000);
                start++;
            }
        }

        range = new WireRange(start, length);
        return length <= end - start && start - position - 1 == WireWriter.VarintSize((uint)length) && (head & 0x80_8080) != 0x80_8080;
    }

    /// <summary>The contents of a message whose tag is at <paramref name="position"/>, if its length is in the shortest form and within <paramref name="end"/>.</summary>
    public bool TryEnter(int position, int end, out WireRange range)
    {
        WireReader reader = WireReader.Within(_bytes, new WireRange(position + 1, end - position - 1));
        ulong length = reader.ReadVarint();
        int start = reader.Position;
        bool isCommon = !reader.HasFault && length <= (ulong)(end - start) && WireWriter.VarintSize(length) == start - position - 1;
        range = isCommon ? new WireRange(start, (int)length) : default;
        return isCommon;
    }

    /// <summary>A varint of six bytes: 42 bits, seven in each byte, gathered by halves.</summary>
    private static long DecodeSixBytes(ulong bytes)
    {
        ulong sevens = bytes & 0x7F7F_7F7F_7F7F;
        ulong fourteens = (sevens & 0x007F_007F_007F) | ((sevens & 0x7F00_7F00_7F00) >> 1);
        return (long)((fourteens & 0x3FFF) | ((fourteens & 0x3FFF_0000) >> 2) | ((fourteens & 0x3FFF_0000_0000) >> 4));
    }
}
