using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>A version of the policy, and the replicas on which it was in force.</summary>
/// <param name="Version">The version.</param>
/// <param name="Replicas">Their names.</param>
internal sealed record VersionInForceItem(string Version, ImmutableArray<string> Replicas);

/// <summary>A binding that gives the permission.</summary>
/// <param name="Binding">Its id.</param>
/// <param name="Match">Whom it matches.</param>
/// <param name="Permissions">All that it gives.</param>
/// <param name="NotBefore">Its first moment; null for always.</param>
/// <param name="NotAfter">Its last moment; null for always.</param>
/// <param name="PolicyVersions">The versions in which it stands like this.</param>
internal sealed record AccessItem(
    string Binding, MatchItem Match, ImmutableArray<string> Permissions, DateTimeOffset? NotBefore, DateTimeOffset? NotAfter, ImmutableArray<string> PolicyVersions);

/// <summary>A denial that takes it away from whom it matches.</summary>
/// <param name="Deny">Its id.</param>
/// <param name="Match">Whom it matches.</param>
/// <param name="Permissions">All that it takes.</param>
/// <param name="NotBefore">Its first moment; null for always.</param>
/// <param name="NotAfter">Its last moment; null for always.</param>
/// <param name="PolicyVersions">The versions in which it stands like this.</param>
internal sealed record DeniedItem(
    string Deny, MatchItem Match, ImmutableArray<string> Permissions, DateTimeOffset? NotBefore, DateTimeOffset? NotAfter, ImmutableArray<string> PolicyVersions);

/// <summary>Who had a permission on a tenant at a time.</summary>
/// <param name="At">The time.</param>
/// <param name="PolicyVersion">The version that was in force on most replicas.</param>
/// <param name="Versions">All versions that were in force: one, unless a change was on its way.</param>
/// <param name="Items">The bindings that gave it, of all those versions.</param>
/// <param name="Denials">The denials that took it away.</param>
internal sealed record AccessAnswer(
    DateTimeOffset At, string PolicyVersion, ImmutableArray<VersionInForceItem> Versions, ImmutableArray<AccessItem> Items, ImmutableArray<DeniedItem> Denials);

