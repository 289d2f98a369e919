using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Values of the <c>WWW-Authenticate</c> header (RFC 6750, and Entra's claims challenge). They name reasons, never what a token holds.
/// </summary>
internal sealed class Challenges(EntraDirectory directory)
{
    /// <summary>W1: credentials are missing.</summary>
    public const string Realm = "Bearer realm=\"remote-write-gateway\"";

    /// <summary>W4: the request itself is wrong.</summary>
    public const string InvalidRequest = Realm + ", error=\"invalid_request\"";

    /// <summary>W3, on every 403: which scope to ask the directory for.</summary>
    public string InsufficientScope { get; } = $"{Realm}, error=\"insufficient_scope\", scope=\"{directory.DefaultScope}\"";

    /// <summary>W2: the token is refused for <paramref name="reason"/>.</summary>
    public static string InvalidToken(string reason) => $"{Realm}, error=\"invalid_token\", error_description=\"{reason}\"";

    /// <summary>
    /// For a token that was good when it was issued (revoked, too old): W5, which asks for one issued from <paramref name="now"/> on,
    /// if the client understands claims challenges; else W2.
    /// </summary>
    public static string NewTokenNeeded(Caller caller, string reason, DateTimeOffset now)
    {
        if (!caller.TakesClaimsChallenge)
        {
            return InvalidToken(reason);
        }

        string seconds = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string claims = "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"" + seconds + "\"}}}";
        return $"{Realm}, error=\"insufficient_claims\", claims=\"{Convert.ToBase64String(Encoding.ASCII.GetBytes(claims))}\"";
    }
}
