using Microsoft.AspNetCore.Http.Metadata;

namespace RemoteWriteGateway.Http;

/// <summary>Endpoint metadata that lifts Kestrel's own limit, which would answer 413: the route's limit is counted while reading, and named.</summary>
internal sealed class NoBodySizeLimit : IRequestSizeLimitMetadata
{
    public static readonly NoBodySizeLimit Instance = new();

    public long? MaxRequestBodySize => null;
}
