using System.Collections.Immutable;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What a test case expects, or what came out of it.</summary>
/// <param name="Allow">Whether access is granted.</param>
/// <param name="Reason">The reason if it is not, null for any.</param>
/// <param name="Bindings">The bindings that grant it, null for any.</param>
/// <param name="Tenants">The tenants that are chosen, null for any.</param>
internal sealed record TestOutcome(bool Allow, string? Reason, ImmutableArray<string>? Bindings, ImmutableArray<string>? Tenants)
{
    public static TestOutcome Of(PolicyDecision decision) => new(
        decision.IsAllowed,
        decision.Reason,
        decision.IsAllowed ? decision.Bindings : null,
        decision.IsAllowed ? [.. decision.Tenants.Select(tenant => tenant.Name)] : null);

    /// <summary>Whether <paramref name="actual"/> has everything that this expects; lists are sets.</summary>
    public bool IsMetBy(TestOutcome actual) =>
        Allow == actual.Allow
        && (Reason is null || Reason == actual.Reason)
        && AreSame(Bindings, actual.Bindings)
        && AreSame(Tenants, actual.Tenants);

    public override string ToString() => Allow
        ? string.Concat("allow", Tenants is { IsEmpty: false } tenants ? $" on {string.Join(", ", tenants)}" : "", Bindings is { } bindings ? $" by {string.Join(", ", bindings)}" : "")
        : Reason is null ? "refuse" : $"refuse with {Reason}";

    private static bool AreSame(ImmutableArray<string>? expected, ImmutableArray<string>? actual) =>
        expected is not { } wanted || (actual is { } found && wanted.ToHashSet(StringComparer.Ordinal).SetEquals(found));
}

/// <summary>One case of a test file.</summary>
internal sealed record TestCase(
    string Name, Caller Caller, string Permission, ImmutableArray<string> Tenants, DateTimeOffset At, TestOutcome Expected);

/// <summary>A case that came out otherwise.</summary>
internal sealed record FailedCase(string Name, TestOutcome Expected, TestOutcome Actual);

/// <summary>What came of the cases of a file.</summary>
/// <param name="Passed">How many came out as expected.</param>
/// <param name="Failed">The others, in their order.</param>
internal sealed record CasesResult(int Passed, ImmutableArray<FailedCase> Failed);

/// <summary>Reads the cases of a <c>.policytest.yaml</c>. As strict as the policy itself: a misspelt key is a fault, not a test that passes.</summary>
internal static class PolicyCases
{
    /// <summary>Reads it; <paramref name="now"/> is the time of cases that name none.</summary>
    public static ImmutableArray<TestCase> Read(ReadOnlySpan<byte> bytes, DateTimeOffset now, FaultList faults)
    {
        if (StrictYaml.Read(bytes, faults) is not { } root)
        {
            return [];
        }

        root.Expect("cases");
        IEnumerable<YamlMap?> cases = (root.Require("cases")?.Items() ?? []).Select(item => item.Map());
        return [.. cases.OfType<YamlMap>().Select(map => ReadCase(map, now)).OfType<TestCase>()];
    }

    /// <summary>Asks a policy about each case.</summary>
    public static CasesResult Run(PolicySnapshot policy, ImmutableArray<TestCase> cases, int maxTenantsPerRead)
    {
        ImmutableArray<FailedCase> failed =
        [
            .. cases
                .Select(one => new FailedCase(
                    one.Name,
                    one.Expected,
                    TestOutcome.Of(PolicyTrace.Decide(policy, one.Caller, one.Permission, one.Tenants, one.At, maxTenantsPerRead))))
                .Where(one => !one.Expected.IsMetBy(one.Actual)),
        ];
        return new CasesResult(cases.Length - failed.Length, failed);
    }

