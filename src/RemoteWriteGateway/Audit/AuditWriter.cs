using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// The one writer of this process' stream. The steps of a batch, with the same numbers in the code:
/// <list type="number">
/// <item>Collect: what comes within <see cref="Window"/>, or at once if somebody waits for it; folds when they are due.</item>
/// <item>Number and hash.</item>
/// <item>Store: in the catalog, or in the spool (<see cref="AuditStore"/>).</item>
/// <item>Tell those who wait. If neither took it, the numbers are taken back, who waits is refused, and the rest is tried again.</item>
/// </list>
/// </summary>
internal sealed partial class AuditWriter : IHostedService, IDisposable
{
    /// <summary>How long the first record of a batch waits for others. With the catalog's patience it makes less than 250 ms.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private const int CheckpointRecords = 1000;

    private readonly AuditLog _log;
    private readonly AuditStore _store;
    private readonly AuditChain _chain;
    private readonly AuditMetrics _metrics;
    private readonly AuditStart _start;
    private readonly TimeSpan _foldInterval;
    private readonly TimeProvider _time;
    private readonly ILogger<AuditWriter> _logger;
    private readonly PendingBatch _pending = new();
    private readonly CancellationTokenSource _hurry = new();
    private System.Threading.ITimer? _foldTimer;
    private System.Threading.ITimer? _checkpointTimer;
    private Task _running = Task.CompletedTask;
    private volatile bool _foldsDue;
    private volatile bool _checkpointDue;
    private long _checkpointSeq;
    private long _events;
    private (ChainPosition Position, long Events) _before = (ChainPosition.Begin, 0);

    /// <summary>A batch that may be in the catalog or not: it keeps its numbers, and nothing goes before it.</summary>
    private AuditBatch? _unsettled;

    public AuditWriter(
        AuditLog log,
        AuditStore store,
        AuditStart start,
        AuditMetrics metrics,
        CollectorRegistry registry,
        IOptions<AuditOptions> options,
        TimeProvider time,
        ILogger<AuditWriter> logger)
    {
        _log = log;
        _store = store;
        _start = start;
        _chain = new AuditChain(start.Stream);
        _metrics = metrics;
        _foldInterval = options.Value.FoldInterval;
        _time = time;
        _logger = logger;
        registry.AddBeforeCollectCallback(Show);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _foldTimer = _time.CreateTimer(
            _ =>
            {
                _foldsDue = true;
                _log.Wake();
            },
            null,
            _foldInterval,
            _foldInterval);
        _checkpointTimer = _time.CreateTimer(
            _ =>
            {
                _checkpointDue = true;
                _log.Wake();
            },
            null,
            CheckpointInterval,
            CheckpointInterval);
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Writes all that is there, folds included, and closes the stream. The web server has stopped before.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _log.Close();
        await using (cancellationToken.Register(static hurry => ((CancellationTokenSource)hurry!).Cancel(), _hurry))
        {
            await _running;
        }
    }

