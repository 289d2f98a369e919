using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Directories;
using EntraEmulator.Faults;
using EntraEmulator.Tokens;

namespace EntraEmulator.Issuing;

/// <summary>The token endpoint: apps prove themselves by a secret or an assertion, for themselves (client credentials) or for a user who has signed in to them.</summary>
internal sealed partial class TokenEndpoint(
    DirectorySet directories, ClientAuthentication authentication, TokenMint mint, UserGrants grants, EmulatorClock clock, ILogger<TokenEndpoint> logger)
{
    private const string DefaultScope = "/.default";

    /// <summary>Parameters that decide something and may stand only once.</summary>
    private static readonly string[] Parameters =
        [
        "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource", "claims", "code", "redirect_uri", "code_verifier", "refresh_token",
    ];

    /// <summary>Issues a token, or says why not.</summary>
    /// <param name="http">The request; its body is read.</param>
    /// <param name="directoryName">The directory of the URL.</param>
    /// <param name="version">Of the endpoint: v1.0 takes <c>resource</c> in place of <c>scope</c>. The token's version is the API's choice.</param>
    public async Task<IResult> AnswerAsync(HttpContext http, string directoryName, TokenVersion version)
    {
        (JsonObject? answer, EntraError? error) = await IssueAsync(http, directoryName, version);
        if (answer is null)
        {
            LogRefused(error!.Number, error.Code); // One of the two is there.
            return error.ToResult(http, clock);
        }

        http.Response.Headers.CacheControl = "no-store, no-cache";
        http.Response.Headers.Pragma = "no-cache";
        return Results.Json(answer);
    }

    private static JsonObject AnswerV2(IssuedToken token) => new()
    {
        ["token_type"] = "Bearer",
        ["expires_in"] = Seconds(token),
        ["ext_expires_in"] = Seconds(token),
        ["access_token"] = token.Text,
    };

    private static JsonObject AnswerV1(IssuedToken token, string resource) => new()
    {
        ["token_type"] = "Bearer",
        ["expires_in"] = Seconds(token).ToString(CultureInfo.InvariantCulture),
        ["ext_expires_in"] = Seconds(token).ToString(CultureInfo.InvariantCulture),
        ["expires_on"] = token.ExpiresAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        ["not_before"] = token.IssuedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        ["resource"] = resource,
        ["access_token"] = token.Text,
    };

    private static long Seconds(IssuedToken token) => (long)(token.ExpiresAt - token.IssuedAt).TotalSeconds;

    private async Task<(JsonObject? Answer, EntraError? Error)> IssueAsync(
        HttpContext http, string directoryName, TokenVersion version)
    {
        if (directories.Find(directoryName) is not { } directory)
        {
            return Failed(EntraError.UnknownDirectory(directoryName));
        }

        (IFormCollection? form, EntraError? fault) = await ReadFormAsync(http.Request);
        if (form is null)
        {
            return (null, fault);
        }

        string? grant = form["grant_type"];
        bool isOfUser = version == TokenVersion.V2 && grant is (UserGrants.Code or UserGrants.RefreshToken);
        if (grant != "client_credentials" && !isOfUser)
        {
            return Failed(string.IsNullOrEmpty(grant) ? EntraError.Missing("grant_type") : EntraError.UnsupportedGrant(grant));
        }

        string? authorization = http.Request.Headers.Authorization;
        (AppRegistration? app, ClientAuth auth, EntraError? error) = await authentication.AuthenticateAsync(directory, authorization, form);
        if (app is null || error is not null)
        {
            return (null, error);
        }

        return isOfUser ? grants.Issue(grant!, directory, app, form) : IssueToApp(directory, app, auth, form, version); // A grant of users is none that is null.
    }

    private (JsonObject? Answer, EntraError? Error) IssueToApp(
        EntraDirectory directory, AppRegistration app, ClientAuth auth, IFormCollection form, TokenVersion version)
    {
        string name = version == TokenVersion.V1 ? "resource" : "scope";
        string? wanted = form[name];
        if (string.IsNullOrEmpty(wanted))
        {
            return Failed(EntraError.Missing(name));
        }

        string? resource = version == TokenVersion.V1 ? wanted : ResourceOf(wanted);
        if (resource is null)
        {
            return Failed(EntraError.BadScope(wanted));
        }

        if (directory.FindApi(resource) is not { } api)
        {
            return Failed(EntraError.UnknownResource(resource, directory.Id));
        }

        IssuedToken token = mint.IssueToApp(directory, api, resource, app, auth, HasCapability(form["claims"]));
        return (version == TokenVersion.V1 ? AnswerV1(token, resource) : AnswerV2(token), null);
    }

    private static async Task<(IFormCollection? Form, EntraError? Fault)> ReadFormAsync(HttpRequest request)
    {
        if (!request.HasFormContentType)
        {
            return (null, EntraError.NotAForm());
        }

        try
        {
            IFormCollection form = await request.ReadFormAsync(request.HttpContext.RequestAborted);
            return Parameters.FirstOrDefault(name => form[name].Count > 1) is { } repeated ? (null, EntraError.Repeated(repeated)) : (form, null);
        }
        catch (InvalidDataException e)
        {
            return (null, EntraError.Malformed($"The form cannot be read: {e.Message}"));
        }
    }

    private static (JsonObject? Answer, EntraError? Error) Failed(EntraError error) => (null, error);

    /// <summary>The resource of a scope such as <c>api://metrics/.default</c>; null if it is not one resource with that ending.</summary>
    private static string? ResourceOf(string scope) =>
        scope.Length > DefaultScope.Length && scope.EndsWith(DefaultScope, StringComparison.Ordinal) && !scope.Contains(' ', StringComparison.Ordinal)
            ? scope[..^DefaultScope.Length]
            : null;

    /// <summary>Whether the parameter <c>claims</c> says <c>{"access_token":{"xms_cc":{"values":["cp1"]}}}</c>.</summary>
    private static bool HasCapability(string? claims)
    {
        if (string.IsNullOrEmpty(claims))
        {
            return false;
        }

        try
        {
            JsonNode? values = JsonNode.Parse(claims)?["access_token"]?["xms_cc"]?["values"];
            return values is JsonArray list && list.Any(value => value?.GetValueKind() == JsonValueKind.String && (string?)value == "cp1");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or not of objects: the client says nothing that is understood.
            return false;
        }
    }

    [LoggerMessage(LogLevel.Information, "Refused a token request: AADSTS{Number} {Code}")]
    private partial void LogRefused(int number, string code);
}

/// <summary>Routes of <see cref="TokenEndpoint"/>.</summary>
internal static class TokenRoutes
{
    /// <summary>Maps the token endpoint of both versions, and the page where users sign in.</summary>
    public static void MapTokenEndpoint(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/{tid}/oauth2/v2.0/token", (HttpContext http, string tid, TokenEndpoint endpoint) =>
            endpoint.AnswerAsync(http, tid, TokenVersion.V2)).WithFaults(EmulatedEndpoint.Token);
        routes.MapPost("/{tid}/oauth2/token", (HttpContext http, string tid, TokenEndpoint endpoint) =>
            endpoint.AnswerAsync(http, tid, TokenVersion.V1)).WithFaults(EmulatedEndpoint.Token);
        routes.MapGet("/{tid}/oauth2/v2.0/authorize", (HttpContext http, string tid, AuthorizeEndpoint endpoint) => endpoint.Answer(http, tid));
    }
}
