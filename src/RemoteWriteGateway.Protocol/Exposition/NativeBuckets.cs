using System.Numerics;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>A native histogram with its buckets by number, for adding and comparing. Bucket i ends at 2^(i · 2^−schema), inclusive.</summary>
/// <typeparam name="T"><see cref="long"/> for whole counts, <see cref="double"/> if one of the two is a float histogram.</typeparam>
internal sealed class NativeBuckets<T>
    where T : struct, INumber<T>
{
    private const int LowestSchema = -4;

    private readonly SortedDictionary<int, T> _negative = [];
    private readonly SortedDictionary<int, T> _positive = [];

    public NativeBuckets(NativeHistogram histogram)
    {
        Schema = histogram.Schema;
        ZeroThreshold = histogram.ZeroThreshold;
        ZeroCount = Count(histogram.IsFloat, histogram.ZeroCountBits);
        Fill(_negative, histogram.NegativeSpans, histogram.NegativeBuckets, histogram.IsFloat);
        Fill(_positive, histogram.PositiveSpans, histogram.PositiveBuckets, histogram.IsFloat);
    }

    public int Schema { get; private set; }

    public double ZeroThreshold { get; private set; }

    public T ZeroCount { get; private set; }

    /// <summary>Adds another one. Both come to the lower schema and the wider zero bucket, widened to the end of whatever bucket it cuts.</summary>
    /// <exception cref="OverflowException">A whole count has no place in 64 bits.</exception>
    public void Add(NativeBuckets<T> other)
    {
        int schema = Math.Min(Schema, other.Schema);
        Lower(schema);
        other.Lower(schema);
        double threshold = Math.Max(ZeroThreshold, other.ZeroThreshold);
        double widened = threshold;
        do
        {
            threshold = widened;
            widened = other.Widen(Widen(threshold));
        }
        while (widened > threshold);

        ZeroCount = checked(ZeroCount + other.ZeroCount);
        AddAll(_negative, other._negative);
        AddAll(_positive, other._positive);
    }

    /// <summary>Halves the resolution until there are at most <paramref name="max"/> buckets.</summary>
    /// <returns>False if even the lowest schema has more.</returns>
    public bool TryLimit(int max)
    {
        while (_negative.Count + _positive.Count > max && Schema > LowestSchema)
        {
            Lower(Schema - 1);
        }

        return _negative.Count + _positive.Count <= max;
    }

    /// <summary>Whether a count is lower than in <paramref name="before"/>; of histograms that are not laid out alike only the whole counts can tell.</summary>
    public bool IsLowerThan(NativeBuckets<T> before) =>
        Schema == before.Schema && ZeroThreshold == before.ZeroThreshold
        && (ZeroCount < before.ZeroCount || IsLower(_negative, before._negative) || IsLower(_positive, before._positive));

    /// <summary>Appends schema, zero bucket, spans and buckets as fields of <c>io.prometheus.client.Histogram</c>.</summary>
    public void Write(WriteBuffer output)
    {
        output.AppendVarint(WireTag.Of(5, WireType.Varint), ZigZag(Schema));
        output.AppendFixed64(WireTag.Of(6, WireType.Fixed64), BitConverter.DoubleToUInt64Bits(ZeroThreshold));
        if (ZeroCount is double zero)
        {
            output.AppendFixed64(WireTag.Of(8, WireType.Fixed64), BitConverter.DoubleToUInt64Bits(zero));
        }
        else
        {
            output.AppendVarint(WireTag.Of(7, WireType.Varint), ulong.CreateChecked(ZeroCount));
        }

        Write(_negative, 9, output);
        Write(_positive, 12, output);
        if (_negative.Count == 0 && _positive.Count == 0)
        {
            // Says that this is a native histogram, and an empty one.
            WriteSpan(12, 0, 0, output);
        }
    }

    private static T Count(bool isFloat, ulong bits) => isFloat ? T.CreateChecked(BitConverter.UInt64BitsToDouble(bits)) : T.CreateChecked(bits);

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static void Fill(SortedDictionary<int, T> to, ReadOnlySpan<NativeSpan> spans, ReadOnlySpan<long> buckets, bool isFloat)
    {
        int index = 0;
        int next = 0;
        long whole = 0;
        foreach (NativeSpan span in spans)
        {
            index = checked(index + span.Offset);
            for (uint i = 0; i < span.Length; i++, index++)
            {
                whole += isFloat ? 0 : buckets[next];
                T count = isFloat ? T.CreateChecked(BitConverter.Int64BitsToDouble(buckets[next])) : T.CreateChecked(whole);
                next++;
                if (count != T.Zero)
                {
                    to[index] = count;
                }
            }
        }
    }

    private static void AddAll(SortedDictionary<int, T> to, SortedDictionary<int, T> from)
    {
        foreach ((int index, T count) in from)
        {
            to[index] = checked(to.GetValueOrDefault(index) + count);
        }
    }

    private static bool IsLower(SortedDictionary<int, T> now, SortedDictionary<int, T> before)
    {
        foreach ((int index, T count) in before)
        {
            if (now.GetValueOrDefault(index) < count)
            {
                return true;
            }
        }

        return false;
    }

    private void Lower(int schema)
    {
        int steps = Schema - schema;
        if (steps > 0)
        {
            Lower(_negative, steps);
            Lower(_positive, steps);
            Schema = schema;
        }
    }

    private static void Lower(SortedDictionary<int, T> buckets, int steps)
    {
        KeyValuePair<int, T>[] all = [.. buckets];
        buckets.Clear();
        foreach ((int index, T count) in all)
        {
            int wide = ((index - 1) >> steps) + 1;
            buckets[wide] = checked(buckets.GetValueOrDefault(wide) + count);
        }
    }

    /// <summary>Takes the buckets inside the threshold into the zero bucket.</summary>
    /// <returns>The threshold, moved to the end of the bucket that it would have cut.</returns>
    private double Widen(double threshold)
    {
        if (threshold <= ZeroThreshold)
        {
            return ZeroThreshold;
        }

        double end = Math.Max(Absorb(_negative, threshold), Absorb(_positive, threshold));
        ZeroThreshold = end;
        return end;
    }

    private double Absorb(SortedDictionary<int, T> buckets, double threshold)
    {
        double end = threshold;
        foreach ((int index, T count) in buckets.ToArray())
        {
            if (Bound(index - 1) >= threshold)
            {
                break;
            }

            end = Math.Max(end, Bound(index));
            ZeroCount = checked(ZeroCount + count);
            buckets.Remove(index);
        }

        return end;
    }

    private double Bound(int index) => Math.Pow(2, index * Math.Pow(2, -Schema));

    private static void Write(SortedDictionary<int, T> buckets, int spanField, WriteBuffer output)
    {
        int next = 0;
        KeyValuePair<int, T>[] all = [.. buckets];
        for (int i = 0; i < all.Length;)
        {
            int first = i;
            for (i++; i < all.Length && all[i].Key == all[i - 1].Key + 1; i++)
            {
            }

            WriteSpan(spanField, all[first].Key - next, i - first, output);
            next = all[i - 1].Key + 1;
        }

        T before = T.Zero;
        foreach ((_, T count) in all)
        {
            if (count is double value)
            {
                output.AppendFixed64(WireTag.Of(spanField + 2, WireType.Fixed64), BitConverter.DoubleToUInt64Bits(value));
            }
            else
            {
                output.AppendVarint(WireTag.Of(spanField + 1, WireType.Varint), ZigZag(long.CreateChecked(count - before)));
            }

            before = count;
        }
    }

    private static void WriteSpan(int field, int offset, int length, WriteBuffer output)
    {
        int start = output.BeginMessage(WireTag.Of(field, WireType.Bytes));
        output.AppendVarint(WireTag.Of(1, WireType.Varint), ZigZag(offset));
        output.AppendVarint(WireTag.Of(2, WireType.Varint), (ulong)length);
        output.EndMessage(start);
    }
}
