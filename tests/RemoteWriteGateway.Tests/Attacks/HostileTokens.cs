using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Tokens;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Tokens of app <c>prom</c> that Entra would not issue, or not like that, for a whole gateway.</summary>
internal static class HostileTokens
{
    public const string OtherDirectory = "99999999-8888-4777-8666-555555555555";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One claim is another, in JSON; null removes it. Signed by the issuer.</summary>
    public static string WithClaim(this GatewayHost gateway, string name, string? json) => gateway.Token("prom", Changed(name, json));

    /// <summary>The same in the shape of version 1.0.</summary>
    public static string WithClaimV1(this GatewayHost gateway, string name, string? json) =>
        gateway.Mint.Mint(new TokenRequest { App = "prom", Version = "1.0" }, Changed(name, json));

    /// <summary>One member of the header is another, in JSON; null removes it. Signed by the issuer unless told otherwise.</summary>
    public static string WithHeader(this GatewayHost gateway, string name, string? json, SigningKey? key = null)
    {
        JsonObject header = JsonNode.Parse(gateway.HeaderOf("RS256"))!.AsObject();
        Changed(name, json)(header);
        return gateway.WithHeaderText(header.ToJsonString(Plain), key);
    }

    /// <summary>The usual claims under a header of any text.</summary>
    public static string WithHeaderText(this GatewayHost gateway, string header, SigningKey? key = null, HmacKeyForm hmacKey = HmacKeyForm.Pem) =>
        gateway.Mint.MintRaw(header, Forgery.Text(gateway.Token("prom"), 1), key ?? gateway.Keys.Current, hmacKey);

    /// <summary>The header of the issuer's current key, with this algorithm.</summary>
    public static string HeaderOf(this GatewayHost gateway, string algorithm) =>
        $$"""{"typ":"JWT","alg":"{{algorithm}}","kid":"{{gateway.Keys.Current.Kid}}"}""";

    /// <summary>A moment as claims have it.</summary>
    public static string Seconds(this GatewayHost gateway, int fromNow) =>
        (gateway.Time.GetUtcNow().ToUnixTimeSeconds() + fromNow).ToString(CultureInfo.InvariantCulture);

    private static Action<JsonObject> Changed(string name, string? json) => members =>
    {
        members.Remove(name);
        if (json is not null)
        {
            members[name] = JsonNode.Parse(json);
        }
    };
}
