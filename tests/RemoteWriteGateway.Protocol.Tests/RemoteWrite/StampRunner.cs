using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Runs the stamper on series given as 1.0 messages, by either protocol, and reads back what it wrote by the generated classes.</summary>
internal static class StampRunner
{
    /// <summary>The time of all these tests: 2023-11-14 22:13:20 UTC.</summary>
    public const long NowMs = 1_700_000_000_000;

    public static StampOptions Ours { get; } = new() { TenantLabel = "tenant", TenantValue = "ours" };

    /// <summary>Stamps series, written as lines of <see cref="SeriesText"/>, and writes the result as such lines.</summary>
    public static string Stamp(WriteProtocol protocol, string series, StampOptions? options = null) =>
        Run(protocol, SeriesText.Parse(series), options).Text;

    public static StampOutcome Run(WriteProtocol protocol, string series, StampOptions? options = null) =>
        Run(protocol, SeriesText.Parse(series), options);

    public static StampOutcome Run(WriteProtocol protocol, V1.TimeSeries series, StampOptions? options = null) =>
        Run(protocol, [series], options);

    public static StampOutcome Run(WriteProtocol protocol, IEnumerable<V1.TimeSeries> series, StampOptions? options = null) =>
        Run(protocol, Encode(protocol, series), options);

    public static StampOutcome Run(WriteProtocol protocol, byte[] message, StampOptions? options = null)
    {
        var work = new WriteWork();
        work.Decoded.Append(message);
        SeriesStamper.Stamp(protocol, options ?? Ours, NowMs, work);
        return new StampOutcome(protocol, work.Stamped.Span.ToArray(), work.Result);
    }

    public static byte[] Encode(WriteProtocol protocol, IEnumerable<V1.TimeSeries> series)
    {
        var request = new V1.WriteRequest { Timeseries = { series } };
        return protocol == WriteProtocol.V1 ? request.ToByteArray() : Translation.ToV2(request).ToByteArray();
    }
}

/// <summary>What came out of the stamper.</summary>
internal sealed record StampOutcome(WriteProtocol Protocol, byte[] Output, StampResult Result)
{
    /// <summary>The output's series, as 1.0 messages whatever the protocol.</summary>
    public IReadOnlyList<V1.TimeSeries> Series { get; } = Protocol == WriteProtocol.V1
        ? V1.WriteRequest.Parser.ParseFrom(Output).Timeseries
        : Translation.ToV1(V2.Request.Parser.ParseFrom(Output)).Timeseries;

    public string Text => SeriesText.Print(Series);

    public V1.WriteRequest AsV1() => V1.WriteRequest.Parser.ParseFrom(Output);

    public V2.Request AsV2() => V2.Request.Parser.ParseFrom(Output);

    /// <summary>The only reason for which anything was refused.</summary>
    public StampReason OnlyReason => Assert.Single(
        Enum.GetValues<StampReason>(),
        reason => Result.RefusedSeries(reason) > 0 || Result.Refused(reason).Total > 0);
}
