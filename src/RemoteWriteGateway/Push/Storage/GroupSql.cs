using System.Data.Common;
using System.Text.Json;
using Dapper;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>The statements of groups, in both dialects. PostgreSQL takes arrays and locks rows; SQLite has one writer and takes one value after the other.</summary>
internal sealed class GroupSql(bool isPostgreSql)
{
    private const string Columns =
        """
        g.tenant, g.key, g.labels, g.mode, g.state, g.created_ms, g.push_ms, g.fail_ms, g.fail_reason, g.pushed_by, g.series, g.bytes, g.ttl_ms,
        g.expires_ms, g.generation, g.changed_ms, g.dirty_since_ms, g.last_sample_ms, g.next_emit_ms, g.lease_owner, g.lease_until_ms,
        g.written_generation, g.zeroed_generation, g.emission, g.inflight_step, g.inflight_generation, g.inflight_ms, g.inflight_floor_ms,
        g.inflight_push_ms, g.inflight_fail_ms, g.attempts, g.last_write_ms, g.last_write_error
        """;

    private readonly string _now = isPostgreSql ? "rwgateway.now_ms()" : "@now";
    private readonly string _skip = isPostgreSql ? " FOR UPDATE SKIP LOCKED" : "";
    private readonly string _lock = isPostgreSql ? " FOR UPDATE" : "";

    /// <summary>The database's clock.</summary>
    public Statement Now(Action<long> take) => new($"SELECT {_now}") { Row = row => take(row.GetInt64(0)) };

    /// <summary>Takes an idempotency key that is new or has expired: changes one row then, else none. Waits for a twin that is under way.</summary>
    public Statement TakeKey(string tenant, IdempotencyKey key, TimeSpan ttl) => new(
        $"""
        INSERT INTO push_idempotency AS i (tenant, idem_key, fingerprint, status, body, expires_ms) VALUES ($1, $2, $3, 0, '', {_now} + $4)
        ON CONFLICT (tenant, idem_key) DO UPDATE SET fingerprint = excluded.fingerprint, status = 0, body = '', expires_ms = excluded.expires_ms
        WHERE i.expires_ms <= {_now}
        """,
        tenant,
        key.Key,
        key.Fingerprint,
        (long)ttl.TotalMilliseconds);

    public static Statement ReadKey(string tenant, IdempotencyKey key, Action<RecordedAnswer> take) =>
        new("SELECT fingerprint, status, body FROM push_idempotency WHERE tenant = $1 AND idem_key = $2", tenant, key.Key)
        {
            Row = row => take(new RecordedAnswer(row.GetFieldValue<byte[]>(0), row.GetInt16(1), row.GetString(2))),
        };

    public static Statement RecordAnswer(string tenant, IdempotencyKey key, int status, string body) =>
        new("UPDATE push_idempotency SET status = $3, body = $4 WHERE tenant = $1 AND idem_key = $2", tenant, key.Key, (short)status, body);

    /// <summary>Makes the row of a group that is not there: changes one row then, else none.</summary>
    public Statement Create(string tenant, GroupKey key, PushMode mode) => new(
        $"""
        INSERT INTO push_groups (tenant, key, labels, mode, state, created_ms, push_ms, fail_ms, series, bytes, generation, changed_ms, last_sample_ms,
            lease_until_ms, zeroed_generation, emission, attempts)
        VALUES ($1, $2, $3, $4, 0, {_now}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING
        """,
        tenant,
        key.Bytes,
        key.LabelsJson,
        (short)mode);

    public Statement LockGroup(string tenant, byte[] key, Action<StoredGroup> take) =>
        new($"SELECT {Columns} FROM push_groups g WHERE g.tenant = $1 AND g.key = $2{_lock}", tenant, key) { Row = Groups(take) };

    /// <summary>The newest body, once the group is locked.</summary>
    public static Statement ReadBody(string tenant, byte[] key, Action<byte[]> take) => new(
        """
        SELECT p.body FROM push_groups g JOIN push_payloads p ON p.tenant = g.tenant AND p.key = g.key AND p.generation = g.generation
        WHERE g.tenant = $1 AND g.key = $2
        """,
        tenant,
        key)
    {
        Row = row => take(row.GetFieldValue<byte[]>(0)),
    };

