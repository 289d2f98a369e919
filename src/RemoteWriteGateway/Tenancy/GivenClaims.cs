using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Makes a caller of a token's claims that somebody gives to have them explained, by the rules for real tokens. Claims that every token
/// has and that no rule of a policy looks at may be left out. Nobody has signed them: such a caller is never let in.
/// </summary>
internal static class GivenClaims
{
    private const string NotClaims = "is not JSON, has a claim twice, or a text that is none";
    private const string NoOne = "00000000-0000-0000-0000-000000000000";

    /// <summary>Reads it.</summary>
    /// <param name="bytes">A JSON object.</param>
    /// <param name="directory">The directory that the claims must be of, or null for any.</param>
    /// <param name="now">When the token is presented.</param>
    /// <param name="fault">What is wrong, without anything of what was given.</param>
    public static Caller? Read(ReadOnlySpan<byte> bytes, Guid? directory, DateTimeOffset now, out string fault) =>
        Read(bytes, keyId: null, directory, now, out fault);

    /// <summary>Reads the middle part of a token. Its signature is not looked at, nor is it kept or shown anywhere.</summary>
    /// <param name="token">The token, in compact form.</param>
    /// <param name="directory">The directory that the token must be of, or null for any.</param>
    /// <param name="now">When the token is presented.</param>
    /// <param name="fault">What is wrong, without anything of what was given.</param>
    public static Caller? ReadToken(string token, Guid? directory, DateTimeOffset now, out string fault)
    {
        string[] parts = token.Split('.');
        if (token.Length > IdentityRefusals.MaxTokenLength || parts.Length != 3 || !Base64Url.IsValid(parts[0]) || !Base64Url.IsValid(parts[1]))
        {
            fault = $"is not a signed JWT in compact form of at most {IdentityRefusals.MaxTokenLength} characters";
            return null;
        }

        string? keyId = Parse(Base64Url.DecodeFromChars(parts[0]), out fault) is { } header ? Text(header, "kid") : null;
        return fault.Length > 0 ? null : Read(Base64Url.DecodeFromChars(parts[1]), keyId ?? "", directory, now, out fault);
    }

    private static Caller? Read(ReadOnlySpan<byte> bytes, string? keyId, Guid? directory, DateTimeOffset now, out string fault)
    {
        if (Parse(bytes, out fault) is not { } claims)
        {
            return null;
        }

        try
        {
            return ReadClaims(claims, keyId, directory, now, out fault);
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or ArgumentException)
        {
            fault = NotClaims; // A text with half of a surrogate pair: found only when it is read.
            return null;
        }
    }

    private static Caller? ReadClaims(JsonObject claims, string? keyId, Guid? directory, DateTimeOffset now, out string fault)
    {
        fault = "";
        claims.TryAdd("ver", "2.0");
        claims.TryAdd("tid", directory?.ToString("D") ?? NoOne);
        claims.TryAdd("oid", NoOne);
        claims.TryAdd("iat", now.AddMinutes(-5).ToUnixTimeSeconds());
        claims.TryAdd("exp", now.AddHours(1).ToUnixTimeSeconds());
        string? tid = Text(claims, "tid");
        claims.TryAdd("iss", Text(claims, "ver") is "1.0" ? $"https://sts.windows.net/{tid}/" : $"https://login.microsoftonline.com/{tid}/v2.0");

        string home = directory?.ToString("D") ?? (Guid.TryParseExact(tid, "D", out _) ? tid : NoOne);
        EntraDirectory entra = new(new EntraOptions { TenantId = home, ClientId = NoOne }, acceptsEmulator: false);
        byte[] payload = JsonSerializer.SerializeToUtf8Bytes(claims);
        if (new CallerReader(entra).TryRead(payload, keyId ?? Text(claims, "kid") ?? "", [], out Caller? caller, out Refusal? refusal))
        {
            return caller;
        }

        fault = $"these are not the claims of an access token: {refusal.Reason}";
        return null;
    }

    private static JsonObject? Parse(ReadOnlySpan<byte> bytes, out string fault)
    {
        try
        {
            JsonNode? node = JsonNode.Parse(bytes, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
            fault = node is JsonObject ? "" : "expected a JSON object with the claims of a token";
            return node as JsonObject;
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            // Not even a part of it is shown: what was given may be a token.
            fault = bytes.StartsWith("eyJ"u8)
                ? "this is a token; give its claims, the JSON of the middle part"
                : NotClaims;
            return null;
        }
    }

    private static string? Text(JsonObject claims, string name) =>
        claims[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static void TryAdd<T>(this JsonObject claims, string name, T value)
    {
        if (!claims.ContainsKey(name))
        {
            claims[name] = JsonValue.Create(value);
        }
    }
}
