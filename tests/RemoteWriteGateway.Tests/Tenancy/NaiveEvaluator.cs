using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>The semantics of a policy once more, with sets of pairs and without any index: slow, and easy to compare with the text.</summary>
internal static class NaiveEvaluator
{
    // Stands for the tenant where a permission is on the gateway.
    public const string Gateway = "*gateway*";

    /// <summary>The reason, or tenants, bindings and range.</summary>
    public static string Decide(PolicySnapshot policy, Caller caller, AccessQuestion question, DateTimeOffset now)
    {
        string own = Decide(policy, caller, question, [question.Permission], now);
        if (question.Permission is not Permissions.PolicyRead || own is not (Reasons.PermissionDenied or Reasons.NoRoles or Reasons.GroupsOverage))
        {
            return own;
        }

        // gateway:admin implies it, and both can be denied. An overage is told rather than another refusal.
        string implied = Decide(
            policy, caller, question with { Permission = Permissions.GatewayAdmin }, [Permissions.GatewayAdmin, Permissions.PolicyRead], now);
        return own is Reasons.GroupsOverage && Reasons.OfPolicy.Contains(implied) ? own : implied;
    }

    private static string Decide(PolicySnapshot policy, Caller caller, AccessQuestion question, string[] deniable, DateTimeOffset now)
    {
        string permission = question.Permission;
        HashSet<string> granted = Granted(policy, caller, permission, now, groupsMatch: false);
        HashSet<string> denied = [.. deniable.SelectMany(one => Denied(policy, caller, one, now))];
        HashSet<string> left = [.. granted.Except(denied)];
        if (left.Count == 0)
        {
            return granted.Count > 0 ? Reasons.DeniedByPolicy
                : caller.GroupsUnknown && Granted(policy, caller, permission, now, groupsMatch: true).Count > 0 ? Reasons.GroupsOverage
                : caller.Roles.IsEmpty && caller.Scopes.IsEmpty ? Reasons.NoRoles
                : Reasons.PermissionDenied;
        }

        string[] requested = [.. Enumerable.Range(0, question.Requested.Count).Select(i => question.Requested[i])];
        bool isOnAll = !Permissions.IsGatewayPermission(permission) && requested.Length == 0 && left.Count == policy.Tenants.Length && HaveAll(policy, caller, permission, now);
        if (question.Choice is TenantChoice.All)
        {
            if (!isOnAll)
            {
                return Reasons.TenantNotGranted;
            }
        }
        else if (question.Choice is not TenantChoice.None)
        {
            if (requested.Any(name => !left.Contains(name)))
            {
                return Reasons.TenantNotGranted;
            }

            if (requested.Length == 0 && question.Choice is TenantChoice.One && (left.Count > 1 || HaveAll(policy, caller, permission, now)))
            {
                return Reasons.TenantAmbiguous;
            }

            left = requested.Length > 0 ? [.. requested] : left;
            if (question.Choice is TenantChoice.Several && left.Count > question.MaxTenants)
            {
                return Reasons.TooManyTenants;
            }
        }

        Binding[] gave = [.. policy.Bindings.Where(rule => Views(caller).Any(view => TenantsOf(policy, rule, permission, view, now, false).Overlaps(left)))];
        string chosen = question.Choice is TenantChoice.None ? "" : string.Join('|', left.Order(StringComparer.Ordinal));
        return $"{chosen} by {string.Join(',', gave.Select(rule => rule.Id))} up to {gave.Min(rule => rule.MaxRange)}{(isOnAll ? ", on all" : "")}";
    }

    /// <summary>What bindings give before anything is denied, sorted.</summary>
    public static string GrantedBeforeDenials(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now) =>
        string.Join('|', Granted(policy, caller, permission, now, groupsMatch: false).Order(StringComparer.Ordinal));

    /// <summary>Who is looked at: the caller, or the human and the agent.</summary>
    private static Caller[] Views(Caller caller) => !caller.OnBehalfOfUser
        ? [caller]
        :
        [
            caller with { Kind = CallerKind.User },
            caller with { ObjectId = Guid.Empty, Roles = [], Scopes = [], Groups = [], GroupsUnknown = false },
        ];

    private static HashSet<string> Granted(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now, bool groupsMatch) => Views(caller)
        .Select(view => policy.Bindings.SelectMany(rule => TenantsOf(policy, rule, permission, view, now, groupsMatch && view.GroupsUnknown)))
        .Aggregate((a, b) => a.Intersect(b))
        .ToHashSet();

    private static IEnumerable<string> Denied(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now) =>
        from view in Views(caller)
        from rule in policy.Denials
        from tenant in TenantsOf(policy, rule, permission, view, now, view.GroupsUnknown)
        select tenant;

    private static bool HaveAll(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now) => Views(caller).All(view =>
        policy.Bindings.Any(rule => rule.AllTenants && TenantsOf(policy, rule, permission, view, now, false).Count > 0));

    /// <summary>What a rule gives or takes; nothing if it does not match.</summary>
    private static HashSet<string> TenantsOf(PolicySnapshot policy, PolicyRule rule, string permission, Caller view, DateTimeOffset now, bool groupsMatch)
    {
        RuleMatch match = rule.Match;
        string[] captured = match.RoleTemplate is not { } template ? [] :
        [
            .. view.Roles.Where(role => role.StartsWith(template.Prefix, StringComparison.Ordinal) && role.EndsWith(template.Suffix, StringComparison.Ordinal))
                .Select(role => role[template.Prefix.Length..(role.Length - template.Suffix.Length)])
                .Where(name => policy.Tenants.Any(tenant => tenant.Name == name)),
        ];
        bool matches = rule.Permissions.Contains(permission)
            && match.Kinds.Contains(view.Kind)
            && (match.Clients is null || match.Clients.Contains(view.Client))
            && (match.ObjectIds is null || match.ObjectIds.Contains(view.ObjectId))
            && (match.Groups is null || groupsMatch || match.Groups.Value.Intersect(view.Groups).Any())
            && (match.Roles is null || match.Roles.Intersect(view.Roles).Any())
            && (match.Scopes is null || match.Scopes.Intersect(view.Scopes).Any())
            && (match.ClientAuths is null || match.ClientAuths.Value.Contains(view.ClientAuth))
            && (match.RoleTemplate is null || captured.Length > 0)
            && !(now < rule.NotBefore) && !(now > rule.NotAfter);
        return !matches ? []
            : Permissions.IsGatewayPermission(permission) ? [Gateway]
            : rule.AllTenants ? [.. policy.Tenants.Select(tenant => tenant.Name)]
            : [.. rule.Tenants.Select(tenant => tenant.Name), .. rule is Binding { GrantsCaptured: true } ? captured : []];
    }
}
