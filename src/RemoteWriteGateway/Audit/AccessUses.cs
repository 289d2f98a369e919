using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit;

/// <summary>That somebody was allowed something by a binding, and how often.</summary>
internal sealed class AccessUse
{
    public string PolicyVersion { get; init; } = "";

    public string Binding { get; init; } = "";

    public Guid SubjectOid { get; init; }

    public string SubjectKind { get; init; } = "";

    /// <summary>For display: it can be changed in the directory by whom it names.</summary>
    public string? SubjectName { get; init; }

    public Guid ActorClient { get; init; }

    /// <summary>Null for permissions on the gateway.</summary>
    public string? Tenant { get; init; }

    public string Permission { get; init; } = "";

    public DateTimeOffset FirstUsed { get; init; }

    public DateTimeOffset LastUsed { get; init; }

    public long Uses { get; init; }
}

/// <summary>Which bindings were used by whom, by the audit.</summary>
internal sealed class AccessUses(CatalogDatabase database)
{
    /// <summary>Most rows of one answer.</summary>
    public const int MaxRows = 100_000;

    /// <summary>
    /// Uses from <paramref name="from"/> until before <paramref name="to"/>, by policy version, binding, subject, client, tenant and permission.
    /// A call on several tenants by several bindings is told for each pair, also for those that do not belong together: which binding gives
    /// which tenant stands in the policy.
    /// </summary>
    /// <returns>Null if they are more than <see cref="MaxRows"/>: then the time is to be shortened.</returns>
    public async Task<IReadOnlyList<AccessUse>?> BetweenAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        string binding = database.Sql(sqlite: "binding.value", postgreSql: "binding");
        string tenant = database.Sql(sqlite: "tenant_of.value", postgreSql: "tenant_of");
        string source = database.Sql(
            sqlite: "json_each(used.bindings) AS binding, json_each(COALESCE(used.tenants, json_array(used.tenant))) AS tenant_of",
            postgreSql: "unnest(used.bindings) AS binding, unnest(COALESCE(used.tenants, ARRAY[used.tenant])) AS tenant_of");
        IReadOnlyList<AccessUse> rows = await database.QueryAsync<AccessUse>(
            $"""
            SELECT used.policy_version, {binding} AS binding, used.subject_oid, used.subject_kind, MAX(used.subject_name) AS subject_name, used.actor_client,
              {tenant} AS tenant, used.permission, MIN(COALESCE(used.first_ts, used.ts)) AS first_used, MAX(COALESCE(used.last_ts, used.ts)) AS last_used,
              CAST(SUM(used.count) AS bigint) AS uses
            FROM audit_events AS used, {source}
            WHERE used.ts >= @from AND used.ts < @to AND used.outcome = 'allow' AND used.event <> 'authn'
              AND used.subject_oid IS NOT NULL AND used.actor_client IS NOT NULL AND used.policy_version IS NOT NULL AND used.permission IS NOT NULL
            GROUP BY used.policy_version, {binding}, used.subject_oid, used.subject_kind, used.actor_client, {tenant}, used.permission
            LIMIT @limit
            """,
            new { from, to, limit = MaxRows + 1 },
            cancellationToken);
        return rows.Count > MaxRows ? null : rows;
    }
}
