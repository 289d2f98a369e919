using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>The messages that a request left as, and what was said about them.</summary>
internal sealed record Outgoing(List<byte[]> Messages, List<ItemCounts> Items, TranslationLosses Losses, long HeldBytes)
{
    public ItemCounts AllItems => Items.Aggregate(default(ItemCounts), (sum, part) => sum + part);

    public List<V1.WriteRequest> V1 => Messages.ConvertAll(message => Protocol.Messages.V1.WriteRequest.Parser.ParseFrom(message));

    public List<V2.Request> V2 => Messages.ConvertAll(message => Protocol.Messages.V2.Request.Parser.ParseFrom(message));

    /// <summary>The one message of a request that was not cut.</summary>
    public V1.WriteRequest SingleV1 => Assert.Single(V1);

    public static Outgoing Of(V2.Request request, WriteProtocol to, OutgoingOptions? options = null) =>
        Of(request.ToByteArray(), WriteProtocol.V2, to, options, request.Timeseries.Any(series => series.Histograms.Any(h => h.Schema == -53)), CountOf(request));

    public static Outgoing Of(V1.WriteRequest request, OutgoingOptions? options = null) =>
        Of(request.ToByteArray(), WriteProtocol.V1, WriteProtocol.V1, options, request.Timeseries.Any(series => series.Histograms.Any(h => h.Schema == -53)), CountOf(request));

    public static Outgoing Of(
        ReadOnlySpan<byte> stamped, WriteProtocol from, WriteProtocol to, OutgoingOptions? options, bool hasCustomBounds = false, ItemCounts accepted = default)
    {
        var work = new WriteWork();
        work.Stamped.Append(stamped);
        work.Result.HasOutput = !stamped.IsEmpty;
        work.Result.HasCustomBounds = hasCustomBounds;
        work.Result.Accepted = accepted;

        var parts = new OutgoingParts();
        var messages = new List<byte[]>();
        var items = new List<ItemCounts>();
        parts.Begin(from, to, options ?? new OutgoingOptions(), work);
        while (parts.MoveNext())
        {
            messages.Add(parts.Current.ToArray());
            items.Add(parts.CurrentItems);
        }

        Assert.False(parts.MoveNext());
        return new Outgoing(messages, items, parts.Losses, work.HeldBytes - work.Stamped.Capacity);
    }

    public static ItemCounts CountOf(V2.Request request) => new(
        request.Timeseries.Sum(series => series.Samples.Count),
        request.Timeseries.Sum(series => series.Histograms.Count),
        request.Timeseries.Sum(series => series.Exemplars.Count));

    public static ItemCounts CountOf(V1.WriteRequest request) => new(
        request.Timeseries.Sum(series => series.Samples.Count),
        request.Timeseries.Sum(series => series.Histograms.Count),
        request.Timeseries.Sum(series => series.Exemplars.Count));
}
