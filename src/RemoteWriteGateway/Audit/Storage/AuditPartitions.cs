namespace RemoteWriteGateway.Audit.Storage;

/// <summary>Has the room made that records need, at start and daily: in PostgreSQL the partitions of the coming months.</summary>
internal sealed partial class AuditPartitions(AuditTable table, TimeProvider time, ILogger<AuditPartitions> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);
    private static readonly TimeSpan Retry = TimeSpan.FromMinutes(1);

    private long _dueTicks;

    /// <summary>Makes what is missing if that is due; for what happened in an earlier month that one's room, too.</summary>
    /// <param name="at">When the oldest of the records that are to be written happened.</param>
    /// <param name="cancellationToken">At any time.</param>
    public async Task PrepareAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset oldest = at < now ? at : now;
        if (now.UtcTicks < Volatile.Read(ref _dueTicks) && (oldest.Year, oldest.Month) == (now.Year, now.Month))
        {
            return;
        }

        try
        {
            IReadOnlyList<string> made = [.. await table.PrepareAsync(oldest, cancellationToken), .. await table.PrepareAsync(now, cancellationToken)];
            Volatile.Write(ref _dueTicks, (now + Interval).UtcTicks);
            if (made.Count > 0)
            {
                LogPrepared(string.Join(", ", made));
            }
        }
        catch (Exception e) when (!table.Database.IsAway(e) && e is not OperationCanceledException)
        {
            // The partition of today may be there all the same.
            Volatile.Write(ref _dueTicks, (now + Retry).UtcTicks);
            LogPrepareFailed(table.Database.Describe(e));
        }
    }

    /// <summary>There was no room for a record: it is looked for at the next one.</summary>
    public void Forget() => Volatile.Write(ref _dueTicks, 0);

    [LoggerMessage(LogLevel.Information, "Made partitions of the audit: {Partitions}")]
    private partial void LogPrepared(string partitions);

    [LoggerMessage(LogLevel.Error, "The audit's partitions of the next months cannot be made; when the last one is over, records wait in the spool and push groups cannot be deleted: {Fault}")]
    private partial void LogPrepareFailed(string fault);
}
