using EntraEmulator.Directories;
using EntraEmulator.Faults;

namespace EntraEmulator.Discovery;

/// <summary>Routes of what a verifier reads: the discovery documents of each directory and the keys they lead to.</summary>
internal static class DiscoveryEndpoints
{
    /// <summary>Maps discovery and key documents of both versions.</summary>
    public static void MapDiscovery(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/{tid}/v2.0/.well-known/openid-configuration", (HttpContext http, string tid, PublishedDocuments documents) =>
            documents.GetMetadata(http, tid, TokenVersion.V2)).WithFaults(EmulatedEndpoint.Metadata);
        routes.MapGet("/{tid}/.well-known/openid-configuration", (HttpContext http, string tid, PublishedDocuments documents) =>
            documents.GetMetadata(http, tid, TokenVersion.V1)).WithFaults(EmulatedEndpoint.Metadata);
        routes.MapGet("/{tid}/discovery/v2.0/keys", (HttpContext http, string tid, PublishedDocuments documents) =>
            documents.GetKeys(http, tid, TokenVersion.V2)).WithFaults(EmulatedEndpoint.Keys);
        routes.MapGet("/{tid}/discovery/keys", (HttpContext http, string tid, PublishedDocuments documents) =>
            documents.GetKeys(http, tid, TokenVersion.V1)).WithFaults(EmulatedEndpoint.Keys);
    }
}
