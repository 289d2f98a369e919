using System.Data.Common;
using System.Text.Json;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>Reads and writes rows of <c>push_groups</c> many at a time: one statement each, whatever their number.</summary>
internal sealed class ClaimRows(CatalogDatabase database, TimeProvider time)
{
    private const string Columns =
        """
        g.tenant, g.key, g.labels, g.state, g.push_ms, g.fail_ms, g.generation, g.changed_ms, g.dirty_since_ms, g.last_sample_ms, g.next_emit_ms,
        g.lease_owner, g.lease_until_ms, g.written_generation, g.zeroed_generation, g.emission, g.inflight_step, g.inflight_generation,
        g.inflight_ms, g.inflight_floor_ms, g.inflight_push_ms, g.inflight_fail_ms, g.attempts, g.last_write_ms, g.last_write_error, g.bytes, g.series
        """;

    // One row of @rows, a JSON array: its key as text, as JSON has no bytes.
    private readonly string _keys = database.Sql(
        "(SELECT value ->> 'tenant' AS tenant, unhex(value ->> 'key') AS key, value ->> 'generation' AS generation FROM json_each(@rows))",
        "(SELECT tenant, decode(key, 'hex') AS key, generation FROM jsonb_to_recordset(@rows::jsonb) AS x(tenant text, key text, generation bigint))");

    private readonly string _changes = database.Sql(
        """
        (SELECT value ->> 'tenant' AS tenant, unhex(value ->> 'key') AS key, value ->> 'dirty' AS dirty_since_ms, value ->> 'last' AS last_sample_ms,
            value ->> 'next' AS next_emit_ms, value ->> 'owner' AS lease_owner, value ->> 'until' AS lease_until_ms, value ->> 'written' AS written_generation,
            value ->> 'zeroed' AS zeroed_generation, value ->> 'emission' AS emission, value ->> 'step' AS inflight_step,
            value ->> 'generation' AS inflight_generation, value ->> 'at' AS inflight_ms, value ->> 'floor' AS inflight_floor_ms,
            value ->> 'push' AS inflight_push_ms, value ->> 'fail' AS inflight_fail_ms, value ->> 'attempts' AS attempts,
            value ->> 'wrote' AS last_write_ms, value ->> 'error' AS last_write_error
         FROM json_each(@rows))
        """,
        """
        (SELECT tenant, decode(key, 'hex') AS key, dirty AS dirty_since_ms, last AS last_sample_ms, next AS next_emit_ms, owner AS lease_owner,
            until AS lease_until_ms, written AS written_generation, zeroed AS zeroed_generation, emission, step AS inflight_step,
            generation AS inflight_generation, at AS inflight_ms, floor AS inflight_floor_ms, push AS inflight_push_ms, fail AS inflight_fail_ms,
            attempts, wrote AS last_write_ms, error AS last_write_error
         FROM jsonb_to_recordset(@rows::jsonb) AS x(tenant text, key text, dirty bigint, last bigint, next bigint, owner text, until bigint,
            written bigint, zeroed bigint, emission bigint, step smallint, generation bigint, at bigint, floor bigint, push bigint, fail bigint,
            attempts int, wrote bigint, error text))
        """);

    private readonly string _lock = database.Sql("", "FOR UPDATE OF g");

    /// <summary>The time that everything goes by: the server's, or with a file this process'.</summary>
    public async Task<long> NowAsync(DbTransaction transaction, CancellationToken cancellationToken) =>
        database.Provider == CatalogProvider.Sqlite
            ? time.GetUtcNow().ToUnixTimeMilliseconds()
            : await transaction.QueryFirstOrDefaultAsync<long>("SELECT now_ms()", null, cancellationToken);

    /// <summary>Locks groups that are due and that nobody holds, the longest due first; those that somebody is changing are passed over.</summary>
    /// <remarks>Left to itself SQLite reads every group of the tenants for each claim, since it expects the tenants to tell more than the time.</remarks>
    public Task<IReadOnlyList<ClaimedRow>> LockDueAsync(
        DbTransaction transaction, string[] tenants, long now, int limit, CancellationToken cancellationToken) => transaction.QueryAsync<ClaimedRow>(
        database.Sql(
            $"""
            SELECT {Columns} FROM push_groups AS g INDEXED BY push_groups_due
            WHERE g.next_emit_ms <= @now AND g.lease_until_ms <= @now AND g.tenant IN (SELECT value FROM json_each(@tenants))
            ORDER BY g.next_emit_ms LIMIT @limit
            """,
            $"""
            SELECT {Columns} FROM push_groups AS g
            WHERE g.next_emit_ms <= @now AND g.lease_until_ms <= @now AND g.tenant = ANY(@tenants)
            ORDER BY g.next_emit_ms LIMIT @limit FOR UPDATE SKIP LOCKED
            """),
        new { tenants, now, limit },
        cancellationToken);