    /// <summary>A page of a tenant's payloads, the newest ones, behind a group and in the order of keys.</summary>
    public static Statement ReadBodies(string tenant, byte[] after, int limit, Action<byte[], byte[]> take) => new(
        """
        SELECT g.key, p.body FROM push_groups g JOIN push_payloads p ON p.tenant = g.tenant AND p.key = g.key AND p.generation = g.generation
        WHERE g.tenant = $1 AND g.key > $2 ORDER BY g.key LIMIT $3
        """,
        tenant,
        after,
        limit)
    {
        Row = row => take(row.GetFieldValue<byte[]>(0), row.GetFieldValue<byte[]>(1)),
    };

    /// <summary>A page of a tenant's groups, or of all tenants', in order, those deleted left out: parameters <c>Tenant</c>, <c>Key</c> (both of the last one before) and <c>Limit</c>.</summary>
    public static string Page(bool isOneTenant, bool withBodies)
    {
        string body = withBodies ? ", p.body" : "";
        string join = withBodies ? " LEFT JOIN push_payloads p ON p.tenant = g.tenant AND p.key = g.key AND p.generation = g.generation" : "";
        string where = isOneTenant ? "g.tenant = @Tenant AND g.key > @Key" : "(g.tenant, g.key) > (@Tenant, @Key)";
        return $"SELECT {Columns}{body} FROM push_groups g{join} WHERE {where} AND g.state <> 2 ORDER BY g.tenant, g.key LIMIT @Limit";
    }

    /// <summary>Tenants with too many idempotency keys: parameter <c>Most</c>.</summary>
    public const string CountKeys = "SELECT tenant, count(*) AS keys FROM push_idempotency GROUP BY tenant HAVING count(*) > @Most";

    /// <summary>
    /// Groups in a state whose time to live is over. Rows that somebody else has locked are left to them, and payloads of a newer version to a
    /// newer program: what this one cannot read it must not destroy unasked.
    /// </summary>
    public Statement LockExpired(GroupState state, int limit, Action<StoredGroup> take) => new(
        $"""
        SELECT {Columns} FROM push_groups g WHERE g.state = $2 AND g.expires_ms <= {_now} AND NOT EXISTS (
            SELECT 1 FROM push_payloads p
            WHERE p.tenant = g.tenant AND p.key = g.key AND p.generation = g.generation AND substr(p.body, 1, 1) > $3)
        ORDER BY g.expires_ms LIMIT $1{_skip}
        """,
        limit,
        (short)state,
        new[] { PayloadBody.Packed })
    {
        Row = Groups(take),
    };

    /// <summary>Deleted groups of which the store knows nothing any more, for so long.</summary>
    public Statement LockForgotten(TimeSpan age, int limit, Action<StoredGroup> take) => new(
        $"""
        SELECT {Columns} FROM push_groups g WHERE g.state = 2 AND g.changed_ms <= {_now} - $2 AND g.written_generation IS NULL AND g.inflight_step IS NULL
        ORDER BY g.changed_ms LIMIT $1{_skip}
        """,
        limit,
        (long)age.TotalMilliseconds)
    {
        Row = Groups(take),
    };

    public Statement DeleteUnusedNames(int limit) => new(
        $"DELETE FROM push_names WHERE (tenant, name) IN (SELECT tenant, name FROM push_names WHERE refs = 0 LIMIT $1{_skip})", limit);

    public Statement DeleteExpiredKeys(int limit) => new(
        $"DELETE FROM push_idempotency WHERE (tenant, idem_key) IN (SELECT tenant, idem_key FROM push_idempotency WHERE expires_ms <= {_now} LIMIT $1{_skip})", limit);

    public Statement DeleteOldestKeys(string tenant, int limit) => new(
        $"""
        DELETE FROM push_idempotency WHERE (tenant, idem_key) IN
            (SELECT tenant, idem_key FROM push_idempotency WHERE tenant = $1 ORDER BY expires_ms LIMIT $2{_skip})
        """,
        tenant,
        limit);

