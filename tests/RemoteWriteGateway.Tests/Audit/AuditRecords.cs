using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>Records as tests need them.</summary>
internal static class AuditRecords
{
    public static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>One with every column.</summary>
    public static AuditRecord Full(DateTimeOffset? at = null) => new()
    {
        At = at ?? Start.AddTicks(1234567),
        Id = Guid.Parse("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"),
        Event = AuditEvents.Query,
        Outcome = AuditOutcomes.Deny,
        Reason = "query-too-long",
        HttpStatus = 422,
        Caller = Ann,
        GroupsMatched = [Guid.Parse("77777777-0000-4000-8000-000000000001"), Guid.Parse("77777777-0000-4000-8000-000000000002")],
        Bindings = ["sre-readers", "agents-look-only"],
        PolicyVersion = "5d41402abc4b2a76",
        Permission = "metrics:read",
        Tenant = "ours",
        Tenants = ["ours", "theirs"],
        TenantsRequested = ["ours", "theirs"],
        RemoteIp = "::ffff:10.0.0.1",
        UserAgent = "Grafana/12.0 \"quoted\" é 🐳",
        RequestId = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0002",
        TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Method = "GET",
        Route = "/api/v1/query_range",
        QueryText = "sum(rate(x[5m]))\n# <b>&amp;",
        QuerySha256 = [.. Enumerable.Range(0, 32).Select(i => (byte)i)],
        QueryStart = Start.AddHours(-1),
        QueryEnd = Start,
        QueryStepMs = 15_000,
        DurationUs = 12_400,
        ResultSeries = 3,
        ResultBytes = 4096,
        Samples = 7,
        Series = long.MaxValue,
        BodyBytes = 0,
        Count = 2,
        FirstAt = DateTimeOffset.UnixEpoch.AddTicks(-1),
        LastAt = Start,
        Detail = """{"store":"main", "spaced" : [1, 2.50]}""",
    };

    /// <summary>One with as few columns as there can be.</summary>
    public static AuditRecord Bare(string auditEvent = AuditEvents.Policy, DateTimeOffset? at = null) =>
        new() { At = at ?? Start, Event = auditEvent, Outcome = AuditOutcomes.Allow };

    public static AuditCaller Ann { get; } = new()
    {
        Directory = Guid.Parse(GatewayHost.Directory),
        ObjectId = Guid.Parse("66666666-0000-4000-8000-000000000001"),
        Kind = "user",
        Name = "ann@example.org",
        Client = Guid.Parse(GatewayHost.GrafanaClient),
        AgentParent = "parent",
        ClientAuth = "secret",
        TokenId = "uti-1",
        TokenHash = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255],
        KeyId = "key-1",
        TokenVersion = "2.0",
        IssuedAt = Start.AddMinutes(-5),
        ExpiresAt = Start.AddHours(1),
        Roles = ["Metrics.Read"],
        Scopes = ["Metrics.Access", "openid"],
        GroupsUnknown = true,
    };
}
