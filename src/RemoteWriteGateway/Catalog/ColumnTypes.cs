using System.Data;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;
using NpgsqlTypes;

namespace RemoteWriteGateway.Catalog;

/// <summary>A JSON text as it was written: a column of type <c>json</c>, in SQLite text.</summary>
internal readonly record struct JsonText(string Text);

/// <summary>
/// How values stand in columns. Dapper keeps its conversions once for the process, whatever the database, so each one of these
/// looks at the parameter that it fills and at the value that it is given, and nothing here belongs to one provider.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="Guid"/></term><description><c>uuid</c>; SQLite: lower-case text</description></item>
/// <item><term><see cref="DateTimeOffset"/></term><description><c>timestamptz</c>; SQLite: microseconds since 1970. Cut to the microsecond in both</description></item>
/// <item><term><c>string[]</c>, <c>Guid[]</c></term><description><c>text[]</c>, <c>uuid[]</c>; SQLite: a JSON array. One parameter, never a list of them:
/// <c>= ANY(@ids)</c> and <c>IN (SELECT value FROM json_each(@ids))</c></description></item>
/// <item><term><see cref="JsonText"/></term><description><c>json</c>; SQLite: text</description></item>
/// </list>
/// Rows are types with <c>init</c> properties, not positional records: SQLite has one integer type, and Dapper converts it to
/// <c>int</c>, <c>short</c> and <c>bool</c> for properties but not for a constructor. Columns in snake case match properties in Pascal case.
/// </remarks>
internal static class ColumnTypes
{
    private static readonly Lazy<bool> Registered = new(Register);

    /// <summary>Registers them, once for the process.</summary>
    public static void Ensure() => _ = Registered.Value;

    /// <summary>Microseconds since 1970, rounded towards the past.</summary>
    public static long ToMicroseconds(DateTimeOffset time)
    {
        long ticks = time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        return ticks >= 0 ? ticks / TimeSpan.TicksPerMicrosecond : -((-ticks + TimeSpan.TicksPerMicrosecond - 1) / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>The time so many microseconds after 1970.</summary>
    public static DateTimeOffset FromMicroseconds(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    /// <summary>The time as it is stored, and therefore as it is hashed.</summary>
    public static DateTimeOffset Cut(DateTimeOffset time) => FromMicroseconds(ToMicroseconds(time));

    private static bool Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;

        // Its built-in conversions would come first.
        SqlMapper.RemoveTypeMap(typeof(Guid));
        SqlMapper.RemoveTypeMap(typeof(Guid?));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset?));

        SqlMapper.AddTypeHandler(typeof(Guid), new Column<Guid>(
            NpgsqlDbType.Uuid,
            SqliteType.Text,
            static id => id.ToString("D"),
            static id => id,
            static value => value is Guid id ? id : Guid.ParseExact((string)value, "D")));
        SqlMapper.AddTypeHandler(typeof(DateTimeOffset), new Column<DateTimeOffset>(
            NpgsqlDbType.TimestampTz,
            SqliteType.Integer,
            static time => ToMicroseconds(time),
            static time => Cut(time).UtcDateTime,
            static value => value is long microseconds ? FromMicroseconds(microseconds) : new DateTimeOffset((DateTime)value)));
        SqlMapper.AddTypeHandler(typeof(string[]), new Column<string[]>(
            NpgsqlDbType.Array | NpgsqlDbType.Text,
            SqliteType.Text,
            static texts => JsonSerializer.Serialize(texts),
            static texts => texts,
            static value => value as string[] ?? JsonSerializer.Deserialize<string[]>((string)value)!)); // not null: a JSON array
        SqlMapper.AddTypeHandler(typeof(Guid[]), new Column<Guid[]>(
            NpgsqlDbType.Array | NpgsqlDbType.Uuid,
            SqliteType.Text,
            static ids => JsonSerializer.Serialize(ids),
            static ids => ids,
            static value => value as Guid[] ?? JsonSerializer.Deserialize<Guid[]>((string)value)!)); // not null: a JSON array
        SqlMapper.AddTypeHandler(typeof(JsonText), new Column<JsonText>(
            NpgsqlDbType.Json,
            SqliteType.Text,
            static json => json.Text,
            static json => json.Text,
            static value => new JsonText((string)value)));
        return true;
    }

    private sealed class Column<T>(
        NpgsqlDbType postgreSqlType, SqliteType sqliteType, Func<T, object> toSqlite, Func<T, object> toPostgreSql, Func<object, T> parse)
        : SqlMapper.ITypeHandler
        where T : notnull
    {
        // Null has a type as well: PostgreSQL cannot always tell it from the statement.
        public void SetValue(IDbDataParameter parameter, object value)
        {
            switch (parameter)
            {
                case NpgsqlParameter postgreSql:
                    postgreSql.NpgsqlDbType = postgreSqlType;
                    postgreSql.Value = value is T one ? toPostgreSql(one) : DBNull.Value;
                    break;
                case SqliteParameter sqlite:
                    sqlite.SqliteType = sqliteType;
                    sqlite.Value = value is T other ? toSqlite(other) : DBNull.Value;
                    break;
                default:
                    throw new NotSupportedException($"There is no column type for {parameter.GetType()}.");
            }
        }

        public object? Parse(Type destinationType, object value) => value is DBNull or null ? null : parse(value);
    }
}
