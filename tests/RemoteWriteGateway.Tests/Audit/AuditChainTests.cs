using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>The hash covers what the specification says, byte for byte; here it is put together once more, column by column, in plain lines.</summary>
public sealed class AuditChainTests
{
    private const string Stream = "gw-0/0199aaaa-0000-7000-8000-000000000000";

    /// <summary>Columns of <c>audit_events</c> in their order, as the specification's table has them.</summary>
    private static readonly string[] Columns =
    [
        "ts", "stream", "seq", "id", "event", "outcome", "reason", "http_status", "tid", "subject_oid", "subject_kind", "subject_name",
        "actor_client", "actor_parent", "client_auth", "token_uti", "token_hash", "token_kid", "token_ver", "token_issued_at", "token_expires_at",
        "roles", "scopes", "groups_matched", "groups_unknown", "bindings", "policy_version", "permission", "tenant", "tenants", "tenants_requested",
        "remote_ip", "user_agent", "request_id", "traceparent", "method", "route", "query_text", "query_sha256", "query_start", "query_end",
        "query_step_ms", "duration_us", "result_series", "result_bytes", "samples", "series", "body_bytes", "count", "first_ts", "last_ts", "detail",
        "chain_format", "prev_hash", "hash",
    ];

    [Fact]
    public void The_columns_are_those_of_the_table_in_their_order() => Assert.Equal(Columns, AuditColumns.Names);

    /// <summary>Fixed once and for all: a change of these bytes makes every older record look broken, and needs another chain_format.</summary>
    [Fact]
    public void A_record_of_every_column_and_a_bare_one_have_these_hashes()
    {
        AuditChain chain = new(Stream);
        ChainedRecord full = chain.Append(AuditRecords.Full());
        ChainedRecord bare = chain.Append(AuditRecords.Bare() with { Id = Guid.Parse("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0003") });

        Assert.Equal((1L, 2L), (full.Seq, bare.Seq));
        Assert.Equal(new byte[32], full.PrevHash);
        Assert.Equal(full.Hash, bare.PrevHash);
        Assert.Equal("488bf28afb911ceba39270d850b6f1f3d543fd9909b2ffbf3ca3b9b88575f3b4", Convert.ToHexStringLower(full.Hash));
        Assert.Equal("71b1c3a2645bc483427083a8c18b5ca4cb11f070ebbace05467f6b745559de69", Convert.ToHexStringLower(bare.Hash));
    }

    [Fact]
    public void A_hash_is_what_the_specification_says()
    {
        AuditChain chain = new(Stream);
        AuditRecord record = AuditRecords.Full();
        AuditCaller ann = record.Caller!;
        chain.Append(AuditRecords.Bare());
        ChainedRecord chained = chain.Append(record);

        byte[] expected = SHA256.HashData(
        [
            .. chained.PrevHash,
            .. F(Time(record.At)), .. F(Text(Stream)), .. F(Int(2)), .. F(record.Id.ToByteArray(bigEndian: true)), .. F(Text("query")), .. F(Text("deny")),
            .. F(Text("query-too-long")), .. F(Int(422)),
            .. F(ann.Directory.ToByteArray(bigEndian: true)), .. F(ann.ObjectId.ToByteArray(bigEndian: true)), .. F(Text("user")), .. F(Text("ann@example.org")),
            .. F(ann.Client.ToByteArray(bigEndian: true)), .. F(Text("parent")), .. F(Text("secret")), .. F(Text("uti-1")), .. F([.. ann.TokenHash]),
            .. F(Text("key-1")), .. F(Text("2.0")), .. F(Time(ann.IssuedAt)), .. F(Time(ann.ExpiresAt)),
            .. F(Array(Text("Metrics.Read"))), .. F(Array(Text("Metrics.Access"), Text("openid"))),
            .. F(Array(record.GroupsMatched[0].ToByteArray(bigEndian: true), record.GroupsMatched[1].ToByteArray(bigEndian: true))), .. F([1]),
            .. F(Array(Text("sre-readers"), Text("agents-look-only"))), .. F(Text("5d41402abc4b2a76")), .. F(Text("metrics:read")),
            .. F(Text("ours")), .. F(Array(Text("ours"), Text("theirs"))), .. F(Array(Text("ours"), Text("theirs"))),
            .. F(Text("::ffff:10.0.0.1")), .. F(Text(record.UserAgent!)), .. F(Text(record.RequestId!)), .. F(Text(record.TraceParent!)), .. F(Text("GET")),
            .. F(Text("/api/v1/query_range")), .. F(Text(record.QueryText!)), .. F([.. record.QuerySha256]),
            .. F(Time(record.QueryStart!.Value)), .. F(Time(record.QueryEnd!.Value)), .. F(Int(15_000)), .. F(Int(12_400)), .. F(Int(3)), .. F(Int(4096)),
            .. F(Int(7)), .. F(Int(long.MaxValue)), .. F(Int(0)), .. F(Int(2)), .. F(Int(-1)), .. F(Time(record.LastAt!.Value)), .. F(Text(record.Detail!)),
            .. F(Int(1)),
        ]);

        Assert.Equal(Convert.ToHexStringLower(expected), Convert.ToHexStringLower(chained.Hash));
    }