    public void Dispose()
    {
        _foldTimer?.Dispose();
        _checkpointTimer?.Dispose();
        _hurry.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await _store.OpenAsync();
            _pending.Add(await _start.RecordAsync());
            bool goesOn = true;
            while (goesOn && await CollectAsync())
            {
                goesOn = await WriteAsync();
            }

            if (goesOn)
            {
                await CloseAsync();
            }
        }
#pragma warning disable CA1031 // The end of the writer is the end of the audit: it must be told, and must refuse what needs it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogEnded(e);
        }

        _log.IsAvailable = false;
        _log.Refuse(_pending);
        await _store.CloseAsync();
    }

    // 1.
    private async Task<bool> CollectAsync()
    {
        if (_pending.Count == 0 && !await _log.Entries.WaitToReadAsync())
        {
            return false;
        }

        using CancellationTokenSource window = new(Window, _time);
        while (true)
        {
            while (_pending.Count < AuditBatch.MaxRecords && _log.Entries.TryRead(out AuditEntry entry))
            {
                _pending.Add(entry);
            }

            if (_pending.IsUrgent || _foldsDue || _checkpointDue || _pending.Count is 0 or >= AuditBatch.MaxRecords)
            {
                break;
            }

            try
            {
                if (!await _log.Entries.WaitToReadAsync(window.Token))
                {
                    break;
                }
            }
            catch (OperationCanceledException) when (window.IsCancellationRequested)
            {
                break;
            }
        }

        if (_foldsDue || _pending.WantsFolds)
        {
            _foldsDue = false;
            _pending.AddFolds(_log.Folds, _time.GetUtcNow());
        }

        return true;
    }

    /// <returns>False if the gateway has to end before anything takes what is there.</returns>
    private async Task<bool> WriteAsync()
    {
        while (!await TryWriteAsync())
        {
            _log.IsAvailable = false;
            _pending.Refuse(_unsettled?.Records.Count ?? 0, _time.GetUtcNow());
            try
            {
                await Task.Delay(RetryInterval, _time, _hurry.Token);
            }
            catch (OperationCanceledException) when (_hurry.IsCancellationRequested)
            {
                LogLost(_pending.Count);
                return false;
            }
        }

        if (!_log.IsAvailable)
        {
            _log.IsAvailable = true;
            LogAvailable();
        }

        return true;
    }

    private async Task<bool> TryWriteAsync()
    {
        if (_unsettled is { } unsettled && !await TryStoreAsync(unsettled))
        {
            return false;
        }

        foreach (IReadOnlyList<AuditRecord> records in _pending.Chunks(AuditBatch.MaxRecords))
        {
            if (!await TryWriteAsync(records))
            {
                return false;
            }
        }

        // Nothing new, and a checkpoint is due all the same.
        if (_checkpointDue && !await TryWriteAsync([]))
        {
            return false;
        }

        _pending.Complete();
        return true;
    }

    private Task<bool> TryWriteAsync(IReadOnlyList<AuditRecord> records)
    {
        // 2.
        _before = (_chain.Position, _events);
        List<ChainedRecord> chained = new(records.Count);
        foreach (AuditRecord record in records)
        {
            chained.Add(_chain.Append(record));
            _events += record.Count;
        }

        long since = _chain.Position.Seq - _checkpointSeq;
        _checkpointDue &= since > 0;
        AuditCheckpoint? checkpoint = since >= CheckpointRecords || _checkpointDue
            ? new AuditCheckpoint(_chain.Stream, _chain.Position.Seq, _time.GetUtcNow(), _chain.Position.Hash, _events)
            : null;
        return records.Count == 0 && checkpoint is null ? Task.FromResult(true) : TryStoreAsync(new AuditBatch(chained, checkpoint));
    }

    private async Task<bool> TryStoreAsync(AuditBatch batch)
    {
        // 3.
        BatchFate fate = await _store.WriteAsync(batch, mayBeThere: ReferenceEquals(batch, _unsettled));
        _unsettled = fate == BatchFate.Unknown ? batch : null;
        if (fate != BatchFate.Stored)
        {
            if (fate == BatchFate.NotStored)
            {
                (ChainPosition position, _events) = _before;
                _chain.Rewind(position);
            }

            return false;
        }

        // 4.
        _pending.Written(batch.Records.Count);
        _metrics.CountWritten(batch);
        if (batch.Checkpoint is { } checkpoint)
        {
            _checkpointDue = false;
            _checkpointSeq = checkpoint.Seq;
            CheckpointLog.Log(_logger, checkpoint);
        }

        return true;
    }

    private async Task CloseAsync()
    {
        _pending.AddFolds(_log.Folds, _time.GetUtcNow());
        _pending.Add(new AuditRecord { At = _time.GetUtcNow(), Event = AuditEvents.Shutdown, Outcome = AuditOutcomes.Allow });
        _checkpointDue = true;
        await WriteAsync();
    }

    private void Show()
    {
        DateTimeOffset? oldest = _pending.OldestAt;
        if (_log.Entries.TryPeek(out AuditEntry entry) && entry.Record is { } record && !(oldest <= record.At))
        {
            oldest = record.At;
        }

        // Folds are in memory by design, but not for longer than their interval.
        if (_log.Folds.OldestAt is { } folded && _time.GetUtcNow() - folded > _foldInterval && !(oldest <= folded))
        {
            oldest = folded;
        }

        _metrics.Show(_log.IsAvailable, oldest, _store.SpooledRecords);
    }

    [LoggerMessage(LogLevel.Information, "The audit is written again")]
    private partial void LogAvailable();

    [LoggerMessage(LogLevel.Error, "{Records} audit records could not be written before the gateway had to end: neither the catalog nor the spool took them")]
    private partial void LogLost(int records);

    [LoggerMessage(LogLevel.Critical, "The audit's writer ended by a bug of ours: reads, pushes and the admin API are refused until a restart")]
    private partial void LogEnded(Exception exception);
}
