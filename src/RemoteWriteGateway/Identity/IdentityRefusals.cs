using System.Globalization;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>What authentication answers. 401 is a definite verdict about a token; whatever is merely not known is 503.</summary>
internal static class IdentityRefusals
{
    /// <summary>Characters of a token; real ones have 1 to 2 thousand, with 200 groups about 11 thousand.</summary>
    public const int MaxTokenLength = 16 * 1024;

    private static readonly TimeSpan UnavailableRetryAfter = TimeSpan.FromSeconds(5);

    public static readonly Refusal NoCredentials =
        new("no-credentials", 401, "send an Entra access token as \"Authorization: Bearer\"") { WwwAuthenticate = Challenges.Realm };

    public static readonly Refusal SeveralCredentials =
        new("several-credentials", 400, "the request has more than one Authorization header")
        {
            WwwAuthenticate = Challenges.InvalidRequest,
        };

    public static readonly Refusal MalformedToken = Token("malformed-token", "the token is not a signed JWT in compact form");
    public static readonly Refusal AlgorithmNotAllowed = Token("algorithm-not-allowed", "only RS256 is accepted");
    public static readonly Refusal WrongTokenType = Token("wrong-token-type", "only typ JWT or at+jwt is accepted");
    public static readonly Refusal BadSignature = Token("bad-signature", "the signature does not verify");
    public static readonly Refusal UnknownKey = Token("unknown-key", "the signing key is not one of the directory");
    public static readonly Refusal InvalidToken = Token("invalid-token", "the token was refused");
    public static readonly Refusal WrongIssuer = Token("wrong-issuer", "the token comes from another issuer");
    public static readonly Refusal DirectoryNotAllowed = Token("directory-not-allowed", "the token comes from another directory");
    public static readonly Refusal ClaimsInconsistent = Token("claims-inconsistent", "the token contradicts itself");

    /// <summary>No keys, keys too old, or an unknown key that could not be looked up in time.</summary>
    public static readonly Refusal IdentityUnavailable =
        new("identity-unavailable", 503, "signing keys are not available yet; retry") { RetryAfter = UnavailableRetryAfter };

    public static Refusal TokenTooLarge(int length) => Token(
        "token-too-large",
        string.Create(CultureInfo.InvariantCulture, $"the token has {length} characters, limit {MaxTokenLength}; assign fewer groups"));

    public static Refusal WrongAudience(EntraDirectory directory) =>
        Token("wrong-audience", $"the token was issued for another API; request scope {directory.DefaultScope}");

    public static Refusal NotAnAccessToken(EntraDirectory directory) =>
        Token("not-an-access-token", $"this looks like an ID token; send an access token for {directory.AppIdUri}");

    public static Refusal TokenExpired(EntraDirectory directory) =>
        Token("token-expired", $"the token has expired; {Skew(directory)}");

    public static Refusal TokenNotYetValid(EntraDirectory directory) =>
        Token("token-not-yet-valid", $"the token is not valid yet; {Skew(directory)}");

    /// <summary>The fetches for unknown keys are spent.</summary>
    /// <param name="untilFetch">Time until there is one again.</param>
    public static Refusal KeyNotYetKnown(TimeSpan untilFetch) =>
        new("key-not-yet-known", 503, "signing keys are not available yet; retry") { RetryAfter = untilFetch, RetryAfterIsExact = true };

    private static Refusal Token(string reason, string text) =>
        new(reason, 401, text) { WwwAuthenticate = Challenges.InvalidToken(reason) };

    private static string Skew(EntraDirectory directory) =>
        string.Create(CultureInfo.InvariantCulture, $"clock difference over {directory.ClockSkew.TotalSeconds:0} s is not tolerated");
}
