using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;
using NpgsqlTypes;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>The audit in PostgreSQL: written by binary COPY, in partitions of a month.</summary>
internal sealed class PostgreSqlAuditTable(PostgreSqlDatabase database) : AuditTable(database)
{
    private const int MonthsAhead = 3;

    /// <summary>Of the advisory lock under which replicas make partitions.</summary>
    private const long PartitionLock = 0x72776761_75646974;

    private static readonly string Copy = $"COPY audit_events ({Columns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>The name of a month's partition.</summary>
    public static string PartitionOf(DateTimeOffset month) => month.UtcDateTime.ToString("'audit_events_'yyyy_MM", CultureInfo.InvariantCulture);

    /// <summary>Makes the partitions of this month and the next ones, in all replicas one after the other.</summary>
    public override async Task<IReadOnlyList<string>> PrepareAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        DateTimeOffset first = StartOfMonth(now);
        string[] wanted = [.. Enumerable.Range(0, MonthsAhead + 1).Select(month => PartitionOf(first.AddMonths(month)))];
        IReadOnlyList<string> there = await Database.QueryAsync<string>(ThereSql, new { wanted }, cancellationToken);
        return there.Count == wanted.Length
            ? []
            : await Database.TransactAsync(transaction => MakeAsync(transaction, first, wanted, cancellationToken), cancellationToken);
    }

    /// <summary>By an advisory lock, of which the name's hash is the key: two streams that share one only wait for each other.</summary>
    public override Task LockAsync(DbTransaction transaction, string stream, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync("SELECT pg_advisory_xact_lock(hashtextextended(@stream, 0))", new { stream }, cancellationToken);

    /// <summary>A missing partition has the code of a violated check, but no name of one.</summary>
    public override bool LacksRoom(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: null };

    public override ChainedRecord Read(DbDataReader row)
    {
        RowSource source = new(row);
        return AuditColumns.Read(ref source);
    }

    protected override async Task InsertAsync(DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = ((NpgsqlTransaction)transaction).Connection ?? throw new InvalidOperationException("The transaction has ended.");
        await using NpgsqlBinaryImporter importer = await connection.BeginBinaryImportAsync(Copy, cancellationToken);
        foreach (ChainedRecord record in records)
        {
            await importer.StartRowAsync(cancellationToken);
            CopySink sink = new(importer);
            AuditColumns.Write(record, ref sink);
        }

        await importer.CompleteAsync(cancellationToken);
    }

    private const string ThereSql =
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_events'::regclass AND c.relname = ANY(@wanted)";

    private static DateTimeOffset StartOfMonth(DateTimeOffset time) => new(time.UtcDateTime.Year, time.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);

    private static async Task<IReadOnlyList<string>> MakeAsync(
        DbTransaction transaction, DateTimeOffset first, string[] wanted, CancellationToken cancellationToken)
    {
        await transaction.ExecuteAsync("SELECT pg_advisory_xact_lock(@PartitionLock)", new { PartitionLock }, cancellationToken);
        HashSet<string> there = [.. await transaction.QueryAsync<string>(ThereSql, new { wanted }, cancellationToken)];
        List<string> made = [];
        for (int month = 0; month < wanted.Length; month++)
        {
            if (there.Contains(wanted[month]))
            {
                continue;
            }

            // Names and bounds cannot be parameters; they are made of numbers of ours.
            string from = first.AddMonths(month).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            string to = first.AddMonths(month + 1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            await transaction.ExecuteAsync(
                $"CREATE TABLE {wanted[month]} PARTITION OF audit_events FOR VALUES FROM ('{from} 00:00:00+00') TO ('{to} 00:00:00+00')", null, cancellationToken);
            made.Add(wanted[month]);
        }

        return made;
    }

    private readonly struct CopySink(NpgsqlBinaryImporter importer) : IColumnSink
    {
        public void Text(string column, string? value) => Write(value, NpgsqlDbType.Text);

        public void Uuid(string column, Guid? value) => Write(value, NpgsqlDbType.Uuid);

        public void Long(string column, long? value) => Write(value, NpgsqlDbType.Bigint);

        public void Short(string column, short? value) => Write(value, NpgsqlDbType.Smallint);

        public void Time(string column, long? micros) => Write(Micros.ToTime(micros)?.UtcDateTime, NpgsqlDbType.TimestampTz);

        public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull) => Write(isNull ? null : value.ToArray(), NpgsqlDbType.Bytea);

        public void Boolean(string column, bool? value) => Write(value, NpgsqlDbType.Boolean);

        public void Texts(string column, ImmutableArray<string> value) =>
            Write(ImmutableCollectionsMarshal.AsArray(value), NpgsqlDbType.Array | NpgsqlDbType.Text);

        public void Uuids(string column, ImmutableArray<Guid> value) =>
            Write(ImmutableCollectionsMarshal.AsArray(value), NpgsqlDbType.Array | NpgsqlDbType.Uuid);

        public void Json(string column, string? value) => Write(value, NpgsqlDbType.Json);

        private void Write<T>(T? value, NpgsqlDbType type)
            where T : struct
        {
            if (value is { } given)
            {
                importer.Write(given, type);
            }
            else
            {
                importer.WriteNull();
            }
        }

        private void Write<T>(T? value, NpgsqlDbType type)
            where T : class
        {
            if (value is not null)
            {
                importer.Write(value, type);
            }
            else
            {
                importer.WriteNull();
            }
        }
    }

    private struct RowSource(DbDataReader row) : IColumnSource
    {
        private int _next;

        public string? Text(string column) => Next(out int at) ? row.GetString(at) : null;

        public Guid? Uuid(string column) => Next(out int at) ? row.GetGuid(at) : null;

        public long? Long(string column) => Next(out int at) ? row.GetInt64(at) : null;

        public short? Short(string column) => Next(out int at) ? row.GetInt16(at) : null;

        public long? Time(string column) => Next(out int at) ? Micros.Of(new DateTimeOffset(row.GetDateTime(at))) : null;

        public byte[]? Bytes(string column) => Next(out int at) ? row.GetFieldValue<byte[]>(at) : null;

        public bool? Boolean(string column) => Next(out int at) ? row.GetBoolean(at) : null;

        public ImmutableArray<string> Texts(string column) =>
            Next(out int at) ? ImmutableCollectionsMarshal.AsImmutableArray(row.GetFieldValue<string[]>(at)) : default;

        public ImmutableArray<Guid> Uuids(string column) =>
            Next(out int at) ? ImmutableCollectionsMarshal.AsImmutableArray(row.GetFieldValue<Guid[]>(at)) : default;

        public string? Json(string column) => Text(column);

        private bool Next(out int at)
        {
            at = _next++;
            return !row.IsDBNull(at);
        }
    }
}
