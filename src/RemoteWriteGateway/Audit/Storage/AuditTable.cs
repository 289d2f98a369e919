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
            if (records.Count > 0)
            {
                await InsertAsync(transaction, records, cancellationToken);
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
        },
        cancellationToken);

    /// <summary>The last record of the newest stream of a replica but <paramref name="current"/>, or null if it has none.</summary>
    public async Task<StreamEnd?> FindLastAsync(string replica, string current, CancellationToken cancellationToken)
    {
        // Behind the slash stands a UUIDv7, so that streams of a replica sort by their starts; '0' is what comes after a slash.
        Last? last = await database.QueryFirstOrDefaultAsync<Last>(
            """
            SELECT stream, seq, hash FROM audit_events
            WHERE stream > @from AND stream < @to AND stream <> @current
            ORDER BY stream DESC, seq DESC LIMIT 1
            """,
            new { from = replica + "/", to = replica + "0", current },
            cancellationToken);
        return last is null ? null : new StreamEnd(last.Stream, new ChainPosition(last.Seq, last.Hash));
    }

    /// <summary>Makes the room that records of the next months need, where the engine wants it made.</summary>
    /// <returns>What was made, for the log.</returns>
    public abstract Task<IReadOnlyList<string>> PrepareAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>The record of the row that the reader stands on; its columns are <see cref="AuditColumns.Names"/>, in this order.</summary>
    public abstract ChainedRecord Read(DbDataReader row);

    protected abstract Task InsertAsync(DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken);

    private static async Task<IReadOnlyList<ChainedRecord>> MissingAsync(
        DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken)
    {
        Dictionary<string, long> last = new(StringComparer.Ordinal);
        foreach (string stream in records.Select(record => record.Stream).Distinct(StringComparer.Ordinal))
        {
            last[stream] = await transaction.QueryFirstOrDefaultAsync<long?>(
                "SELECT seq FROM audit_events WHERE stream = @stream ORDER BY seq DESC LIMIT 1", new { stream }, cancellationToken) ?? 0;
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
