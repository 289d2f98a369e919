namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Gap to the span before, and number of buckets.</summary>
internal readonly record struct BucketSpan(int Offset, uint Length);

/// <summary>A native histogram with custom bounds (schema −53), read as what a classic one says: how many observations are not above each bound.</summary>
/// <remarks>Reads what the stamper has checked: one flavour, spans that fit the buckets and the bounds, nothing on the negative side.</remarks>
internal sealed class CustomBoundsHistogram(PartScratch scratch)
{
    // Fields of the message that matter here, the same in both protocols; 17 is in 2.0 only.
    private const int CountInt = 1;
    private const int CountFloat = 2;
    private const int SumField = 3;
    private const int SchemaField = 4;
    private const int PositiveSpans = 11;
    private const int PositiveDeltas = 12;
    private const int PositiveCounts = 13;
    private const int Timestamp = 15;
    private const int CustomValues = 16;
    private const int StartTimestamp = 17;

    private const int SpanOffset = 1;
    private const int SpanLength = 2;

    private int _spans;
    private int _buckets;
    private bool _isFloat;
    private bool _hasStartTimestamp;
    private int _unknownFields;

    /// <summary>How many bounds there are; +Inf is not among them.</summary>
    public int BoundCount { get; private set; }

    /// <summary>All observations: the value of the bucket +Inf and of <c>_count</c>.</summary>
    public double Count { get; private set; }

    /// <summary>Sum of the observations, as bits: it may be a NaN whose payload counts.</summary>
    public ulong SumBits { get; private set; }

    public long TimestampMs { get; private set; }

    /// <summary>What classic series cannot say of it.</summary>
    public TranslationLosses Losses => new(_hasStartTimestamp ? 1 : 0, 0, CustomBoundsLayouts: 1, _unknownFields);

    public bool IsStale => SumBits == ItemRules.StaleMarkerBits;

    /// <summary>Whether the histogram at <paramref name="range"/> has custom bounds.</summary>
    public static bool IsOne(ReadOnlySpan<byte> stamped, WireRange range)
    {
        int schema = 0;
        WireReader reader = WireReader.Within(stamped, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field == SchemaField)
            {
                schema = HistogramFields.ZigZag32(reader.ReadVarint(tag));
            }
            else
            {
                reader.Skip(tag);
            }
        }

