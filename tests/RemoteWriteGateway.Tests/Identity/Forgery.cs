using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Tokens;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Tokens that Entra would not issue, made of one that it would.</summary>
internal static class Forgery
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The token of app <c>prom</c> with other claims, signed by the issuer.</summary>
    public static string WithClaims(this IdentityHost host, Action<JsonObject> change) => host.Mint.Mint("prom", change);

    /// <summary>The token of app <c>prom</c> with one other claim, in JSON; null removes it. Signed by the issuer.</summary>
    public static string WithClaim(this IdentityHost host, string name, string? json) => host.WithClaims(claims =>
    {
        claims.Remove(name);
        if (json is not null)
        {
            claims[name] = JsonNode.Parse(json);
        }
    });

    /// <summary>The same in the shape of version 1.0.</summary>
    public static string WithClaimV1(this IdentityHost host, string name, string? json) =>
        host.Mint.Mint(new TokenRequest { App = "prom", Version = "1.0" }, claims =>
        {
            claims.Remove(name);
            if (json is not null)
            {
                claims[name] = JsonNode.Parse(json);
            }
        });

    /// <summary>The token of app <c>prom</c> with one other member of the header, in JSON; null removes it. Signed by the issuer unless told otherwise.</summary>
    public static string WithHeader(this IdentityHost host, string name, string? json, SigningKey? key = null)
    {
        JsonObject header = Json(host.Mint.Mint("prom"), 0);
        header.Remove(name);
        if (json is not null)
        {
            header[name] = JsonNode.Parse(json);
        }

        return host.WithHeaderText(header.ToJsonString(Plain), key);
    }

    /// <summary>The claims of app <c>prom</c> under a header of any text.</summary>
    public static string WithHeaderText(this IdentityHost host, string header, SigningKey? key = null, HmacKeyForm hmacKey = HmacKeyForm.Pem) =>
        host.Mint.MintRaw(header, Text(host.Mint.Mint("prom"), 1), key ?? host.Emulator.Keys.Current, hmacKey);

    /// <summary>The header of the issuer's current key, with another algorithm.</summary>
    public static string HeaderOf(this IdentityHost host, string algorithm) =>
        $$"""{"typ":"JWT","alg":"{{algorithm}}","kid":"{{host.Emulator.Keys.Current.Kid}}"}""";

    /// <summary>The token with one of its three parts replaced.</summary>
    public static string WithPart(this string token, int part, string value)
    {
        string[] parts = token.Split('.');
        parts[part] = value;
        return string.Join('.', parts);
    }

    /// <summary>One bit of the signature is another.</summary>
    public static string WithFlippedBit(this string token)
    {
        byte[] signature = Base64Url.DecodeFromChars(token.Split('.')[2]);
        signature[17] ^= 4;
        return token.WithPart(2, Base64Url.EncodeToString(signature));
    }

    public static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    /// <summary>The text of a token's header (0) or payload (1).</summary>
    public static string Text(string token, int part) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token.Split('.')[part]));

    private static JsonObject Json(string token, int part) => JsonNode.Parse(Text(token, part))!.AsObject();
}
