using System.Collections.Immutable;
using System.Text;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tenancy;

/// <summary>That a version of the policy was in force on a replica.</summary>
/// <param name="Version">First 16 hex digits of the document's SHA-256.</param>
/// <param name="Replica">The replica's name.</param>
/// <param name="From">When the replica took it.</param>
/// <param name="To">When it took the next one; null if it has not, also if the replica is gone.</param>
internal sealed record PolicyPeriod(string Version, string Replica, DateTimeOffset From, DateTimeOffset? To);

/// <summary>A policy document as the catalog keeps it.</summary>
/// <param name="Version">First 16 hex digits of its SHA-256.</param>
/// <param name="Document">Word for word.</param>
/// <param name="LoadedAt">When the first replica took it.</param>
internal sealed record StoredPolicy(string Version, string Document, DateTimeOffset LoadedAt)
{
    /// <summary>As it stood in the file.</summary>
    public PolicyDocument ToDocument() => new($"policy version {Version}", Encoding.UTF8.GetBytes(Document));
}

/// <summary>
/// The table <c>policy_versions</c>, into which is inserted only: one row each time that a replica took another version than its row before
/// names. A version is in force on a replica until its next row.
/// </summary>
internal sealed class PolicyVersionStore(CatalogDatabase database)
{
    // A replica that served anybody has left a checkpoint of its audit within this time.
    private static readonly TimeSpan Silence = TimeSpan.FromDays(1);

    /// <summary>Notes that a replica took a policy, unless its last row says so already.</summary>
    /// <returns>Whether there is a new row.</returns>
    /// <param name="replica">The replica's name.</param>
    /// <param name="policy">The document.</param>
    /// <param name="loadedAt">When it came into force.</param>
    /// <param name="cancellationToken">The host's.</param>
    public Task<bool> AddAsync(string replica, PolicyDocument policy, DateTimeOffset loadedAt, CancellationToken cancellationToken) => database.TransactAsync(
        async transaction =>
        {
            Row? last = await transaction.QueryFirstOrDefaultAsync<Row>(
                "SELECT loaded_at, sha256 FROM policy_versions WHERE replica = @replica ORDER BY loaded_at DESC LIMIT 1",
                new { replica },
                cancellationToken);
            byte[] sha256 = [.. policy.Sha256];
            if (last is not null && last.Sha256.AsSpan().SequenceEqual(sha256))
            {
                return false;
            }

            // The clock may have been set back, and the order of the rows is what counts.
            DateTimeOffset at = ColumnTypes.Cut(loadedAt);
            at = last is not null && at <= last.LoadedAt ? last.LoadedAt.AddMicroseconds(1) : at;
            await transaction.ExecuteAsync(
                "INSERT INTO policy_versions (replica, loaded_at, version, sha256, document) VALUES (@replica, @at, @version, @sha256, @document)",
                new { replica, at, version = policy.Version, sha256, document = Encoding.UTF8.GetString(policy.Bytes.Span) },
                cancellationToken);
            return true;
        },
        cancellationToken);

    /// <summary>Newest first.</summary>
    /// <param name="after">The last one of the page before, or null for the first page.</param>
    /// <param name="limit">Most rows.</param>
    /// <param name="cancellationToken">The request's.</param>
    public async Task<ImmutableArray<PolicyPeriod>> ListAsync(PolicyPeriod? after, int limit, CancellationToken cancellationToken)
    {
        IReadOnlyList<Row> rows = await database.QueryAsync<Row>(
            $"""
            SELECT replica, loaded_at, version,
              (SELECT MIN(next.loaded_at) FROM policy_versions AS next WHERE next.replica = this.replica AND next.loaded_at > this.loaded_at) AS until
            FROM policy_versions AS this
            {(after is null ? "" : "WHERE loaded_at < @from OR (loaded_at = @from AND replica < @replica)")}
            ORDER BY loaded_at DESC, replica DESC LIMIT @limit
            """,
            new { from = after?.From ?? default, replica = after?.Replica ?? "", limit },
            cancellationToken);
        return [.. rows.Select(row => new PolicyPeriod(row.Version, row.Replica, row.LoadedAt, row.Until))];
    }

    /// <summary>
    /// What was in force at a time, replica by replica. Replicas of which the audit and the register know nothing within a day of that time
    /// are left out: their rows have no end when they are gone for good.
    /// </summary>
    public async Task<ImmutableArray<PolicyPeriod>> InForceAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        IReadOnlyList<Row> rows = await database.QueryAsync<Row>(
            """
            SELECT replica, loaded_at, version FROM policy_versions AS this
            WHERE loaded_at = (SELECT MAX(last.loaded_at) FROM policy_versions AS last WHERE last.replica = this.replica AND last.loaded_at <= @at)
            AND (loaded_at >= @from
              OR EXISTS (SELECT 1 FROM replicas WHERE name = this.replica AND started_at <= @at AND last_seen >= @from)
              OR EXISTS (SELECT 1 FROM audit_checkpoints WHERE ts >= @from AND ts <= @to AND substr(stream, 1, length(this.replica) + 1) = this.replica || '/'))
            ORDER BY loaded_at DESC, replica
            """,
            new { at, from = at - Silence, to = at + Silence },
            cancellationToken);
        return [.. rows.Select(row => new PolicyPeriod(row.Version, row.Replica, row.LoadedAt, null))];
    }

    /// <summary>The versions that were in force at any time from <paramref name="from"/> to <paramref name="to"/>.</summary>
    public async Task<ImmutableArray<string>> VersionsBetweenAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> versions = await database.QueryAsync<string>(
            """
            SELECT DISTINCT version FROM policy_versions AS this
            WHERE loaded_at < @to
            AND NOT EXISTS (SELECT 1 FROM policy_versions AS next WHERE next.replica = this.replica AND next.loaded_at > this.loaded_at AND next.loaded_at <= @from)
            ORDER BY version
            """,
            new { from, to },
            cancellationToken);
        return [.. versions];
    }

    /// <summary>The document of a version, or null if the catalog has none of it.</summary>
    public async Task<StoredPolicy?> FindAsync(string version, CancellationToken cancellationToken) =>
        await database.QueryFirstOrDefaultAsync<Row>(
            "SELECT loaded_at, version, document FROM policy_versions WHERE version = @version ORDER BY loaded_at LIMIT 1",
            new { version },
            cancellationToken) is { } row
            ? new StoredPolicy(row.Version, row.Document, row.LoadedAt)
            : null;

    private sealed class Row
    {
        public string Replica { get; init; } = "";

        public DateTimeOffset LoadedAt { get; init; }

        public string Version { get; init; } = "";

        public byte[] Sha256 { get; init; } = [];

        public string Document { get; init; } = "";

        public DateTimeOffset? Until { get; init; }
    }
}