    private static TestCase? ReadCase(YamlMap map, DateTimeOffset now)
    {
        map.Expect("name", "caller", "permission", "tenant", "tenants", "at", "expect");
        string? name = map.Require("name")?.Text();
        DateTimeOffset at = map.Find("at")?.Time() ?? now;
        Caller? caller = map.Require("caller")?.Map() is { } who ? ReadCaller(who, at) : null;
        string? permission = map.Require("permission")?.OneOf("a permission", Permissions.All.AsSpan());
        if (map.Has("tenant") && map.Has("tenants"))
        {
            map.FaultAt("tenants", "stands beside tenant; write one of them");
        }

        if (permission is not null && Permissions.IsGatewayPermission(permission) && (map.Has("tenant") || map.Has("tenants")))
        {
            map.FaultAt(map.Has("tenant") ? "tenant" : "tenants", $"{permission} is about the gateway and not about tenants; leave it out");
        }

        ImmutableArray<string> tenants = map.Find("tenant")?.Text() is { } tenant ? [tenant] : Texts(map.Find("tenants")) ?? [];
        TestOutcome? expected = map.Require("expect")?.Map() is { } expect ? ReadExpected(expect) : null;
        return name is null || caller is null || permission is null || expected is null
            ? null
            : new TestCase(name, caller, permission, tenants, at, expected);
    }

    private static Caller? ReadCaller(YamlMap map, DateTimeOffset at)
    {
        map.Expect("kind", "onBehalfOfUser", "client", "oid", "clientAuth", "roles", "scopes", "groups", "idtyp", "issuedAt", "token", "key");
        CallerKind? kind = map.Require("kind") is { } value ? MatchReader.KindOf(value) : null;
        bool onBehalfOfUser = map.Find("onBehalfOfUser")?.Flag() ?? false;
        if (onBehalfOfUser && kind is not CallerKind.Agent)
        {
            map.FaultAt("onBehalfOfUser", "is for agents only");
        }

        bool areGroupsUnknown = map.Find("groups")?.Raw is "unknown";
        ImmutableArray<Guid>? groups = areGroupsUnknown
            ? []
            : map.Find("groups") is { } list ? [.. list.Items(mayBeEmpty: true).Select(item => item.Id()).OfType<Guid>().Order()] : [];
        return kind is null ? null : new Caller
        {
            Kind = kind.Value,
            OnBehalfOfUser = onBehalfOfUser,
            Directory = Guid.Empty,
            ObjectId = map.Find("oid")?.Id() ?? Guid.Empty,
            Client = map.Find("client")?.Id() ?? Guid.Empty,
            ClientAuth = map.Find("clientAuth") is { } auth ? MatchReader.ClientAuthOf(auth) ?? ClientAuth.Public : ClientAuth.Assertion,
            Roles = Texts(map.Find("roles")) ?? [],
            Scopes = Texts(map.Find("scopes")) ?? [],
            Groups = groups ?? [],
            GroupsUnknown = areGroupsUnknown,
            HasIdTyp = map.Find("idtyp")?.Flag() ?? true,
            TokenId = map.Find("token")?.Text(),
            KeyId = map.Find("key")?.Text() ?? "",
            TokenVersion = TokenVersion.V2,
            IssuedAt = map.Find("issuedAt")?.Time() ?? at.AddMinutes(-5),
            ExpiresAt = at.AddHours(1),
        };
    }

    private static TestOutcome? ReadExpected(YamlMap map)
    {
        map.Expect("allow", "reason", "bindings", "tenants");
        if (map.Require("allow")?.Flag() is not { } allow)
        {
            return null;
        }

        foreach (string key in (string[])(allow ? ["reason"] : ["bindings", "tenants"]))
        {
            if (map.Has(key))
            {
                map.FaultAt(key, $"has no meaning beside allow: {(allow ? "true" : "false")}");
            }
        }

        return new TestOutcome(
            allow, map.Find("reason")?.OneOf("a reason", Reasons.OfPolicy.AsSpan()), Texts(map.Find("bindings")), Texts(map.Find("tenants")));
    }

    private static ImmutableArray<string>? Texts(YamlValue? list) =>
        list is null ? null : [.. list.Items(mayBeEmpty: true).Select(item => item.Text()).OfType<string>()];
}
