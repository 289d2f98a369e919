using IronSnappy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>One request as a <see cref="RecordingStore"/> received it, whole.</summary>
/// <param name="Method">As sent.</param>
/// <param name="Target">Path and query exactly as they stood in the request line.</param>
/// <param name="Headers">Every header, one entry each value, in the order of their names.</param>
/// <param name="Body">The body as it came, compressed.</param>
internal sealed record ReceivedRequest(
    string Method, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body)
{
    /// <summary>Decided by the content type alone.</summary>
    public WriteProtocol Protocol =>
        Header("Content-Type")?.Contains("io.prometheus.write.v2.Request", StringComparison.Ordinal) == true ? WriteProtocol.V2 : WriteProtocol.V1;

    /// <summary>The message, unpacked by a codec that the gateway does not use.</summary>
    public byte[] Message => Snappy.Decode(Body);

    public V1.WriteRequest AsV1 => V1.WriteRequest.Parser.ParseFrom(Message);

    public V2.Request AsV2 => V2.Request.Parser.ParseFrom(Message);

    /// <summary>A 2.0 request without series.</summary>
    public bool IsProbe => Protocol == WriteProtocol.V2 && AsV2.Timeseries.Count == 0;

    /// <summary>Items in the message.</summary>
    public ItemCounts Items => Protocol == WriteProtocol.V1
        ? AsV1.Timeseries.Aggregate(
            default(ItemCounts), (sum, series) => sum + new ItemCounts(series.Samples.Count, series.Histograms.Count, series.Exemplars.Count))
        : AsV2.Timeseries.Aggregate(
            default(ItemCounts), (sum, series) => sum + new ItemCounts(series.Samples.Count, series.Histograms.Count, series.Exemplars.Count));

    /// <summary>Every series as a selector with its labels as they are ordered in the message: <c>{__name__="up",tenant="a"}</c>.</summary>
    public IReadOnlyList<string> Series
    {
        get
        {
            if (Protocol == WriteProtocol.V1)
            {
                return [.. AsV1.Timeseries.Select(series => Selector(series.Labels.Select(label => (label.Name, label.Value))))];
            }

            V2.Request request = AsV2;
            return [.. request.Timeseries.Select(series => Selector(
                series.LabelsRefs.Chunk(2).Select(pair => (request.Symbols[(int)pair[0]], request.Symbols[(int)pair[1]]))))];
        }
    }

    /// <summary>The value of a header that occurs at most once; null if it is absent.</summary>
    public string? Header(string name) =>
        Headers.SingleOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    public static async Task<ReceivedRequest> ReadAsync(HttpContext http)
    {
        using MemoryStream body = new();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        return new ReceivedRequest(
            http.Request.Method,
            http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            [.. http.Request.Headers
                .OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
                .SelectMany(header => header.Value, (header, value) => KeyValuePair.Create(header.Key, value ?? ""))],
            body.ToArray());
    }

    private static string Selector(IEnumerable<(string Name, string Value)> labels) =>
        "{" + string.Join(",", labels.Select(label => $"{label.Name}=\"{label.Value}\"")) + "}";
}
