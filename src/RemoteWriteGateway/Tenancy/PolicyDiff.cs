using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Something that a rule's callers can do in one of two policies and not in the other.</summary>
/// <param name="Kind">What makes the difference: <c>binding</c>, <c>deny</c> or <c>revocation</c>.</param>
/// <param name="Id">The rule's id; null for revocations, which have none in a policy.</param>
/// <param name="Who">Whom the rule matches.</param>
/// <param name="Permission">The permission.</param>
/// <param name="Tenants">The tenants; empty for permissions on the gateway.</param>
internal sealed record AccessChange(string Kind, string? Id, string Who, string Permission, ImmutableArray<string> Tenants)
{
    /// <summary>Kind and id, for example <c>binding sre-readers</c>.</summary>
    public string Rule => Id is null ? Kind : $"{Kind} {Id}";

    public override string ToString() => $"{Rule} ({Who}): {Permission}{(Tenants.IsEmpty ? "" : $" on {string.Join(", ", Tenants)}")}";
}

/// <summary>A setting that two policies differ in, and that concerns many.</summary>
internal sealed record SettingChange(string Key, string Old, string New)
{
    public override string ToString() => $"{Key}: {Old} → {New}";
}

/// <summary>
/// Who gains and who loses between two policies, told by their rules: a rule is the same one if it has the same id. A rule whose
/// conditions change is told as lost by those it matched and gained by those it matches. Limits and other settings of tenants are not compared.
/// </summary>
internal sealed record PolicyDiff(ImmutableArray<AccessChange> Gains, ImmutableArray<AccessChange> Loses, ImmutableArray<SettingChange> Changed)
{
    public bool IsEmpty => Gains.IsEmpty && Loses.IsEmpty && Changed.IsEmpty;

    public static PolicyDiff Between(PolicySnapshot old, PolicySnapshot now)
    {
        ImmutableArray<AccessChange> grantedBefore = [.. old.Bindings.SelectMany(rule => EffectsOf("binding", rule, old))];
        ImmutableArray<AccessChange> granted = [.. now.Bindings.SelectMany(rule => EffectsOf("binding", rule, now))];
        ImmutableArray<AccessChange> deniedBefore = [.. DeniedBy(old)];
        ImmutableArray<AccessChange> denied = [.. DeniedBy(now)];
        return new PolicyDiff(
            [.. Without(granted, grantedBefore), .. Without(deniedBefore, denied)],
            [.. Without(grantedBefore, granted), .. Without(denied, deniedBefore)],
            [.. Settings(old, now)]);
    }

    private static IEnumerable<AccessChange> DeniedBy(PolicySnapshot policy) =>
        policy.Denials.SelectMany(rule => EffectsOf("deny", rule, policy)).Concat(policy.Revocations.All.Select(Effect));

    private static IEnumerable<AccessChange> EffectsOf(string kind, PolicyRule rule, PolicySnapshot policy)
    {
        string[] captured = rule is Binding { GrantsCaptured: true } ? [RoleTemplate.Placeholder] : [];
        foreach (string permission in rule.Permissions)
        {
            ImmutableArray<string> tenants = Permissions.IsGatewayPermission(permission)
                ? []
                : [.. captured, .. (rule.AllTenants ? policy.Tenants : rule.Tenants).Select(tenant => tenant.Name)];
            if (!tenants.IsEmpty || Permissions.IsGatewayPermission(permission))
            {
                yield return new AccessChange(kind, rule.Id, Describe(rule), permission, tenants);
            }
        }
    }

    private static AccessChange Effect(Revocation revocation) => new(
        "revocation",
        null,
        string.Join(' ', ((string?[])
        [
            $"{RevocationsReader.NameOf(revocation.Kind)} {revocation.Value}",
            revocation.IssuedBefore is { } issued ? $"issued before {Instant.Show(issued)}" : null,
            revocation.Until is { } until ? $"until {Instant.Show(until)}" : null,
        ]).OfType<string>()),
        "everything",
        []);

