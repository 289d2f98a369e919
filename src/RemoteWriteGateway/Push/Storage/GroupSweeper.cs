using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// Ends what has had its time: payloads and bookkeeping of groups with a time to live, rows of deleted groups, names that nobody has, and
/// idempotency keys. Every replica sweeps; rows that another one is at are left to it.
/// </summary>
internal sealed partial class GroupSweeper(
    CatalogDatabase database,
    PushTransactions transactions,
    PushTimes times,
    PushWake wake,
    PushStorageMetrics metrics,
    UnreadablePayloads unreadable,
    TimeProvider time,
    ILogger<GroupSweeper> logger)
    : BackgroundService
{
    /// <summary>Most idempotency keys of a tenant; above it the oldest go early.</summary>
    public const int MaxKeys = 1_000_000;

    private const int GroupBatch = 200;
    private const int RowBatch = 5000;

    /// <summary>How long the row of a deleted group stays, so that a push that revives it goes on with its times.</summary>
    private static readonly TimeSpan DeletedRows = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TrimInterval = TimeSpan.FromMinutes(10);

    private readonly GroupSql _sql = new(transactions.IsPostgreSql);
    private readonly GroupRelease _release = new(new GroupSql(transactions.IsPostgreSql), times, unreadable);
    private DateTimeOffset _trimAt = DateTimeOffset.MinValue;

    /// <summary>One sweep: everything that is due now.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await RepeatAsync(batch => EndAsync(batch, GroupState.Live, cancellationToken), GroupBatch, cancellationToken);
        await RepeatAsync(batch => EndAsync(batch, GroupState.Expired, cancellationToken), GroupBatch, cancellationToken);
        await RepeatAsync(batch => RemoveAsync(batch, cancellationToken), GroupBatch, cancellationToken);
        await RepeatAsync(batch => DeleteAsync(batch, _sql.DeleteUnusedNames(RowBatch), cancellationToken), RowBatch, cancellationToken);
        await RepeatAsync(batch => DeleteAsync(batch, _sql.DeleteExpiredKeys(RowBatch), cancellationToken), RowBatch, cancellationToken);
        if (time.GetUtcNow() >= _trimAt)
        {
            _trimAt = time.GetUtcNow() + TrimInterval;
            await TrimKeysAsync(MaxKeys, cancellationToken);
        }
    }

    /// <summary>Forgets the oldest idempotency keys of tenants that have more than <paramref name="most"/>.</summary>
    public async Task TrimKeysAsync(int most, CancellationToken cancellationToken)
    {
        foreach (KeyCount tenant in await database.QueryAsync<KeyCount>(GroupSql.CountKeys, new { Most = most }, cancellationToken))
        {
            long left = tenant.Keys - most;
            while (left > 0)
            {
                TransactionEnd<int> end = await transactions.RunAsync(
                    batch => DeleteAsync(batch, _sql.DeleteOldestKeys(tenant.Tenant, (int)Math.Min(left, RowBatch)), cancellationToken), cancellationToken);
                if (end.Value == 0)
                {
                    break;
                }

                left -= end.Value;
                metrics.CountTrimmed(tenant.Tenant, end.Value);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await SweepAsync(stoppingToken);
                }
                catch (Exception e) when (database.IsAway(e))
                {
                    LogAway(database.Describe(e));
                }
#pragma warning disable CA1031 // What is due stays due. An exception that gets out of here would end the gateway, writes and all.
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    LogFault(e);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops. What is due is due on the next one as well.
        }
    }

    private async Task RepeatAsync(TransactionWork<int> work, int full, CancellationToken cancellationToken)
    {
        TransactionEnd<int> end;
        do
        {
            end = await transactions.RunAsync(work, cancellationToken);
        }
        while (end.Fate == PushFate.Stored && end.Value >= full);
    }

    /// <summary>Ends the payload of live groups, or the bookkeeping of those whose payload has ended before.</summary>
    private async ValueTask<Decision<int>> EndAsync(IStatementBatch batch, GroupState state, CancellationToken cancellationToken)
    {
        List<StoredGroup> due = [];
        long now = 0;
        await batch.RunAsync([_sql.LockExpired(state, GroupBatch, due.Add), _sql.Now(read => now = read)], cancellationToken);

        // Tenant by tenant in their order, so that two sweepers never wait for each other.
        foreach (IGrouping<string, StoredGroup> tenant in due.GroupBy(static group => group.Tenant).OrderBy(static tenant => tenant.Key, StringComparer.Ordinal))
        {
            List<StoredGroup> groups = [.. tenant];
            groups.Sort(static (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
            await (state == GroupState.Live
                ? _release.ExpireAsync(batch, groups, now, cancellationToken)
                : _release.DeleteAsync(batch, groups, now, cancellationToken));
        }

        // Counted here though the commit is yet to come: a repeated attempt is rare, and the counter says how often time was up.
        foreach (StoredGroup group in due)
        {
            metrics.CountExpired(group.Tenant, isPayload: state == GroupState.Live);
        }

        if (due.Count > 0)
        {
            wake.Signal();
        }

        return new Decision<int>(due.Count, Commits: due.Count > 0);
    }

    private async ValueTask<Decision<int>> RemoveAsync(IStatementBatch batch, CancellationToken cancellationToken)
    {
        List<StoredGroup> gone = [];
        await batch.RunAsync([_sql.LockForgotten(DeletedRows, GroupBatch, gone.Add)], cancellationToken);
        if (gone.Count > 0)
        {
            await batch.RunAsync([.. gone.SelectMany(GroupSql.Remove)], cancellationToken);
        }

        return new Decision<int>(gone.Count, Commits: gone.Count > 0);
    }

    private static async ValueTask<Decision<int>> DeleteAsync(IStatementBatch batch, Statement delete, CancellationToken cancellationToken)
    {
        await batch.RunAsync([delete], cancellationToken);
        return new Decision<int>(delete.Affected, Commits: delete.Affected > 0);
    }

    [LoggerMessage(LogLevel.Error, "Push groups could not be swept, by a bug of ours; it is tried again")]
    private partial void LogFault(Exception exception);

    [LoggerMessage(LogLevel.Warning, "Push groups could not be swept, the catalog is away: {Fault}")]
    private partial void LogAway(string fault);

    private sealed class KeyCount
    {
        public string Tenant { get; init; } = "";

        public long Keys { get; init; }
    }
}
