using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Writes a pushed native histogram in the field numbers of remote write (<c>proto/types.proto</c>), which are not those of the push.</summary>
internal static class NativeHistogramMessage
{
    public const byte SumTag = (3 << 3) | 1;

    private const byte CountInt = 1 << 3;
    private const byte CountFloat = (2 << 3) | 1;
    private const byte Schema = 4 << 3;
    private const byte ZeroThreshold = (5 << 3) | 1;
    private const byte ZeroCountInt = 6 << 3;
    private const byte ZeroCountFloat = (7 << 3) | 1;

    /// <summary>Appends everything but reset hint and times.</summary>
    /// <param name="histogram">As it was pushed.</param>
    /// <param name="isEmpty">Leaves buckets, counts and sum at 0.</param>
    /// <param name="output">Stands inside the histogram's message.</param>
    public static void Append(NativeHistogram histogram, bool isEmpty, WriteBuffer output)
    {
        bool isFloat = histogram.IsFloat;
        ulong count = isEmpty ? 0 : histogram.CountBits;
        ulong zeroCount = isEmpty ? 0 : histogram.ZeroCountBits;

        // The members of a oneof decide the flavour by being there, also with 0.
        AppendCount(isFloat, CountInt, CountFloat, count, output);
        if (!isEmpty)
        {
            output.AppendFixed64(SumTag, histogram.SumBits);
        }

        output.AppendVarint(Schema, ZigZag(histogram.Schema));
        output.AppendFixed64(ZeroThreshold, BitConverter.DoubleToUInt64Bits(histogram.ZeroThreshold));
        AppendCount(isFloat, ZeroCountInt, ZeroCountFloat, zeroCount, output);
        if (!isEmpty)
        {
            AppendSide(histogram.NegativeSpans, histogram.NegativeBuckets, isFloat, 8, output);
            AppendSide(histogram.PositiveSpans, histogram.PositiveBuckets, isFloat, 11, output);
        }
    }

    private static void AppendCount(bool isFloat, byte intTag, byte floatTag, ulong bits, WriteBuffer output)
    {
        if (isFloat)
        {
            output.AppendFixed64(floatTag, bits);
        }
        else
        {
            output.AppendVarint(intTag, bits);
        }
    }

    /// <summary>Spans at <paramref name="field"/>, deltas at the next number, counts at the one after it.</summary>
    private static void AppendSide(ReadOnlySpan<NativeSpan> spans, ReadOnlySpan<long> buckets, bool isFloat, int field, WriteBuffer output)
    {
        foreach (NativeSpan span in spans)
        {
            int start = output.BeginMessage(WireTag.Of(field, WireType.Bytes));
            output.AppendVarint(1 << 3, ZigZag(span.Offset));
            output.AppendVarint(2 << 3, span.Length);
            output.EndMessage(start);
        }

        if (buckets.IsEmpty)
        {
            return;
        }

        int run = output.BeginMessage(WireTag.Of(isFloat ? field + 2 : field + 1, WireType.Bytes));
        output.Reserve(buckets.Length * WireWriter.MaxVarintBytes);
        foreach (long bucket in buckets)
        {
            output.Length = isFloat
                ? WireWriter.WriteFixed64(output.Array, output.Length, (ulong)bucket)
                : WireWriter.WriteVarint(output.Array, output.Length, ZigZag(bucket));
        }

        output.EndMessage(run);
    }

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));
}