    /// <summary>What <paramref name="these"/> have and <paramref name="those"/> have not, tenant by tenant.</summary>
    private static IEnumerable<AccessChange> Without(ImmutableArray<AccessChange> these, ImmutableArray<AccessChange> those)
    {
        ILookup<(string, string, string), AccessChange> others = those.ToLookup(one => (one.Rule, one.Who, one.Permission));
        foreach (AccessChange one in these)
        {
            AccessChange[] same = [.. others[(one.Rule, one.Who, one.Permission)]];
            ImmutableArray<string> rest = [.. one.Tenants.Except(same.SelectMany(other => other.Tenants), StringComparer.Ordinal)];
            if (same.Length == 0 || !rest.IsEmpty)
            {
                yield return one with { Tenants = rest };
            }
        }
    }

    /// <summary>A rule in words, with everything that it says but its description: two of equal text mean the same.</summary>
    public static string TextOf(PolicyRule rule) => string.Join(
        "; ",
        ((string?[])[rule.Id, Describe(rule), .. rule.Permissions, .. rule.Tenants.Select(tenant => tenant.Name), rule.AllTenants ? "all" : null, rule is Binding { GrantsCaptured: true } ? RoleTemplate.Placeholder : null])
            .OfType<string>());

    private static string Describe(PolicyRule rule)
    {
        RuleMatch match = rule.Match;
        string?[] parts =
        [
            string.Join(" or ", match.Kinds.Order().Select(MatchReader.NameOf)),
            Part("client", match.Clients?.Order().Select(id => id.ToString("D"))),
            Part("oid", match.ObjectIds?.Order().Select(id => id.ToString("D"))),
            Part("group", match.Groups?.Select(id => id.ToString("D"))),
            Part("role", match.Roles?.Order(StringComparer.Ordinal)),
            Part("scope", match.Scopes?.Order(StringComparer.Ordinal)),
            Part("clientAuth", match.ClientAuths?.Order().Select(MatchReader.NameOf)),
            match.RoleTemplate is { } template ? $"roleTemplate {template}" : null,
            rule.NotBefore is { } from ? $"from {Instant.Show(from)}" : null,
            rule.NotAfter is { } to ? $"until {Instant.Show(to)}" : null,
            (rule as Binding)?.MaxRange is { } range ? $"ranges up to {Quantity.Show(range)}" : null,
        ];
        return string.Join(", ", parts.OfType<string>());
    }

    private static string? Part(string name, IEnumerable<string>? values) => values is null ? null : $"{name} {string.Join(" or ", values)}";

    private static IEnumerable<SettingChange> Settings(PolicySnapshot old, PolicySnapshot now)
    {
        (string Key, string Old, string New)[] all =
        [
            ("directory", old.Directory?.ToString("D") ?? "any", now.Directory?.ToString("D") ?? "any"),
            ("tokens.delegatedScope", old.Tokens.DelegatedScope, now.Tokens.DelegatedScope),
            ("tokens.requireIdtyp", Show(old.Tokens.RequireIdTyp), Show(now.Tokens.RequireIdTyp)),
            ("tokens.minClientAuth", MatchReader.NameOf(old.Tokens.MinClientAuth), MatchReader.NameOf(now.Tokens.MinClientAuth)),
            ("tokens.maxUserAge", Show(old.Tokens.MaxUserAge), Show(now.Tokens.MaxUserAge)),
            .. Tenants(old, now),
        ];
        return all.Where(one => one.Old != one.New).Select(one => new SettingChange(one.Key, one.Old, one.New));
    }

    private static IEnumerable<(string Key, string Old, string New)> Tenants(PolicySnapshot old, PolicySnapshot now) =>
        old.Tenants.Concat(now.Tenants).Select(tenant => tenant.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(name => ($"tenants.{name}", IsDeclared(name, old), IsDeclared(name, now)));

    private static string IsDeclared(string name, PolicySnapshot policy) => policy.FindTenant(name) is null ? "absent" : "declared";

    private static string Show(bool flag) => flag ? "true" : "false";

    private static string Show(TimeSpan? duration) => duration is { } limit ? Quantity.Show(limit) : "none";
}
