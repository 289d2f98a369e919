using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What bindings and denials have in common: for whom, when, and about which permissions on which tenants.</summary>
internal abstract record PolicyRule
{
    public required string Id
    {
        get;
        init
        {
            field = value;
            IdAlone = [value];
        }
    }

    /// <summary>This rule's id and no other, made once.</summary>
    public ImmutableArray<string> IdAlone { get; private init; }

    public string? Description { get; init; }

    public required RuleMatch Match { get; init; }

    /// <summary>The first moment of the rule, or null for always.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>The last moment of the rule, or null for always.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>All tenant permissions or all gateway permissions, never some of both; except <see cref="DenyRule.Everything"/>.</summary>
    public required ImmutableArray<string> Permissions { get; init; }

    /// <summary>Sorted by name. Empty for gateway permissions, and if <see cref="AllTenants"/>.</summary>
    public ImmutableArray<Tenant> Tenants { get; init; } = [];

    /// <summary>Every tenant of the policy that the rule stands in.</summary>
    public bool AllTenants { get; init; }

    /// <summary>The first condition that does not hold, a template aside.</summary>
    public RuleCondition FirstMismatch(in CallerView caller, DateTimeOffset now) =>
        Match.FirstMismatch(in caller) is not RuleCondition.None and var failed ? failed
        : now < NotBefore ? RuleCondition.NotBefore
        : now > NotAfter ? RuleCondition.NotAfter
        : RuleCondition.None;
}

/// <summary>An item of <c>bindings</c>: grants permissions on tenants to those who match.</summary>
internal sealed record Binding : PolicyRule
{
    /// <summary>Whether <c>{tenant}</c> stands among the tenants: those that the caller's roles name by the template are granted, too.</summary>
    public bool GrantsCaptured { get; init; }

    /// <summary>The longest range of a read under this binding, or null for no limit.</summary>
    public TimeSpan? MaxRange { get; init; }
}

/// <summary>An item of <c>deny</c>: takes permissions on tenants away, whatever grants them.</summary>
internal sealed record DenyRule : PolicyRule
{
    /// <summary>Every permission, those on the gateway included.</summary>
    public bool Everything { get; init; }
}
