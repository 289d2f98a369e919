using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Stamped requests, made with the generated classes. Time starts at second 1.</summary>
internal static class Messages
{
    /// <summary>A 1.0 request with one series <c>{__name__=name,tenant="acme"}</c> and one sample for each name.</summary>
    public static V1.WriteRequest V1Samples(params string[] names)
    {
        V1.WriteRequest message = new();
        foreach (string name in names)
        {
            message.Timeseries.Add(new V1.TimeSeries
            {
                Labels = { new V1.Label { Name = "__name__", Value = name }, new V1.Label { Name = "tenant", Value = "acme" } },
                Samples = { new V1.Sample { Value = 1, Timestamp = 1000 } },
            });
        }

        return message;
    }

    /// <summary>The same by 2.0.</summary>
    public static V2.Request V2Samples(params string[] names)
    {
        V2.Request message = new() { Symbols = { "", "__name__", "tenant", "acme" } };
        foreach (string name in names)
        {
            message.AddSeries(name).Samples.Add(new V2.Sample { Value = 1, Timestamp = 1000 });
        }

        return message;
    }

    /// <summary>Adds a series without items to a request that begins as <see cref="V2Samples"/>.</summary>
    public static V2.TimeSeries AddSeries(this V2.Request message, string name)
    {
        uint symbol = (uint)message.Symbols.Count;
        message.Symbols.Add(name);
        V2.TimeSeries series = new() { LabelsRefs = { 1, symbol, 2, 3 } };
        message.Timeseries.Add(series);
        return series;
    }

    /// <summary>An integer histogram with two buckets.</summary>
    public static V2.Histogram Histogram(long timestampMs = 1000) => new()
    {
        CountInt = 3,
        Sum = 5,
        Schema = 1,
        ZeroThreshold = 0.001,
        ZeroCountInt = 0,
        PositiveSpans = { new V2.BucketSpan { Offset = 0, Length = 2 } },
        PositiveDeltas = { 1, 1 },
        Timestamp = timestampMs,
    };

    /// <summary>A histogram with custom bounds 1 and 2.</summary>
    public static V2.Histogram CustomBounds() => new()
    {
        CountInt = 3,
        Sum = 5,
        Schema = -53,
        ZeroCountInt = 0,
        PositiveSpans = { new V2.BucketSpan { Offset = 0, Length = 2 } },
        PositiveDeltas = { 1, 1 },
        CustomValues = { 1, 2 },
        Timestamp = 1000,
    };
}
