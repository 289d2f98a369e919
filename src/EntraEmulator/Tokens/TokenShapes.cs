using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Directories;

namespace EntraEmulator.Tokens;

/// <summary>What a token is for: the API in its directory under the name that becomes <c>aud</c>, and when.</summary>
/// <remarks>
/// <c>BaseUrl</c> is the issuer's origin without a slash at the end; with <c>TakesClaimsChallenge</c> the client has said that it understands
/// claims challenges (<c>cp1</c>).
/// </remarks>
internal sealed record TokenContext(
    EntraDirectory Directory,
    ApiRegistration Api,
    string Audience,
    TokenVersion Version,
    DateTimeOffset Now,
    string BaseUrl,
    bool TakesClaimsChallenge = false)
{
    /// <summary>The <c>iss</c> claim.</summary>
    public string Issuer => TokenShapes.Issuer(BaseUrl, Directory.Id, Version);
}

/// <summary>The claims of Entra's tokens, in Entra's order.</summary>
internal static class TokenShapes
{
    /// <summary>With more groups than this, a token says where to ask for them instead.</summary>
    public const int MaxGroups = 200;

    /// <summary>How long a token is good for from the moment it is handed out.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>The same for managed identities.</summary>
    public static readonly TimeSpan ManagedIdentityLifetime = TimeSpan.FromHours(24);

    /// <summary>Tokens start this long before they are handed out, for clocks that are behind.</summary>
    private static readonly TimeSpan BackDating = TimeSpan.FromMinutes(5);

    /// <summary>The issuer of a directory's tokens.</summary>
    public static string Issuer(string baseUrl, Guid directory, TokenVersion version) =>
        version == TokenVersion.V1 ? $"{baseUrl}/sts/{directory}/" : $"{baseUrl}/{directory}/v2.0";

    /// <summary>An app that got the token for itself; an agent identity, if it is one.</summary>
    public static JsonObject App(TokenContext context, AppRegistration app, ClientAuth auth)
    {
        JsonObject claims = Principal(context, Lifetime, app.ClientId, auth, app.ObjectId, app.Roles);
        if (app.Agent is not null)
        {
            claims["xms_act_fct"] = "3 9 11";
            claims["xms_sub_fct"] = "9 3 11";
            claims["xms_idrel"] = "7 10";
            claims["xms_par_app_azp"] = app.Agent.Parent.ToString();
        }

        return claims;
    }

    /// <summary>A managed identity.</summary>
    public static JsonObject ManagedIdentity(TokenContext context, ManagedIdentity identity)
    {
        JsonObject claims = Principal(
            context, ManagedIdentityLifetime, identity.ClientId, ClientAuth.Assertion, identity.PrincipalId, identity.Roles);
        claims["xms_mirid"] = identity.ResourceId;
        return claims;
    }

    /// <summary>A user who has signed in to <paramref name="client"/>; if that is an agent identity, it acts for the user.</summary>
    public static JsonObject User(TokenContext context, DirectoryUser user, AppRegistration client)
    {
        JsonObject claims = Start(context, Lifetime);
        AddClient(claims, context.Version, client.ClientId, client.UsualAuth);
        AddIdtyp(claims, context.Api, "user");
        AddUser(claims, context, user);
        if (context.Api.Scopes.Count > 0)
        {
            claims["scp"] = string.Join(' ', context.Api.Scopes);
        }

        AddEnd(claims, context, user);
        if (context.Api.IncludesCapabilities)
        {
            claims["xms_cc"] = new JsonArray("cp1");
        }

        if (client.Agent is not null)
        {
            claims["xms_act_fct"] = "11";
        }

        return claims;
    }

    /// <summary>An ID token of a user for the API itself: not an access token, though it may carry roles.</summary>
    public static JsonObject IdToken(TokenContext context, DirectoryUser user)
    {
        JsonObject claims = Start(context, Lifetime);
        claims["nonce"] = Opaque(16);
        AddIdtyp(claims, context.Api, "user");
        AddUser(claims, context, user);
        AddEnd(claims, context, user);
        return claims;
    }

