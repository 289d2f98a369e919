using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>
/// Where batches go: to the catalog while it takes them in good time, else to the spool, and then to the spool until that was replayed, so
/// that the order stays. Whoever writes never waits longer for the catalog than <see cref="Patience"/>.
/// </summary>
internal sealed partial class AuditStore(
    AuditSpool spool, AuditTable table, AuditPartitions partitions, AuditMetrics metrics, TimeProvider time, ILogger<AuditStore> logger)
    : IReplicaFacts, IDisposable
{
    /// <summary>How long the catalog may take for a batch before the spool takes it as well.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a batch may be under way to the catalog at all.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private Task? _replay;
    private volatile bool _isFailureTold;
    private bool _isSpoolTold;

    public long SpooledRecords => spool.Records;

    public ReplicaFacts AddTo(ReplicaFacts facts) => facts with { AuditSpooled = spool.Records };

    /// <summary>Returns when what was spooled is in the catalog.</summary>
    public Task WhenReplayedAsync() => _replay ?? Task.CompletedTask;

    /// <summary>Begins with what a run before has left in the spool.</summary>
    public Task OpenAsync()
    {
        if (!spool.IsEmpty)
        {
            LogFound(spool.Records);
            _replay = Task.Run(() => ReplayAsync(Task.CompletedTask));
        }

        return Task.CompletedTask;
    }

    /// <summary>Stores a batch. It is durable if the answer is <see cref="BatchFate.Stored"/>.</summary>
    /// <param name="batch">The next of the stream.</param>
    /// <param name="mayBeThere">Whether its fate was <see cref="BatchFate.Unknown"/> the last time.</param>
    public async Task<BatchFate> WriteAsync(AuditBatch batch, bool mayBeThere)
    {
        if (_replay is { IsCompleted: true } && spool.IsEmpty)
        {
            _replay = null;
        }

        if (_replay is not null)
        {
            // What was under way to the catalog when the spool was begun has been spooled as well.
            return TrySpool(batch, Task.CompletedTask) ? BatchFate.Stored : mayBeThere ? BatchFate.Unknown : BatchFate.NotStored;
        }

        // On a thread of its own: SQLite's driver knows no waiting.
        Task<bool> insert = Task.Run(() => InsertAsync(batch, mayBeThere));
        try
        {
            if (await insert.WaitAsync(Patience, TimeProvider.System))
            {
                TellBack();
                return BatchFate.Stored;
            }
        }
        catch (TimeoutException)
        {
            // It goes on, and the spool takes it as well.
        }

        return TrySpool(batch, insert) || await insert ? BatchFate.Stored : BatchFate.Unknown;
    }

    /// <summary>Lets a replay come to its end if the catalog takes it, for a while; what then still waits is the next run's.</summary>
    public async Task CloseAsync()
    {
        Task replay = _replay ?? Task.CompletedTask;
        if (!_isFailureTold)
        {
            await Task.WhenAny(replay, Task.Delay(LastPatience, TimeProvider.System));
        }

        await _stop.CancelAsync();
        await replay;
    }

    public void Dispose() => _stop.Dispose();

    private bool TrySpool(AuditBatch batch, Task underWay)
    {
        try
        {
            if (!spool.TryAppend(batch))
            {
                if (!_isSpoolTold)
                {
                    _isSpoolTold = true;
                    LogFull(spool.Bytes);
                }

                return false;
            }

            _isSpoolTold = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isSpoolTold)
            {
                _isSpoolTold = true;
                LogSpoolFailed(e);
            }

            return false;
        }

        if (_replay is null or { IsCompleted: true })
        {
            _replay = Task.Run(() => ReplayAsync(underWay));
        }

        return true;
    }

    private async Task<bool> InsertAsync(AuditBatch batch, bool mayBeThere)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        timeout.CancelAfter(Timeout);
        try
        {
            await partitions.PrepareAsync(batch.Records is [{ } first, ..] ? first.Record.At : time.GetUtcNow(), timeout.Token);
            await table.InsertAsync(batch, mayBeThere, timeout.Token);
            return true;
        }
#pragma warning disable CA1031 // Whatever it is, the records are kept and tried again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (!_isFailureTold && !_stop.IsCancellationRequested)
            {
                _isFailureTold = true;
                LogAway(table.Database.Describe(e));
            }

            return false;
        }
    }

    /// <summary>Takes the spool to the catalog, oldest first, until nothing is left of it.</summary>
    private async Task ReplayAsync(Task underWay)
    {
        await underWay;
        TimeSpan retry = FirstRetry;
        while (!_stop.IsCancellationRequested && Next() is { } spooled)
        {
            if (await InsertAsync(spooled.Batch, mayBeThere: true))
            {
                spool.Remove(spooled);
                retry = FirstRetry;
                continue;
            }

            try
            {
                await Task.Delay(retry, time, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
        }

        if (!_stop.IsCancellationRequested)
        {
            TellBack();
        }
    }

    private void TellBack()
    {
        if (_isFailureTold)
        {
            _isFailureTold = false;
            LogReplayed();
        }
    }

    private SpooledBatch? Next()
    {
        while (true)
        {
            try
            {
                return spool.Peek();
            }
            catch (SpoolDamagedException e)
            {
                metrics.CountDamagedFile();
                LogDamaged(e, spool.SetAside());
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The audit cannot be written to the catalog, its records wait in the spool: {Fault}")]
    private partial void LogAway(string fault);

    [LoggerMessage(LogLevel.Information, "The audit is written to the catalog again, and so is what was spooled")]
    private partial void LogReplayed();

    [LoggerMessage(LogLevel.Information, "{Records} audit records of an earlier run wait in the spool")]
    private partial void LogFound(long records);

    [LoggerMessage(LogLevel.Error, "The audit spool is full with {Bytes} bytes (Audit:SpoolMaxBytes): reads, pushes and the admin API answer 503 until the catalog is there")]
    private partial void LogFull(long bytes);

    [LoggerMessage(LogLevel.Error, "The audit spool cannot be written: reads, pushes and the admin API answer 503")]
    private partial void LogSpoolFailed(Exception exception);

    [LoggerMessage(LogLevel.Error, "A file of the audit spool cannot be read and was set aside as {File}: its records are missing in the catalog, which shows as a gap")]
    private partial void LogDamaged(Exception exception, string file);
}

/// <summary>What became of a batch.</summary>
internal enum BatchFate
{
    /// <summary>It is in the catalog or in the spool.</summary>
    Stored,

    /// <summary>It is in neither.</summary>
    NotStored,

    /// <summary>It is not in the spool, and the catalog has not said whether it has it.</summary>
    Unknown,
}
