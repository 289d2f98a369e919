using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// A look at a token before any cryptography: is it three base64url parts (RFC 7515, compact form), and does its header say what we
/// accept. Members that bring or fetch keys (<c>jwk</c>, <c>jku</c>, <c>x5c</c>, <c>x5u</c>, <c>x5t</c>) are not read.
/// </summary>
internal static class JoseHeader
{
    /// <summary>The only accepted algorithm: what Entra signs with.</summary>
    public const string Algorithm = "RS256";

    private const int MaxStackBytes = 1024;

    private static readonly SearchValues<char> Base64UrlOrDot =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <summary>Reads the key id from the header of <paramref name="token"/>.</summary>
    /// <param name="token">The token's characters.</param>
    /// <param name="directory">Says which types of tokens are accepted.</param>
    /// <param name="keyId">The header's <c>kid</c>; empty if refused.</param>
    /// <returns>Why the token is refused, or null.</returns>
    public static Refusal? Read(ReadOnlySpan<char> token, EntraDirectory directory, out string keyId)
    {
        keyId = "";
        int headerEnd = token.IndexOf('.');
        int payloadEnd = token.LastIndexOf('.');
        if (token.Count('.') != 2 || headerEnd == 0 || payloadEnd == headerEnd + 1 || token.ContainsAnyExcept(Base64UrlOrDot))
        {
            return IdentityRefusals.MalformedToken;
        }

        Members members = default;
        if (!TryDecode(token[..headerEnd], ref members))
        {
            return IdentityRefusals.MalformedToken;
        }

        if (!members.IsAlgorithmAllowed)
        {
            return IdentityRefusals.AlgorithmNotAllowed;
        }

        if (payloadEnd == token.Length - 1)
        {
            return IdentityRefusals.BadSignature;
        }

        if (members.Type is null || !directory.TokenTypes.Contains(members.Type))
        {
            return IdentityRefusals.WrongTokenType;
        }

        if (string.IsNullOrEmpty(members.KeyId))
        {
            return IdentityRefusals.UnknownKey;
        }

        keyId = members.KeyId;
        return null;
    }

    private static bool TryDecode(ReadOnlySpan<char> encoded, ref Members members)
    {
        byte[]? rented = null;
        int size = Base64Url.GetMaxDecodedLength(encoded.Length);
        Span<byte> json = size <= MaxStackBytes ? stackalloc byte[MaxStackBytes] : (rented = ArrayPool<byte>.Shared.Rent(size));
        try
        {
            return Base64Url.DecodeFromChars(encoded, json, out _, out int length) == OperationStatus.Done
                && TryRead(json[..length], ref members);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Not JSON; or a text with half of a surrogate pair, which Utf8JsonReader reports in the second way.
            return false;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    private static bool TryRead(ReadOnlySpan<byte> json, ref Members members)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        var seen = Seen.None;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            Seen member = reader.ValueTextEquals("alg"u8) ? Seen.Algorithm
                : reader.ValueTextEquals("kid"u8) ? Seen.KeyId
                : reader.ValueTextEquals("typ"u8) ? Seen.Type
                : reader.ValueTextEquals("crit"u8) ? Seen.Critical
                : Seen.None;
            if (member == Seen.Critical || (seen & member) != Seen.None)
            {
                return false;
            }

            seen |= member;
            reader.Read();
            if (member == Seen.None)
            {
                reader.Skip();
            }
            else if (reader.TokenType != JsonTokenType.String)
            {
                return false;
            }
            else if (member == Seen.Algorithm)
            {
                members.IsAlgorithmAllowed = reader.ValueTextEquals(Algorithm);
            }
            else if (member == Seen.KeyId)
            {
                members.KeyId = reader.GetString();
            }
            else
            {
                members.Type = reader.ValueTextEquals(TokenType.Jwt) ? TokenType.Jwt : reader.GetString();
            }
        }

        // To the end: nothing may follow the object.
        return !reader.Read();
    }

    private struct Members
    {
        public bool IsAlgorithmAllowed;
        public string? KeyId;
        public string? Type;
    }

    [Flags]
    private enum Seen
    {
        None = 0,
        Algorithm = 1,
        KeyId = 2,
        Type = 4,
        Critical = 8,
    }
}