    /// <summary>The claims that apps and managed identities share.</summary>
    private static JsonObject Principal(
        TokenContext context, TimeSpan lifetime, Guid client, ClientAuth auth, Guid objectId, IReadOnlyList<string> roles)
    {
        JsonObject claims = Start(context, lifetime);
        claims["aio"] = Opaque(45);
        AddClient(claims, context.Version, client, auth);
        if (context.Version == TokenVersion.V1)
        {
            claims["idp"] = context.Issuer;
        }

        AddIdtyp(claims, context.Api, "app");
        claims["oid"] = objectId.ToString();
        claims["rh"] = "1." + Opaque(42);
        AddTexts(claims, "roles", roles);
        claims["sub"] = objectId.ToString();
        claims["tid"] = context.Directory.Id.ToString();
        claims["uti"] = Opaque(16);
        claims["ver"] = VersionText(context.Version);
        if (context.TakesClaimsChallenge && context.Api.IncludesCapabilities)
        {
            claims["xms_cc"] = new JsonArray("cp1");
        }

        return claims;
    }

    private static JsonObject Start(TokenContext context, TimeSpan lifetime)
    {
        long start = (context.Now - BackDating).ToUnixTimeSeconds();
        return new JsonObject
        {
            ["aud"] = context.Audience,
            ["iss"] = context.Issuer,
            ["iat"] = start,
            ["nbf"] = start,
            ["exp"] = (context.Now + lifetime).ToUnixTimeSeconds(),
        };
    }

    private static void AddClient(JsonObject claims, TokenVersion version, Guid client, ClientAuth auth)
    {
        string name = version == TokenVersion.V1 ? "appid" : "azp";
        claims[name] = client.ToString();
        claims[name + "acr"] = ((int)auth).ToString(CultureInfo.InvariantCulture);
    }

    private static void AddIdtyp(JsonObject claims, ApiRegistration api, string type)
    {
        if (api.IncludesIdtyp)
        {
            claims["idtyp"] = type;
        }
    }

    private static void AddUser(JsonObject claims, TokenContext context, DirectoryUser user)
    {
        claims["name"] = user.DisplayName;
        claims["oid"] = user.ObjectId.ToString();
        if (context.Version == TokenVersion.V1)
        {
            claims["unique_name"] = user.PreferredUsername;
            claims["upn"] = user.PreferredUsername;
        }
        else
        {
            claims["preferred_username"] = user.PreferredUsername;
        }
    }

    private static void AddEnd(JsonObject claims, TokenContext context, DirectoryUser user)
    {
        claims["sub"] = PairwiseSubject(user.ObjectId, context.Api.ClientId);
        AddTexts(claims, "roles", user.Roles);
        if (context.Api.IncludesGroups && user.Groups.Count <= MaxGroups)
        {
            AddTexts(claims, "groups", [.. user.Groups.Select(group => group.ToString())]);
        }
        else if (context.Api.IncludesGroups)
        {
            string endpoint = $"https://graph.windows.net/{context.Directory.Id}/users/{user.ObjectId}/getMemberObjects";
            claims["_claim_names"] = new JsonObject { ["groups"] = "src1" };
            claims["_claim_sources"] = new JsonObject { ["src1"] = new JsonObject { ["endpoint"] = endpoint } };
        }

        claims["tid"] = context.Directory.Id.ToString();
        claims["uti"] = Opaque(16);
        claims["ver"] = VersionText(context.Version);
    }

    /// <summary>Entra leaves an empty list out.</summary>
    private static void AddTexts(JsonObject claims, string name, IReadOnlyList<string> values)
    {
        if (values.Count > 0)
        {
            claims[name] = new JsonArray([.. values.Select(value => JsonValue.Create(value))]);
        }
    }

    private static string VersionText(TokenVersion version) => version == TokenVersion.V1 ? "1.0" : "2.0";

    /// <summary>A user's <c>sub</c> differs from API to API and stays the same for one.</summary>
    private static string PairwiseSubject(Guid user, Guid api) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes($"{user} {api}")));

    private static string Opaque(int bytes) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));
}
