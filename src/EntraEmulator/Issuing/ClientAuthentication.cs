using System.Security.Cryptography;
using System.Text;
using EntraEmulator.Configuration;
using EntraEmulator.Directories;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EntraEmulator.Issuing;

/// <summary>Finds out which app asks for a token and whether it proves that.</summary>
internal sealed class ClientAuthentication(EmulatorOptions options, EmulatorClock clock)
{
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private readonly JsonWebTokenHandler _assertions = new();
    private readonly string _baseUrl = options.PublicBaseUrl.TrimEnd('/');

    /// <summary>Authenticates the client of a token request.</summary>
    /// <param name="directory">The directory of the request's URL.</param>
    /// <param name="authorization">The <c>Authorization</c> header; null if there is none.</param>
    /// <param name="form">The body.</param>
    /// <returns>The app and how it proved itself, or the error.</returns>
    public async Task<(AppRegistration? App, ClientAuth Auth, EntraError? Error)> AuthenticateAsync(
        EntraDirectory directory, string? authorization, IFormCollection form)
    {
        string? client = form["client_id"];
        string? secret = form["client_secret"];
        if (authorization is not null)
        {
            if (!TryReadBasic(authorization, out string basicClient, out string basicSecret))
            {
                return Failed(EntraError.Malformed("The Authorization header is not Basic with client id and secret"));
            }

            if ((client ?? basicClient) != basicClient || secret is not null)
            {
                return Failed(EntraError.Malformed("The client is named by header and body at once"));
            }

            (client, secret) = (basicClient, basicSecret);
        }

        if (string.IsNullOrEmpty(client))
        {
            return Failed(EntraError.Missing("client_id"));
        }

        // The id only: the short name is for the hooks.
        AppRegistration? app = Guid.TryParse(client, out Guid id) ? directory.FindApp(id.ToString()) : null;
        if (app is null)
        {
            return Failed(EntraError.UnknownClient(client, directory.Id));
        }

        string? assertion = form["client_assertion"];
        if (!string.IsNullOrEmpty(assertion))
        {
            string type = form["client_assertion_type"].ToString();
            EntraError? error = type == AssertionType
                ? await CheckAssertionAsync(directory, app, assertion)
                : EntraError.BadAssertionType(type);
            return (app, ClientAuth.Assertion, error);
        }

        if (string.IsNullOrEmpty(secret))
        {
            return Failed(EntraError.NoCredential());
        }

        return (app, ClientAuth.Secret, IsSecretOf(app, secret) ? null : EntraError.BadSecret(app.ClientId));
    }

    private static (AppRegistration? App, ClientAuth Auth, EntraError? Error) Failed(EntraError error) => (null, ClientAuth.Public, error);

    /// <summary>Reads <c>Basic base64(id:secret)</c>, both form-encoded before (RFC 6749, 2.3.1).</summary>
    private static bool TryReadBasic(string authorization, out string client, out string secret)
    {
        const string Scheme = "Basic ";
        client = secret = "";
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        string encoded = authorization[Scheme.Length..].Trim();
        byte[] bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out int length))
        {
            return false;
        }

        string pair = Encoding.UTF8.GetString(bytes.AsSpan(0, length));
        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0)
        {
            return false;
        }

        client = FormDecode(pair[..colon]);
        secret = FormDecode(pair[(colon + 1)..]);
        return true;

        static string FormDecode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
    }

    private static bool IsSecretOf(AppRegistration app, string secret) =>
        app.Secret is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(app.Secret), Encoding.UTF8.GetBytes(secret));

    private async Task<EntraError?> CheckAssertionAsync(EntraDirectory directory, AppRegistration app, string assertion)
    {
        JsonWebToken token;
        try
        {
            token = _assertions.ReadJsonWebToken(assertion);
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException)
        {
            return EntraError.MalformedAssertion();
        }

        // By certificate the app speaks for itself; otherwise another issuer vouches for one subject of its own.
        bool isOwn = app.Certificate is not null && Guid.TryParse(token.Issuer, out Guid issuer) && issuer == app.ClientId;
        if (isOwn)
        {
            return token.Subject == token.Issuer
                ? await VerifyAsync(token, [app.Certificate!.Key], AudiencesOf(directory), ["RS256", "PS256"]) // Not null: isOwn.
                : EntraError.WrongAssertionSubject();
        }

        FederatedIssuer? federated = app.FederatedIssuers.FirstOrDefault(candidate =>
            candidate.Issuer == token.Issuer && candidate.Subject == token.Subject);
        if (federated is not null)
        {
            return await VerifyAsync(token, federated.Keys, [federated.Audience], ["RS256"]);
        }

        return app.FederatedIssuers.Any(candidate => candidate.Issuer == token.Issuer)
            ? EntraError.WrongAssertionSubject()
            : EntraError.UnknownAssertionIssuer();
    }

    /// <summary>What an app may call the token endpoint in an assertion: the URL of either version, or the issuer.</summary>
    private string[] AudiencesOf(EntraDirectory directory)
    {
        string root = $"{_baseUrl}/{directory.Id}";
        return [$"{root}/oauth2/v2.0/token", $"{root}/oauth2/token", $"{root}/v2.0", $"{root}/"];
    }

    private async Task<EntraError?> VerifyAsync(
        JsonWebToken token, IEnumerable<SecurityKey> keys, IEnumerable<string> audiences, IEnumerable<string> algorithms)
    {
        TokenValidationResult result = await _assertions.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidateIssuer = false, // It chose the keys.
            ValidAudiences = audiences,
            ValidAlgorithms = algorithms,
            IssuerSigningKeys = keys,
            LifetimeValidator = (notBefore, expires, _, _) => IsInTime(notBefore, expires),
        });
        return result.Exception switch
        {
            null => null,
            SecurityTokenInvalidAudienceException => EntraError.WrongAssertionAudience(),
            SecurityTokenInvalidLifetimeException => EntraError.AssertionOutOfTime(),
            _ => EntraError.BadAssertionSignature(),
        };
    }

    private bool IsInTime(DateTime? notBefore, DateTime? expires)
    {
        DateTime now = clock.UtcNow.UtcDateTime;
        return expires is not null && now < expires + ClockSkew && (notBefore is null || notBefore - ClockSkew <= now);
    }
}
