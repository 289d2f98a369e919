using System.Globalization;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What a reason of the policy is answered with: status, challenge, and a text of constants and our own configuration.</summary>
internal sealed class TenancyRefusals(Challenges challenges, IOptions<TenancyOptions> options)
{
    /// <summary>The catalog's revocations are not known, or for too long not known to be what they were.</summary>
    public static readonly Refusal CatalogUnavailable =
        new(Reasons.CatalogUnavailable, 503, "the catalog cannot be read; retry") { RetryAfter = TimeSpan.FromSeconds(5) };

    private readonly string _howToName = $"name one in header {options.Value.Header} or by /tenants/<name>/";
    private readonly int _maxTenants = options.Value.MaxTenantsPerRead;

    /// <summary>A verdict on the token itself, whatever the route.</summary>
    /// <param name="reason">From <see cref="PolicyEvaluator.CheckToken"/>.</param>
    /// <param name="caller">Whose token it is.</param>
    /// <param name="tokens">The rules in force.</param>
    /// <param name="now">From when on a new token must have been issued, where one is asked for.</param>
    public Refusal OfToken(string reason, Caller caller, TokenRules tokens, DateTimeOffset now) => reason switch
    {
        Reasons.Revoked => NewTokenNeeded(reason, "access was revoked by an operator", caller, now),
        Reasons.TokenTooOld => NewTokenNeeded(reason, "the token is older than the policy allows for users; sign in again", caller, now),
        Reasons.ScopeMissing => Forbidden(reason, $"a user token needs scope {tokens.DelegatedScope}"),
        Reasons.IdTypMissing => Forbidden(reason, "the token has no claim idtyp; add the optional claim idtyp to the gateway's app registration"),
        Reasons.ClientAuthTooWeak => Forbidden(reason, "use a certificate, managed or federated identity"),
        _ => throw new ArgumentException($"{reason} is no reason to refuse a token.", nameof(reason)),
    };

    /// <summary>A verdict on what the caller may do, or on what the request says about tenants.</summary>
    /// <param name="reason">From <see cref="PolicyDecision.Reason"/> or <see cref="RequestedTenantsReader"/>.</param>
    /// <param name="permission">The route's permission.</param>
    /// <param name="tenants">How many tenants the request is about, where they are too many.</param>
    public Refusal Of(string reason, string permission, int tenants = 0) => reason switch
    {
        Reasons.NoRoles => Forbidden(reason, $"the token has neither roles nor scopes; this needs permission {permission}; see /whoami"),
        Reasons.PermissionDenied => Forbidden(reason, $"this needs permission {permission}; see /whoami"),
        Reasons.DeniedByPolicy => Forbidden(reason, $"a rule of the policy denies it; this needs permission {permission}; see /whoami"),
        Reasons.GroupsOverage => Forbidden(reason,
            "the token lists no groups because there are too many; use app roles or set groupMembershipClaims to ApplicationGroup; "
            + $"this needs permission {permission}; see /whoami"),
        Reasons.TenantNotGranted => Forbidden(reason, $"no {permission} on a requested tenant; see /whoami"),
        Reasons.TenantConflict => BadRequest(reason, $"the request names a tenant more than once; {_howToName}"),
        Reasons.TenantInvalid => BadRequest(reason, $"that is not the name of a tenant; {_howToName}"),
        Reasons.TenantAmbiguous => BadRequest(reason, $"{permission} is granted on several tenants; {_howToName}"),
        Reasons.TooManyTenants => BadRequest(reason, string.Create(
            CultureInfo.InvariantCulture, $"the read is about {tenants} tenants, limit {_maxTenants}; {_howToName}")),
        _ => throw new ArgumentException($"{reason} is no reason of the policy.", nameof(reason)),
    };

    /// <summary>The permission is held, and not on all tenants, which the route is about.</summary>
    public Refusal NotOnAllTenants(string permission) =>
        Forbidden(Reasons.TenantNotGranted, $"this needs {permission} on all tenants (allTenants: true in the policy, and no denial); see /whoami");

    private static Refusal NewTokenNeeded(string reason, string text, Caller caller, DateTimeOffset now) =>
        new(reason, 401, text) { WwwAuthenticate = Challenges.NewTokenNeeded(caller, reason, now) };

    private static Refusal BadRequest(string reason, string text) => new(reason, 400, text);

    private Refusal Forbidden(string reason, string text) => new(reason, 403, text) { WwwAuthenticate = challenges.InsufficientScope };
}
