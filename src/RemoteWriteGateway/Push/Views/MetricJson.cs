using System.Text.Json;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Views;

/// <summary>The values of one metric in JSON: numbers as texts, as Go prints them.</summary>
internal static class MetricJson
{
    // Which sides of a native bucket belong to it.
    private const int OpenLeft = 0;
    private const int OpenRight = 1;
    private const int ClosedBoth = 3;

    public static void WriteValues(Utf8JsonWriter json, MetricFamilies families, FamilyType type, in MetricEntry metric)
    {
        switch (type)
        {
            case FamilyType.Summary:
                json.WriteStartObject("quantiles");
                foreach (ref readonly PointEntry point in families.PointsOf(metric))
                {
                    WriteNumber(json, point.Bound, BitConverter.UInt64BitsToDouble(point.Bits));
                }

                json.WriteEndObject();
                break;
            case FamilyType.Histogram or FamilyType.GaugeHistogram when metric.Has(MetricParts.Native):
                WriteNative(json, families.Text(metric.Native));
                break;
            case FamilyType.Histogram or FamilyType.GaugeHistogram:
                json.WriteStartObject("buckets");
                foreach (ref readonly PointEntry point in families.PointsOf(metric))
                {
                    WriteNumber(json, point.Bound, metric.CountOf(point));
                }

                json.WriteEndObject();
                break;
            default:
                WriteNumber(json, "value"u8, metric.Value);
                return;
        }

        WriteNumber(json, "count"u8, metric.Count);
        WriteNumber(json, "sum"u8, metric.Value);
    }

    public static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, double value)
    {
        Span<byte> text = stackalloc byte[NumberText.MaxLength];
        json.WriteString(name, text[..NumberText.Format(value, text)]);
    }

    private static void WriteNumber(Utf8JsonWriter json, double bound, double value)
    {
        Span<byte> name = stackalloc byte[NumberText.MaxLength];
        WriteNumber(json, name[..NumberText.Format(bound, name)], value);
    }

    private static void WriteNative(Utf8JsonWriter json, ReadOnlySpan<byte> message)
    {
        NativeHistogram native = new();
        native.Read(message);
        json.WriteStartArray("buckets");
        List<(int Index, double Count)> negative = BucketsOf(native, native.NegativeSpans, native.NegativeBuckets);
        for (int i = negative.Count - 1; i >= 0; i--)
        {
            (int index, double count) = negative[i];
            WriteBucket(json, OpenRight, -BoundOf(index, native.Schema), -BoundOf(index - 1, native.Schema), count);
        }

        double zeros = CountOf(native, native.ZeroCountBits);
        if (zeros > 0)
        {
            WriteBucket(json, ClosedBoth, -native.ZeroThreshold, native.ZeroThreshold, zeros);
        }

        foreach ((int index, double count) in BucketsOf(native, native.PositiveSpans, native.PositiveBuckets))
        {
            WriteBucket(json, OpenLeft, BoundOf(index - 1, native.Schema), BoundOf(index, native.Schema), count);
        }

        json.WriteEndArray();
    }

    private static void WriteBucket(Utf8JsonWriter json, int rule, double lower, double upper, double count)
    {
        json.WriteStartArray();
        json.WriteNumberValue(rule);
        Span<byte> text = stackalloc byte[NumberText.MaxLength];
        foreach (double number in (ReadOnlySpan<double>)[lower, upper, count])
        {
            json.WriteStringValue(text[..NumberText.Format(number, text)]);
        }

        json.WriteEndArray();
    }

    /// <summary>The buckets that are not empty, by ascending index.</summary>
    private static List<(int Index, double Count)> BucketsOf(NativeHistogram native, ReadOnlySpan<NativeSpan> spans, ReadOnlySpan<long> values)
    {
        List<(int, double)> buckets = [];
        int index = 0;
        int next = 0;
        long running = 0;
        foreach (NativeSpan span in spans)
        {
            index += span.Offset;
            for (uint i = 0; i < span.Length && next < values.Length; i++, next++, index++)
            {
                running += native.IsFloat ? 0 : values[next];
                double count = native.IsFloat ? BitConverter.Int64BitsToDouble(values[next]) : running;
                if (count != 0)
                {
                    buckets.Add((index, count));
                }
            }
        }

        return buckets;
    }

    /// <summary>The upper bound of a bucket: 2^(index · 2^−schema).</summary>
    private static double BoundOf(int index, int schema)
    {
        double bound = schema < 0
            ? Math.ScaleB(1, index << -schema)
            : Math.ScaleB(Math.Pow(2, (double)(index & ((1 << schema) - 1)) / (1 << schema)), index >> schema);
        return double.IsInfinity(bound) ? double.MaxValue : bound;
    }

    private static double CountOf(NativeHistogram native, ulong bits) => native.IsFloat ? BitConverter.UInt64BitsToDouble(bits) : bits;
}
