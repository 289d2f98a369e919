using System.Collections.Immutable;
using System.Data.Common;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Who made or lifted a revocation.</summary>
/// <param name="Directory">The directory of <paramref name="ObjectId"/>.</param>
/// <param name="ObjectId">The operator.</param>
/// <param name="Name">For display; null if the token has none.</param>
internal sealed record RevocationOperator(Guid Directory, Guid ObjectId, string? Name)
{
    public static RevocationOperator Of(Caller caller) => new(caller.Directory, caller.ObjectId, caller.DisplayName);
}

/// <summary>A revocation in the catalog, in force or not.</summary>
/// <param name="Id">Its id: version 7, so that ids are in the order of their making.</param>
/// <param name="What">What it refuses.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="CreatedBy">By whom; null where the catalog does not say.</param>
/// <param name="Lift">When, by whom and why it was lifted; null if it was not.</param>
internal sealed record StoredRevocation(Guid Id, Revocation What, DateTimeOffset CreatedAt, RevocationOperator? CreatedBy, RevocationLift? Lift)
{
    /// <summary>Whether it refuses anybody at this time.</summary>
    public bool IsInForce(DateTimeOffset now) => Lift is null && !(now >= What.Until);
}

/// <summary>The end of a revocation by an operator.</summary>
internal sealed record RevocationLift(DateTimeOffset At, Guid? ByObjectId, string? ByName, string? Reason);

/// <summary>
/// The table <c>revocations</c>. A change raises its topic in the same transaction and returns only when this replica judges by it; the
/// others follow within <see cref="CatalogOptions.PollInterval"/>. Lifting marks a row, and nothing is ever deleted.
/// </summary>
internal sealed class RevocationStore(CatalogDatabase database, CatalogChanges changes, EntraDirectory directory, TimeProvider time)
{
    /// <summary>The topic in <c>catalog_changes</c>.</summary>
    public const string Topic = "revocations";

    private const string Columns =
        "id, kind, value, issued_before, until, reason, created_at, created_by_tid, created_by_oid, created_by_name, lifted_at, lifted_by_oid, lifted_by_name, lift_reason";

    private const string InForce = "lifted_at IS NULL AND (until IS NULL OR until > @now)";

