using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push;

/// <summary>How a body is packed.</summary>
internal enum PushEncoding
{
    None,
    Gzip,

    /// <summary>In either form; the body tells which.</summary>
    Snappy,

    /// <summary>One that is not known here.</summary>
    Unknown,
}

/// <summary>Reads what a push says about its body.</summary>
internal static class PushMediaType
{
    private const string Protobuf = "application/vnd.google.protobuf";
    private const string OpenMetrics = "application/openmetrics-text";
    private const string Family = "io.prometheus.client.MetricFamily";

    /// <summary>
    /// The format that a media type means. Every one that is not known, and none, means text: curl sends that of a form, and some clients
    /// none at all.
    /// </summary>
    public static ExpositionFormat FormatOf(StringValues contentType)
    {
        if (contentType.Count != 1 || !MediaTypeHeaderValue.TryParse(contentType[0], out MediaTypeHeaderValue? type))
        {
            return ExpositionFormat.Text;
        }

        return type.MediaType.Equals(OpenMetrics, StringComparison.OrdinalIgnoreCase) ? ExpositionFormat.OpenMetrics
            : IsProtobuf(type) ? ExpositionFormat.Protobuf
            : ExpositionFormat.Text;
    }

    /// <summary>Whether it is the media type of protobuf without what tells the message: then the body is read as text, and the sender is told why.</summary>
    public static bool LacksParameters(StringValues contentType) =>
        contentType.Count == 1
        && MediaTypeHeaderValue.TryParse(contentType[0], out MediaTypeHeaderValue? type)
        && type.MediaType.Equals(Protobuf, StringComparison.OrdinalIgnoreCase)
        && !IsProtobuf(type);

    /// <summary>Whether the type is that of delimited <c>MetricFamily</c> messages; parameters in any order, further ones ignored.</summary>
    public static bool IsProtobuf(MediaTypeHeaderValue type) =>
        type.MediaType.Equals(Protobuf, StringComparison.OrdinalIgnoreCase)
        && Parameter(type, "proto") == Family
        && Parameter(type, "encoding") == "delimited";

    public static PushEncoding EncodingOf(StringValues contentEncoding) => contentEncoding.Count > 1
        ? PushEncoding.Unknown
        : contentEncoding.ToString().Trim().ToUpperInvariant() switch
        {
            "" or "IDENTITY" => PushEncoding.None,
            "GZIP" or "X-GZIP" => PushEncoding.Gzip,
            "SNAPPY" => PushEncoding.Snappy,
            _ => PushEncoding.Unknown,
        };

    private static string? Parameter(MediaTypeHeaderValue type, string name)
    {
        NameValueHeaderValue? found = NameValueHeaderValue.Find(type.Parameters, name);
        return found is null ? null : HeaderUtilities.RemoveQuotes(found.Value).ToString();
    }
}
