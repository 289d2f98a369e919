using System.Collections.Immutable;
using System.Data.Common;
using Dapper;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>A place in a search: behind this record, which was the last one told.</summary>
internal sealed record AuditCursor(DateTimeOffset At, string Stream, long Seq);

/// <summary>One page of a search, newest first.</summary>
/// <param name="Items">The records.</param>
/// <param name="Next">Where the next page begins, or null if there is none.</param>
internal sealed record AuditPage(ImmutableArray<SeenRecord> Items, AuditCursor? Next);

/// <summary>Finds records.</summary>
internal sealed class AuditSearch(AuditTable table, TimeProvider time)
{
    public const int MaxPageSize = 1000;

    /// <summary>Nothing is older.</summary>
    private static readonly DateTimeOffset Beginning = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// A search goes back from its end in steps that grow, and stops when its page is full: without a condition that has an index it reads the
    /// newest hours and not all there is.
    /// </summary>
    private static readonly TimeSpan FirstStep = TimeSpan.FromHours(1);

    private const int Growth = 4;

    private static readonly string Columns = string.Join(", ", AuditColumns.Names);

    /// <summary>One page. Pages go on behind the last record told, so what is inserted meanwhile neither repeats nor hides one.</summary>
    /// <param name="filter">What is asked for.</param>
    /// <param name="reach">What may be seen.</param>
    /// <param name="cursor">Where a page before ended, or null to begin with the newest.</param>
    /// <param name="size">From 1 to <see cref="MaxPageSize"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<AuditPage> SearchAsync(AuditFilter filter, AuditReach reach, AuditCursor? cursor, int size, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MaxPageSize);
        List<ChainedRecord> found = [];
        DateTimeOffset first = filter.From ?? Beginning;
        DateTimeOffset end = filter.To ?? time.GetUtcNow().AddDays(1);
        DateTimeOffset stepEnd = cursor is not null && cursor.At < end ? cursor.At.AddTicks(TimeSpan.TicksPerMicrosecond) : end;
        await using DbConnection connection = await table.Database.OpenAsync(cancellationToken);
        for (TimeSpan step = FirstStep; stepEnd > first && found.Count <= size; step *= Growth)
        {
            DateTimeOffset stepStart = stepEnd - first > step ? stepEnd - step : first;
            await ReadAsync(connection, filter, reach, (stepStart, stepEnd), cursor, size + 1 - found.Count, found, cancellationToken);
            stepEnd = stepStart;
        }

        bool isMore = found.Count > size;
        ChainedRecord? last = isMore ? found[size - 1] : null;
        return new AuditPage(
            [.. found.Take(size).Select(reach.See).OfType<SeenRecord>()],
            last is null ? null : new AuditCursor(last.Record.At, last.Stream, last.Seq));
    }

    /// <summary>One record by its id, or null if there is none that may be seen.</summary>
    public async Task<SeenRecord?> FindAsync(Guid id, AuditReach reach, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await table.Database.OpenAsync(cancellationToken);
        await foreach (ChainedRecord record in ReadAllAsync(connection, $"SELECT {Columns} FROM audit_events WHERE id = @id", new { id }, cancellationToken))
        {
            return reach.See(record);
        }

        return null;
    }

    /// <summary>All records, oldest first, one after the other: however many there are, few are in memory.</summary>
    public async IAsyncEnumerable<SeenRecord> ExportAsync(
        AuditFilter filter, AuditReach reach, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        AuditQuerySql query = new(table.Database, filter, reach);
        string where = query.Where(query.Between(filter.From, filter.To));
        await using DbConnection connection = await table.Database.OpenAsync(cancellationToken);
        await foreach (ChainedRecord record in ReadAllAsync(
            connection, $"SELECT {Columns} FROM audit_events WHERE {where} ORDER BY ts, stream, seq", query.Parameters, cancellationToken))
        {
            if (reach.See(record) is { } seen)
            {
                yield return seen;
            }
        }
    }

    /// <summary>Checkpoints, newest first.</summary>
    /// <param name="stream">Of this stream, or null for all.</param>
    /// <param name="before">Behind this one, or null to begin.</param>
    /// <param name="size">How many at most.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<AuditCheckpoint>> CheckpointsAsync(string? stream, AuditCheckpoint? before, int size, CancellationToken cancellationToken)
    {
        List<string> conditions = ["TRUE"];
        DynamicParameters parameters = new();
        parameters.Add("size", size);
        if (stream is not null)
        {
            conditions.Add("stream = @stream");
            parameters.Add("stream", stream);
        }

        if (before is not null)
        {
            conditions.Add("(ts, stream, seq) < (@ts, @lastStream, @seq)");
            parameters.Add("ts", before.At);
            parameters.Add("lastStream", before.Stream);
            parameters.Add("seq", before.Seq);
        }

        IReadOnlyList<CheckpointRow> rows = await table.Database.QueryAsync<CheckpointRow>(
            $"SELECT stream, seq, ts, hash, events FROM audit_checkpoints WHERE {string.Join(" AND ", conditions)} ORDER BY ts DESC, stream DESC, seq DESC LIMIT @size",
            parameters,
            cancellationToken);
        return [.. rows.Select(static row => row.ToCheckpoint())];
    }

    private async Task ReadAsync(
        DbConnection connection,
        AuditFilter filter,
        AuditReach reach,
        (DateTimeOffset From, DateTimeOffset To) step,
        AuditCursor? cursor,
        int limit,
        List<ChainedRecord> found,
        CancellationToken cancellationToken)
    {
        AuditQuerySql query = new(table.Database, filter, reach);
        List<string> more = [.. query.Between(step.From, step.To)];
        if (cursor is not null)
        {
            more.Add("(ts, stream, seq) < (@cursorAt, @cursorStream, @cursorSeq)");
            query.Parameters.Add("cursorAt", cursor.At);
            query.Parameters.Add("cursorStream", cursor.Stream);
            query.Parameters.Add("cursorSeq", cursor.Seq);
        }

        query.Parameters.Add("limit", limit);
        string sql = $"SELECT {Columns} FROM audit_events WHERE {query.Where(more)} ORDER BY ts DESC, stream DESC, seq DESC LIMIT @limit";
        await foreach (ChainedRecord record in ReadAllAsync(connection, sql, query.Parameters, cancellationToken))
        {
            found.Add(record);
        }
    }

    private async IAsyncEnumerable<ChainedRecord> ReadAllAsync(
        DbConnection connection, string sql, object parameters, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // No time limit: an export takes as long as it takes, and ends with its reader.
        await using DbDataReader rows = await connection.ExecuteReaderAsync(new CommandDefinition(sql, parameters, commandTimeout: 0, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken))
        {
            yield return table.Read(rows);
        }
    }
}

/// <summary>A row of <c>audit_checkpoints</c>.</summary>
internal sealed class CheckpointRow
{
    public string Stream { get; init; } = "";

    public long Seq { get; init; }

    public DateTimeOffset Ts { get; init; }

    public byte[] Hash { get; init; } = [];

    public long Events { get; init; }

    public AuditCheckpoint ToCheckpoint() => new(Stream, Seq, Ts, Hash, Events);
}
