using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>The tables <c>audit_events</c> and <c>audit_checkpoints</c>, as the writer sees them.</summary>
internal abstract class AuditTable
{
    /// <summary>Writes a batch in one transaction.</summary>
    /// <param name="batch">Records of one stream or several, each stream's in order.</param>
    /// <param name="mayBeThere">Whether the fate of these records is unknown: what the streams have already is left out.</param>
    /// <param name="cancellationToken">Gives up; then the batch's fate is unknown.</param>
    public abstract Task InsertAsync(AuditBatch batch, bool mayBeThere, CancellationToken cancellationToken);

    /// <summary>The last record of the newest stream of a replica, or null if it has none.</summary>
    public abstract Task<StreamEnd?> FindLastAsync(string replica, CancellationToken cancellationToken);

    /// <summary>A failure in one line, without anything secret.</summary>
    public abstract string Describe(Exception exception);
}

/// <summary>The last record of a stream.</summary>
internal sealed record StreamEnd(string Stream, ChainPosition Position);
