using System.Data.Common;
using System.Runtime.CompilerServices;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>The state of push groups in the catalog: what a push changes, what a deletion takes away, and what views read.</summary>
/// <remarks>
/// Locks are taken in one order everywhere: idempotency key, groups by key, names by bytes, series by hash, the tenant's usage, and of a deletion the
/// stream of its audit record (<see cref="DeletionStream"/>).
/// Emitters and sweepers take groups only, with SKIP LOCKED or in the order of their keys.
/// </remarks>
internal sealed class PushStore(
    CatalogDatabase database,
    PushTransactions transactions,
    DeletionStream deletions,
    PushTimes times,
    PushWake wake,
    PushStorageMetrics metrics,
    UnreadablePayloads unreadable)
{
    /// <summary>Groups that one transaction deletes.</summary>
    public const int DeleteBatch = 200;

    private const int PageSize = 200;

    // Bodies may be large.
    private const int PageSizeWithBodies = 25;

    // A row that vanishes between two statements, time after time: somebody deletes the group as fast as it is pushed.
    private const int MaxVanished = 5;

    private readonly GroupSql _sql = new(transactions.IsPostgreSql);
    private readonly GroupRelease _release = new(new GroupSql(transactions.IsPostgreSql), times, unreadable);

    /// <summary>Stores a push, or says why not. Returns when the commit is durable. What the database does wrong is a <see cref="PushFate"/> and no exception.</summary>
    /// <param name="request">Its families must stay as they are until this returns.</param>
    /// <param name="cancellationToken">Until the commit has begun.</param>
    public async Task<PushOutcome> PushAsync(PushRequest request, CancellationToken cancellationToken)
    {
        PushRefusal? refusal = request.Refusal;
        if (refusal is null)
        {
            CreatedGauges.Apply(request.Families, request.Grouping);
            refusal = PayloadMerge.NotAdditive(request);
        }

        PushTransaction push = new(_sql, times, unreadable, request, cancellationToken);
        if (refusal is null)
        {
            TransactionEnd<PushResult> end = await RunAsync(push.StoreAsync, cancellationToken);
            if (end.Value is not { Outcome: { } outcome } result)
            {
                return end.Fate == PushFate.Away ? PushOutcome.Away : PushOutcome.Busy;
            }

            if (!result.IsTraced)
            {
                Tell(request, outcome, result.DueIn);
                return outcome;
            }

            refusal = outcome.Refusal!; // not null: it is traced
        }

        return await RecordAsync(push, request, refusal, cancellationToken);
    }

    /// <summary>Deletes one group; an unknown one is no error.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="key">Which.</param>
    /// <param name="record">
    /// What is on record of a transaction, given the number of groups that it deletes: committed with it or not at all. Called for each attempt of each
    /// transaction that finds a group; one that finds none leaves no record.
    /// </param>
    /// <param name="cancellationToken">Until the commit.</param>
    /// <exception cref="AuditUnavailableException">It cannot be put on record: nothing more is deleted.</exception>
    public async Task<DeleteOutcome> DeleteAsync(string tenant, GroupKey key, Func<int, AuditRecord> record, CancellationToken cancellationToken)
    {
        DeleteOutcome outcome = await DeleteAsync(tenant, [key.Bytes], record, cancellationToken);
        return outcome with { Matched = outcome.Deleted };
    }

    /// <summary>Deletes the groups that match, <see cref="DeleteBatch"/> in a transaction, in the order of their keys.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="matches">Asked for each group of the tenant, once.</param>
    /// <param name="isDryRun">Count only.</param>
    /// <param name="record">As in <see cref="DeleteAsync(string, GroupKey, Func{int, AuditRecord}, CancellationToken)"/>; not called in a dry run.</param>
    /// <param name="cancellationToken">Until a commit; what was deleted before stays deleted.</param>
    /// <exception cref="AuditUnavailableException">As there; what was deleted before stays deleted, and is on record.</exception>
    public async Task<DeleteOutcome> DeleteManyAsync(
        string tenant, Func<GroupKey, bool> matches, bool isDryRun, Func<int, AuditRecord> record, CancellationToken cancellationToken)
    {
        List<byte[]> keys = [];
        try
        {
            await foreach (StoredGroup group in ReadAsync(tenant, (tenant, []), withBodies: false, cancellationToken))
            {
                if (matches(group.ReadKey()))
                {
                    keys.Add(group.Key);
                }
            }
        }
        catch (Exception e) when (database.IsAway(e))
        {
            return new DeleteOutcome(PushFate.Away, 0, 0);
        }

        return isDryRun
            ? new DeleteOutcome(PushFate.Stored, keys.Count, 0)
            : await DeleteAsync(tenant, keys, record, cancellationToken);
    }

    /// <summary>Deletes all groups of a tenant, like <see cref="DeleteManyAsync"/>.</summary>
    public Task<DeleteOutcome> WipeAsync(string tenant, Func<int, AuditRecord> record, CancellationToken cancellationToken) =>
        DeleteManyAsync(tenant, static _ => true, isDryRun: false, record, cancellationToken);

    /// <summary>All groups of a tenant that are not deleted, with their newest bodies, in the order of their keys. Read in pages: what changes meanwhile is seen or not.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="afterKey">Begin behind this key.</param>
    /// <param name="cancellationToken">At any time.</param>
    /// <exception cref="DbException">The database is away; see <see cref="CatalogDatabase.IsAway"/>.</exception>
    public IAsyncEnumerable<StoredGroup> ReadGroupsAsync(string tenant, byte[]? afterKey, CancellationToken cancellationToken) =>
        ReadAsync(tenant, (tenant, afterKey ?? []), withBodies: true, cancellationToken);

    /// <summary>Groups of a tenant (null: of all tenants) that are not deleted and match, without bodies, in the order of tenant and key.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="matches">Asked with the key; null takes all.</param>
    /// <param name="after">Tenant and key of the last group of the page before.</param>
    /// <param name="limit">Most groups to return; one more than is shown tells whether there is a next page.</param>
    /// <param name="cancellationToken">At any time.</param>
    /// <exception cref="DbException">The database is away.</exception>
    public async Task<IReadOnlyList<StoredGroup>> FindGroupsAsync(
        string? tenant, Func<GroupKey, bool>? matches, (string Tenant, byte[] Key)? after, int limit, CancellationToken cancellationToken)
    {
        List<StoredGroup> found = [];
        if (limit <= 0)
        {
            return found;
        }

        await foreach (StoredGroup group in ReadAsync(tenant, after ?? (tenant ?? "", []), withBodies: false, cancellationToken))
        {
            if (matches is null || matches(group.ReadKey()))
            {
                found.Add(group);
                if (found.Count == limit)
                {
                    break;
                }
            }
        }

        return found;
    }

    /// <summary>What tenants have stored, for gauges; a tenant without groups may be absent.</summary>
    /// <exception cref="DbException">The database is away.</exception>
    public Task<IReadOnlyList<PushUsage>> ReadUsageAsync(CancellationToken cancellationToken) => database.QueryAsync<PushUsage>(
        """
        SELECT tenant, sum(CASE state WHEN 0 THEN 1 ELSE 0 END) AS live, sum(CASE state WHEN 1 THEN 1 ELSE 0 END) AS expired,
            CAST(sum(series) AS bigint) AS series, CAST(sum(bytes) AS bigint) AS bytes
        FROM push_groups WHERE state <> 2 GROUP BY tenant ORDER BY tenant
        """,
        null,
        cancellationToken);

    private async Task<PushOutcome> RecordAsync(PushTransaction push, PushRequest request, PushRefusal refusal, CancellationToken cancellationToken)
    {
        // That the failure cannot be recorded does not change the answer; only a key that was answered before does.
        TransactionEnd<PushResult> end = await RunAsync(batch => push.RecordRefusalAsync(batch, refusal), cancellationToken);
        if (end.Value is { Outcome: { } outcome } result)
        {
            Tell(request, outcome, result.DueIn);
            return outcome;
        }

        return PushOutcome.Refused(refusal);
    }

    private async Task<TransactionEnd<PushResult>> RunAsync(TransactionWork<PushResult> work, CancellationToken cancellationToken)
    {
        TransactionEnd<PushResult> end;
        int vanished = 0;
        do
        {
            end = await transactions.RunAsync(work, cancellationToken);
        }
        while (end is { Fate: PushFate.Stored, Value.Outcome: null } && ++vanished < MaxVanished);

        return end;
    }

    private void Tell(PushRequest request, PushOutcome outcome, TimeSpan dueIn)
    {
        if (outcome.Fate == PushFate.Replayed)
        {
            metrics.CountReplay(request.Tenant);
            return;
        }

        wake.Signal(dueIn);
    }

    private async Task<DeleteOutcome> DeleteAsync(
        string tenant, List<byte[]> keys, Func<int, AuditRecord> record, CancellationToken cancellationToken)
    {
        try
        {
            await deletions.PrepareAsync(cancellationToken);
        }
        catch (Exception e) when (database.IsAway(e))
        {
            return new DeleteOutcome(PushFate.Away, keys.Count, 0);
        }

        int deleted = 0;
        foreach (byte[][] part in keys.Chunk(DeleteBatch))
        {
            TransactionEnd<Deletion?> end = await transactions.RunAsync(batch => DeleteAsync(batch, tenant, part, record, cancellationToken), cancellationToken);
            if (end.Fate != PushFate.Stored)
            {
                return new DeleteOutcome(end.Fate, keys.Count, deleted);
            }

            if (end.Value is { } deletion)
            {
                deletions.Committed(deletion.Record);
                deleted += deletion.Groups;
                wake.Signal();
            }
        }

        return new DeleteOutcome(PushFate.Stored, keys.Count, deleted);
    }

    private async ValueTask<Decision<Deletion?>> DeleteAsync(
        IStatementBatch batch, string tenant, byte[][] keys, Func<int, AuditRecord> record, CancellationToken cancellationToken)
    {
        List<StoredGroup> groups = [];
        long now = 0;
        // One statement a group: so they are locked in the order of their keys.
        await batch.RunAsync(
            [
                .. keys.Select(key => _sql.LockGroup(tenant, key, group =>
                {
                    if (group.State != GroupState.Deleted)
                    {
                        groups.Add(group);
                    }
                })),
                _sql.Now(time => now = time),
            ],
            cancellationToken);
        if (groups.Count == 0)
        {
            return new Decision<Deletion?>(null, Commits: false);
        }

        await _release.DeleteAsync(batch, groups, now, cancellationToken);
        AuditBatch written = await deletions.AppendAsync(batch.Transaction, record(groups.Count), cancellationToken);
        return new Decision<Deletion?>(new Deletion(groups.Count, written), Commits: true);
    }

    private async IAsyncEnumerable<StoredGroup> ReadAsync(
        string? tenant, (string Tenant, byte[] Key) after, bool withBodies, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int size = withBodies ? PageSizeWithBodies : PageSize;
        while (true)
        {
            IReadOnlyList<StoredGroup> page = await database.QueryAsync<StoredGroup>(
                GroupSql.Page(tenant is not null, withBodies), new { after.Tenant, after.Key, Limit = size }, cancellationToken);
            foreach (StoredGroup group in page)
            {
                yield return group;
            }

            if (page.Count < size)
            {
                yield break;
            }

            after = (page[^1].Tenant, page[^1].Key);
        }
    }

    /// <summary>What one transaction has deleted.</summary>
    private sealed record Deletion(int Groups, AuditBatch Record);
}

/// <summary>What a tenant has stored.</summary>
internal sealed class PushUsage
{
    public string Tenant { get; init; } = "";

    public long Live { get; init; }

    public long Expired { get; init; }

    public long Series { get; init; }

    public long Bytes { get; init; }
}