        return schema == HistogramRules.CustomBoundsSchema;
    }

    /// <summary>The upper bound of bucket <paramref name="bucket"/>; +Inf behind the last.</summary>
    public double Bound(int bucket) => bucket < BoundCount ? scratch.Bounds.Items[bucket] : double.PositiveInfinity;

    /// <summary>How many observations are not above <see cref="Bound"/>.</summary>
    public double CumulativeCount(int bucket) => bucket < BoundCount ? scratch.CumulativeCounts.Items[bucket] : Count;

    /// <summary>The bucket that counts an observation of <paramref name="value"/>: the first whose bound is not below it.</summary>
    public int BucketOf(double value)
    {
        // NaN is not above any bound for the search, and is counted in +Inf only.
        if (double.IsNaN(value))
        {
            return BoundCount;
        }

        int found = Array.BinarySearch(scratch.Bounds.Items, 0, BoundCount, value);
        return found < 0 ? ~found : found;
    }

    /// <summary>Reads the histogram at <paramref name="range"/>.</summary>
    /// <exception cref="InvalidDataException">It was not written by the stamper: a bug of ours.</exception>
    public void Load(ReadOnlySpan<byte> stamped, WireRange range)
    {
        Reset();
        long bucket = 0;
        WireReader reader = WireReader.Within(stamped, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case CountInt:
                    Count = reader.ReadVarint(tag);
                    break;
                case CountFloat:
                    Count = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    break;
                case SumField:
                    SumBits = reader.ReadFixed64(tag);
                    break;
                case PositiveSpans:
                    ReadSpan(ref reader, tag);
                    break;
                case PositiveDeltas:
                    ReadDeltas(ref reader, tag, ref bucket);
                    break;
                case PositiveCounts:
                    ReadCounts(ref reader, tag);
                    break;
                case CustomValues:
                    ReadBounds(ref reader, tag);
                    break;
                case Timestamp:
                    TimestampMs = (long)reader.ReadVarint(tag);
                    break;
                case StartTimestamp:
                    _hasStartTimestamp = reader.ReadVarint(tag) != 0;
                    break;
                case > StartTimestamp:
                    _unknownFields++;
                    reader.Skip(tag);
                    break;
                default:
                    // Zero bucket and negative side are empty, schema is known, and a reset hint has no place in classic series.
                    reader.Skip(tag);
                    break;
            }
        }

        StampedSeries.ThrowIfFaulty(reader);
        Accumulate();
    }

    private void Reset()
    {
        _spans = 0;
        _buckets = 0;
        _isFloat = false;
        BoundCount = 0;
        Count = 0;
        SumBits = 0;
        TimestampMs = 0;
        _hasStartTimestamp = false;
        _unknownFields = 0;
    }

    private void ReadSpan(ref WireReader reader, WireTag tag)
    {
        int offset = 0;
        uint length = 0;
        int outerEnd = reader.Enter(tag);
        while (reader.TryReadTag(out WireTag part))
        {
            switch (part.Field)
            {
                case SpanOffset:
                    offset = HistogramFields.ZigZag32(reader.ReadVarint(part));
                    break;
                case SpanLength:
                    length = (uint)reader.ReadVarint(part);
                    break;
                default:
                    reader.Skip(part);
                    break;
            }
        }

        reader.Leave(outerEnd);
        scratch.Spans.Ensure(_spans + 1)[_spans++] = new BucketSpan(offset, length);
    }

    private void ReadDeltas(ref WireReader reader, WireTag tag, ref long bucket)
    {
        WireRun run = reader.BeginRun(tag, WireType.Varint);
        while (reader.MoveNext(ref run))
        {
            bucket += HistogramFields.ZigZag(reader.ReadVarint());
            scratch.Buckets.Ensure(_buckets + 1)[_buckets++] = bucket;
        }
    }

    private void ReadCounts(ref WireReader reader, WireTag tag)
    {
        _isFloat = true;
        WireRun run = reader.BeginRun(tag, WireType.Fixed64);
        while (reader.MoveNext(ref run))
        {
            scratch.Buckets.Ensure(_buckets + 1)[_buckets++] = (long)reader.ReadFixed64();
        }
    }

    private void ReadBounds(ref WireReader reader, WireTag tag)
    {
        WireRun run = reader.BeginRun(tag, WireType.Fixed64);
        while (reader.MoveNext(ref run))
        {
            scratch.Bounds.Ensure(BoundCount + 1)[BoundCount++] = BitConverter.UInt64BitsToDouble(reader.ReadFixed64());
        }
    }

    /// <summary>From buckets in spans to a running total for each bound.</summary>
    private void Accumulate()
    {
        double[] totals = scratch.CumulativeCounts.Ensure(BoundCount);
        ReadOnlySpan<long> buckets = scratch.Buckets.Items.AsSpan(0, _buckets);

        // Integers are added as such: as doubles they would be rounded from 2^53 on.
        ulong wholeTotal = 0;
        double total = 0;
        int bound = 0;
        int next = 0;
        foreach (BucketSpan span in scratch.Spans.Items.AsSpan(0, _spans))
        {
            // Buckets in a gap are empty.
            int gapEnd = (int)Math.Min(BoundCount, bound + (long)span.Offset);
            while (bound < gapEnd)
            {
                totals[bound++] = total;
            }

            for (uint i = 0; i < span.Length; i++)
            {
                long bucket = buckets[next++];
                wholeTotal += (ulong)bucket;
                total = _isFloat ? total + BitConverter.Int64BitsToDouble(bucket) : wholeTotal;

                // The bucket behind the last bound is +Inf, which says what the count says.
                if (bound < BoundCount)
                {
                    totals[bound++] = total;
                }
            }
        }

        totals.AsSpan(bound, BoundCount - bound).Fill(total);
    }
}
