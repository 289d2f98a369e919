using System.Collections.Immutable;
using System.Globalization;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What became of one rule.</summary>
/// <param name="Id">The rule's id.</param>
/// <param name="As">As whom an agent that acts for a human was looked at; null for every other caller.</param>
/// <param name="Failed">The first condition that did not hold, or <see cref="RuleCondition.None"/>: the rule matched.</param>
/// <param name="Why">In words, for example <c>none of 1 matched</c>; null if it matched.</param>
internal sealed record RuleTrace(string Id, CallerKind? As, RuleCondition Failed, string? Why)
{
    public bool Matched => Failed is RuleCondition.None;
}

/// <summary>A decision, and how it came about: for explanations and tests, never for requests.</summary>
/// <param name="Decision">What a request would be answered, the token's own faults included.</param>
/// <param name="Bindings">Every binding of the permission, in the order of the document.</param>
/// <param name="Denials">Every denial of the permission, in the order of the document.</param>
/// <param name="Revocation">The revocation that refuses the token, if one does.</param>
/// <param name="Granted">The tenants on which the permission is granted, whatever is requested.</param>
internal sealed record PolicyTrace(
    PolicyDecision Decision,
    ImmutableArray<RuleTrace> Bindings,
    ImmutableArray<RuleTrace> Denials,
    Revocation? Revocation,
    ImmutableArray<Tenant> Granted)
{
    /// <summary>What the service has unless it is configured otherwise: policy files do not say it.</summary>
    public static readonly int DefaultMaxTenantsPerRead = new TenancyOptions().MaxTenantsPerRead;

    /// <summary>Decides like a request of the permission's usual route that names <paramref name="requested"/>, and looks at every rule on the way.</summary>
    public static PolicyTrace Of(
        PolicySnapshot policy,
        Caller caller,
        string permission,
        ImmutableArray<string> requested,
        DateTimeOffset now,
        int maxTenantsPerRead,
        RevocationList? catalog = null)
    {
        TenantChoice all = Permissions.ChoiceOf(permission) is TenantChoice.None ? TenantChoice.None : TenantChoice.Several;
        AccessQuestion everything = new(permission, all, RequestedTenants.None, int.MaxValue);
        return new PolicyTrace(
            Decide(policy, caller, permission, requested, now, maxTenantsPerRead, catalog),
            [.. LookAt(policy.Bindings, policy, caller, permission, now)],
            [.. LookAt(policy.Denials, policy, caller, permission, now)],
            policy.Revocations.Find(caller, now) ?? catalog?.Find(caller, now),
            PolicyEvaluator.Decide(policy, caller, everything, now).Tenants);
    }

    /// <summary>What becomes of each of <paramref name="rules"/> that concerns the permission, in their order.</summary>
    public static IEnumerable<RuleTrace> LookAt(
        IEnumerable<PolicyRule> rules, PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now) =>
        rules.Where(rule => Concerns(rule, permission)).SelectMany(rule => Look(rule, policy, caller, now));

    /// <summary>What a request of the permission's usual route would be answered.</summary>
    public static PolicyDecision Decide(
        PolicySnapshot policy,
        Caller caller,
        string permission,
        ImmutableArray<string> requested,
        DateTimeOffset now,
        int maxTenantsPerRead,
        RevocationList? catalog = null)
    {
        if (PolicyEvaluator.CheckToken(policy, caller, now, catalog) is { } violation)
        {
            return PolicyDecision.Refused(violation);
        }

        TenantChoice choice = Permissions.ChoiceOf(permission);
        ImmutableArray<string> names = [.. requested.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (choice is TenantChoice.None)
        {
            names = [];
        }
        else if (names.Any(name => !TenantName.IsValid(name)) || (choice is TenantChoice.One && names.Length > 1))
        {
            return PolicyDecision.Refused(Reasons.TenantInvalid);
        }

        return PolicyEvaluator.Decide(policy, caller, AccessQuestion.Of(permission, choice, new RequestedTenants(names), maxTenantsPerRead), now);
    }

    /// <summary>Whether the rule has a say in whether the permission is granted.</summary>
    public static bool Concerns(PolicyRule rule, string permission) =>
        rule.Permissions.Contains(permission)
        || (permission is Permissions.PolicyRead && rule.Permissions.Contains(Permissions.GatewayAdmin));

    private static IEnumerable<RuleTrace> Look(PolicyRule rule, PolicySnapshot policy, Caller caller, DateTimeOffset now)
    {
        if (!caller.OnBehalfOfUser)
        {
            return [Look(rule, policy, caller, null, now)];
        }

        // Of the two views, the one that the rule is not meant for says nothing.
        RuleTrace asUser = Look(rule, policy, caller, CallerKind.User, now);
        RuleTrace asAgent = Look(rule, policy, caller, CallerKind.Agent, now);
        return asAgent.Failed is RuleCondition.Kind ? [asUser] : asUser.Failed is RuleCondition.Kind ? [asAgent] : [asUser, asAgent];
    }

    private static RuleTrace Look(PolicyRule rule, PolicySnapshot policy, Caller caller, CallerKind? asWhom, DateTimeOffset now)
    {
        CallerView view = (asWhom switch
        {
            CallerKind.User => CallerView.AsUser(caller),
            CallerKind.Agent => CallerView.AsAgent(caller),
            _ => CallerView.Of(caller),
        }).InAnyGroup(rule is DenyRule && caller.GroupsUnknown && asWhom is not CallerKind.Agent);
        RuleCondition failed = rule.FirstMismatch(in view, now);
        if (failed is RuleCondition.None && rule.Match.RoleTemplate is { } template && !policy.NamesTenant(template, view.Roles))
        {
            failed = RuleCondition.RoleTemplate;
        }

        return new RuleTrace(rule.Id, asWhom, failed, Why(rule, caller, view.Kind, failed));
    }

    private static string? Why(PolicyRule rule, Caller caller, CallerKind kind, RuleCondition failed) => failed switch
    {
        RuleCondition.None => null,
        RuleCondition.Kind => $"the caller is of kind {MatchReader.NameOf(kind)}",
        RuleCondition.Client => NoneOf(rule.Match.Clients!.Count), // this and the next failed, so they were given
        RuleCondition.Oid => NoneOf(rule.Match.ObjectIds!.Count),
        RuleCondition.Group when caller.GroupsUnknown => "unknown, the token lists no groups",
        RuleCondition.Group => NoneOf(rule.Match.Groups!.Value.Length),
        RuleCondition.Role => NoneOf(rule.Match.Roles!.Count),
        RuleCondition.Scope => NoneOf(rule.Match.Scopes!.Count),
        RuleCondition.ClientAuth => $"the client authenticated by {MatchReader.NameOf(caller.ClientAuth)}",
        RuleCondition.RoleTemplate => $"no role names a declared tenant by {rule.Match.RoleTemplate}",
        RuleCondition.NotBefore => $"begins {Instant.Show(rule.NotBefore!.Value)}",
        _ => $"ended {Instant.Show(rule.NotAfter!.Value)}",
    };

    private static string NoneOf(int count) => string.Create(CultureInfo.InvariantCulture, $"none of {count} matched");
}
