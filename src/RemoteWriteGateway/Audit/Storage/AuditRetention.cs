using System.Buffers;
using System.Data.Common;
using System.Globalization;
using System.Text;
using Dapper;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>What was removed, and where it is.</summary>
/// <param name="What">The partition, or the rows of a file.</param>
/// <param name="Detail">What is on record about it.</param>
internal sealed record RetainedPart(string What, RetentionDetail Detail);

/// <summary>
/// Removes old records: exported first, then on record with the last hash of each stream, then gone. Checkpoints stay. Each step can be
/// taken again after a kill: what was exported and not removed is exported again.
/// </summary>
/// <param name="table">The audit.</param>
/// <param name="time">Now.</param>
internal sealed class AuditRetention(AuditTable table, TimeProvider time)
{
    private const int FlushBytes = 1 << 20;

    private static readonly string Columns = string.Join(", ", AuditColumns.Names);

    private CatalogDatabase Database => table.Database;

    /// <summary>Removes what is wholly older than <paramref name="before"/>: whole months in PostgreSQL, rows in SQLite.</summary>
    /// <param name="before">The first moment that stays.</param>
    /// <param name="folder">Where the exports go.</param>
    /// <param name="stream">The stream of this command, which records what it does.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    public async Task<IReadOnlyList<RetainedPart>> RetainAsync(DateTimeOffset before, string folder, string stream, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        CommandStream chain = new(table, stream, time);
        List<RetainedPart> parts = [];
        if (Database.Provider == CatalogProvider.PostgreSql)
        {
            foreach ((string partition, DateTimeOffset end, bool isAttached) in await PartitionsAsync(before, cancellationToken))
            {
                if (isAttached)
                {
                    await Database.ExecuteAsync($"ALTER TABLE audit_events DETACH PARTITION {partition}", null, cancellationToken);
                }

                RetentionDetail detail = await ExportAsync($"FROM {partition}", null, end, Path.Combine(folder, partition + ".ndjson"), cancellationToken);
                await chain.WriteAsync(detail, cancellationToken);
                await Database.ExecuteAsync($"DROP TABLE {partition}", null, cancellationToken);
                parts.Add(new RetainedPart(partition, detail));
            }
        }
        else
        {
            string file = Path.Combine(folder, before.UtcDateTime.ToString("'audit_events_before_'yyyyMMdd'T'HHmmss'Z.ndjson'", CultureInfo.InvariantCulture));
            RetentionDetail detail = await ExportAsync("FROM audit_events WHERE ts < @before", new { before }, before, file, cancellationToken);
            if (detail.Rows > 0)
            {
                await chain.WriteAsync(detail, cancellationToken);
                await DeleteAsync(before, cancellationToken);
                parts.Add(new RetainedPart("audit_events", detail));
            }
            else
            {
                File.Delete(file);
            }
        }

