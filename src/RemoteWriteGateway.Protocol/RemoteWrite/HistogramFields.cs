namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What one side (positive or negative) of a native histogram says.</summary>
internal struct HistogramSide
{
    /// <summary>Spans, and the buckets that they ask for: lengths added in 64 bits, at most 2^32 each.</summary>
    public int Spans;
    public long SpanBuckets;

    /// <summary>Offset of the first span: the only one that may be negative, and only where bounds are not custom.</summary>
    public int FirstOffset;

    /// <summary>Offsets and lengths together: one more than the last bucket's index. Of interest where no offset is negative.</summary>
    public long SpanEnd;

    /// <summary>Index of the first span after the first one whose offset is negative, or −1.</summary>
    public int NegativeOffsetSpan;

    public int Deltas;
    public int Counts;

    /// <summary>The last bucket's count, by the deltas so far.</summary>
    public Int128 Running;

    /// <summary>All buckets' counts together.</summary>
    public Int128 Total;

    /// <summary>Index of the first bucket whose count, by deltas or as a float, is negative or past 64 bits; −1 if none is.</summary>
    public int BadDelta;
    public int BadCount;

    public static HistogramSide Empty => new() { NegativeOffsetSpan = -1, BadDelta = -1, BadCount = -1 };

    public readonly int Buckets => Deltas + Counts;

    public void AddSpan(int offset, uint length)
    {
        if (Spans == 0)
        {
            FirstOffset = offset;
        }
        else if (offset < 0 && NegativeOffsetSpan < 0)
        {
            NegativeOffsetSpan = Spans;
        }

        Spans++;
        SpanBuckets += length;
        SpanEnd += offset + (long)length;
    }

    public void AddDelta(long delta)
    {
        Running += delta;
        Total += Running;
        if (BadDelta < 0 && (Running < 0 || Running > long.MaxValue))
        {
            BadDelta = Deltas;
        }

        Deltas++;
    }

    public void AddCount(double count)
    {
        // NaN is not negative: a recording rule can yield it, and stores keep it.
        if (BadCount < 0 && count < 0)
        {
            BadCount = Counts;
        }

        Counts++;
    }
}

/// <summary>One native histogram of either protocol, read in one pass and kept as sums, whatever number of buckets it has.</summary>
internal struct HistogramFields
{
    /// <summary>The flavour: which member of <c>count</c> was seen last. The other one is 0 again, as in every oneof.</summary>
    public bool IsFloat;
    public ulong CountInt;
    public double CountFloat;
    public ulong SumBits;
    public int Schema;
    public double ZeroThreshold;
    public bool IsZeroFloat;
    public ulong ZeroCountInt;
    public double ZeroCountFloat;
    public HistogramSide Negative;
    public HistogramSide Positive;
    public long TimestampMs;
    public int Bounds;

    /// <summary>Index of the first custom bound that is not finite or not above the one before; −1 if none is.</summary>
    public int BadBound;

    private double _lastBound;

    /// <summary>A histogram of which nothing was read yet.</summary>
    public static HistogramFields Empty => new()
    {
        Negative = HistogramSide.Empty,
        Positive = HistogramSide.Empty,
        BadBound = -1,
        _lastBound = double.NegativeInfinity,
    };

    public readonly bool IsCustomBounds => Schema == HistogramRules.CustomBoundsSchema;

    /// <summary>Reads a histogram; <paramref name="reader"/> stands in its message.</summary>
    public static HistogramFields Read(ref WireReader reader, WriteProtocol protocol)
    {
        HistogramFields fields = Empty;
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field is >= 8 and <= 13)
            {
                ReadSideField(ref reader, tag, tag.Field, ref fields);
            }
            else
            {
                fields.ReadField(ref reader, tag, protocol);
            }
        }

        return fields;
    }

    /// <summary>Reads a field of one side, by its number in the write protocols: <c>io.prometheus.client</c> has the same fields one number higher.</summary>
    internal static void ReadSideField(ref WireReader reader, WireTag tag, int field, ref HistogramFields fields)
    {
        bool isNegative = field < 11;
        ref HistogramSide side = ref isNegative ? ref fields.Negative : ref fields.Positive;
        switch (isNegative ? field : field - 3)
        {
            case 8:
                int outerEnd = reader.Enter(tag);
                ReadSpan(ref reader, ref side);
                reader.Leave(outerEnd);
                break;
            case 9:
                WireRun deltas = reader.BeginRun(tag, WireType.Varint);
                while (reader.MoveNext(ref deltas))
                {
                    side.AddDelta(ZigZag(reader.ReadVarint()));
                }

                break;
            default:
                WireRun counts = reader.BeginRun(tag, WireType.Fixed64);
                while (reader.MoveNext(ref counts))
                {
                    side.AddCount(BitConverter.UInt64BitsToDouble(reader.ReadFixed64()));
                }

                break;
        }
    }

    private static void ReadSpan(ref WireReader reader, ref HistogramSide side)
    {
        int offset = 0;
        uint length = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    offset = ZigZag32(reader.ReadVarint(tag));
                    break;
                case 2:
                    length = (uint)reader.ReadVarint(tag);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        side.AddSpan(offset, length);
    }

    internal static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    internal static int ZigZag32(ulong value) => (int)((uint)value >> 1) ^ -(int)((uint)value & 1);

    private void ReadField(ref WireReader reader, WireTag tag, WriteProtocol protocol)
    {
        switch (tag.Field)
        {
            case 1:
                CountInt = reader.ReadVarint(tag);
                CountFloat = 0;
                IsFloat = false;
                break;
            case 2:
                CountInt = 0;
                CountFloat = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                IsFloat = true;
                break;
            case 3:
                SumBits = reader.ReadFixed64(tag);
                break;
            case 4:
                Schema = ZigZag32(reader.ReadVarint(tag));
                break;
            case 5:
                ZeroThreshold = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                break;
            case 6:
                ZeroCountInt = reader.ReadVarint(tag);
                ZeroCountFloat = 0;
                IsZeroFloat = false;
                break;
            case 7:
                ZeroCountInt = 0;
                ZeroCountFloat = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                IsZeroFloat = true;
                break;
            case 14:
                reader.ReadVarint(tag);
                break;
            case 15:
                TimestampMs = (long)reader.ReadVarint(tag);
                break;
            case 16:
                WireRun bounds = reader.BeginRun(tag, WireType.Fixed64);
                while (reader.MoveNext(ref bounds))
                {
                    AddBound(BitConverter.UInt64BitsToDouble(reader.ReadFixed64()));
                }

                break;
            case 17 when protocol == WriteProtocol.V2:
                // Start timestamp: copied with the histogram, compared with nothing.
                reader.ReadVarint(tag);
                break;
            default:
                reader.Skip(tag);
                break;
        }
    }

    private void AddBound(double bound)
    {
        if (BadBound < 0 && !(double.IsFinite(bound) && bound > _lastBound))
        {
            BadBound = Bounds;
        }

        _lastBound = bound;
        Bounds++;
    }
}
