using System.Collections.Immutable;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>What a caller is told of itself.</summary>
/// <param name="Caller">Who it is, by its token.</param>
/// <param name="Grants">What it may do, by permission.</param>
/// <param name="Denied">What its bindings give and something takes away, by permission.</param>
/// <param name="PolicyVersion">The policy that says so.</param>
/// <param name="RequestId">The id of this request in the gateway's log and audit.</param>
internal sealed record WhoAmI(
    CallerItem Caller, ImmutableArray<GrantItem> Grants, ImmutableArray<DenialItem> Denied, string PolicyVersion, string RequestId)
{
    /// <summary>Tells a caller of itself: nothing of a rule that does not concern it, nor of a tenant that no binding of its own names.</summary>
    public static WhoAmI Of(PolicySnapshot policy, Caller caller, DateTimeOffset now, string requestId)
    {
        // What every permission would be refused for, whatever the bindings say.
        string? violation = PolicyEvaluator.CheckToken(policy, caller, now);
        var grants = ImmutableArray.CreateBuilder<GrantItem>();
        var denied = ImmutableArray.CreateBuilder<DenialItem>();
        foreach (string permission in Permissions.All)
        {
            AccessQuestion question = new(
                permission,
                Permissions.IsGatewayPermission(permission) ? TenantChoice.None : TenantChoice.Several,
                RequestedTenants.None,
                int.MaxValue);
            PolicyDecision decision = PolicyEvaluator.Decide(policy, caller, question, now);
            ImmutableArray<string> tenants = Names(decision.Tenants);
            if (decision.IsAllowed && violation is null)
            {
                grants.Add(new GrantItem(permission, tenants, decision.Bindings));
            }

            ImmutableArray<string> given = Names(PolicyEvaluator.GrantedBeforeDenials(policy, caller, permission, now, out bool any));
            ImmutableArray<string> taken = violation is null ? [.. given.Except(tenants, StringComparer.Ordinal)] : given;
            if (decision.Reason is Reasons.GroupsOverage || taken.Length > 0 || (any && (violation ?? decision.Reason) is not null))
            {
                denied.Add(new DenialItem(permission, violation ?? decision.Reason ?? Reasons.DeniedByPolicy, taken, DenialsOf(policy, caller, permission, now)));
            }
        }

        return new WhoAmI(CallerItem.Of(caller), grants.ToImmutable(), denied.ToImmutable(), policy.Version, requestId);
    }

    private static ImmutableArray<string> Names(ImmutableArray<Tenant> tenants) => [.. tenants.Select(tenant => tenant.Name)];

    private static ImmutableArray<string> DenialsOf(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now) =>
        [.. PolicyTrace.LookAt(policy.Denials, policy, caller, permission, now).Where(rule => rule.Matched).Select(rule => rule.Id).Distinct(StringComparer.Ordinal)];
}

/// <summary>Who is calling.</summary>
/// <param name="Kind"><c>app</c>, <c>user</c> or <c>agent</c>.</param>
/// <param name="OnBehalfOfUser">An agent that acts for a human, whose object id is <paramref name="ObjectId"/>.</param>
/// <param name="Directory">The directory.</param>
/// <param name="ObjectId">Object id of the user or service principal.</param>
/// <param name="Client">Client id of the app that presented the token.</param>
/// <param name="ClientAuth"><c>public</c>, <c>secret</c> or <c>assertion</c>.</param>
/// <param name="Roles">App roles.</param>
/// <param name="Scopes">Delegated scopes.</param>
/// <param name="Groups">How many groups the token lists, if it does.</param>
/// <param name="TokenId">The token's id, by which it can be revoked; null if it has none.</param>
/// <param name="ExpiresAt">When the token ends.</param>
internal sealed record CallerItem(
    string Kind,
    bool OnBehalfOfUser,
    Guid Directory,
    Guid ObjectId,
    Guid Client,
    string ClientAuth,
    ImmutableArray<string> Roles,
    ImmutableArray<string> Scopes,
    CallerGroups Groups,
    string? TokenId,
    DateTimeOffset ExpiresAt)
{
    public static CallerItem Of(Caller caller) => new(
        MatchReader.NameOf(caller.Kind),
        caller.OnBehalfOfUser,
        caller.Directory,
        caller.ObjectId,
        caller.Client,
        MatchReader.NameOf(caller.ClientAuth),
        caller.Roles,
        caller.Scopes,
        new CallerGroups(!caller.GroupsUnknown, caller.GroupsUnknown ? 0 : caller.Groups.Length),
        caller.TokenId,
        caller.ExpiresAt);
}

/// <summary>The groups of a token.</summary>
/// <param name="Known">False if the token lists none because there are too many: no binding by group matches.</param>
/// <param name="Count">How many it lists.</param>
internal sealed record CallerGroups(bool Known, int Count);

/// <summary>A permission that is granted.</summary>
/// <param name="Permission">Which.</param>
/// <param name="Tenants">On which tenants; empty for permissions on the gateway.</param>
/// <param name="Bindings">By which bindings of the policy.</param>
internal sealed record GrantItem(string Permission, ImmutableArray<string> Tenants, ImmutableArray<string> Bindings);

/// <summary>A permission, or some tenants of it, that bindings give and something takes away.</summary>
/// <param name="Permission">Which.</param>
/// <param name="Reason">The reason's id, as in a refusal.</param>
/// <param name="Tenants">On which tenants; empty for permissions on the gateway, and where nobody can tell.</param>
/// <param name="Rules">The denials of the policy that match the caller.</param>
internal sealed record DenialItem(string Permission, string Reason, ImmutableArray<string> Tenants, ImmutableArray<string> Rules);
