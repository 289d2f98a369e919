using System.Data.Common;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// The second stream of this run: records of deletions, each committed with its deletion or not at all. The stream of <see cref="AuditWriter"/>
/// has one writer with its own transactions, and its chain cannot be lent to another one that may take seconds or end in no known way.
/// Here each transaction reads the stream's end, behind a lock that it keeps until it has ended, and goes on from there.
/// </summary>
/// <remarks>
/// So nobody has to learn the fate of a commit, and nothing waits in the spool. Checkpoints are written each minute if there is something new, each
/// <see cref="CheckpointRecords"/> records in the transaction itself, and at the stop.
/// </remarks>
internal sealed partial class DeletionStream(
    ReplicaIdentity run, AuditTable table, AuditPartitions partitions, AuditLog log, AuditMetrics metrics, TimeProvider time, ILogger<DeletionStream> logger)
    : BackgroundService
{
    public const int CheckpointRecords = 1000;

    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();

    /// <summary>The last record of which it is known that it was committed.</summary>
    private ChainPosition _committed = ChainPosition.Begin;

    /// <summary>The last number that was given to a record, committed or not.</summary>
    private long _appended;
    private long _checkpointed;

    public string Name { get; } = StreamNames.OfDeletions(run);

    /// <summary>Makes the room for a record, if that is due. To be called before the transaction.</summary>
    /// <exception cref="DbException">The database is away; see <see cref="CatalogDatabase.IsAway"/>.</exception>
    public Task PrepareAsync(CancellationToken cancellationToken) => partitions.PrepareAsync(time.GetUtcNow(), cancellationToken);

    /// <summary>Puts a deletion on record in its own transaction.</summary>
    /// <param name="transaction">That of the deletion. Here it takes its last lock: from here to its end other deletions of this run wait.</param>
    /// <param name="record">Gets its id and its time here, so that the times of a stream are in order.</param>
    /// <param name="cancellationToken">At any time.</param>
    /// <returns>What was written, for <see cref="Committed"/>.</returns>
    /// <exception cref="AuditUnavailableException">It cannot be put on record: nothing may be deleted.</exception>
    public async Task<AuditBatch> AppendAsync(DbTransaction transaction, AuditRecord record, CancellationToken cancellationToken)
    {
        if (!log.IsAvailable)
        {
            throw AuditUnavailableException.NotWritten();
        }

        await table.LockAsync(transaction, Name, cancellationToken);
        AuditChain chain = new(Name, await FindEndAsync(transaction, cancellationToken));
        DateTimeOffset now = time.GetUtcNow();
        ChainedRecord chained = chain.Append(record with { Id = Guid.CreateVersion7(now), At = now });
        AuditBatch batch = new([chained], chained.Seq % CheckpointRecords == 0 ? CheckpointAt(chain.Position) : null);
        try
        {
            await table.InsertAsync(transaction, batch, cancellationToken);
        }
        catch (Exception e) when (table.LacksRoom(e))
        {
            LogNoRoom(table.Database.Describe(e));
            partitions.Forget();
            throw AuditUnavailableException.NotWritten();
        }

        lock (_gate)
        {
            _appended = Math.Max(_appended, chained.Seq);
        }

        return batch;
    }

    /// <summary>The transaction has committed. Not called if it has not, or if nobody knows.</summary>
    public void Committed(AuditBatch batch)
    {
        ChainedRecord last = batch.Records[^1];
        lock (_gate)
        {
            if (last.Seq > _committed.Seq)
            {
                _committed = new ChainPosition(last.Seq, last.Hash);
            }
        }

        metrics.CountWritten(batch);
        Told(batch.Checkpoint);
    }

    /// <summary>Writes a checkpoint, if the stream has come further than the last one.</summary>
    public async Task CheckpointAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_appended <= _checkpointed)
            {
                return;
            }
        }

        Told(await table.Database.TransactAsync(
            async transaction =>
            {
                ChainPosition end = await FindEndAsync(transaction, cancellationToken);
                lock (_gate)
                {
                    if (end.Seq <= _checkpointed)
                    {
                        return null;
                    }
                }

                AuditCheckpoint checkpoint = CheckpointAt(end);
                await table.InsertAsync(transaction, new AuditBatch([], checkpoint), cancellationToken);
                return checkpoint;
            },
            cancellationToken));
    }

    /// <summary>The web server has stopped before: what comes now is the last checkpoint.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await TryCheckpointAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogNoCheckpoint("the gateway had to end before");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(CheckpointInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryCheckpointAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    /// <summary>
    /// Where the next record goes. The database says it, since a commit may be unknown here; but if less is there than was committed, somebody
    /// has removed or rewritten the end, and going on from what was there shows it.
    /// </summary>
    private async Task<ChainPosition> FindEndAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        ChainPosition end = await AuditTable.FindEndAsync(transaction, Name, cancellationToken);
        lock (_gate)
        {
            return end.Seq > _committed.Seq ? end : _committed;
        }
    }

    private AuditCheckpoint CheckpointAt(ChainPosition end) => new(Name, end.Seq, time.GetUtcNow(), end.Hash, end.Seq);

    /// <summary>A checkpoint is in the catalog: now the log may say so.</summary>
    private void Told(AuditCheckpoint? checkpoint)
    {
        if (checkpoint is null)
        {
            return;
        }

        lock (_gate)
        {
            _checkpointed = Math.Max(_checkpointed, checkpoint.Seq);
        }

        CheckpointLog.Log(logger, checkpoint);
    }

    private async Task TryCheckpointAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckpointAsync(cancellationToken);
        }
#pragma warning disable CA1031 // Whatever it is, the next one covers the same records. An exception that gets out of here would end the gateway, writes and all.
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogNoCheckpoint(table.Database.Describe(e));
        }
    }

    [LoggerMessage(LogLevel.Warning, "A checkpoint of the audit's stream of deletions could not be written: {Fault}")]
    private partial void LogNoCheckpoint(string fault);

    [LoggerMessage(LogLevel.Error, "A deletion of push groups was refused, since its audit record has no partition: {Fault}")]
    private partial void LogNoRoom(string fault);
}
