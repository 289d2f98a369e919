using System.Collections.Immutable;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>
/// Takes the columns of a record, one after the other: what is hashed, spooled, copied into PostgreSQL or bound to a statement is the same
/// list in the same order (<see cref="AuditColumns"/>). Implemented by structs, so that nothing is boxed.
/// </summary>
internal interface IColumnSink
{
    void Text(string column, string? value);

    void Uuid(string column, Guid? value);

    /// <summary>A <c>bigint</c>.</summary>
    void Long(string column, long? value);

    /// <summary>A <c>smallint</c>.</summary>
    void Short(string column, short? value);

    /// <summary>A time, as microseconds since 1970.</summary>
    void Time(string column, long? micros);

    void Bytes(string column, ReadOnlySpan<byte> value, bool isNull);

    void Boolean(string column, bool? value);

    void Texts(string column, ImmutableArray<string> value);

    void Uuids(string column, ImmutableArray<Guid> value);

    void Json(string column, string? value);
}

/// <summary>Gives the columns of a record, in the order of <see cref="AuditColumns"/>.</summary>
internal interface IColumnSource
{
    string? Text(string column);

    Guid? Uuid(string column);

    long? Long(string column);

    short? Short(string column);

    /// <summary>A time, as microseconds since 1970.</summary>
    long? Time(string column);

    byte[]? Bytes(string column);

    bool? Boolean(string column);

    ImmutableArray<string> Texts(string column);

    ImmutableArray<Guid> Uuids(string column);

    string? Json(string column);
}