    /// <summary>Locks groups in the order of their keys.</summary>
    public Task<IReadOnlyList<ClaimedRow>> LockAsync(
        DbTransaction transaction, IEnumerable<(string Tenant, byte[] Key)> groups, CancellationToken cancellationToken) => transaction.QueryAsync<ClaimedRow>(
        $"SELECT {Columns} FROM {_keys} AS r CROSS JOIN push_groups AS g WHERE g.tenant = r.tenant AND g.key = r.key ORDER BY g.tenant, g.key {_lock}",
        new { rows = Json(groups.Select(static group => new { tenant = group.Tenant, key = Convert.ToHexString(group.Key) })) },
        cancellationToken);

    /// <summary>Reads payloads. One that is empty has no row.</summary>
    public async Task<Dictionary<(string Tenant, string Key, long Generation), byte[]>> ReadPayloadsAsync(
        DbTransaction transaction, IEnumerable<(string Tenant, byte[] Key, long Generation)> payloads, CancellationToken cancellationToken)
    {
        IReadOnlyList<PayloadRow> rows = await transaction.QueryAsync<PayloadRow>(
            $"""
            SELECT p.tenant, p.key, p.generation, p.body FROM {_keys} AS r
            CROSS JOIN push_payloads AS p WHERE p.tenant = r.tenant AND p.key = r.key AND p.generation = r.generation
            """,
            new { rows = Json(payloads.Select(static one => new { tenant = one.Tenant, key = Convert.ToHexString(one.Key), generation = one.Generation })) },
            cancellationToken);
        return rows.ToDictionary(static row => (row.Tenant, Convert.ToHexString(row.Key), row.Generation), static row => row.Body);
    }

    /// <summary>Writes what emission may change of the rows.</summary>
    public Task WriteAsync(DbTransaction transaction, IEnumerable<EmissionRow> rows, CancellationToken cancellationToken) => transaction.ExecuteAsync(
        $"""
        UPDATE push_groups AS g
        SET dirty_since_ms = c.dirty_since_ms, last_sample_ms = c.last_sample_ms, next_emit_ms = c.next_emit_ms, lease_owner = c.lease_owner,
            lease_until_ms = c.lease_until_ms, written_generation = c.written_generation, zeroed_generation = c.zeroed_generation, emission = c.emission,
            inflight_step = c.inflight_step, inflight_generation = c.inflight_generation, inflight_ms = c.inflight_ms, inflight_floor_ms = c.inflight_floor_ms,
            inflight_push_ms = c.inflight_push_ms, inflight_fail_ms = c.inflight_fail_ms, attempts = c.attempts, last_write_ms = c.last_write_ms,
            last_write_error = c.last_write_error
        FROM {_changes} AS c WHERE g.tenant = c.tenant AND g.key = c.key
        """,
        new { rows = Json(rows.Select(ChangeOf)) },
        cancellationToken);

    private static object ChangeOf(EmissionRow row) => new
    {
        tenant = row.Tenant,
        key = Convert.ToHexString(row.Key),
        dirty = row.DirtySinceMs,
        last = row.LastSampleMs,
        next = row.NextEmitMs,
        owner = row.LeaseOwner,
        until = row.LeaseUntilMs,
        written = row.WrittenGeneration,
        zeroed = row.ZeroedGeneration,
        emission = row.Emission,
        step = (int?)row.InflightStep,
        generation = row.InflightGeneration,
        at = row.InflightMs,
        floor = row.InflightFloorMs,
        push = row.InflightPushMs,
        fail = row.InflightFailMs,
        attempts = row.Attempts,
        wrote = row.LastWriteMs,
        error = row.LastWriteError,
    };

    private static string Json(IEnumerable<object> rows) => JsonSerializer.Serialize(rows);

    private sealed class PayloadRow
    {
        public string Tenant { get; init; } = "";

        public byte[] Key { get; init; } = [];

        public long Generation { get; init; }

        public byte[] Body { get; init; } = [];
    }
}

/// <summary>A row with what decides how many are taken at once.</summary>
internal sealed record ClaimedRow : EmissionRow
{
    /// <summary>Of the newest payload, unpacked.</summary>
    public int Bytes { get; init; }

    /// <summary>Of the newest payload, the two bookkeeping series included.</summary>
    public int Series { get; init; }
}
