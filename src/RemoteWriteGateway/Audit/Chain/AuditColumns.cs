using System.Collections.Immutable;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>The columns of <c>audit_events</c> in their order, the one list that everything follows.</summary>
internal static class AuditColumns
{
    /// <summary>The names of all columns, the two hashes last.</summary>
    public static readonly ImmutableArray<string> Names = ReadNames();

    /// <summary>Gives every column but the two hashes: what a hash covers.</summary>
    public static void WriteHashed<TSink>(AuditRecord record, string stream, long seq, ref TSink sink)
        where TSink : struct, IColumnSink, allows ref struct
    {
        sink.Time("ts", Micros.Of(record.At));
        sink.Text("stream", stream);
        sink.Long("seq", seq);
        sink.Uuid("id", record.Id);
        sink.Text("event", record.Event);
        sink.Text("outcome", record.Outcome);
        sink.Text("reason", record.Reason);
        sink.Short("http_status", (short?)record.HttpStatus);
        WriteCaller(record, ref sink);
        sink.Texts("bindings", record.Bindings);
        sink.Text("policy_version", record.PolicyVersion);
        sink.Text("permission", record.Permission);
        sink.Text("tenant", record.Tenant);
        sink.Texts("tenants", record.Tenants);
        sink.Texts("tenants_requested", record.TenantsRequested);
        sink.Text("remote_ip", record.RemoteIp);
        sink.Text("user_agent", record.UserAgent);
        sink.Text("request_id", record.RequestId);
        sink.Text("traceparent", record.TraceParent);
        sink.Text("method", record.Method);
        sink.Text("route", record.Route);
        sink.Text("query_text", record.QueryText);
        sink.Bytes("query_sha256", record.QuerySha256.AsSpan(), record.QuerySha256.IsDefault);
        sink.Time("query_start", Micros.Of(record.QueryStart));
        sink.Time("query_end", Micros.Of(record.QueryEnd));
        sink.Long("query_step_ms", record.QueryStepMs);
        sink.Long("duration_us", record.DurationUs);
        sink.Long("result_series", record.ResultSeries);
        sink.Long("result_bytes", record.ResultBytes);
        sink.Long("samples", record.Samples);
        sink.Long("series", record.Series);
        sink.Long("body_bytes", record.BodyBytes);
        sink.Long("count", record.Count);
        sink.Time("first_ts", Micros.Of(record.FirstAt));
        sink.Time("last_ts", Micros.Of(record.LastAt));
        sink.Json("detail", record.Detail);
        sink.Short("chain_format", ChainedRecord.Format);
    }

    /// <summary>Gives every column.</summary>
    public static void Write<TSink>(ChainedRecord record, ref TSink sink)
        where TSink : struct, IColumnSink, allows ref struct
    {
        WriteHashed(record.Record, record.Stream, record.Seq, ref sink);
        sink.Bytes("prev_hash", record.PrevHash, isNull: false);
        sink.Bytes("hash", record.Hash, isNull: false);
    }

    /// <summary>Reads every column, in their order.</summary>
    /// <exception cref="FormatException">A column that is never null is, or the record is of another format.</exception>
    public static ChainedRecord Read<TSource>(ref TSource source)
        where TSource : struct, IColumnSource, allows ref struct
    {
        DateTimeOffset at = Micros.ToTime(Given(source.Time("ts"), "ts"));
        string stream = Given(source.Text("stream"), "stream");
        long seq = Given(source.Long("seq"), "seq");
        AuditRecord record = new()
        {
            At = at,
            Id = Given(source.Uuid("id"), "id"),
            Event = Given(source.Text("event"), "event"),
            Outcome = Given(source.Text("outcome"), "outcome"),
            Reason = source.Text("reason"),
            HttpStatus = source.Short("http_status"),
            Caller = ReadCaller(ref source, out ImmutableArray<Guid> groups),
            GroupsMatched = groups,
            Bindings = source.Texts("bindings"),
            PolicyVersion = source.Text("policy_version"),
            Permission = source.Text("permission"),
            Tenant = source.Text("tenant"),
            Tenants = source.Texts("tenants"),
            TenantsRequested = source.Texts("tenants_requested"),
            RemoteIp = source.Text("remote_ip"),
            UserAgent = source.Text("user_agent"),
            RequestId = source.Text("request_id"),
            TraceParent = source.Text("traceparent"),
            Method = source.Text("method"),
            Route = source.Text("route"),
            QueryText = source.Text("query_text"),
            QuerySha256 = source.Bytes("query_sha256") is { } sha256 ? [.. sha256] : default,
            QueryStart = Micros.ToTime(source.Time("query_start")),
            QueryEnd = Micros.ToTime(source.Time("query_end")),
            QueryStepMs = source.Long("query_step_ms"),
            DurationUs = source.Long("duration_us"),
            ResultSeries = source.Long("result_series"),
            ResultBytes = source.Long("result_bytes"),
            Samples = source.Long("samples"),
            Series = source.Long("series"),
            BodyBytes = source.Long("body_bytes"),
            Count = Given(source.Long("count"), "count"),
            FirstAt = Micros.ToTime(source.Time("first_ts")),
            LastAt = Micros.ToTime(source.Time("last_ts")),
            Detail = source.Json("detail"),
        };
        return source.Short("chain_format") == ChainedRecord.Format
            ? new ChainedRecord(record, stream, seq, Given(source.Bytes("prev_hash"), "prev_hash"), Given(source.Bytes("hash"), "hash"))
            : throw new FormatException($"Record {seq} of stream {stream} is of another format than {ChainedRecord.Format}.");
    }

