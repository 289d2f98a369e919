using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>A run of a gateway.</summary>
/// <param name="Name">The replica's name.</param>
/// <param name="Instance">Of this run.</param>
/// <param name="Live">Whether it was seen within 15 seconds.</param>
/// <param name="Version">Of the program.</param>
/// <param name="StartedAt">When the run began.</param>
/// <param name="LastSeen">When it was last seen, by the catalog's clock.</param>
/// <param name="PolicyVersion">The policy in force on it.</param>
/// <param name="RevocationsRevision">The state of the revocations that it judges by; null before it has read them.</param>
/// <param name="KeysState"><c>Loading</c>, <c>Current</c>, <c>Degraded</c> or <c>Stale</c>.</param>
/// <param name="KeysLoadedAt">When it last fetched the signing keys.</param>
/// <param name="AuditSpooled">Audit records that wait for the catalog.</param>
internal sealed record ReplicaItem(
    string Name,
    Guid Instance,
    bool Live,
    string Version,
    DateTimeOffset StartedAt,
    DateTimeOffset LastSeen,
    string? PolicyVersion,
    long? RevocationsRevision,
    string KeysState,
    DateTimeOffset? KeysLoadedAt,
    long AuditSpooled);

/// <summary>The gateways that share the catalog.</summary>
/// <param name="Items">The live ones first.</param>
/// <param name="PolicyVersions">The versions of the policy that the live ones run: more than one only while a change is on its way.</param>
internal sealed record ReplicasAnswer(ImmutableArray<ReplicaItem> Items, ImmutableArray<string> PolicyVersions);

/// <summary><c>/admin/v1/replicas</c>: who shares the catalog, and what runs there.</summary>
internal sealed class ReplicaRoutes(ReplicaRegister register)
{
    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get(AdminFeature.Prefix + "/replicas", "listReplicas", Permissions.GatewayAdmin, "The gateways that share the catalog, as they were seen within the last seconds.", typeof(ReplicasAnswer)),
        ListAsync);

    private async Task<AdminAnswer> ListAsync(AdminCall call)
    {
        ImmutableArray<ReplicaItem> items =
        [
            .. (await register.ListAsync(call.Aborted)).Select(row => new ReplicaItem(
                row.Name, row.Instance, row.IsLive, row.Version, row.StartedAt, row.LastSeen, row.PolicyVersion, row.RevocationsRevision, row.KeysState, row.KeysLoadedAt, row.AuditSpooled)),
        ];
        return AdminAnswer.Ok(new ReplicasAnswer(
            items,
            [.. items.Where(one => one.Live).Select(one => one.PolicyVersion).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]));
    }
}
