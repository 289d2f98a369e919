using System.Collections.Immutable;
using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>The audit in SQLite: one statement, prepared once a batch.</summary>
internal sealed class SqliteAuditTable(CatalogDatabase database) : AuditTable(database)
{
    private static readonly string InsertSql =
        $"INSERT INTO audit_events ({Columns}) VALUES ({string.Join(", ", AuditColumns.Names.Select(static name => "@" + name))})";

    /// <summary>One transaction writes at a time.</summary>
    public override Task LockAsync(DbTransaction transaction, string stream, CancellationToken cancellationToken) => Task.CompletedTask;

    public override bool LacksRoom(Exception exception) => false;

    public override Task<IReadOnlyList<string>> PrepareAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([]);

    public override ChainedRecord Read(DbDataReader row)
    {
        RowSource source = new(row);
        return AuditColumns.Read(ref source);
    }

    protected override Task InsertAsync(DbTransaction transaction, IReadOnlyList<ChainedRecord> records, CancellationToken cancellationToken)
    {
        SqliteConnection connection = ((SqliteTransaction)transaction).Connection ?? throw new InvalidOperationException("The transaction has ended.");
        using SqliteCommand insert = connection.CreateCommand();
        insert.CommandText = InsertSql;
        foreach (string column in AuditColumns.Names)
        {
            insert.Parameters.Add(new SqliteParameter { ParameterName = "@" + column });
        }

        insert.Prepare();
        foreach (ChainedRecord record in records)
        {
            cancellationToken.ThrowIfCancellationRequested();
            BindSink sink = new(insert.Parameters);
            AuditColumns.Write(record, ref sink);
            insert.ExecuteNonQuery();
        }

        return Task.CompletedTask;
    }

    private struct BindSink(SqliteParameterCollection parameters) : IColumnSink
    {
        private int _next;

        public void Text(string column, string? value) => Bind(SqliteType.Text, value);

        public void Uuid(string column, Guid? value) => Bind(SqliteType.Text, value?.ToString("D"));

        public void Long(string column, long? value) => Bind(SqliteType.Integer, value);

        public void Short(string column, short? value) => Bind(SqliteType.Integer, (long?)value);

        public void Time(string column, long? micros) => Bind(SqliteType.Integer, micros);

        public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull) => Bind(SqliteType.Blob, isNull ? null : value.ToArray());

        public void Boolean(string column, bool? value) => Bind(SqliteType.Integer, value switch { null => null, true => 1L, false => 0L });

        public void Texts(string column, ImmutableArray<string> value) => Bind(SqliteType.Text, value.IsDefault ? null : JsonSerializer.Serialize(value));

        public void Uuids(string column, ImmutableArray<Guid> value) => Bind(SqliteType.Text, value.IsDefault ? null : JsonSerializer.Serialize(value));

        public void Json(string column, string? value) => Text(column, value);

        private void Bind(SqliteType type, object? value)
        {
            SqliteParameter parameter = parameters[_next++];
            parameter.SqliteType = type;
            parameter.Value = value ?? DBNull.Value;
        }
    }

    private struct RowSource(DbDataReader row) : IColumnSource
    {
        private int _next;

        public string? Text(string column) => Next(out int at) ? row.GetString(at) : null;

        public Guid? Uuid(string column) => Next(out int at) ? Guid.ParseExact(row.GetString(at), "D") : null;

        public long? Long(string column) => Next(out int at) ? row.GetInt64(at) : null;

        public short? Short(string column) => (short?)Long(column);

        public long? Time(string column) => Long(column);

        public byte[]? Bytes(string column) => Next(out int at) ? row.GetFieldValue<byte[]>(at) : null;

        public bool? Boolean(string column) => Long(column) is { } number ? number != 0 : null;

        public ImmutableArray<string> Texts(string column) => Next(out int at) ? JsonSerializer.Deserialize<ImmutableArray<string>>(row.GetString(at)) : default;

        public ImmutableArray<Guid> Uuids(string column) => Next(out int at) ? JsonSerializer.Deserialize<ImmutableArray<Guid>>(row.GetString(at)) : default;

        public string? Json(string column) => Text(column);

        private bool Next(out int at)
        {
            at = _next++;
            return !row.IsDBNull(at);
        }
    }
}