    private static void WriteCaller<TSink>(AuditRecord record, ref TSink sink)
        where TSink : struct, IColumnSink, allows ref struct
    {
        AuditCaller? caller = record.Caller;
        sink.Uuid("tid", caller?.Directory);
        sink.Uuid("subject_oid", caller?.ObjectId);
        sink.Text("subject_kind", caller?.Kind);
        sink.Text("subject_name", caller?.Name);
        sink.Uuid("actor_client", caller?.Client);
        sink.Text("actor_parent", caller?.AgentParent);
        sink.Text("client_auth", caller?.ClientAuth);
        sink.Text("token_uti", caller?.TokenId);
        sink.Bytes("token_hash", caller is null ? default : caller.TokenHash.AsSpan(), caller?.TokenHash.IsDefault != false);
        sink.Text("token_kid", caller?.KeyId);
        sink.Text("token_ver", caller?.TokenVersion);
        sink.Time("token_issued_at", Micros.Of(caller?.IssuedAt));
        sink.Time("token_expires_at", Micros.Of(caller?.ExpiresAt));
        sink.Texts("roles", caller?.Roles ?? default);
        sink.Texts("scopes", caller?.Scopes ?? default);
        sink.Uuids("groups_matched", record.GroupsMatched);
        sink.Boolean("groups_unknown", caller?.GroupsUnknown);
    }

    /// <summary>The caller if there was one: all that is never null of it goes together.</summary>
    private static AuditCaller? ReadCaller<TSource>(ref TSource source, out ImmutableArray<Guid> groupsMatched)
        where TSource : struct, IColumnSource, allows ref struct
    {
        Guid? directory = source.Uuid("tid");
        Guid? objectId = source.Uuid("subject_oid");
        string? kind = source.Text("subject_kind");
        string? name = source.Text("subject_name");
        Guid? client = source.Uuid("actor_client");
        string? parent = source.Text("actor_parent");
        string? auth = source.Text("client_auth");
        string? tokenId = source.Text("token_uti");
        byte[]? tokenHash = source.Bytes("token_hash");
        string? keyId = source.Text("token_kid");
        string? version = source.Text("token_ver");
        long? issuedAt = source.Time("token_issued_at");
        long? expiresAt = source.Time("token_expires_at");
        ImmutableArray<string> roles = source.Texts("roles");
        ImmutableArray<string> scopes = source.Texts("scopes");
        groupsMatched = source.Uuids("groups_matched");
        bool? groupsUnknown = source.Boolean("groups_unknown");
        return directory is null ? null : new AuditCaller
        {
            Directory = directory.Value,
            ObjectId = Given(objectId, "subject_oid"),
            Kind = Given(kind, "subject_kind"),
            Name = name,
            Client = Given(client, "actor_client"),
            AgentParent = parent,
            ClientAuth = Given(auth, "client_auth"),
            TokenId = tokenId,
            TokenHash = tokenHash is null ? default : [.. tokenHash],
            KeyId = Given(keyId, "token_kid"),
            TokenVersion = Given(version, "token_ver"),
            IssuedAt = Micros.ToTime(Given(issuedAt, "token_issued_at")),
            ExpiresAt = Micros.ToTime(Given(expiresAt, "token_expires_at")),
            Roles = roles,
            Scopes = scopes,
            GroupsUnknown = groupsUnknown ?? false,
        };
    }

    private static T Given<T>(T? value, string column)
        where T : struct => value ?? throw Missing(column);

    private static string Given(string? value, string column) => value ?? throw Missing(column);

    private static byte[] Given(byte[]? value, string column) => value ?? throw Missing(column);

    private static FormatException Missing(string column) => new($"Column {column} is null, which it never is.");

    private static ImmutableArray<string> ReadNames()
    {
        NameSink sink = new([]);
        Write(new ChainedRecord(new AuditRecord { At = default, Event = "", Outcome = "" }, "", 0, [], []), ref sink);
        return [.. sink.Names];
    }

    private readonly struct NameSink(List<string> names) : IColumnSink
    {
        public List<string> Names => names;

        public void Text(string column, string? value) => names.Add(column);

        public void Uuid(string column, Guid? value) => names.Add(column);

        public void Long(string column, long? value) => names.Add(column);

        public void Short(string column, short? value) => names.Add(column);

        public void Time(string column, long? micros) => names.Add(column);

        public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull) => names.Add(column);

        public void Boolean(string column, bool? value) => names.Add(column);

        public void Texts(string column, ImmutableArray<string> value) => names.Add(column);

        public void Uuids(string column, ImmutableArray<Guid> value) => names.Add(column);

        public void Json(string column, string? value) => names.Add(column);
    }
}
