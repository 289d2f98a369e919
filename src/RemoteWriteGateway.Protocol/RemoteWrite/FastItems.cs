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

    // 12 07 10, timestamp: the same with a value of 0, which is left out with its tag, nine bytes less.
    private const uint ZeroSampleHead = 0x10_07_12;
    private const int ValueBytes = 9;

    private const byte TimestampTag = 0x10;
    private const int TimestampBytes = 6;
    private const ulong SixByteMask = 0x8080_8080_8080;
    private const ulong SixByteMark = 0x0080_8080_8080;

    // Enough for a sample in one piece; the slack behind the message has room for it.
    private const int Window = 32;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Passes over samples of the usual shape; the tag is 12 in both protocols.</summary>
    /// <returns>The position behind them, which may be where it began; <see cref="NotCommon"/> if one would be refused.</returns>
    /// <remarks>On its own and not inlined: few values live in it, and all of them in registers.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int PassUsualSamples(ReadOnlySpan<byte> bytes, int position, int end, in TimeWindow window, ref FastItems items)
    {
        while (position < end && bytes[position] == V1Tags.Samples)
        {
            ReadOnlySpan<byte> sample = bytes.Slice(position, Window);
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(sample) & 0xFF_FFFF;
            // By numbers and not by branches: values of 0 come and go.
            int isZero = head == ZeroSampleHead ? 1 : 0;
            int isOther = (head == SampleHead ? 1 : 0) & (sample[11] == TimestampTag ? 1 : 0);
            int length = SampleBytes - (ValueBytes * isZero);
            ulong timestamp = BinaryPrimitives.ReadUInt64LittleEndian(bytes.Slice(position + length - TimestampBytes, sizeof(ulong)));
            if ((isZero | isOther) == 0 || (timestamp & SixByteMask) != SixByteMark)
            {
                break;
            }

            long timestampMs = DecodeSixBytes(timestamp);
            if (!window.Holds(timestampMs) || length > end - position)
            {
                return NotCommon;
            }

            ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(sample[3..]) & ((ulong)isZero - 1);
            items.Samples++;
            items.StaleMarkers += bits == ItemRules.StaleMarkerBits ? 1 : 0;
            items.NewestMs = Math.Max(items.NewestMs, timestampMs);
            position += length;
        }

        return position;
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

        // Custom bounds repeat the labels if they leave as classic series: the general way knows the labels, and counts.
        if (reader.HasFault
            || histogram.IsCustomBounds
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

    /// <summary>The contents of the next field, if it has the tag <paramref name="wanted"/> and a length in its shortest form, below 16 KiB, and within <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEnterShort(ReadOnlySpan<byte> bytes, int position, int end, byte wanted, out WireRange range)
    {
        // What is read here behind the end is in the slack, and is not used.
        uint head = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(position, sizeof(uint)));
        int length = (byte)(head >> 8);
        int start = position + 2;
        bool isShortest = true;
        if (length >= 0x80)
        {
            uint second = (byte)(head >> 16);
            isShortest = second - 1 < 0x7F;
            length = (length & 0x7F) | (int)(second << 7);
            start++;
        }

        range = new WireRange(start, length);
        return (byte)head == wanted && isShortest && length <= end - start;
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