    /// <summary>Makes and locks the rows of names, in their order.</summary>
    public IEnumerable<Statement> LockNames(string tenant, IReadOnlyList<string> names) => isPostgreSql
        ? [new Statement(
            """
            INSERT INTO push_names (tenant, name, type, refs) SELECT $1, n, NULL, 0 FROM unnest($2) WITH ORDINALITY AS u (n, i) ORDER BY i
            ON CONFLICT (tenant, name) DO UPDATE SET refs = push_names.refs
            """,
            tenant,
            names.ToArray())]
        : names.Select(name => new Statement("INSERT INTO push_names (tenant, name, type, refs) VALUES ($1, $2, NULL, 0) ON CONFLICT DO NOTHING", tenant, name));

    public IEnumerable<Statement> ReadNames(string tenant, IReadOnlyList<string> names, Action<string, NameRow> take)
    {
        void Row(DbDataReader row) => take(row.GetString(0), new NameRow(row.IsDBNull(1) ? null : (FamilyType)row.GetInt16(1), row.GetInt32(2)));
        return isPostgreSql
            ? [new Statement("SELECT name, type, refs FROM push_names WHERE tenant = $1 AND name = ANY($2)", tenant, names.ToArray()) { Row = Row }]
            : names.Select(name => new Statement("SELECT name, type, refs FROM push_names WHERE tenant = $1 AND name = $2", tenant, name) { Row = Row });
    }

    /// <summary>All names that a tenant's groups hold or held a moment ago.</summary>
    public static Statement AllNames(string tenant, Action<string> take) =>
        new("SELECT name FROM push_names WHERE tenant = $1", tenant) { Row = row => take(row.GetString(0)) };

    public IEnumerable<Statement> UpdateNames(string tenant, IReadOnlyList<NameUpdate> updates) => updates.Count == 0 ? [] : isPostgreSql
        ? [new Statement(
            """
            UPDATE push_names n SET refs = n.refs + u.delta, type = u.type
            FROM unnest($2, $3, $4) AS u (name, type, delta) WHERE n.tenant = $1 AND n.name = u.name
            """,
            tenant,
            updates.Select(static update => update.Name).ToArray(),
            updates.Select(static update => (short?)update.Type).ToArray(),
            updates.Select(static update => update.Delta).ToArray())]
        : updates.Select(update => new Statement(
            "UPDATE push_names SET refs = refs + $4, type = $3 WHERE tenant = $1 AND name = $2", tenant, update.Name, (int?)update.Type, update.Delta));

    public IEnumerable<Statement> DeleteSeries(string tenant, IReadOnlyList<byte[]> series) => series.Count == 0 ? [] : isPostgreSql
        ? [new Statement("DELETE FROM push_series WHERE tenant = $1 AND series = ANY($2)", tenant, series.ToArray())]
        : series.Select(one => new Statement("DELETE FROM push_series WHERE tenant = $1 AND series = $2", tenant, one));

    /// <summary>Deletes the series of groups whose payload does not tell them. There is no index for it: all series of the tenant are looked at, once.</summary>
    public Statement DeleteSeriesOf(string tenant, IReadOnlyList<byte[]> keys) => isPostgreSql
        ? new("DELETE FROM push_series WHERE tenant = $1 AND key = ANY($2)", tenant, keys.ToArray())
        : new(
            "DELETE FROM push_series WHERE tenant = $1 AND key IN (SELECT unhex(value) FROM json_each($2))",
            tenant,
            JsonSerializer.Serialize(keys.Select(Convert.ToHexString)));

    /// <summary>Takes series, in their order; one that another group holds is left to it, and not counted as changed.</summary>
    public IEnumerable<Statement> InsertSeries(string tenant, byte[] key, IReadOnlyList<byte[]> series) => series.Count == 0 ? [] : isPostgreSql
        ? [new Statement(
            """
            INSERT INTO push_series (tenant, series, key) SELECT $1, s, $3 FROM unnest($2) WITH ORDINALITY AS u (s, i) ORDER BY i
            ON CONFLICT (tenant, series) DO NOTHING
            """,
            tenant,
            series.ToArray(),
            key)]
        : series.Select(one => new Statement("INSERT INTO push_series (tenant, series, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", tenant, one, key));