/// <summary><c>/admin/v1/access</c>: who can use a permission on a tenant, now or at a time in the past, by the versions of the policy that were in force.</summary>
internal sealed class AccessRoutes(PolicyVersionStore store, PolicyArchive archive, PolicySource source, ReplicaRegister register, ReplicaIdentity replica, TimeProvider time)
{
    private const string TenantName = "tenant";
    private const string PermissionName = "permission";
    private const string AtName = "at";

    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get(AdminFeature.Prefix + "/access", "getAccess", Permissions.PolicyRead, "Who has a permission on a tenant, now or at a time.", typeof(AccessAnswer)) with
        {
            Query =
            [
                new QueryParameter(TenantName, "The tenant; left out for permissions on the gateway."),
                new QueryParameter(PermissionName, "The permission.") { IsRequired = true, Values = Permissions.All },
                new QueryParameter(AtName, "The time; now if it is left out.") { Format = "date-time" },
            ],
            Problems = [(StatusCodes.Status404NotFound, AdminProblems.NotFoundReason), (StatusCodes.Status400BadRequest, AdminProblems.PolicyInvalidReason)],
        },
        GetAsync);

    private async Task<AdminAnswer> GetAsync(AdminCall call)
    {
        DateTimeOffset now = time.GetUtcNow();
        string? tenant = call.Query.Text(TenantName);
        string? permission = call.Query.Text(PermissionName);
        DateTimeOffset? given = call.Query.Time(AtName);
        Check(call.Query, tenant, permission, given, now);
        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        DateTimeOffset at = given ?? now;
        ImmutableArray<VersionInForceItem> versions = await VersionsAsync(at, isNow: given is null, call.Aborted);
        ImmutableArray<ArchivedPolicy> policies = await archive.FindAsync(versions.Select(one => one.Version), call.Aborted);
        if (policies.IsEmpty)
        {
            return AdminProblems.NotFound("policy that is known to have been in force at that time");
        }

        if (policies.SelectMany(policy => policy.Faults).ToImmutableArray() is { IsEmpty: false } faults)
        {
            return AdminProblems.PolicyInvalid(faults);
        }

        return tenant is not null && policies.All(policy => policy.Snapshot!.FindTenant(tenant) is null) // it has no faults
            ? AdminProblems.NotFound("tenant of this name in the policy of that time")
            : AdminAnswer.Ok(Answer(at, versions, policies, permission!, tenant)); // required
    }

    private static void Check(AdminQuery query, string? tenant, string? permission, DateTimeOffset? at, DateTimeOffset now)
    {
        if (at > now)
        {
            query.Fault(AtName, "is in the future: nobody knows the policy of then");
        }

        if (permission is null || !Permissions.All.Contains(permission))
        {
            return;
        }

        if (Permissions.IsGatewayPermission(permission) && tenant is not null)
        {
            query.Fault(TenantName, $"{permission} is about the gateway and not about tenants; leave it out");
        }
        else if (!Permissions.IsGatewayPermission(permission) && tenant is null)
        {
            query.Fault(TenantName, $"is required with {permission}");
        }
    }

    /// <summary>Those of most replicas first.</summary>
    private async Task<ImmutableArray<VersionInForceItem>> VersionsAsync(DateTimeOffset at, bool isNow, CancellationToken cancellationToken)
    {
        IEnumerable<(string Version, string Replica)> periods = isNow
            ? (await register.ListAsync(cancellationToken))
                .Where(row => row is { IsLive: true, PolicyVersion: not null } && row.Instance != replica.Instance)
                .Select(row => (row.PolicyVersion!, row.Name)) // looked at in the line before
                .Append((source.Current.Version, replica.Name)) // of itself every replica knows best
            : (await store.InForceAsync(at, cancellationToken)).Select(one => (one.Version, one.Replica));
        return
        [
            .. periods
                .GroupBy(one => one.Version, one => one.Replica, StringComparer.Ordinal)
                .Select(group => new VersionInForceItem(group.Key, [.. group.Order(StringComparer.Ordinal)]))
                .OrderByDescending(one => one.Replicas.Length)
                .ThenBy(one => one.Version, StringComparer.Ordinal),
        ];
    }

    private static AccessAnswer Answer(
        DateTimeOffset at, ImmutableArray<VersionInForceItem> versions, ImmutableArray<ArchivedPolicy> policies, string permission, string? tenant)
    {
        List<(string Version, PolicyRule Rule)> rules = [];
        foreach (PolicySnapshot policy in policies.Select(policy => policy.Snapshot!)) // it has no faults
        {
            if (tenant is null || policy.FindTenant(tenant) is not null)
            {
                AccessMatrix matrix = AccessMatrix.Of(policy, permission, tenant is null ? null : policy.FindTenant(tenant), at);
                rules.AddRange(matrix.Bindings.Concat<PolicyRule>(matrix.Denials).Select(rule => (policy.Version, rule)));
            }
        }

        // The same rule in two versions is one item.
        var items = rules
            .GroupBy(one => (IsDenial: one.Rule is DenyRule, Text: PolicyDiff.TextOf(one.Rule)))
            .Select(group => (group.First().Rule, Versions: group.Select(one => one.Version).ToImmutableArray()))
            .ToArray();
        return new AccessAnswer(
            at,
            versions[0].Version,
            versions,
            [.. items.Where(one => one.Rule is Binding).Select(one => new AccessItem(
                one.Rule.Id, MatchItem.Of(one.Rule.Match), one.Rule.Permissions, one.Rule.NotBefore, one.Rule.NotAfter, one.Versions))],
            [.. items.Where(one => one.Rule is DenyRule).Select(one => new DeniedItem(
                one.Rule.Id, MatchItem.Of(one.Rule.Match), one.Rule.Permissions, one.Rule.NotBefore, one.Rule.NotAfter, one.Versions))]);
    }
}
