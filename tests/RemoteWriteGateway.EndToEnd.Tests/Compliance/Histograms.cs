using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>Native histograms of each kind, valid as they are; the tests of refusals spoil one thing.</summary>
internal static class Histograms
{
    /// <summary>Integer, exponential, with buckets on both sides and a zero bucket: 2 + 1 + 3 + 4 + 5 = 15 observations.</summary>
    public static V1.Histogram Integer(long timestampMs) => new()
    {
        CountInt = 15,
        Sum = 21.5,
        Schema = 1,
        ZeroThreshold = 1e-128,
        ZeroCountInt = 2,
        NegativeSpans = { new V1.BucketSpan { Offset = -2, Length = 1 } },
        NegativeDeltas = { 1 },
        PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 2 }, new V1.BucketSpan { Offset = 3, Length = 1 } },
        PositiveDeltas = { 3, 1, 1 },
        Timestamp = timestampMs,
    };

    /// <summary>The same with counts that are no whole numbers, of a gauge.</summary>
    public static V1.Histogram Float(long timestampMs) => new()
    {
        CountFloat = 15.5,
        Sum = -3.25,
        Schema = 0,
        ZeroThreshold = 0.001,
        ZeroCountFloat = 0.5,
        PositiveSpans = { new V1.BucketSpan { Offset = 1, Length = 3 } },
        PositiveCounts = { 5, 7.5, 2.5 },
        ResetHint = V1.Histogram.Types.ResetHint.Gauge,
        Timestamp = timestampMs,
    };

    /// <summary>With bounds of its own, as classic histograms are stored natively: 1 + 2 + 0 + 4 = 7 observations.</summary>
    public static V1.Histogram CustomBounds(long timestampMs) => new()
    {
        CountInt = 7,
        Sum = 12.5,
        Schema = -53,
        PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 4 } },
        PositiveDeltas = { 1, 1, -2, 4 },
        CustomValues = { 0.5, 1, 2.5 },
        Timestamp = timestampMs,
    };

    /// <summary>The end of a series of native histograms.</summary>
    public static V1.Histogram Stale(long timestampMs) => new() { Sum = Writes.WireSeries.StaleMarker, Timestamp = timestampMs };
}
