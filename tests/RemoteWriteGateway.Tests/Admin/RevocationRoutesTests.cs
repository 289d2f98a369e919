using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Attacks;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>/admin/v1/revocations</c>. What they do to requests is row 20 of the table of attacks: <see cref="RevocationAttackTests"/>.</summary>
public sealed class RevocationRoutesTests
{
    private const string Path = "/admin/v1/revocations";
    private const string Subject = "0f0f0f0f-1111-4222-8333-444444444444";
    private const string Ann = "66666666-0000-4000-8000-000000000001";

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_revocation_is_made_read_listed_and_lifted(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string admin = gateway.UserToken("Gateway.Admin");

        using HttpResponseMessage created = await gateway.CallAsync("POST", Path, admin, $$"""
            { "kind": "subject", "value": "{{Subject.ToUpperInvariant()}}", "issuedBefore": "2026-11-24T11:00:00+01:00", "until": "2026-12-01T00:00:00Z", "reason": "INC-42" }
            """);

        string text = await created.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        string id = JsonNode.Parse(text)!["id"]!.GetValue<string>();
        string expected = $$"""
            {"id":"{{id}}","kind":"subject","value":"{{Subject}}","issuedBefore":"2026-11-24T10:00:00Z","until":"2026-12-01T00:00:00Z","reason":"INC-42","inForce":true,"createdAt":"2026-11-24T12:00:00Z","createdBy":{"objectId":"{{Ann}}","name":"ann@example.org"},"liftedAt":null,"liftedBy":null,"liftReason":null}
            """;
        Assert.Equal(expected, text);
        Assert.Equal($"{Path}/{id}", created.Headers.Location?.ToString());
        Assert.Equal(expected, (await gateway.JsonAsync("GET", $"{Path}/{id}", admin)).ToJsonString());
        Assert.Equal($$"""{"items":[{{expected}}],"next":null}""", (await gateway.JsonAsync("GET", Path, gateway.UserToken("Policy.Read"))).ToJsonString());

        gateway.Time.Advance(TimeSpan.FromMinutes(1));
        JsonNode lifted = await gateway.JsonAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "it was found" }""");

        Assert.Equal((false, "2026-11-24T12:01:00Z", "it was found"), (lifted["inForce"]!.GetValue<bool>(), lifted["liftedAt"]!.GetValue<string>(), lifted["liftReason"]!.GetValue<string>()));
        Assert.Equal("""{"items":[],"next":null}""", (await gateway.JsonAsync("GET", Path, admin)).ToJsonString());
        Assert.Equal([lifted.ToJsonString()], (await gateway.JsonAsync("GET", $"{Path}?state=all", admin))["items"]!.AsArray().Select(item => item!.ToJsonString()));
    }

    [Fact]
    public async Task Each_change_is_on_record_with_what_it_was_and_by_whom()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string id = await RevokeAsync(gateway, """{ "kind": "key", "value": "k1", "reason": "leaked" }""");
        await gateway.JsonAsync("POST", $"{Path}/{id}/lift", gateway.UserToken("Gateway.Admin"), """{ "reason": "another key" }""");

        Recorded[] records = [.. await gateway.Services.GetRequiredService<CatalogDatabase>().QueryAsync<Recorded>(
            "SELECT outcome, subject_oid, permission, detail FROM audit_events WHERE event = 'revocation' ORDER BY seq", null, TestContext.Current.CancellationToken)];

        Assert.All(records, one => Assert.Equal(("allow", Guid.Parse(Ann), "gateway:admin"), (one.Outcome, one.SubjectOid, one.Permission)));
        Assert.Equal(
            [
                $$"""{"change":"revoke","id":"{{id}}","kind":"key","value":"k1","issuedBefore":null,"until":null,"reason":"leaked"}""",
                $$"""{"change":"lift","id":"{{id}}","kind":"key","value":"k1","reason":"another key"}""",
            ],
            records.Select(one => one.Detail));
    }

    [Fact]
    public async Task One_that_says_the_same_exists_already_until_it_is_lifted()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        const string Body = """{ "kind": "client", "value": "99999999-0000-4000-8000-00000000000f", "reason": "r" }""";
        string id = await RevokeAsync(gateway, Body);

        using HttpResponseMessage again = await gateway.CallAsync("POST", Path, admin, Body);

        await ProblemCheck.AssertAsync(again, 409, "already-exists");
        Assert.Contains(id, await again.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await gateway.JsonAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "r" }""");
        Assert.NotEqual(id, await RevokeAsync(gateway, Body));
    }

    [Fact]
    public async Task Lifting_what_is_lifted_changes_nothing_and_is_no_error()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        string id = await RevokeAsync(gateway, """{ "kind": "token", "value": "t1", "reason": "r" }""");
        string first = (await gateway.JsonAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "first" }""")).ToJsonString();
        gateway.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(first, (await gateway.JsonAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "second" }""")).ToJsonString());
    }

    [Theory]
    [InlineData("0199a1b2-0000-7000-8000-000000000000")]
    [InlineData("0199A1B2-0000-7000-8000-00000000000G")]
    [InlineData("%7b0199a1b2-0000-7000-8000-000000000000%7d")]
    [InlineData("%27%3b%20DROP%20TABLE%20revocations%3b--")]
    [InlineData("%0d%0aX-Forged%3a%201")]
    public async Task An_id_that_there_is_not_is_not_found(string id)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");

        using HttpResponseMessage read = await gateway.CallAsync("GET", $"{Path}/{id}", admin);
        using HttpResponseMessage lifted = await gateway.CallAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "r" }""");

        Assert.Empty(await ProblemCheck.AssertAsync(read, 404, "not-found"));
        Assert.Empty(await ProblemCheck.AssertAsync(lifted, 404, "not-found"));
    }

    [Theory]
    [InlineData("""{ "kind": "user", "value": "x", "reason": "r" }""", "kind (1:11): expected subject, client, token, key")]
    [InlineData("""{ "kind": "subject", "value": "ann", "reason": "r" }""", "value (1:31): expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("""{ "kind": "token", "value": "a b", "reason": " " }""", "value (1:29): expected the token's uti: 1 to 256 printable ASCII characters without spaces", "reason (1:46): is missing; say why, for whoever reads the audit")]
    [InlineData("""{ "kind": "key", "value": "k", "reason": "r", "until": "2026-11-24T12:00:00Z" }""", "until (1:56): is in the past: the revocation would refuse nobody")]
    [InlineData("""{ "kind": "key", "value": "k", "reason": "r", "until": "tomorrow" }""", "until (1:56): must be a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("""{ "kind": "key", "value": "k" }""", "reason (1:1): is required")]
    [InlineData("""{ "kind": "key", "value": "k", "reason": "r", "for": "ever" }""", "body (1:47): has an unknown member; expected kind, value, issuedBefore, until, reason")]
    public async Task A_body_that_is_wrong_is_told_all_of_it_and_nothing_is_made(string body, params string[] errors)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);

        using HttpResponseMessage answer = await gateway.CallAsync("POST", Path, gateway.UserToken("Gateway.Admin"), body);

        Assert.Equal(errors, await ProblemCheck.AssertAsync(answer, 400, "bad-request"));
        Assert.Empty((await gateway.JsonAsync("GET", $"{Path}?state=all", gateway.UserToken("Policy.Read")))["items"]!.AsArray());
    }

    [Fact]
    public async Task A_reason_has_a_limit_and_so_has_that_of_a_lift()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string long_ = new('r', 1001);
        string id = await RevokeAsync(gateway, $$"""{ "kind": "key", "value": "k", "reason": "{{long_[1..]}}" }""");

        using HttpResponseMessage made = await gateway.CallAsync("POST", Path, gateway.UserToken("Gateway.Admin"), $$"""{ "kind": "key", "value": "l", "reason": "{{long_}}" }""");
        using HttpResponseMessage lifted = await gateway.CallAsync("POST", $"{Path}/{id}/lift", gateway.UserToken("Gateway.Admin"), $$"""{ "reason": "{{long_}}" }""");

        Assert.Equal(["reason (1:42): has 1001 characters, limit 1000"], await ProblemCheck.AssertAsync(made, 400, "bad-request"));
        Assert.Equal(["reason (1:13): has 1001 characters, limit 1000"], await ProblemCheck.AssertAsync(lifted, 400, "bad-request"));
    }

    [Fact]
    public async Task Pages_follow_each_other_and_a_cursor_belongs_to_its_filter()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        List<string> made = [];
        for (int i = 0; i < 5; i++)
        {
            gateway.Time.Advance(TimeSpan.FromMilliseconds(1));
            made.Insert(0, await RevokeAsync(gateway, $$"""{ "kind": "key", "value": "k{{i}}", "reason": "r" }"""));
        }

        List<string> listed = [];
        string? cursor = null;
        do
        {
            JsonNode page = await gateway.JsonAsync("GET", $"{Path}?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}", admin);
            listed.AddRange(page["items"]!.AsArray().Select(item => item!["id"]!.GetValue<string>()));
            cursor = page["next"]?.GetValue<string>();
            if (cursor is not null)
            {
                using HttpResponseMessage elsewhere = await gateway.CallAsync("GET", $"{Path}?state=all&cursor={cursor}", admin);
                await ProblemCheck.AssertAsync(elsewhere, 400, "bad-request");
            }
        }
        while (cursor is not null);

        Assert.Equal(made, listed);
    }

    private static async Task<string> RevokeAsync(GatewayHost gateway, string body) =>
        (await gateway.JsonAsync("POST", Path, gateway.UserToken("Gateway.Admin"), body))["id"]!.GetValue<string>();

    private sealed class Recorded
    {
        public string Outcome { get; init; } = "";

        public Guid SubjectOid { get; init; }

        public string? Permission { get; init; }

        public string? Detail { get; init; }
    }
}
