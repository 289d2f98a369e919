using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>/admin/v1/audit</c>: who may see which records.</summary>
public sealed class AuditRoutesTests(AuditRoutesTests.SharedGateway shared) : IClassFixture<AuditRoutesTests.SharedGateway>
{
    private const string Ann = "66666666-0000-4000-8000-000000000001";

    private GatewayHost Gateway => shared.Gateway;

    private string All => Gateway.UserToken("Gateway.Audit");

    private string Ours => Gateway.UserToken("Audit.Ours");

    private string Theirs => Gateway.UserToken("Audit.Theirs");

    [Fact]
    public async Task An_auditor_of_all_tenants_sees_every_record()
    {
        JsonNode answer = await Gateway.JsonAsync("GET", "/admin/v1/audit?event=query", All);

        Assert.Equal(["both(ours)", "nobody()", "theirs(theirs)", "ours(ours)"], Texts(answer));
        JsonNode record = answer["items"]![3]!;
        Assert.Equal("2026-11-24T11:00:00Z", record["ts"]!.GetValue<string>());
        Assert.Equal("ours", record["tenants"]![0]!.GetValue<string>());
        Assert.Null(record["hash"]);
        Assert.False(record.AsObject().ContainsKey("reason"));
    }

    [Fact]
    public async Task An_auditor_of_one_tenant_sees_nothing_of_another_and_nothing_without_a_tenant()
    {
        JsonNode ours = await Gateway.JsonAsync("GET", "/admin/v1/audit?event=query", Ours);
        JsonNode theirs = await Gateway.JsonAsync("GET", "/admin/v1/audit?event=query", Theirs);

        // What was asked of both is shown to each without its text, and without the other's name.
        Assert.Equal(["", "ours(ours)"], Texts(ours));
        Assert.Equal(["", "theirs(theirs)"], Texts(theirs));
        Assert.Equal("""["ours"]""", ours["items"]![0]!["tenants"]!.ToJsonString());
        Assert.True(ours["items"]![0]!["narrowed"]!.GetValue<bool>());
        Assert.DoesNotContain("theirs", ours.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("nobody", ours.ToJsonString(), StringComparison.Ordinal);
        string everything = (await Gateway.JsonAsync("GET", "/admin/v1/audit?limit=1000", Ours)).ToJsonString();
        Assert.DoesNotContain("theirs", everything, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody", everything, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("theirs")]
    [InlineData("no-such-tenant")]
    [InlineData("OURS")]
    public async Task A_tenant_that_may_not_be_seen_is_refused_like_one_that_does_not_exist(string tenant)
    {
        using HttpResponseMessage filtered = await Gateway.CallAsync("GET", $"/admin/v1/audit?tenant={tenant}", Ours);
        using HttpResponseMessage exported = await Gateway.CallAsync("GET", $"/admin/v1/audit/export?tenant={tenant}", Ours);
        using HttpResponseMessage named = await Gateway.CallAsync(
            "GET", "/admin/v1/audit", Ours, change: request => request.Headers.Add("X-Scope-OrgID", tenant));

        foreach (HttpResponseMessage answer in (HttpResponseMessage[])[filtered, exported, named])
        {
            JsonObject problem = await ProblemCheck.AssertWellFormedAsync(answer);
            Assert.Equal("tenant-not-granted", problem["reason"]!.GetValue<string>());
            Assert.Equal("no audit:read on a requested tenant; see /whoami", problem["detail"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task A_request_that_names_its_tenant_sees_that_tenant_only()
    {
        using HttpResponseMessage answer = await Gateway.CallAsync(
            "GET", "/admin/v1/audit?event=query", All, change: request => request.Headers.Add("X-Scope-OrgID", "theirs"));

        Assert.Equal(["", "theirs(theirs)"], Texts(JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!));
    }

    [Theory]
    [InlineData("outcome=deny", "theirs(theirs)")]
    [InlineData("reason=tenant-not-granted", "theirs(theirs)")]
    [InlineData("subject=" + Ann, "ours(ours)")]
    [InlineData("client=" + GatewayHost.GrafanaClient, "ours(ours)")]
    [InlineData("tenant=theirs", "both(ours)", "theirs(theirs)")]
    [InlineData("tenant=gone")]
    [InlineData("permission=metrics:read", "ours(ours)")]
    [InlineData("requestId=request-of-ours", "ours(ours)")]
    [InlineData("policyVersion=0123456789abcdef", "ours(ours)")]
    [InlineData("from=2026-11-24T11:00:02Z", "both(ours)", "nobody()")]
    [InlineData("to=2026-11-24T11:00:01Z", "ours(ours)")]
    [InlineData("from=2026-11-24T11:00:01Z&to=2026-11-24T11:00:02Z", "theirs(theirs)")]
    [InlineData("event=policy&outcome=deny")]
    public async Task Records_are_found_by_what_they_say(string filter, params string[] expected)
    {
        string target = $"/admin/v1/audit?{(filter.Contains("event=", StringComparison.Ordinal) ? "" : "event=query&")}{filter}";

        Assert.Equal(expected, Texts(await Gateway.JsonAsync("GET", target, All)));
    }

    [Fact]
    public async Task Pages_repeat_and_hide_nothing_while_records_come_in()
    {
        List<string> seen = [];
        string? cursor = null;
        do
        {
            JsonNode page = await Gateway.JsonAsync("GET", $"/admin/v1/audit?event=query&limit=1{(cursor is null ? "" : $"&cursor={cursor}")}", All);
            seen.AddRange(Texts(page));
            cursor = page["next"]?.GetValue<string>();
        }
        while (cursor is not null);

        Assert.Equal(["both(ours)", "nobody()", "theirs(theirs)", "ours(ours)"], seen);
    }

    [Fact]
    public async Task A_cursor_of_one_caller_shows_another_no_more_than_its_own()
    {
        string cursor = (await Gateway.JsonAsync("GET", "/admin/v1/audit?event=query&limit=2", All))["next"]!.GetValue<string>();

        JsonNode ours = await Gateway.JsonAsync("GET", $"/admin/v1/audit?event=query&limit=2&cursor={cursor}", Ours);

        Assert.Equal(["ours(ours)"], Texts(ours));
    }

    [Fact]
    public async Task One_record_is_shown_with_its_place_in_the_chain_to_whom_may_see_it()
    {
        JsonNode list = await Gateway.JsonAsync("GET", "/admin/v1/audit?event=query", All);
        string theirs = list["items"]![2]!["id"]!.GetValue<string>();
        string nobody = list["items"]![1]!["id"]!.GetValue<string>();

        JsonNode record = await Gateway.JsonAsync("GET", $"/admin/v1/audit/{theirs}", Theirs);

        Assert.Matches("^[0-9a-f]{64}$", record["hash"]!.GetValue<string>());
        Assert.Matches("^[0-9a-f]{64}$", record["prevHash"]!.GetValue<string>());
        Assert.True(record["seq"]!.GetValue<long>() > 0);
        foreach (string id in (string[])[theirs, nobody, "0199a1b2-0000-7000-8000-000000000000", "theirs", theirs.ToUpperInvariant() + "0"])
        {
            using HttpResponseMessage hidden = await Gateway.CallAsync("GET", $"/admin/v1/audit/{id}", Ours);
            await ProblemCheck.AssertAsync(hidden, 404, "not-found");
        }
    }

    [Fact]
    public async Task An_export_is_a_stream_with_an_end_and_shows_what_may_be_seen()
    {
        string[] all = await LinesAsync("/admin/v1/audit/export?event=query", All, "application/x-ndjson");
        string[] ours = await LinesAsync("/admin/v1/audit/export?event=query&format=ndjson", Ours, "application/x-ndjson");
        string[] csv = await LinesAsync("/admin/v1/audit/export?event=query&format=csv", Ours, "text/csv");

        Assert.Equal("""{"end":true,"count":4}""", all[^1]);
        Assert.Equal("ours(ours)", JsonNode.Parse(all[0])!["query"]!["text"]!.GetValue<string>());
        Assert.Equal(5, all.Length);
        Assert.Equal("""{"end":true,"count":2}""", ours[^1]);
        Assert.Equal(3, ours.Length);
        Assert.Equal("end,2", csv[^1]);
        Assert.Equal(4, csv.Length);
        Assert.DoesNotContain(ours.Concat(csv), line => line.Contains("theirs", StringComparison.Ordinal) || line.Contains("nobody", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_chain_is_shown_and_verified_for_those_who_see_all_of_it_only()
    {
        JsonNode verified = await Gateway.JsonAsync("POST", "/admin/v1/audit/verify", All, "{}");
        JsonNode checkpoints = await Gateway.JsonAsync("GET", "/admin/v1/audit/checkpoints", All);

        Assert.True(verified["intact"]!.GetValue<bool>());
        Assert.True(verified["records"]!.GetValue<long>() >= 4);
        Assert.Equal("[]", verified["breaks"]!.ToJsonString());
        Assert.NotNull(checkpoints["items"]);
        foreach (string token in (string[])[Ours, Gateway.UserToken("Audit.Ours", "Audit.Theirs")])
        {
            using HttpResponseMessage verify = await Gateway.CallAsync("POST", "/admin/v1/audit/verify", token, "{}");
            using HttpResponseMessage list = await Gateway.CallAsync("GET", "/admin/v1/audit/checkpoints", token);
            await ProblemCheck.AssertAsync(verify, 403, "tenant-not-granted");
            JsonObject problem = await ProblemCheck.AssertWellFormedAsync(list);
            Assert.Equal("this needs audit:read on all tenants (allTenants: true in the policy, and no denial); see /whoami", problem["detail"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task Who_is_denied_one_tenant_does_not_see_all()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy + """

            deny:
            - id: not-theirs
              match: { kind: user }
              deny: { permissions: [audit:read], tenants: [theirs] }
            """);
        AddRecords(gateway);
        await gateway.Services.GetRequiredService<AuditLog>().FlushAsync(TestContext.Current.CancellationToken);
        string token = gateway.UserToken("Gateway.Audit");

        Assert.Equal(["", "ours(ours)"], Texts(await gateway.JsonAsync("GET", "/admin/v1/audit?event=query", token)));
        using HttpResponseMessage verify = await gateway.CallAsync("POST", "/admin/v1/audit/verify", token, "{}");
        await ProblemCheck.AssertAsync(verify, 403, "tenant-not-granted");
    }

    [Theory]
    [InlineData("Gateway.Admin")]
    [InlineData("Policy.Read")]
    public async Task An_operator_without_the_permission_sees_no_record(string role)
    {
        foreach (string target in (string[])["/admin/v1/audit", "/admin/v1/audit/export", "/admin/v1/audit/checkpoints", "/admin/v1/audit/0199a1b2-0000-7000-8000-000000000000"])
        {
            using HttpResponseMessage answer = await Gateway.CallAsync("GET", target, Gateway.UserToken(role));
            await ProblemCheck.AssertAsync(answer, 403, "permission-denied");
        }
    }

    private static IEnumerable<string> Texts(JsonNode page) =>
        page["items"]!.AsArray().Select(item => item!["query"]?["text"]?.GetValue<string>() ?? "");

    private async Task<string[]> LinesAsync(string target, string token, string mediaType)
    {
        using HttpResponseMessage answer = await Gateway.CallAsync("GET", target, token);
        Assert.Equal(mediaType, answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        return (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).TrimEnd().ReplaceLineEndings("\n").Split('\n');
    }

    private static void AddRecords(GatewayHost gateway)
    {
        var log = gateway.Services.GetRequiredService<AuditLog>();
        DateTimeOffset at = new(2026, 11, 24, 11, 0, 0, TimeSpan.Zero);
        AuditCaller ann = new()
        {
            Directory = Guid.Parse(GatewayHost.Directory),
            ObjectId = Guid.Parse(Ann),
            Kind = "user",
            Client = Guid.Parse(GatewayHost.GrafanaClient),
            ClientAuth = "secret",
            KeyId = "key",
            TokenVersion = "2.0",
            IssuedAt = at,
            ExpiresAt = at.AddHours(1),
        };
        AuditRecord query = new() { At = at, Event = AuditEvents.Query, Outcome = AuditOutcomes.Allow };
        log.Add(query with
        {
            Id = Guid.CreateVersion7(), QueryText = "ours(ours)", Tenant = "ours", Caller = ann, Permission = "metrics:read", RequestId = "request-of-ours",
            PolicyVersion = "0123456789abcdef",
        });
        log.Add(query with
        {
            Id = Guid.CreateVersion7(), At = at.AddSeconds(1), QueryText = "theirs(theirs)", Tenant = "theirs", Outcome = AuditOutcomes.Deny, Reason = "tenant-not-granted",
        });
        log.Add(query with { Id = Guid.CreateVersion7(), At = at.AddSeconds(2), QueryText = "nobody()" });
        log.Add(query with
        {
            Id = Guid.CreateVersion7(), At = at.AddSeconds(3), QueryText = "both(ours)", Tenants = ["ours", "theirs"], TenantsRequested = ImmutableArray.Create("ours", "theirs"),
        });
    }

    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync()
        {
            Gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
            AddRecords(Gateway);
            await Gateway.Services.GetRequiredService<AuditLog>().FlushAsync(TestContext.Current.CancellationToken);
        }

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
