using System.Collections.Frozen;
using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>A condition of a rule, in the order in which they are looked at.</summary>
internal enum RuleCondition
{
    /// <summary>None failed: the rule matches.</summary>
    None,
    Kind,
    Client,
    Oid,
    Group,
    Role,
    Scope,
    ClientAuth,
    RoleTemplate,
    NotBefore,
    NotAfter,
}

/// <summary>The <c>match</c> of a rule: every field that is given must fit, any item of a list will do. Fields that are null are not given.</summary>
internal sealed record RuleMatch
{
    public required ImmutableArray<CallerKind> Kinds { get; init; }

    public FrozenSet<Guid>? Clients { get; init; }

    public FrozenSet<Guid>? ObjectIds { get; init; }

    /// <summary>Sorted, so that it can be searched for a caller's groups or the other way round.</summary>
    public ImmutableArray<Guid>? Groups { get; init; }

    public FrozenSet<string>? Roles { get; init; }

    public FrozenSet<string>? Scopes { get; init; }

    public ImmutableArray<ClientAuth>? ClientAuths { get; init; }

    public RoleTemplate? RoleTemplate { get; init; }

    /// <summary>The first condition that does not hold for <paramref name="caller"/>; a template is not looked at, since what it gives depends on the tenants.</summary>
    public RuleCondition FirstMismatch(in CallerView caller) =>
        !Kinds.AsSpan().Contains(caller.Kind) ? RuleCondition.Kind
        : Clients is not null && !Clients.Contains(caller.Client) ? RuleCondition.Client
        : ObjectIds is not null && (caller.ObjectId is not { } subject || !ObjectIds.Contains(subject)) ? RuleCondition.Oid
        : Groups is { } groups && !caller.IsInAnyGroup && !HaveCommon(groups.AsSpan(), caller.Groups) ? RuleCondition.Group
        : Roles is not null && !ContainsAny(Roles, caller.Roles) ? RuleCondition.Role
        : Scopes is not null && !ContainsAny(Scopes, caller.Scopes) ? RuleCondition.Scope
        : ClientAuths is { } auths && !auths.AsSpan().Contains(caller.ClientAuth) ? RuleCondition.ClientAuth
        : RuleCondition.None;

    private static bool ContainsAny(FrozenSet<string> wanted, ReadOnlySpan<string> has)
    {
        foreach (string one in has)
        {
            if (wanted.Contains(one))
            {
                return true;
            }
        }

        return false;
    }

    // Both are sorted. A rule names few groups and a token has up to 200, so the shorter one is walked and the longer one searched.
    private static bool HaveCommon(ReadOnlySpan<Guid> wanted, ReadOnlySpan<Guid> has)
    {
        ReadOnlySpan<Guid> few = wanted.Length <= has.Length ? wanted : has;
        ReadOnlySpan<Guid> many = wanted.Length <= has.Length ? has : wanted;
        foreach (Guid one in few)
        {
            if (many.BinarySearch(one) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>A role that names a tenant, for example <c>Tenant.{tenant}.Write</c>. The whole role must fit.</summary>
/// <param name="Prefix">What stands before <c>{tenant}</c>.</param>
/// <param name="Suffix">What stands behind it.</param>
internal sealed record RoleTemplate(string Prefix, string Suffix)
{
    /// <summary>The place of the tenant's name.</summary>
    public const string Placeholder = "{tenant}";

    /// <summary>Whether <paramref name="role"/> has the template's form; if so <paramref name="tenant"/> is the name in it, declared or not.</summary>
    public bool TryCapture(string role, out ReadOnlySpan<char> tenant)
    {
        bool fits = role.Length > Prefix.Length + Suffix.Length
            && role.StartsWith(Prefix, StringComparison.Ordinal)
            && role.EndsWith(Suffix, StringComparison.Ordinal);
        tenant = fits ? role.AsSpan(Prefix.Length, role.Length - Prefix.Length - Suffix.Length) : default;
        return fits;
    }

    public override string ToString() => Prefix + Placeholder + Suffix;
}
