using System.Buffers.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using EntraEmulator.Directories;
using EntraEmulator.Faults;
using EntraEmulator.Issuing;
using EntraEmulator.Tokens;

namespace EntraEmulator.Discovery;

/// <summary>What a verifier reads: the OpenID Connect discovery documents of each directory and the keys they lead to.</summary>
internal static class DiscoveryEndpoints
{
    private const int OversizedBytes = 1 << 20;

    /// <summary>Maps discovery and key documents of both versions.</summary>
    public static void MapDiscovery(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/{tid}/v2.0/.well-known/openid-configuration", GetMetadata(TokenVersion.V2)).WithFaults(EmulatedEndpoint.Metadata);
        routes.MapGet("/{tid}/.well-known/openid-configuration", GetMetadata(TokenVersion.V1)).WithFaults(EmulatedEndpoint.Metadata);
        routes.MapGet("/{tid}/discovery/v2.0/keys", GetKeys(TokenVersion.V2)).WithFaults(EmulatedEndpoint.Keys);
        routes.MapGet("/{tid}/discovery/keys", GetKeys(TokenVersion.V1)).WithFaults(EmulatedEndpoint.Keys);
    }

    private static Delegate GetMetadata(TokenVersion version) =>
        (HttpContext http, string tid, DirectorySet directories, EmulatorOptions options, FaultSwitch faults, EmulatorClock clock) =>
        {
            if (directories.Find(tid) is not { } directory)
            {
                return EntraError.UnknownDirectory(tid).ToResult(http, clock);
            }

            JsonObject document = MetadataDocument.Of(directory, version, options.PublicBaseUrl.TrimEnd('/'));
            switch (faults[EmulatedEndpoint.Metadata])
            {
                case Fault.Oversized:
                    document["padding"] = new string('x', OversizedBytes);
                    break;

                case Fault.ForeignIssuer:
                    document["issuer"] = TokenShapes.Issuer("https://login.foreign.test", directory.Id, version);
                    break;

                case Fault.ForeignKeys:
                    document["jwks_uri"] = $"https://keys.foreign.test/{directory.Id}/discovery/v2.0/keys";
                    break;
            }

            return Results.Json(document);
        };

    private static Delegate GetKeys(TokenVersion version) => (
        HttpContext http, string tid, DirectorySet directories, EmulatorOptions options, SigningKeys keys, FaultSwitch faults, EmulatorClock clock) =>
        {
            if (directories.Find(tid) is null)
            {
                return EntraError.UnknownDirectory(tid).ToResult(http, clock);
            }

            string? issuer = version == TokenVersion.V2 ? options.PublicBaseUrl.TrimEnd('/') + "/{tenantid}/v2.0" : null;
            JsonObject document = new() { ["keys"] = new JsonArray([.. keys.Published.Select(key => KeyEntry(key, issuer))]) };
            if (faults[EmulatedEndpoint.Keys] == Fault.Oversized)
            {
                document["padding"] = new string('x', OversizedBytes);
            }

            return Results.Json(document);
        };

    /// <summary>A key as Entra lists it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="issuer">Whose tokens it signs, with <c>{tenantid}</c> in place of the directory's id; only in documents of v2.0.</param>
    private static JsonObject KeyEntry(SigningKey key, string? issuer)
    {
        JsonObject entry = new()
        {
            ["kty"] = "RSA",
            ["use"] = "sig",
            ["kid"] = key.Kid,
            ["x5t"] = key.Kid,
            ["n"] = Base64Url.EncodeToString(key.PublicParameters.Modulus),
            ["e"] = Base64Url.EncodeToString(key.PublicParameters.Exponent),
            ["x5c"] = new JsonArray(key.Certificate),
        };
        if (issuer is not null)
        {
            entry["cloud_instance_name"] = MetadataDocument.CloudInstanceName;
            entry["issuer"] = issuer;
        }

        return entry;
    }
}
