using System.Collections.Frozen;
using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>One version of the policy, compiled. Immutable: a request reads one snapshot from its first question to its last.</summary>
internal sealed class PolicySnapshot
{
    private readonly RuleIndex[] _bindingsOf;
    private readonly RuleIndex[] _denialsOf;
    private readonly FrozenDictionary<string, Tenant>.AlternateLookup<ReadOnlySpan<char>> _tenantsBySpan;
    private readonly FrozenDictionary<string, Binding> _bindingsById;

    /// <summary>Compiles one. <paramref name="tenants"/> are sorted by name, ordinally; <see cref="Tenant.Ordinal"/> is the place in this list.</summary>
    public PolicySnapshot(
        PolicyDocument document,
        Guid? directory,
        TokenRules tokens,
        ImmutableArray<Tenant> tenants,
        ImmutableArray<Binding> bindings,
        ImmutableArray<DenyRule> denials,
        RevocationList revocations)
    {
        Document = document;
        Directory = directory;
        Tokens = tokens;
        Tenants = tenants;
        Bindings = bindings;
        Denials = denials;
        Revocations = revocations;
        FrozenDictionary<string, Tenant> byName = tenants.ToFrozenDictionary(tenant => tenant.Name, StringComparer.Ordinal);
        _bindingsById = bindings.ToFrozenDictionary(binding => binding.Id, StringComparer.Ordinal);
        _tenantsBySpan = byName.GetAlternateLookup<ReadOnlySpan<char>>();
        _bindingsOf = [.. Permissions.All.Select(permission => new RuleIndex(bindings, rule => rule.Permissions.Contains(permission)))];
        _denialsOf = [.. Permissions.All.Select(permission => new RuleIndex(denials, rule => rule.Permissions.Contains(permission)))];
    }

    /// <summary>What it was made of.</summary>
    public PolicyDocument Document { get; }

    /// <summary>First 16 hex digits of the document's SHA-256.</summary>
    public string Version => Document.Version;

    /// <summary>The directory that the policy is for, or null if it does not say.</summary>
    public Guid? Directory { get; }

    public TokenRules Tokens { get; }

    /// <summary>All declared tenants, sorted by name.</summary>
    public ImmutableArray<Tenant> Tenants { get; }

    /// <summary>In the order of the document.</summary>
    public ImmutableArray<Binding> Bindings { get; }

    /// <summary>In the order of the document.</summary>
    public ImmutableArray<DenyRule> Denials { get; }

    public RevocationList Revocations { get; }

    /// <summary>The tenant of this name, compared ordinally, or null if none is declared.</summary>
    public Tenant? FindTenant(ReadOnlySpan<char> name) => _tenantsBySpan.TryGetValue(name, out Tenant? found) ? found : null;

    /// <summary>
    /// The groups of <paramref name="caller"/> that <paramref name="bindings"/> ask for, or default if none of them asks for groups.
    /// </summary>
    public ImmutableArray<Guid> GroupsMatched(Caller caller, ImmutableArray<string> bindings)
    {
        if (caller.Groups.IsEmpty)
        {
            return default;
        }

        SortedSet<Guid> matched = [];
        foreach (string id in bindings)
        {
            if (_bindingsById[id].Match.Groups is { } groups)
            {
                matched.UnionWith(groups.Where(group => caller.Groups.BinarySearch(group) >= 0));
            }
        }

        return matched.Count == 0 ? default : [.. matched];
    }

    /// <summary>Whether one of <paramref name="roles"/> names a declared tenant by <paramref name="template"/>.</summary>
    public bool NamesTenant(RoleTemplate template, ReadOnlySpan<string> roles)
    {
        foreach (string role in roles)
        {
            if (template.TryCapture(role, out ReadOnlySpan<char> name) && FindTenant(name) is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Finds the bindings that may grant <paramref name="permission"/>, as places in <see cref="Bindings"/>.</summary>
    public RuleIndex BindingsOf(string permission) => _bindingsOf[IndexOf(permission)];

    /// <summary>Finds the rules that may take <paramref name="permission"/> away, as places in <see cref="Denials"/>.</summary>
    public RuleIndex DenialsOf(string permission) => _denialsOf[IndexOf(permission)];

    private static int IndexOf(string permission)
    {
        int index = Permissions.All.IndexOf(permission);
        return index >= 0 ? index : throw new ArgumentException($"There is no permission {permission}.", nameof(permission));
    }
}