    /// <summary>Everything that is in force now.</summary>
    public async Task<ImmutableArray<Revocation>> ReadInForceAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<Row> rows = await database.QueryAsync<Row>(
            $"SELECT {Columns} FROM revocations WHERE tid = @tid AND {InForce} ORDER BY id",
            new { tid = directory.Id, now = time.GetUtcNow() },
            cancellationToken);
        return [.. rows.Select(row => row.ToStored().What)];
    }

    /// <summary>Newest first.</summary>
    /// <param name="inForceOnly">Leaves out what was lifted or has ended.</param>
    /// <param name="after">The last id of the page before, or null for the first page.</param>
    /// <param name="limit">Most rows.</param>
    /// <param name="cancellationToken">The request's.</param>
    public async Task<ImmutableArray<StoredRevocation>> ListAsync(bool inForceOnly, Guid? after, int limit, CancellationToken cancellationToken)
    {
        IReadOnlyList<Row> rows = await database.QueryAsync<Row>(
            $"""
            SELECT {Columns} FROM revocations
            WHERE tid = @tid{(inForceOnly ? $" AND {InForce}" : "")}{(after is null ? "" : " AND id < @after")}
            ORDER BY id DESC LIMIT @limit
            """,
            new { tid = directory.Id, now = time.GetUtcNow(), after = after ?? Guid.Empty, limit },
            cancellationToken);
        return [.. rows.Select(row => row.ToStored())];
    }

    /// <summary>The one of this id, or null.</summary>
    public async Task<StoredRevocation?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await database.QueryFirstOrDefaultAsync<Row>(
            $"SELECT {Columns} FROM revocations WHERE tid = @tid AND id = @id", new { tid = directory.Id, id }, cancellationToken))?.ToStored();

    /// <summary>An id for a new one.</summary>
    public Guid NewId() => Guid.CreateVersion7(time.GetUtcNow());

    /// <summary>Makes one. It is in force on this replica when this returns.</summary>
    /// <returns>
    /// The new one; or, with <c>IsNew</c> false, the one in force that says the same (kind, value, <c>issuedBefore</c>, <c>until</c>), which then is
    /// in force here as well.
    /// </returns>
    /// <param name="wanted">What it refuses, with its id.</param>
    /// <param name="by">Who makes it.</param>
    /// <param name="cancellationToken">Until it is committed. What was committed stays, whoever has hung up.</param>
    public async Task<(StoredRevocation Revocation, bool IsNew)> CreateAsync(
        Revocation wanted, RevocationOperator by, CancellationToken cancellationToken)
    {
        DateTimeOffset now = ColumnTypes.Cut(time.GetUtcNow());
        Row row = new()
        {
            Id = wanted.Id ?? throw new ArgumentException("A revocation in the catalog has an id.", nameof(wanted)),
            Kind = RevocationsReader.NameOf(wanted.Kind),
            Value = wanted.Value,
            IssuedBefore = wanted.IssuedBefore is { } issued ? ColumnTypes.Cut(issued) : null,
            Until = wanted.Until is { } until ? ColumnTypes.Cut(until) : null,
            Reason = wanted.Reason,
            CreatedAt = now,
            CreatedByTid = by.Directory,
            CreatedByOid = by.ObjectId,
            CreatedByName = by.Name,
        };
        Row? equal = await database.TransactAsync(
            async transaction =>
            {
                // First of all: whoever makes one waits here for whoever is making the same.
                await changes.RaiseAsync(transaction, Topic, cancellationToken);
                if (await FindEqualAsync(transaction, row, now, cancellationToken) is { } found)
                {
                    return found;
                }

                await InsertAsync(transaction, row, cancellationToken);
                return null;
            },
            cancellationToken);
        await changes.PollAsync(CancellationToken.None);
        return ((equal ?? row).ToStored(), equal is null);
    }

    /// <summary>Lifts one. It is no longer in force on this replica when this returns.</summary>
    /// <returns>It as it is then; null if there is none of this id. One that was lifted before stays as it was lifted then.</returns>
    /// <param name="id">Which.</param>
    /// <param name="by">Who lifts it.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellationToken">Until it is committed.</param>
    public async Task<StoredRevocation?> LiftAsync(Guid id, RevocationOperator by, string reason, CancellationToken cancellationToken)
    {
        int lifted = await database.TransactAsync(
            async transaction =>
            {
                await changes.RaiseAsync(transaction, Topic, cancellationToken);
                return await transaction.ExecuteAsync(
                    """
                    UPDATE revocations SET lifted_at = @now, lifted_by_oid = @oid, lifted_by_name = @name, lift_reason = @reason
                    WHERE tid = @tid AND id = @id AND lifted_at IS NULL
                    """,
                    new { now = time.GetUtcNow(), oid = by.ObjectId, name = by.Name, reason, tid = directory.Id, id },
                    cancellationToken);
            },
            cancellationToken);
        if (lifted > 0)
        {
            await changes.PollAsync(CancellationToken.None);
        }

        return await FindAsync(id, CancellationToken.None);
    }

    private Task<Row?> FindEqualAsync(DbTransaction transaction, Row row, DateTimeOffset now, CancellationToken cancellationToken) =>
        transaction.QueryFirstOrDefaultAsync<Row>(
            $"""
            SELECT {Columns} FROM revocations
            WHERE tid = @tid AND kind = @kind AND value = @value AND {InForce}
            AND issued_before IS NOT DISTINCT FROM @issuedBefore AND until IS NOT DISTINCT FROM @until
            """,
            new { tid = directory.Id, kind = row.Kind, value = row.Value, now, issuedBefore = row.IssuedBefore, until = row.Until },
            cancellationToken);

    private Task<int> InsertAsync(DbTransaction transaction, Row row, CancellationToken cancellationToken) => transaction.ExecuteAsync(
        """
        INSERT INTO revocations (id, tid, kind, value, issued_before, until, reason, created_at, created_by_tid, created_by_oid, created_by_name)
        VALUES (@Id, @Tid, @Kind, @Value, @IssuedBefore, @Until, @Reason, @CreatedAt, @CreatedByTid, @CreatedByOid, @CreatedByName)
        """,
        new
        {
            row.Id,
            Tid = directory.Id,
            row.Kind,
            row.Value,
            row.IssuedBefore,
            row.Until,
            row.Reason,
            row.CreatedAt,
            row.CreatedByTid,
            row.CreatedByOid,
            row.CreatedByName,
        },
        cancellationToken);

    private sealed class Row
    {
        public Guid Id { get; init; }

        public string Kind { get; init; } = "";

        public string Value { get; init; } = "";

        public DateTimeOffset? IssuedBefore { get; init; }

        public DateTimeOffset? Until { get; init; }

        public string Reason { get; init; } = "";

        public DateTimeOffset CreatedAt { get; init; }

        public Guid? CreatedByTid { get; init; }

        public Guid? CreatedByOid { get; init; }

        public string? CreatedByName { get; init; }

        public DateTimeOffset? LiftedAt { get; init; }

        public Guid? LiftedByOid { get; init; }

        public string? LiftedByName { get; init; }

        public string? LiftReason { get; init; }

        public StoredRevocation ToStored() => new(
            Id,
            new Revocation(RevocationsReader.KindOf(Kind), Value, IssuedBefore, Until, Reason) { Id = Id },
            CreatedAt,
            CreatedByTid is { } tid && CreatedByOid is { } oid ? new RevocationOperator(tid, oid, CreatedByName) : null,
            LiftedAt is { } at ? new RevocationLift(at, LiftedByOid, LiftedByName, LiftReason) : null);
    }
}
