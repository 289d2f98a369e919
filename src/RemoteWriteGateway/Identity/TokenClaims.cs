using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The claims of a token that we use, read in one pass over its payload. Each has the JSON type that Entra gives it, and occurs once;
/// everything else in the payload is skipped.
/// </summary>
internal sealed class TokenClaims
{
    /// <summary>Most roles, and most scopes, of a token.</summary>
    private const int MaxRoles = 256;

    private const int MaxRoleLength = 120;

    /// <summary>The claims that are read: fewer than 64, so that a bit of a number stands for each.</summary>
    private static readonly ImmutableArray<string> Names =
    [
        "ver", "iss", "tid", "oid", "azp", "azpacr", "appid", "appidacr", "idtyp", "roles", "scp", "groups", "hasgroups", "_claim_names",
        "uti", "iat", "exp", "xms_act_fct", "xms_sub_fct", "xms_par_app_azp", "xms_cc", "preferred_username", "upn", "unique_name", "name",
        "nonce", "c_hash", "at_hash",
    ];

    public string? Version { get; private set; }

    public string? Issuer { get; private set; }

    public string? Directory { get; private set; }

    public string? ObjectId { get; private set; }

    /// <summary><c>azp</c> and <c>azpacr</c>: the client, and how it proved itself, in tokens of version 2.0.</summary>
    public string? Azp { get; private set; }

    public string? AzpAcr { get; private set; }

    /// <summary><c>appid</c> and <c>appidacr</c>: the same in tokens of version 1.0.</summary>
    public string? AppId { get; private set; }

    public string? AppIdAcr { get; private set; }

    public string? IdTyp { get; private set; }

    public ImmutableArray<string> Roles { get; private set; } = [];

    /// <summary><c>scp</c>, split. Empty for <c>/</c>, which agents without a user carry.</summary>
    public ImmutableArray<string> Scopes { get; private set; } = [];

    /// <summary>Sorted.</summary>
    public ImmutableArray<Guid> Groups { get; private set; } = [];

    /// <summary><c>_claim_names</c> has <c>groups</c>, or <c>hasgroups</c> is true.</summary>
    public bool HasMoreGroups { get; private set; }

    public string? TokenId { get; private set; }

    public DateTimeOffset? IssuedAt { get; private set; }

    public DateTimeOffset? ExpiresAt { get; private set; }

    /// <summary><c>xms_act_fct</c> and <c>xms_sub_fct</c>: numbers as text, separated by spaces.</summary>
    public ImmutableArray<string> ActorFacets { get; private set; } = [];

    public ImmutableArray<string> SubjectFacets { get; private set; } = [];

    public string? AgentParent { get; private set; }

    /// <summary><c>xms_cc</c>: what the client can do.</summary>
    public ImmutableArray<string> ClientCapabilities { get; private set; } = [];

    public string? PreferredUsername { get; private set; }

    public string? Upn { get; private set; }

    public string? UniqueName { get; private set; }

    public string? Name { get; private set; }

    /// <summary><c>nonce</c>, <c>c_hash</c> or <c>at_hash</c> is there.</summary>
    public bool HasIdTokenClaims { get; private set; }

    /// <summary>Reads a payload.</summary>
    /// <param name="payload">The JSON of a token's payload, as UTF-8. Not kept.</param>
    /// <returns>
    /// Null if it is no JSON object, or one of our claims has another type than Entra's, occurs twice, or is over its limit.
    /// </returns>
    public static TokenClaims? Read(ReadOnlySpan<byte> payload)
    {
        try
        {
            var reader = new Utf8JsonReader(payload);
            var claims = new TokenClaims();
            bool isRead = reader.Read() && reader.TokenType == JsonTokenType.StartObject && claims.TryReadMembers(ref reader) && !reader.Read();
            return isRead ? claims : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            // Not JSON, or a value of another type or shape than was asked for: Utf8JsonReader reports those in the last two ways.
            return null;
        }
    }