        await chain.CloseAsync(cancellationToken);
        return parts;
    }

    /// <summary>Partitions whose month is over before <paramref name="before"/>, those first that a killed run has detached already.</summary>
    private async Task<IReadOnlyList<(string Name, DateTimeOffset End, bool IsAttached)>> PartitionsAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        IReadOnlyList<PartitionRow> rows = await Database.QueryAsync<PartitionRow>(
            """
            SELECT c.relname AS name, c.relispartition AS is_attached FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
            ORDER BY c.relispartition, c.relname
            """,
            null,
            cancellationToken);
        return [.. rows
            .Select(row => (row.Name, DateTimeOffset.ParseExact(
                row.Name["audit_events_".Length..], "yyyy_MM", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).AddMonths(1), row.IsAttached))
            .Where(row => row.Item2 <= before)];
    }

    private async Task<RetentionDetail> ExportAsync(string from, object? parameters, DateTimeOffset before, string file, CancellationToken cancellationToken)
    {
        Dictionary<string, RemovedStream> streams = new(StringComparer.Ordinal);
        ArrayBufferWriter<byte> buffer = new(FlushBytes * 2);
        long rows = 0;
        string unfinished = file + ".part";
        await using (FileStream output = new(unfinished, FileMode.Create, FileAccess.Write))
        {
            await using DbConnection connection = await Database.OpenAsync(cancellationToken);
            await using DbDataReader reader = await connection.ExecuteReaderAsync(new CommandDefinition(
                $"SELECT {Columns} {from} ORDER BY stream, seq", parameters, commandTimeout: 0, cancellationToken: cancellationToken));
            while (await reader.ReadAsync(cancellationToken))
            {
                ChainedRecord record = table.Read(reader);
                rows++;
                streams[record.Stream] = new RemovedStream(
                    record.Stream, (streams.GetValueOrDefault(record.Stream)?.Rows ?? 0) + 1, record.Seq, Convert.ToHexStringLower(record.Hash));
                SpoolLines.Write(buffer, new AuditBatch([record], null));
                if (buffer.WrittenCount >= FlushBytes)
                {
                    await output.WriteAsync(buffer.WrittenMemory, cancellationToken);
                    buffer.ResetWrittenCount();
                }
            }

            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"end\":true,\"count\":{rows}}}\n"), buffer);
            await output.WriteAsync(buffer.WrittenMemory, cancellationToken);
            output.Flush(flushToDisk: true);
        }

        File.Move(unfinished, file, overwrite: true);
        return new RetentionDetail(before, rows, file, [.. streams.Values.OrderBy(stream => stream.Stream, StringComparer.Ordinal)]);
    }

    private Task DeleteAsync(DateTimeOffset before, CancellationToken cancellationToken) => Database.TransactAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE audit_retention SET deletable_before = max(deletable_before, @before)", new { before }, cancellationToken);
            await transaction.ExecuteAsync("DELETE FROM audit_events WHERE ts < @before", new { before }, cancellationToken);
        },
        cancellationToken);

    private sealed class PartitionRow
    {
        public string Name { get; init; } = "";

        public bool IsAttached { get; init; }
    }

    /// <summary>The stream of a command: it writes straight into the catalog, without which it does nothing.</summary>
    private sealed class CommandStream(AuditTable table, string stream, TimeProvider time)
    {
        private const int MaxStreamsPerRecord = 500;

        private readonly AuditChain _chain = new(stream);

        public async Task WriteAsync(RetentionDetail detail, CancellationToken cancellationToken)
        {
            // A record's detail has a cap, and a month of many replicas has many streams.
            foreach (RemovedStream[] streams in detail.Streams.Chunk(MaxStreamsPerRecord))
            {
                RetentionDetail part = detail with { Rows = streams.Sum(one => one.Rows), Streams = streams };
                await WriteAsync(AuditEvents.Retention, part.ToJson(), isLast: false, cancellationToken);
            }
        }

        public Task CloseAsync(CancellationToken cancellationToken) =>
            _chain.Position.Seq == 0 ? Task.CompletedTask : WriteAsync(AuditEvents.Shutdown, null, isLast: true, cancellationToken);

        private async Task WriteAsync(string auditEvent, string? detail, bool isLast, CancellationToken cancellationToken)
        {
            DateTimeOffset now = time.GetUtcNow();
            List<ChainedRecord> records = [];
            if (_chain.Position.Seq == 0)
            {
                records.Add(_chain.Append(new AuditRecord { At = now, Event = AuditEvents.Startup, Outcome = AuditOutcomes.Allow }));
            }

            records.Add(_chain.Append(new AuditRecord { At = now, Event = auditEvent, Outcome = AuditOutcomes.Allow, Detail = detail }));
            AuditCheckpoint? checkpoint = isLast ? new AuditCheckpoint(stream, _chain.Position.Seq, now, _chain.Position.Hash, _chain.Position.Seq) : null;
            await table.PrepareAsync(now, cancellationToken);
            await table.InsertAsync(new AuditBatch(records, checkpoint), mayBeThere: false, cancellationToken);
        }
    }
}
