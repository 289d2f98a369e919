using Google.Protobuf;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Messages as senders make them, and as they should not.</summary>
internal static class SenderMessages
{
    /// <summary>The bits that end a series: a signalling NaN.</summary>
    public const ulong StaleBits = 0x7ff0_0000_0000_0002;

    /// <summary>The bits of an ordinary NaN, which is none.</summary>
    public const ulong NaNBits = 0x7ff8_0000_0000_0001;

    /// <summary>A series of this name and these labels, without items.</summary>
    public static V1.TimeSeries Series(string name, params (string Name, string Value)[] labels) =>
        new() { Labels = { labels.Prepend(("__name__", name)).Select(label => new V1.Label { Name = label.Item1, Value = label.Item2 }) } };

    /// <summary>The series with one sample more.</summary>
    public static V1.TimeSeries At(this V1.TimeSeries series, long timestampMs, double value = 1)
    {
        series.Samples.Add(new V1.Sample { Timestamp = timestampMs, Value = value });
        return series;
    }

    public static V1.WriteRequest ToV1(params IEnumerable<V1.TimeSeries> series) => new() { Timeseries = { series } };

    /// <summary>The same content by 2.0. A symbol is written once, whatever refers to it.</summary>
    public static V2.Request ToV2(params IEnumerable<V1.TimeSeries> series)
    {
        var request = new V2.Request { Symbols = { "" } };
        foreach (V1.TimeSeries one in series)
        {
            request.Timeseries.Add(new V2.TimeSeries
            {
                LabelsRefs = { request.References(one.Labels) },
                Samples = { one.Samples.Select(sample => V2.Sample.Parser.ParseFrom(sample.ToByteArray())) },
                Histograms = { one.Histograms.Select(histogram => V2.Histogram.Parser.ParseFrom(histogram.ToByteArray())) },
                Exemplars =
                {
                    one.Exemplars.Select(exemplar => new V2.Exemplar
                    {
                        LabelsRefs = { request.References(exemplar.Labels) },
                        Value = exemplar.Value,
                        Timestamp = exemplar.Timestamp,
                    }),
                },
            });
        }

        return request;
    }

    /// <summary>By the protocol that is asked for.</summary>
    public static IMessage To(bool isV2, params IEnumerable<V1.TimeSeries> series) => isV2 ? ToV2(series) : ToV1(series);

    /// <summary>A field of wire type 2.</summary>
    public static byte[] Field(int number, ReadOnlySpan<byte> value)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            output.WriteTag(number, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(value));
        }

        return bytes.ToArray();
    }

    /// <summary>One after the other.</summary>
    public static byte[] Joined(params IEnumerable<byte[]> parts) => [.. parts.SelectMany(part => part)];

    /// <summary>A label message of 1.0 whose parts need not be text.</summary>
    public static byte[] LabelV1(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => Field(1, [.. Field(1, name), .. Field(2, value)]);

    /// <summary>An integer histogram: negative buckets 1, 3; zero bucket 0; positive buckets 2, 1, 4; 11 observations.</summary>
    public static V1.Histogram Histogram(long timestampMs, Action<V1.Histogram>? change = null)
    {
        var histogram = new V1.Histogram
        {
            CountInt = 11,
            Sum = 12.5,
            Schema = 3,
            ZeroThreshold = 1e-128,
            ZeroCountInt = 0,
            NegativeSpans = { new V1.BucketSpan { Offset = 0, Length = 2 } },
            NegativeDeltas = { 1, 2 },
            PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 2 }, new V1.BucketSpan { Offset = 2, Length = 1 } },
            PositiveDeltas = { 2, -1, 3 },
            Timestamp = timestampMs,
        };
        change?.Invoke(histogram);
        return histogram;
    }

    /// <summary>The same with floats for counts.</summary>
    public static V1.Histogram FloatHistogram(long timestampMs, Action<V1.Histogram>? change = null)
    {
        V1.Histogram histogram = Histogram(timestampMs);
        histogram.CountFloat = 11;
        histogram.ZeroCountFloat = 0;
        histogram.NegativeDeltas.Clear();
        histogram.NegativeCounts.Add([1, 3]);
        histogram.PositiveDeltas.Clear();
        histogram.PositiveCounts.Add([2, 1, 4]);
        change?.Invoke(histogram);
        return histogram;
    }

    /// <summary>Custom bounds 1, 2, 5 and the one above; buckets 1, 2, 0 of the first three.</summary>
    public static V1.Histogram CustomBounds(long timestampMs, Action<V1.Histogram>? change = null)
    {
        var histogram = new V1.Histogram
        {
            CountInt = 3,
            Schema = -53,
            PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 3 } },
            PositiveDeltas = { 1, 1, -2 },
            CustomValues = { 1, 2, 5 },
            Timestamp = timestampMs,
        };
        change?.Invoke(histogram);
        return histogram;
    }

    private static uint[] References(this V2.Request request, IEnumerable<V1.Label> labels) =>
        [.. labels.SelectMany(label => new[] { request.Symbol(label.Name), request.Symbol(label.Value) })];

    private static uint Symbol(this V2.Request request, string text)
    {
        int index = request.Symbols.IndexOf(text);
        if (index < 0)
        {
            index = request.Symbols.Count;
            request.Symbols.Add(text);
        }

        return (uint)index;
    }
}
