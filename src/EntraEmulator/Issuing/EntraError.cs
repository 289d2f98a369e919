using System.Globalization;
using System.Text.Json.Nodes;

namespace EntraEmulator.Issuing;

/// <summary>An error of the token endpoint: the OAuth 2.0 code, Entra's number, and what is wrong.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">The code of RFC 6749, or Entra's own such as <c>invalid_resource</c>.</param>
/// <param name="Number">The AADSTS number.</param>
/// <param name="Text">One sentence, without a secret or an assertion.</param>
internal sealed record EntraError(int Status, string Code, int Number, string Text)
{
    public static EntraError UnknownDirectory(string name) => Invalid("invalid_tenant", 90002, $"Tenant '{name}' is not a directory of this emulator.");

    public static EntraError NotAForm() => Invalid("invalid_request", 900561, "The endpoint takes POST with a body of application/x-www-form-urlencoded.");

    public static EntraError Missing(string parameter) => Invalid("invalid_request", 900144, $"The request body lacks the parameter '{parameter}'.");

    public static EntraError Repeated(string parameter) => Invalid("invalid_request", 9000411, $"The parameter '{parameter}' stands more than once.");

    public static EntraError Malformed(string what) => Invalid("invalid_request", 90014, $"{what}.");

    public static EntraError UnsupportedGrant(string grant) =>
        Invalid("unsupported_grant_type", 70003, $"The grant type '{grant}' is not supported; send client_credentials, authorization_code or refresh_token.");

    public static EntraError InvalidGrant(string why) => Invalid("invalid_grant", 70008, $"{why}.");

    public static EntraError BadUserScope(string scope) =>
        Invalid("invalid_scope", 70011, $"The scope '{scope}' is not valid; name scopes of one API as <App ID URI>/<scope>, with openid, profile, email, offline_access beside them.");

    public static EntraError UnknownScope(string scope, string resource) =>
        Invalid("invalid_scope", 65005, $"The API {resource} has no scope '{scope}'.");

    public static EntraError UnknownRedirectUri(string uri, Guid client) =>
        Invalid("invalid_request", 50011, $"The redirect URI '{uri}' is not one of the app '{client}'.");

    public static EntraError UnknownClient(string client, Guid directory) =>
        Invalid("unauthorized_client", 700016, $"Application with identifier '{client}' is not in the directory '{directory}'.");

    public static EntraError UnknownResource(string resource, Guid directory) =>
        Invalid("invalid_resource", 500011, $"The resource principal named {resource} is not in the directory {directory}.");

    public static EntraError BadScope(string scope) =>
        Invalid("invalid_scope", 70011, $"The scope '{scope}' is not valid; name one resource as <App ID URI>/.default.");

    public static EntraError NoCredential() =>
        Refused(7000218, "The request proves the client by neither 'client_assertion' nor 'client_secret'.");

    public static EntraError BadSecret(Guid client) => Refused(7000215, $"The client secret is not one of the app '{client}'.");

    public static EntraError BadAssertionType(string type) =>
        Refused(70025, $"client_assertion_type '{type}' is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer.");

    public static EntraError MalformedAssertion() => Refused(50027, "The client assertion is not a signed JWT.");

    public static EntraError UnknownAssertionIssuer() =>
        Refused(700211, "No certificate and no federated identity credential of the app fits the issuer of the assertion.");

    public static EntraError WrongAssertionSubject() => Refused(700213, "The subject of the assertion is not the one registered for the app.");

    public static EntraError WrongAssertionAudience() => Refused(700212, "The audience of the assertion is not the one expected.");

    public static EntraError AssertionOutOfTime() => Refused(700024, "The assertion is not within its time range.");

    public static EntraError BadAssertionSignature() => Refused(700027, "The signature of the assertion does not verify with the app's keys.");

    /// <summary>The answer as Entra writes it.</summary>
    public IResult ToResult(HttpContext http, EmulatorClock clock)
    {
        string timestamp = clock.UtcNow.ToString("u", CultureInfo.InvariantCulture);
        string trace = Guid.NewGuid().ToString();
        string correlation = Guid.TryParse(http.Request.Headers["client-request-id"], out Guid id) ? id.ToString() : Guid.NewGuid().ToString();
        http.Response.Headers.CacheControl = "no-store, no-cache";
        http.Response.Headers.Pragma = "no-cache";
        return Results.Json(
            new JsonObject
            {
                ["error"] = Code,
                ["error_description"] = $"AADSTS{Number}: {Text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                ["error_codes"] = new JsonArray(Number),
                ["timestamp"] = timestamp,
                ["trace_id"] = trace,
                ["correlation_id"] = correlation,
                ["error_uri"] = $"https://login.microsoftonline.com/error?code={Number}",
            },
            statusCode: Status);
    }

    private static EntraError Invalid(string code, int number, string text) => new(StatusCodes.Status400BadRequest, code, number, text);

    private static EntraError Refused(int number, string text) => new(StatusCodes.Status401Unauthorized, "invalid_client", number, text);
}
