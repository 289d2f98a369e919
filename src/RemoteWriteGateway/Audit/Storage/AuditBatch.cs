using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>What is written at once: records in their order, and the checkpoint that is due behind the last of them.</summary>
internal sealed record AuditBatch(IReadOnlyList<ChainedRecord> Records, AuditCheckpoint? Checkpoint)
{
    /// <summary>The most records of one batch.</summary>
    public const int MaxRecords = 1000;
}

/// <summary>How far a stream had come at a time. It stands in the catalog and in the log, where nobody who can rewrite the one rewrites the other.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Seq">Its last record then.</param>
/// <param name="At">When.</param>
/// <param name="Hash">That record's hash.</param>
/// <param name="Events">How many events its records stand for, folded ones counted singly.</param>
internal sealed record AuditCheckpoint(string Stream, long Seq, DateTimeOffset At, byte[] Hash, long Events);
