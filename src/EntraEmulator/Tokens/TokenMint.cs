using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using EntraEmulator.Directories;

namespace EntraEmulator.Tokens;

/// <summary>An access token and until when it is good.</summary>
internal sealed record IssuedToken(string Text, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt);

/// <summary>Mints tokens: by request of a client, or of a test that wants a particular one.</summary>
internal sealed partial class TokenMint(
    EmulatorOptions options, DirectorySet directories, SigningKeys keys, EmulatorClock clock, ILogger<TokenMint> logger)
{
    // Characters such as "+" stay themselves, as in Entra's tokens.
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _baseUrl = options.PublicBaseUrl.TrimEnd('/');

    /// <summary>The token an app gets for itself.</summary>
    /// <param name="app">Short name or client id.</param>
    /// <param name="change">Changes the claims before they are signed.</param>
    /// <exception cref="TokenRequestException">There is no such app, or the directory has several APIs.</exception>
    public string Mint(string app, Action<JsonObject>? change = null) => Mint(new TokenRequest { App = app }, change);

    /// <summary>The token of a managed identity.</summary>
    /// <param name="identity">Short name or client id.</param>
    /// <param name="change">Changes the claims before they are signed.</param>
    /// <exception cref="TokenRequestException">There is no such identity, or the directory has several APIs.</exception>
    public string MintManagedIdentity(string identity, Action<JsonObject>? change = null) =>
        Mint(new TokenRequest { ManagedIdentity = identity }, change);

    /// <summary>The token of a user through an app.</summary>
    /// <param name="user">Short name or object id.</param>
    /// <param name="client">Short name or client id of the app; an agent identity acts for the user.</param>
    /// <param name="change">Changes the claims before they are signed.</param>
    /// <exception cref="TokenRequestException">There is no such user or app, or the directory has several APIs.</exception>
    public string MintUser(string user, string client = "grafana", Action<JsonObject>? change = null) =>
        Mint(new TokenRequest { User = user, Client = client }, change);

    /// <summary>The ID token of a user: what a client gets to know who has signed in, and must not send on.</summary>
    /// <param name="user">Short name or object id.</param>
    /// <param name="change">Changes the claims before they are signed.</param>
    /// <exception cref="TokenRequestException">There is no such user, or the directory has several APIs.</exception>
    public string MintIdToken(string user, Action<JsonObject>? change = null) =>
        Mint(new TokenRequest { User = user, IdToken = true }, change);

    /// <summary>The token that is asked for.</summary>
    /// <param name="request">Which.</param>
    /// <param name="change">Changes the claims before they are signed, after the request's own changes.</param>
    /// <exception cref="TokenRequestException">The request names somebody unknown, or nobody.</exception>
    public string Mint(TokenRequest request, Action<JsonObject>? change = null)
    {
        TokenPlan plan = TokenPlan.Make(directories, request);
        SigningKey key = keys.Find(request.Key) ?? throw new TokenRequestException("there is no previous key before the first rotation");
        string audience = AudienceOf(plan.Api, plan.Version, plan.Api.IdUris[0]);
        TokenContext context = new(plan.Directory, plan.Api, audience, plan.Version, clock.UtcNow, _baseUrl);
        JsonObject claims = plan.Claims(context);
        foreach ((string name, JsonElement value) in request.Set)
        {
            claims[name] = JsonNode.Parse(value.GetRawText());
        }

        foreach (string name in request.Remove)
        {
            claims.Remove(name);
        }

        change?.Invoke(claims);
        LogMinted(plan.Name, key.Kid);
        return Sign(claims, plan.Version, key);
    }

    /// <summary>A token with exactly this header and payload.</summary>
    /// <param name="headerJson">The header's text, JSON or not; its <c>alg</c> says how to sign (<see cref="CompactJwt.Sign"/>).</param>
    /// <param name="payloadJson">The payload's text, JSON or not.</param>
    /// <param name="key">The key that signs, whatever <c>kid</c> the header names.</param>
    /// <param name="hmacKey">The form of the public key for the HS algorithms.</param>
    public string MintRaw(string headerJson, string payloadJson, SigningKey key, HmacKeyForm hmacKey = HmacKeyForm.Pem)
    {
        LogMintedRaw(key.Kid);
        return CompactJwt.Sign(headerJson, payloadJson, AlgorithmOf(headerJson), key, hmacKey);
    }

    /// <summary>The header that tokens of a version have.</summary>
    public static string HeaderJson(TokenVersion version, SigningKey key)
    {
        JsonObject header = new() { ["typ"] = "JWT", ["alg"] = "RS256" };
        if (version == TokenVersion.V1)
        {
            header["x5t"] = key.Kid;
        }

        header["kid"] = key.Kid;
        return header.ToJsonString(Plain);
    }

    /// <summary>Issues a token to an app that has proved itself.</summary>
    /// <param name="directory">The directory of both.</param>
    /// <param name="api">What the token is for.</param>
    /// <param name="resource">The name the client called the API by.</param>
    /// <param name="app">The client.</param>
    /// <param name="auth">How it proved itself.</param>
    /// <param name="takesClaimsChallenge">It says that it understands claims challenges.</param>
    public IssuedToken IssueToApp(
        EntraDirectory directory, ApiRegistration api, string resource, AppRegistration app, ClientAuth auth, bool takesClaimsChallenge)
    {
        TokenContext context = ContextOf(directory, api, resource) with { TakesClaimsChallenge = takesClaimsChallenge };
        return Issue(app.Name, context, TokenShapes.App(context, app, auth), TokenShapes.Lifetime);
    }

    /// <summary>Issues a token to a managed identity.</summary>
    /// <param name="directory">The directory of both.</param>
    /// <param name="api">What the token is for.</param>
    /// <param name="resource">The name the client called the API by.</param>
    /// <param name="identity">The identity.</param>
    public IssuedToken IssueToManagedIdentity(EntraDirectory directory, ApiRegistration api, string resource, ManagedIdentity identity)
    {
        TokenContext context = ContextOf(directory, api, resource);
        return Issue(identity.Name, context, TokenShapes.ManagedIdentity(context, identity), TokenShapes.ManagedIdentityLifetime);
    }

    /// <summary>Issues an access token to an app for a user who has signed in to it.</summary>
    /// <param name="directory">The directory of all three.</param>
    /// <param name="api">What the token is for.</param>
    /// <param name="resource">The name the client called the API by.</param>
    /// <param name="user">Who has signed in.</param>
    /// <param name="client">To which app.</param>
    public IssuedToken IssueToUser(EntraDirectory directory, ApiRegistration api, string resource, DirectoryUser user, AppRegistration client)
    {
        TokenContext context = ContextOf(directory, api, resource);
        return Issue($"{user.Name} through {client.Name}", context, TokenShapes.User(context, user, client), TokenShapes.Lifetime);
    }

    /// <summary>The ID token by which an app learns who has signed in to it: v2.0, for the app itself.</summary>
    /// <param name="directory">The directory of both.</param>
    /// <param name="client">The app.</param>
    /// <param name="user">Who has signed in.</param>
    /// <param name="nonce">Comes back in it; null for none.</param>
    public string IssueIdToken(EntraDirectory directory, AppRegistration client, DirectoryUser user, string? nonce)
    {
        ApiRegistration itself = new(client.ClientId, [], TokenVersion.V2, [], IncludesIdtyp: false, IncludesCapabilities: false, IncludesGroups: false);
        TokenContext context = new(directory, itself, client.ClientId.ToString(), TokenVersion.V2, clock.UtcNow, _baseUrl);
        JsonObject claims = TokenShapes.IdToken(context, user);
        claims.Remove("nonce");
        if (nonce is not null)
        {
            claims["nonce"] = nonce;
        }

        return Sign(claims, TokenVersion.V2, keys.Current);
    }

    private TokenContext ContextOf(EntraDirectory directory, ApiRegistration api, string resource) =>
        new(directory, api, AudienceOf(api, api.TokenVersion, resource), api.TokenVersion, clock.UtcNow, _baseUrl);

    private IssuedToken Issue(string name, TokenContext context, JsonObject claims, TimeSpan lifetime)
    {
        SigningKey key = keys.Current;
        string token = Sign(claims, context.Version, key);
        LogIssued(name, context.Audience, context.Now + lifetime, key.Kid);
        return new IssuedToken(token, context.Now, context.Now + lifetime);
    }

    /// <summary>v1.0 tokens call the API what the client called it, v2.0 tokens by its client id.</summary>
    private static string AudienceOf(ApiRegistration api, TokenVersion version, string resource) =>
        version == TokenVersion.V1 ? resource : api.ClientId.ToString();

    private static string Sign(JsonObject claims, TokenVersion version, SigningKey key) =>
        CompactJwt.Sign(HeaderJson(version, key), claims.ToJsonString(Plain), "RS256", key);

    /// <summary>The first <c>alg</c> of a header, which may be no JSON or hold it twice; null if it has none.</summary>
    private static string? AlgorithmOf(string headerJson)
    {
        try
        {
            using JsonDocument header = JsonDocument.Parse(headerJson);
            return header.RootElement.ValueKind == JsonValueKind.Object
                ? header.RootElement.EnumerateObject()
                    .Where(member => member.NameEquals("alg") && member.Value.ValueKind == JsonValueKind.String)
                    .Select(member => member.Value.GetString())
                    .FirstOrDefault()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [LoggerMessage(LogLevel.Information, "Issued a token to {Name} for {Audience}, good until {ExpiresAt:u}, signed with {Kid}")]
    private partial void LogIssued(string name, string audience, DateTimeOffset expiresAt, string kid);

    [LoggerMessage(LogLevel.Information, "Minted a token of {Name} on demand, signed with {Kid}")]
    private partial void LogMinted(string name, string kid);

    [LoggerMessage(LogLevel.Information, "Minted a token of free content, signed with {Kid}")]
    private partial void LogMintedRaw(string kid);
}
