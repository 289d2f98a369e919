using System.Buffers.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using EntraEmulator.Directories;
using EntraEmulator.Faults;
using EntraEmulator.Issuing;
using EntraEmulator.Tokens;

namespace EntraEmulator.Discovery;

/// <summary>The OpenID Connect discovery documents of each directory, and the keys.</summary>
internal sealed class PublishedDocuments(EmulatorOptions options, DirectorySet directories, SigningKeys keys, FaultSwitch faults, EmulatorClock clock)
{
    private const int OversizedBytes = 1 << 20;

    private readonly string _baseUrl = options.PublicBaseUrl.TrimEnd('/');

    /// <summary>The discovery document of a directory.</summary>
    public IResult GetMetadata(HttpContext http, string tid, TokenVersion version)
    {
        if (directories.Find(tid) is not { } directory)
        {
            return EntraError.UnknownDirectory(tid).ToResult(http, clock);
        }

        JsonObject document = MetadataDocument.Of(directory, version, _baseUrl);
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
    }

    /// <summary>The keys, which all directories share.</summary>
    public IResult GetKeys(HttpContext http, string tid, TokenVersion version)
    {
        if (directories.Find(tid) is null)
        {
            return EntraError.UnknownDirectory(tid).ToResult(http, clock);
        }

        string? issuer = version == TokenVersion.V2 ? _baseUrl + "/{tenantid}/v2.0" : null;
        JsonObject document = new() { ["keys"] = new JsonArray([.. keys.Published.Select(key => KeyEntry(key, issuer))]) };
        if (faults[EmulatedEndpoint.Keys] == Fault.Oversized)
        {
            document["padding"] = new string('x', OversizedBytes);
        }

        return Results.Json(document);
    }

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