    [Fact]
    public void A_hash_of_nulls_is_what_the_specification_says()
    {
        ChainedRecord chained = new AuditChain(Stream).Append(AuditRecords.Bare());

        byte[] expected = SHA256.HashData(
        [
            .. new byte[32],
            .. F(Time(AuditRecords.Start)), .. F(Text(Stream)), .. F(Int(1)), .. F(chained.Record.Id.ToByteArray(bigEndian: true)), .. F(Text("policy")), .. F(Text("allow")),
            .. new byte[42], // reason to body_bytes
            .. F(Int(1)), 0, 0, 0, .. F(Int(1)),
        ]);

        Assert.Equal(Convert.ToHexStringLower(expected), Convert.ToHexStringLower(chained.Hash));
    }

    [Fact]
    public void An_empty_array_is_not_null_and_an_empty_text_is_not_null()
    {
        AuditRecord bare = AuditRecords.Bare();

        Assert.Equal(
            5,
            new[] { bare, bare with { Bindings = [] }, bare with { Bindings = [""] }, bare with { Bindings = ["", ""] }, bare with { Tenant = "" } }
                .Select(record => Convert.ToHexString(new AuditChain(Stream).Append(record).Hash)).Distinct().Count());
    }

    [Fact]
    public void What_was_taken_back_leaves_no_trace()
    {
        AuditChain chain = new(Stream);
        AuditChain straight = new(Stream);
        AuditRecord first = AuditRecords.Bare();
        AuditRecord second = AuditRecords.Full();
        chain.Append(first);
        straight.Append(first);
        ChainPosition before = chain.Position;
        chain.Append(AuditRecords.Bare());

        chain.Rewind(before);

        Assert.Equal(straight.Append(second).Hash, chain.Append(second).Hash);
    }

    /// <summary>Every property of a record and of its caller changes the hash: none is forgotten in the list of columns.</summary>
    [Fact]
    public void Every_property_is_in_the_hash()
    {
        AuditRecord record = AuditRecords.Full();
        string Hash(AuditRecord of) => Convert.ToHexString(new AuditChain(Stream).Append(of).Hash);
        HashSet<string> hashes = [Hash(record)];
        AuditRecord[] changed =
        [
            record with { At = record.At.AddMicroseconds(1) }, record with { Id = Guid.NewGuid() }, record with { Event = "admin" },
            record with { Outcome = "error" }, record with { Reason = "x" }, record with { HttpStatus = 1 }, record with { Caller = null },
            record with { GroupsMatched = [] }, record with { Bindings = [] }, record with { PolicyVersion = "x" }, record with { Permission = "x" },
            record with { Tenant = "x" }, record with { Tenants = [] }, record with { TenantsRequested = [] }, record with { RemoteIp = "x" },
            record with { UserAgent = "x" }, record with { RequestId = "x" }, record with { TraceParent = "x" }, record with { Method = "x" },
            record with { Route = "x" }, record with { QueryText = "x" }, record with { QuerySha256 = [1] }, record with { QueryStart = null },
            record with { QueryEnd = null }, record with { QueryStepMs = 1 }, record with { DurationUs = 1 }, record with { ResultSeries = 1 },
            record with { ResultBytes = 1 }, record with { Samples = 1 }, record with { Series = 1 }, record with { BodyBytes = 1 }, record with { Count = 1 },
            record with { FirstAt = null }, record with { LastAt = null }, record with { Detail = "{}" },
        ];

        Assert.Equal(changed.Length, typeof(AuditRecord).GetProperties().Length);
        Assert.All(changed, one => Assert.True(hashes.Add(Hash(one))));
    }

    private static byte[] F(byte[] value) => [1, .. Varint((ulong)value.Length), .. value];

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Int(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Time(DateTimeOffset time) => Int((time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / 10);

    private static byte[] Array(params byte[][] items) => [.. Varint((ulong)items.Length), .. items.SelectMany(F)];

    private static byte[] Varint(ulong value) => value < 0x80 ? [(byte)value] : [(byte)(value | 0x80), .. Varint(value >> 7)];
}
