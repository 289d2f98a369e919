using System.Text.Json;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary>
/// Makes a caller of a file with a token's claims, by the rules for real tokens. Claims that every token has and that no rule of a
/// policy looks at may be left out.
/// </summary>
internal static class ClaimsFile
{
    private const string NoOne = "00000000-0000-0000-0000-000000000000";

    /// <summary>Reads it.</summary>
    /// <param name="bytes">The file: a JSON object.</param>
    /// <param name="directory">The directory that the policy is for, or null for that of the claims.</param>
    /// <param name="now">When the token is presented.</param>
    /// <param name="fault">What is wrong, without any of the file's content.</param>
    public static Caller? Read(ReadOnlySpan<byte> bytes, Guid? directory, DateTimeOffset now, out string fault)
    {
        if (Parse(bytes, out fault) is not { } claims)
        {
            return null;
        }

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
        if (new CallerReader(entra).TryRead(payload, Text(claims, "kid") ?? "", [], out Caller? caller, out Refusal? refusal))
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
        catch (JsonException)
        {
            // Not even a part of it is shown: what was given may be a token.
            fault = bytes.StartsWith("eyJ"u8)
                ? "this is a token; give its claims, the JSON of the middle part"
                : "is not JSON, or has a claim twice";
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
