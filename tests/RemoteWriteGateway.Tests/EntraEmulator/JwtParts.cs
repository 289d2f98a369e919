using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>The parts of a token, read without checking anything.</summary>
internal static class JwtParts
{
    /// <summary>The header's text.</summary>
    public static string Header(string token) => Decode(token.Split('.')[0]);

    /// <summary>The payload's text.</summary>
    public static string Payload(string token) => Decode(token.Split('.')[1]);

    /// <summary>The payload as claims.</summary>
    public static JsonObject Claims(string token) => JsonNode.Parse(Payload(token))!.AsObject();

    /// <summary>The claims as text in their order, with random ones as <c>…</c> and times as <c>N</c> and the seconds from <paramref name="now"/>.</summary>
    public static string Shape(string token, DateTimeOffset now)
    {
        JsonObject claims = Claims(token);
        foreach (string name in new[] { "aio", "rh", "uti", "nonce" })
        {
            if (claims.ContainsKey(name))
            {
                claims[name] = "…";
            }
        }

        foreach (string name in new[] { "iat", "nbf", "exp" })
        {
            long seconds = (long)claims[name]! - now.ToUnixTimeSeconds();
            claims[name] = seconds < 0 ? $"N{seconds}" : $"N+{seconds}";
        }

        return claims.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    private static string Decode(string part) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(part));
}
