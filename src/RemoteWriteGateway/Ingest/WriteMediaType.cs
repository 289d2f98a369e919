using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Ingest;

/// <summary>Reads <c>Content-Type</c> and <c>Content-Encoding</c> of a write: the media type alone decides the protocol.</summary>
internal static class WriteMediaType
{
    private const string Protobuf = "application/x-protobuf";
    private const string ProtoV1 = "prometheus.WriteRequest";
    private const string ProtoV2 = "io.prometheus.write.v2.Request";

    /// <summary>False if the type is none that remote write knows, is ambiguous, or is given more than once.</summary>
    /// <remarks>Type and parameter names ignore case and blanks, values may be quoted and are compared exactly, other parameters are ignored.</remarks>
    public static bool TryRead(StringValues contentType, out WriteProtocol protocol)
    {
        protocol = WriteProtocol.V1;
        if (contentType.Count > 1)
        {
            return false;
        }

        switch (contentType.ToString())
        {
            // What senders send, without taking it apart.
            case "" or Protobuf:
                return true;
            case $"{Protobuf};proto={ProtoV2}":
                protocol = WriteProtocol.V2;
                return true;
            case var other:
                return TryParse(other, out protocol);
        }
    }

    /// <summary>Whether the body is one snappy block: that is what is meant if nothing is said.</summary>
    public static bool IsSnappy(StringValues contentEncoding) =>
        contentEncoding.Count == 0
        || (contentEncoding.Count == 1 && (contentEncoding[0]!.Length == 0 || contentEncoding[0]!.Trim().Equals("snappy", StringComparison.OrdinalIgnoreCase)));

    private static bool TryParse(string contentType, out WriteProtocol protocol)
    {
        protocol = WriteProtocol.V1;
        if (!MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? parsed)
            || !parsed.MediaType.Equals(Protobuf, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        bool isFound = false;
        foreach (NameValueHeaderValue parameter in parsed.Parameters)
        {
            if (!parameter.Name.Equals("proto", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            StringSegment proto = HeaderUtilities.RemoveQuotes(parameter.Value);
            if (isFound || (proto != ProtoV1 && proto != ProtoV2))
            {
                return false;
            }

            isFound = true;
            protocol = proto == ProtoV2 ? WriteProtocol.V2 : WriteProtocol.V1;
        }

        return true;
    }
}
