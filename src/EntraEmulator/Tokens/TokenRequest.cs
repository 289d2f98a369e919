using System.Text.Json;

namespace EntraEmulator.Tokens;

/// <summary>A token of Entra's shape to mint, and where it shall differ: the body of <c>POST /test/token</c>.</summary>
internal sealed record TokenRequest
{
    /// <summary>The app that gets the token for itself: short name or client id. Exactly one of this and the next two.</summary>
    public string? App { get; init; }

    /// <summary>The managed identity that gets the token: short name or client id.</summary>
    public string? ManagedIdentity { get; init; }

    /// <summary>The user the token is about: short name or object id.</summary>
    public string? User { get; init; }

    /// <summary>With <see cref="User"/>: the app the user has signed in to, short name or client id.</summary>
    public string? Client { get; init; }

    /// <summary>With <see cref="User"/>: an ID token instead of an access token. It needs no <see cref="Client"/>.</summary>
    public bool IdToken { get; init; }

    /// <summary>Id of the directory; needed where several have somebody of that name.</summary>
    public string? Directory { get; init; }

    /// <summary>App ID URI or client id of the API; needed where the directory has several.</summary>
    public string? Api { get; init; }

    /// <summary><c>1.0</c> or <c>2.0</c>; absent: what the API's registration says.</summary>
    public string? Version { get; init; }

    /// <summary>The key that signs; the header names it.</summary>
    public SigningKeyName Key { get; init; }

    /// <summary>Claims to put in or to replace.</summary>
    public IReadOnlyDictionary<string, JsonElement> Set { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Claims to leave out.</summary>
    public IReadOnlyList<string> Remove { get; init; } = [];
}

/// <summary>A <see cref="TokenRequest"/> that cannot be met; the message says why.</summary>
internal sealed class TokenRequestException(string message) : Exception(message);
