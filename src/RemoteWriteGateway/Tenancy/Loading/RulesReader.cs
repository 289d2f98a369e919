using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Reads <c>bindings</c> and <c>deny</c>. One instance for a document, since ids are unique over both.</summary>
internal sealed partial class RulesReader(ImmutableArray<Tenant> tenants)
{
    private readonly Dictionary<string, Tenant> _tenants = tenants.ToDictionary(tenant => tenant.Name, StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lineOfId = new(StringComparer.Ordinal);

    public ImmutableArray<Binding> ReadBindings(YamlValue? list) =>
        [.. (list?.Items(mayBeEmpty: true) ?? []).Select(item => item.Map()).OfType<YamlMap>().Select(ReadBinding).OfType<Binding>()];

    public ImmutableArray<DenyRule> ReadDenials(YamlValue? list) =>
        [.. (list?.Items(mayBeEmpty: true) ?? []).Select(item => item.Map()).OfType<YamlMap>().Select(ReadDenial).OfType<DenyRule>()];

    private Binding? ReadBinding(YamlMap map)
    {
        map.Expect("id", "description", "match", "grant", "notBefore", "notAfter");
        (string? id, string? description) = ReadNames(map);
        (DateTimeOffset? from, DateTimeOffset? to) = ReadTimes(map);
        RuleMatch? match = map.Require("match") is { } value ? MatchReader.Read(value, isBinding: true) : null;
        if (map.Require("grant")?.Map() is not { } grant)
        {
            return null;
        }

        grant.Expect("permissions", "tenants", "allTenants", "limits");
        bool hasTemplate = map.Find("match") is { } given && given.HasKey("roleTemplate");
        Scope scope = ReadScope(grant, hasTemplate, isBinding: true);
        TimeSpan? maxRange = null;
        if (grant.Find("limits")?.Map() is { } limits)
        {
            limits.Expect("maxRange");
            maxRange = limits.Find("maxRange")?.Duration();
        }

        return id is null || match is null ? null : new Binding
        {
            Id = id,
            Description = description,
            Match = match,
            NotBefore = from,
            NotAfter = to,
            Permissions = scope.Permissions,
            Tenants = scope.Tenants,
            AllTenants = scope.AllTenants,
            GrantsCaptured = scope.HasPlaceholder,
            MaxRange = maxRange,
        };
    }

    private DenyRule? ReadDenial(YamlMap map)
    {
        map.Expect("id", "description", "match", "deny", "notBefore", "notAfter");
        (string? id, string? description) = ReadNames(map);
        (DateTimeOffset? from, DateTimeOffset? to) = ReadTimes(map);
        RuleMatch? match = map.Require("match") is { } value ? MatchReader.Read(value, isBinding: false) : null;
        if (map.Require("deny")?.Map() is not { } deny)
        {
            return null;
        }

        deny.Expect("permissions", "tenants", "allTenants", "everything");
        bool everything = ReadTrue(deny, "everything");
        if (everything && (deny.Has("permissions") || deny.Has("tenants") || deny.Has("allTenants")))
        {
            deny.FaultAt("everything", "stands alone: everything is every permission on every tenant");
        }

        Scope scope = everything || deny.Has("everything")
            ? new Scope(Permissions.All, [], AllTenants: true, HasPlaceholder: false)
            : ReadScope(deny, hasTemplate: false, isBinding: false);
        return id is null || match is null ? null : new DenyRule
        {
            Id = id,
            Description = description,
            Match = match,
            NotBefore = from,
            NotAfter = to,
            Permissions = scope.Permissions,
            Tenants = scope.Tenants,
            AllTenants = scope.AllTenants,
            Everything = everything,
        };
    }

    private (string? Id, string? Description) ReadNames(YamlMap map)
    {
        string? description = map.Find("description")?.Text();
        if (map.Require("id") is not { } value || value.Text() is not { } id)
        {
            return (null, description);
        }

        if (!IdPattern().IsMatch(id))
        {
            value.Fault($"\"{id}\" is not an id; write lower-case letters, digits and hyphens, at most 63 characters");
        }
        else if (!_lineOfId.TryAdd(id, value.Line))
        {
            value.FaultAtKey($"\"{id}\" is used twice, first in line {_lineOfId[id]}");
        }

        return (id, description);
    }

    private static (DateTimeOffset? From, DateTimeOffset? To) ReadTimes(YamlMap map)
    {
        DateTimeOffset? from = map.Find("notBefore")?.Time();
        DateTimeOffset? to = map.Find("notAfter")?.Time();
        if (to < from)
        {
            map.FaultAt("notAfter", "is before notBefore: the rule would never apply");
        }

        return (from, to);
    }

    private Scope ReadScope(YamlMap map, bool hasTemplate, bool isBinding)
    {
        ImmutableArray<string> permissions = [.. (map.Require("permissions")?.Items() ?? []).Select(PermissionOf).OfType<string>().Distinct()];
        bool all = ReadTrue(map, "allTenants");
        (ImmutableArray<Tenant> tenants, bool hasPlaceholder) =
            map.Find("tenants") is { } list ? ReadTenants(list, hasTemplate, isBinding) : ([], false);
        if (permissions.IsEmpty)
        {
            return new Scope([], tenants, all, hasPlaceholder);
        }

        int onGateway = permissions.Count(Permissions.IsGatewayPermission);
        bool namesTenants = map.Has("tenants") || map.Has("allTenants");
        if (onGateway > 0 && onGateway < permissions.Length)
        {
            map.FaultAt("permissions", "mixes permissions on tenants with permissions on the gateway; write two rules");
        }
        else if (onGateway > 0 && namesTenants)
        {
            map.FaultAt(map.Has("tenants") ? "tenants" : "allTenants", $"{permissions[0]} is about the gateway and not about tenants; leave it out");
        }
        else if (onGateway == 0 && map.Has("tenants") == map.Has("allTenants"))
        {
            map.Fault($"{permissions[0]} needs tenants: exactly one of tenants and allTenants");
        }

        return new Scope(permissions, tenants, all, hasPlaceholder);
    }

    private (ImmutableArray<Tenant> Tenants, bool HasPlaceholder) ReadTenants(YamlValue list, bool hasTemplate, bool isBinding)
    {
        bool hasPlaceholder = false;
        SortedSet<Tenant> found = new(Comparer<Tenant>.Create((a, b) => a.Ordinal.CompareTo(b.Ordinal)));
        foreach (YamlValue item in list.Items())
        {
            switch (item.Text())
            {
                case null:
                    break;
                case RoleTemplate.Placeholder when hasTemplate:
                    hasPlaceholder = true;
                    break;
                case RoleTemplate.Placeholder:
                    item.Fault(isBinding
                        ? $"{RoleTemplate.Placeholder} needs a roleTemplate in match that captures it"
                        : $"{RoleTemplate.Placeholder} has no meaning in a denial; name tenants or write allTenants: true");
                    break;
                case "*":
                    item.Fault("\"*\" is not a tenant; write allTenants: true");
                    break;
                case { } name when _tenants.TryGetValue(name, out Tenant? tenant):
                    found.Add(tenant);
                    break;
                case { } name:
                    item.Fault($"tenant \"{name}\" is not declared under \"tenants\"{Spelling.Hint(name, _tenants.Keys)}");
                    break;
            }
        }

        return ([.. found], hasPlaceholder);
    }

    private static string? PermissionOf(YamlValue item) => item.OneOf("a permission", Permissions.All.AsSpan());

    /// <summary>A key that says something only by being there with <c>true</c>.</summary>
    private static bool ReadTrue(YamlMap map, string key)
    {
        if (map.Find(key) is not { } value || value.Flag() is not { } flag)
        {
            return false;
        }

        if (!flag)
        {
            value.Fault("can only be true; leave the key out");
        }

        return flag;
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z")]
    private static partial Regex IdPattern();

    /// <summary>Which permissions on which tenants.</summary>
    private sealed record Scope(ImmutableArray<string> Permissions, ImmutableArray<Tenant> Tenants, bool AllTenants, bool HasPlaceholder);
}