    /// <summary>The first of these series that another group holds.</summary>
    public IEnumerable<Statement> FindHeld(string tenant, byte[] key, IReadOnlyList<byte[]> series, Action<byte[]> take)
    {
        void Row(DbDataReader row) => take(row.GetFieldValue<byte[]>(0));
        return isPostgreSql
            ? [new Statement(
                "SELECT series FROM push_series WHERE tenant = $1 AND series = ANY($2) AND key <> $3 ORDER BY series LIMIT 1", tenant, series.ToArray(), key) { Row = Row }]
            : series.Select(one => new Statement("SELECT series FROM push_series WHERE tenant = $1 AND series = $2 AND key <> $3", tenant, one, key) { Row = Row });
    }

    /// <summary>Adds to what a tenant has stored, and reads what it is then. The last lock, but for that of a deletion's record.</summary>
    public static Statement AddUsage(string tenant, UsageDelta delta, Action<UsageRow> take) => new(
        """
        INSERT INTO push_usage (tenant, groups, series, bytes) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant) DO UPDATE SET groups = push_usage.groups + excluded.groups, series = push_usage.series + excluded.series, bytes = push_usage.bytes + excluded.bytes
        RETURNING groups, series, bytes
        """,
        tenant,
        delta.Groups,
        delta.Series,
        delta.Bytes)
    {
        Row = row => take(new UsageRow(row.GetInt32(0), row.GetInt32(1), row.GetInt64(2))),
    };

    public static Statement InsertPayload(string tenant, byte[] key, long generation, byte[] body) =>
        new("INSERT INTO push_payloads (tenant, key, generation, body) VALUES ($1, $2, $3, $4)", tenant, key, generation, body);

    /// <summary>Deletes the payloads that are neither the newest nor inflight nor written.</summary>
    public static Statement DeletePayloads(StoredGroup group) => new(
        "DELETE FROM push_payloads WHERE tenant = $1 AND key = $2 AND generation NOT IN ($3, $4, $5)",
        group.Tenant,
        group.Key,
        group.Generation,
        group.InflightGeneration ?? group.Generation,
        group.WrittenGeneration ?? group.Generation);

    /// <summary>Writes what pushes, deletions and sweeps change; what belongs to emission stays, but for the next one's time.</summary>
    public static Statement Update(StoredGroup group) => new(
        """
        UPDATE push_groups SET labels = $3, mode = $4, state = $5, push_ms = $6, fail_ms = $7, fail_reason = $8, pushed_by = $9, series = $10, bytes = $11,
            ttl_ms = $12, expires_ms = $13, generation = $14, changed_ms = $15, dirty_since_ms = $16, next_emit_ms = $17, attempts = $18
        WHERE tenant = $1 AND key = $2
        """,
        group.Tenant,
        group.Key,
        group.Labels,
        (short)group.Mode,
        (short)group.State,
        group.PushMs,
        group.FailMs,
        group.FailReason,
        group.PushedBy,
        group.Series,
        group.Bytes,
        group.TtlMs,
        group.ExpiresMs,
        group.Generation,
        group.ChangedMs,
        group.DirtySinceMs,
        group.NextEmitMs,
        group.Attempts);

    /// <summary>Removes a row and all of its payloads.</summary>
    public static IEnumerable<Statement> Remove(StoredGroup group) =>
    [
        new("DELETE FROM push_payloads WHERE tenant = $1 AND key = $2", group.Tenant, group.Key),
        new("DELETE FROM push_groups WHERE tenant = $1 AND key = $2", group.Tenant, group.Key),
    ];

    private static Action<DbDataReader> Groups(Action<StoredGroup> take)
    {
        Func<DbDataReader, StoredGroup>? parse = null;
        return row => take((parse ??= row.GetRowParser<StoredGroup>())(row));
    }
}

/// <summary>What stands beside an idempotency key.</summary>
/// <param name="Fingerprint">Of the push that came first.</param>
/// <param name="Status">200 or 400; 0 while its push is under way, which only that push sees.</param>
/// <param name="Body">Of a refusal: reason id, colon, blank, text.</param>
internal readonly record struct RecordedAnswer(byte[] Fingerprint, int Status, string Body);

/// <summary>What a transaction adds to a tenant's usage.</summary>
internal readonly record struct UsageDelta(int Groups, int Series, long Bytes)
{
    public bool IsZero => this == default;
}

/// <summary>What a tenant has stored.</summary>
internal readonly record struct UsageRow(int Groups, int Series, long Bytes);
