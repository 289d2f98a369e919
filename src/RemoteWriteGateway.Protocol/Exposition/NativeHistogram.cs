using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The gap to the span before (the first may be negative), and how many buckets follow each other.</summary>
public readonly record struct NativeSpan(int Offset, uint Length);

/// <summary>A native histogram, taken out of its message for whoever writes it or adds it up. Kept and filled again; not thread-safe.</summary>
public sealed class NativeHistogram
{
    private readonly ScratchList<NativeSpan> _negativeSpans = new();
    private readonly ScratchList<NativeSpan> _positiveSpans = new();
    private readonly ScratchList<long> _negativeBuckets = new();
    private readonly ScratchList<long> _positiveBuckets = new();

    /// <summary>Counts are doubles.</summary>
    public bool IsFloat { get; private set; }

    public int Schema { get; private set; }

    public double ZeroThreshold { get; private set; }

    /// <summary>A whole number, or the bits of a double if <see cref="IsFloat"/>.</summary>
    public ulong CountBits { get; private set; }

    /// <summary>As <see cref="CountBits"/>.</summary>
    public ulong ZeroCountBits { get; private set; }

    public ulong SumBits { get; private set; }

    public ReadOnlySpan<NativeSpan> NegativeSpans => _negativeSpans.Span;

    public ReadOnlySpan<NativeSpan> PositiveSpans => _positiveSpans.Span;

    /// <summary>Differences to the bucket before; or bits of the counts themselves if <see cref="IsFloat"/>.</summary>
    public ReadOnlySpan<long> NegativeBuckets => _negativeBuckets.Span;

    /// <summary>As <see cref="NegativeBuckets"/>.</summary>
    public ReadOnlySpan<long> PositiveBuckets => _positiveBuckets.Span;

    /// <summary>Reads <see cref="MetricEntry.Native"/>, which <see cref="ContentRules"/> found sound.</summary>
    /// <exception cref="ArgumentException">The bytes are no histogram: a bug of ours.</exception>
    public void Read(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message);
        HistogramFields fields = ReadFields(ref reader);
        IsFloat = fields.IsFloat;
        Schema = fields.Schema;
        ZeroThreshold = fields.ZeroThreshold;
        SumBits = fields.SumBits;
        CountBits = fields.IsFloat ? BitConverter.DoubleToUInt64Bits(fields.CountFloat) : fields.CountInt;
        ZeroCountBits = fields.IsFloat ? BitConverter.DoubleToUInt64Bits(fields.ZeroCountFloat) : fields.ZeroCountInt;
        _negativeSpans.Clear();
        _positiveSpans.Clear();
        _negativeBuckets.Clear();
        _positiveBuckets.Clear();

        reader = new WireReader(message);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 9 or 12:
                    ReadSpan(ref reader, tag, tag.Field == 9 ? _negativeSpans : _positiveSpans);
                    break;
                case 10 or 13:
                    WireRun deltas = reader.BeginRun(tag, WireType.Varint);
                    while (reader.MoveNext(ref deltas))
                    {
                        (tag.Field == 10 ? _negativeBuckets : _positiveBuckets).Add(HistogramFields.ZigZag(reader.ReadVarint()));
                    }

                    break;
                case 11 or 14:
                    WireRun counts = reader.BeginRun(tag, WireType.Fixed64);
                    while (reader.MoveNext(ref counts))
                    {
                        (tag.Field == 11 ? _negativeBuckets : _positiveBuckets).Add((long)reader.ReadFixed64());
                    }

                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            throw new ArgumentException($"no histogram: {reader.Fault} at byte {reader.FaultPosition}", nameof(message));
        }
    }

    /// <summary>The sums that the rules for native histograms need, whatever number of buckets there are.</summary>
    internal static HistogramFields ReadFields(ref WireReader reader)
    {
        HistogramFields fields = HistogramFields.Empty;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    fields.CountInt = reader.ReadVarint(tag);
                    break;
                case 2:
                    fields.SumBits = reader.ReadFixed64(tag);
                    break;
                case 4:
                    fields.CountFloat = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    break;
                case 5:
                    fields.Schema = HistogramFields.ZigZag32(reader.ReadVarint(tag));
                    break;
                case 6:
                    fields.ZeroThreshold = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    break;
                case 7:
                    fields.ZeroCountInt = reader.ReadVarint(tag);
                    break;
                case 8:
                    fields.ZeroCountFloat = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    break;
                case >= 9 and <= 14:
                    HistogramFields.ReadSideField(ref reader, tag, tag.Field - 1, ref fields);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        // No oneof here: the floats win if they are greater than 0.
        fields.IsFloat = fields.CountFloat > 0 || fields.ZeroCountFloat > 0;
        fields.IsZeroFloat = fields.IsFloat && (fields.ZeroCountFloat > 0 || fields.ZeroCountInt == 0);
        return fields;
    }

    private static void ReadSpan(ref WireReader reader, WireTag tag, ScratchList<NativeSpan> spans)
    {
        int offset = 0;
        uint length = 0;
        int outerEnd = reader.Enter(tag);
        while (reader.TryReadTag(out WireTag field))
        {
            switch (field.Field)
            {
                case 1:
                    offset = HistogramFields.ZigZag32(reader.ReadVarint(field));
                    break;
                case 2:
                    length = (uint)reader.ReadVarint(field);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }

        reader.Leave(outerEnd);
        spans.Add(new NativeSpan(offset, length));
    }
}
