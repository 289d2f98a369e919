using System.Data.Common;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>The tables <c>audit_events</c> and <c>audit_checkpoints</c> of one database engine.</summary>
internal abstract class AuditTable(CatalogDatabase database)
{
    /// <summary>The columns as a list for a statement.</summary>
    protected static readonly string Columns = string.Join(", ", AuditColumns.Names);

    public CatalogDatabase Database => database;

    public static AuditTable Of(CatalogDatabase database) =>
        database is PostgreSqlDatabase postgreSql ? new PostgreSqlAuditTable(postgreSql) : new SqliteAuditTable(database);

    /// <summary>Writes a batch in one transaction.</summary>
    /// <param name="batch">Records of one stream or several, each stream's in order.</param>
    /// <param name="mayBeThere">Whether the fate of these records is unknown: what the streams have already is left out.</param>
    /// <param name="cancellationToken">Gives up; then the batch's fate is unknown.</param>
    public Task InsertAsync(AuditBatch batch, bool mayBeThere, CancellationToken cancellationToken) => database.TransactAsync(
        async transaction =>
        {
            IReadOnlyList<ChainedRecord> records = mayBeThere ? await MissingAsync(transaction, batch.Records, cancellationToken) : batch.Records;
            await InsertAsync(transaction, batch with { Records = records }, cancellationToken);
        },
        cancellationToken);

    /// <summary>Writes a batch in a transaction of somebody else's, and is there if that commits.</summary>
    public async Task InsertAsync(DbTransaction transaction, AuditBatch batch, CancellationToken cancellationToken)
    {
        if (batch.Records.Count > 0)
        {
            await InsertAsync(transaction, batch.Records, cancellationToken);
        }

        if (batch.Checkpoint is { } checkpoint)
        {
            await transaction.ExecuteAsync(
                """
                INSERT INTO audit_checkpoints (stream, seq, ts, hash, events) VALUES (@Stream, @Seq, @At, @Hash, @Events)
                ON CONFLICT (stream, seq) DO NOTHING
                """,
                checkpoint,
                cancellationToken);
        }
    }

    /// <summary>
    /// Keeps a stream to this transaction until it ends, where there can be two at once: what <see cref="FindEndAsync"/> then says is the end for
    /// whoever appends in transactions.
    /// </summary>
    public abstract Task LockAsync(DbTransaction transaction, string stream, CancellationToken cancellationToken);

    /// <summary>Where a stream ends, as this transaction sees it.</summary>
    public static async Task<ChainPosition> FindEndAsync(DbTransaction transaction, string stream, CancellationToken cancellationToken)
    {
        Last? last = await transaction.QueryFirstOrDefaultAsync<Last>(
            "SELECT stream, seq, hash FROM audit_events WHERE stream = @stream ORDER BY seq DESC LIMIT 1", new { stream }, cancellationToken);
        return last is null ? ChainPosition.Begin : new ChainPosition(last.Seq, last.Hash);
    }

    /// <summary>The last record of the newest of these streams but <paramref name="current"/>, or null if there is none.</summary>
    public async Task<StreamEnd?> FindLastAsync(StreamRange streams, string current, CancellationToken cancellationToken)
    {
        Last? last = await database.QueryFirstOrDefaultAsync<Last>(
            """
            SELECT stream, seq, hash FROM audit_events
            WHERE stream > @From AND stream < @To AND stream <> @current
            ORDER BY stream DESC, seq DESC LIMIT 1
            """,
            new { streams.From, streams.To, current },
            cancellationToken);
        return last is null ? null : new StreamEnd(last.Stream, new ChainPosition(last.Seq, last.Hash));
    }

    /// <summary>Makes the room that records of the next months need, where the engine wants it made.</summary>
    /// <returns>What was made, for the log.</returns>
    public abstract Task<IReadOnlyList<string>> PrepareAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Whether a record could not be written for want of that room.</summary>
    public abstract bool LacksRoom(Exception exception);

    /// <summary>The record of the row that the reader stands on; its columns are <see cref="AuditColumns.Names"/>, in this order.</summary>
    public abstract ChainedRecord Read(DbDataReader row);

    protected abstract Task InsertAsync(DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken);

    private static async Task<IReadOnlyList<ChainedRecord>> MissingAsync(
        DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken)
    {
        Dictionary<string, long> last = new(StringComparer.Ordinal);
        foreach (string stream in records.Select(record => record.Stream).Distinct(StringComparer.Ordinal))
        {
            last[stream] = (await FindEndAsync(transaction, stream, cancellationToken)).Seq;
        }

        return [.. records.Where(record => record.Seq > last[record.Stream])];
    }

    private sealed class Last
    {
        public string Stream { get; init; } = "";

        public long Seq { get; init; }

        public byte[] Hash { get; init; } = [];
    }
}

/// <summary>The last record of a stream.</summary>
internal sealed record StreamEnd(string Stream, ChainPosition Position);