    private bool TryReadMembers(ref Utf8JsonReader reader)
    {
        ulong seen = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int name = IndexOfName(ref reader);
            reader.Read();
            if (name < 0)
            {
                reader.Skip();
                continue;
            }

            ulong bit = 1UL << name;
            if ((seen & bit) != 0 || !TryReadMember(Names[name], ref reader))
            {
                return false;
            }

            seen |= bit;
        }

        return true;
    }

    private static int IndexOfName(ref Utf8JsonReader reader)
    {
        for (int i = 0; i < Names.Length; i++)
        {
            if (reader.ValueTextEquals(Names[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private bool TryReadMember(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "ver": Version = Text(ref reader); break;
            case "iss": Issuer = Text(ref reader); break;
            case "tid": Directory = Text(ref reader); break;
            case "oid": ObjectId = Text(ref reader); break;
            case "azp": Azp = Text(ref reader); break;
            case "azpacr": AzpAcr = Text(ref reader); break;
            case "appid": AppId = Text(ref reader); break;
            case "appidacr": AppIdAcr = Text(ref reader); break;
            case "idtyp": IdTyp = Text(ref reader); break;
            case "roles": Roles = Texts(ref reader); return Roles.Length <= MaxRoles && Roles.All(role => role.Length <= MaxRoleLength);
            case "scp": Scopes = Words(ref reader); return Scopes.Length <= MaxRoles;
            case "groups": Groups = Guids(ref reader); break;
            case "hasgroups": HasMoreGroups |= IsTrue(ref reader); break;
            case "_claim_names": HasMoreGroups |= NamesGroups(ref reader); break;
            case "uti": TokenId = Text(ref reader); break;
            case "iat": IssuedAt = Time(ref reader); break;
            case "exp": ExpiresAt = Time(ref reader); break;
            case "xms_act_fct": ActorFacets = Words(ref reader); break;
            case "xms_sub_fct": SubjectFacets = Words(ref reader); break;
            case "xms_par_app_azp": AgentParent = Text(ref reader); break;
            case "xms_cc": ClientCapabilities = Texts(ref reader); break;
            case "preferred_username": PreferredUsername = Text(ref reader); break;
            case "upn": Upn = Text(ref reader); break;
            case "unique_name": UniqueName = Text(ref reader); break;
            case "name": Name = Text(ref reader); break;
            default: HasIdTokenClaims = true; reader.Skip(); break;
        }

        return true;
    }

    private static string Text(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new FormatException();

    /// <summary>An array of texts; a lone text is one of them.</summary>
    private static ImmutableArray<string> Texts(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [Text(ref reader)];
        }

        var texts = ImmutableArray.CreateBuilder<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            texts.Add(Text(ref reader));
        }

        return texts.DrainToImmutable();
    }

    private static ImmutableArray<string> Words(ref Utf8JsonReader reader)
    {
        string text = Text(ref reader);
        return text == "/" ? [] : [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
    }

    private static ImmutableArray<Guid> Guids(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new FormatException();
        }

        var ids = ImmutableArray.CreateBuilder<Guid>(200);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ids.Add(reader.GetGuid());
        }

        ids.Sort();
        return ids.DrainToImmutable();
    }

    private static bool IsTrue(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => string.Equals(Text(ref reader), "true", StringComparison.OrdinalIgnoreCase),
    };

    private static bool NamesGroups(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new FormatException();
        }

        bool found = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            found |= reader.ValueTextEquals("groups"u8);
            reader.Read();
            reader.Skip();
        }

        return found;
    }

    /// <summary>Seconds since 1970, as a number or as text.</summary>
    private static DateTimeOffset Time(ref Utf8JsonReader reader)
    {
        double seconds = reader.TokenType == JsonTokenType.Number
            ? reader.GetDouble()
            : double.Parse(Text(ref reader), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return seconds >= 0 && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds)
            : throw new FormatException();
    }
}
