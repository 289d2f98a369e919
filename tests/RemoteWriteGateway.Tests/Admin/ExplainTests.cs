using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>POST /admin/v1/explain</c>.</summary>
public sealed class ExplainTests(ExplainTests.SharedGateway shared) : IClassFixture<ExplainTests.SharedGateway>
{
    private const string Policy = """

        - id: sre-readers
          match: { kind: user, group: [77777777-0000-4000-8000-000000000001] }
          grant: { permissions: [metrics:read], tenants: [ours, theirs] }
        deny:
        - id: no-secrets-for-theirs
          match: { kind: app, clientAuth: [secret] }
          deny: { permissions: [metrics:write], tenants: [theirs] }
        revocations:
        - { client: 99999999-0000-4000-8000-000000000066, reason: "INC-57" }
        """;

    private GatewayHost Gateway => shared.Gateway;

    [Fact]
    public async Task Claims_are_explained_rule_by_rule()
    {
        JsonNode answer = await ExplainAsync($$"""
            {"claims":{"azp":"{{GatewayHost.TwoTenantsClient}}","azpacr":"1","idtyp":"app","roles":["Metrics.Write"]},"permission":"metrics:write","tenants":["theirs"]}
            """);

        Assert.Equal(
            $$"""
            {"allow":false,"reason":"tenant-not-granted","tenants":[],"bindings":[],"rules":[{"id":"prom","matched":false,"failed":"client","why":"none of 1 matched"},{"id":"other","matched":false,"failed":"client","why":"none of 1 matched"},{"id":"both","matched":true}],"denied":[{"id":"no-secrets-for-theirs"}],"revocations":[],"policyVersion":"{{Gateway.Services.GetPolicyVersion()}}"}
            """,
            answer.ToJsonString());
    }

    [Fact]
    public async Task A_token_is_explained_whatever_it_is_worth_and_kept_nowhere()
    {
        string token = Gateway.Token("prom", claims => claims["exp"] = 1);
        int logged = Gateway.Logs.All.Count;

        JsonNode answer = await ExplainAsync(new JsonObject { ["token"] = token, ["permission"] = "metrics:write" }.ToJsonString());
        JsonNode forged = await ExplainAsync(new JsonObject { ["token"] = string.Join('.', [.. token.Split('.')[..2], "forged"]), ["permission"] = "metrics:write" }.ToJsonString());

        Assert.True(answer["allow"]!.GetValue<bool>());
        Assert.Equal("""["ours"]""", answer["tenants"]!.ToJsonString());
        Assert.Equal(answer.ToJsonString(), forged.ToJsonString());
        Assert.DoesNotContain(Gateway.Logs.All.Skip(logged), line => token.Split('.').Any(part => line.Contains(part, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_revocation_is_told_with_its_reason()
    {
        JsonNode answer = await ExplainAsync("""{"claims":{"azp":"99999999-0000-4000-8000-000000000066"},"permission":"metrics:write"}""");

        Assert.Equal("revoked", answer["reason"]!.GetValue<string>());
        Assert.Equal(
            """[{"kind":"client","value":"99999999-0000-4000-8000-000000000066","issuedBefore":null,"until":null,"reason":"INC-57"}]""",
            answer["revocations"]!.ToJsonString());
    }

    [Fact]
    public async Task Another_document_and_another_time_can_be_asked()
    {
        string document = "version: 1\ntenants: { a: {} }\nbindings:\n- { id: w, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a] }, notAfter: 2027-01-31T00:00:00Z }\n";
        string Ask(string at) => new JsonObject
        {
            ["claims"] = new JsonObject { ["azp"] = GatewayHost.PromClient, ["roles"] = new JsonArray("W") },
            ["permission"] = "metrics:write",
            ["policy"] = new JsonObject { ["document"] = document },
            ["at"] = at,
        }.ToJsonString();

        JsonNode before = await ExplainAsync(Ask("2027-01-31T00:00:00Z"));
        JsonNode after = await ExplainAsync(Ask("2027-01-31T01:00:01+01:00"));

        Assert.True(before["allow"]!.GetValue<bool>());
        Assert.Equal("notAfter", after["rules"]![0]!["failed"]!.GetValue<string>());
        Assert.NotEqual(Gateway.Services.GetPolicyVersion(), after["policyVersion"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("\"active\"")]
    [InlineData("null")]
    [InlineData("\"{version}\"")]
    public async Task The_policy_in_force_has_several_names(string policy)
    {
        JsonNode answer = await ExplainAsync(
            $$"""{"claims":{"azp":"{{GatewayHost.PromClient}}"},"permission":"gateway:admin","policy":{{policy.Replace("{version}", Gateway.Services.GetPolicyVersion(), StringComparison.Ordinal)}}}""");

        Assert.Equal(Gateway.Services.GetPolicyVersion(), answer["policyVersion"]!.GetValue<string>());
        Assert.Equal("no-roles", answer["reason"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"permission":"metrics:write"}""", 400, "bad-request", "body (1:1): needs either claims or token")]
    [InlineData("""{"claims":{},"token":"x","permission":"metrics:write"}""", 400, "bad-request", "body (1:1): needs either claims or token")]
    [InlineData("""{"claims":{"azp":"x"},"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): these are not the claims of an access token: claims-inconsistent")]
    [InlineData("""{"claims":{},"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): these are not the claims of an access token: not-an-access-token")]
    [InlineData("""{"claims":[1],"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): expected a JSON object with the claims of a token")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001","roles":{}},"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): these are not the claims of an access token: claims-inconsistent")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001","tid":"99999999-8888-4777-8666-555555555555"},"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): these are not the claims of an access token: directory-not-allowed")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001","ver":"\ud800"},"permission":"metrics:write"}""", 400, "bad-request", "claims (1:11): is not JSON, has a claim twice, or a text that is none")]
    [InlineData("""{"token":"abc","permission":"metrics:write"}""", 400, "bad-request", "token (1:10): is not a signed JWT in compact form of at most 16384 characters")]
    [InlineData("""{"token":"e30.bm8.x","permission":"metrics:write"}""", 400, "bad-request", "token (1:10): is not JSON, has a claim twice, or a text that is none")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"metrics:wirte"}""", 400, "bad-request", "permission (1:71): is none of metrics:write, metrics:push, metrics:delete, metrics:read, audit:read, policy:read, gateway:admin")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"policy:read","tenants":["ours"]}""", 400, "bad-request", "tenants (1:95): policy:read is about the gateway and not about tenants; leave them out")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"policy:read","policy":7}""", 400, "bad-request", "policy (1:94): must be \"active\", a version, or an object with document and nothing else")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"policy:read","policy":{"document":"x","x":1}}""", 400, "bad-request", "policy (1:94): must be \"active\", a version, or an object with document and nothing else")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"policy:read","policy":"0123456789abcdef"}""", 404, "not-found", "")]
    [InlineData("""{"claims":{"azp":"99999999-0000-4000-8000-000000000001"},"permission":"policy:read","policy":{"document":"a: &a [*a]"}}""", 400, "policy-invalid", "*")]
    public async Task A_question_that_is_none_is_told_why(string body, int status, string reason, string expected)
    {
        using HttpResponseMessage answer = await Gateway.CallAsync("POST", "/admin/v1/explain", Gateway.UserToken("Policy.Read"), body);

        string[] errors = await ProblemCheck.AssertAsync(answer, status, reason);
        Assert.Equal(expected, expected == "*" ? "*" : string.Join('|', errors));
    }

    private Task<JsonNode> ExplainAsync(string body) => Gateway.JsonAsync("POST", "/admin/v1/explain", Gateway.UserToken("Policy.Read"), body);

    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy + Policy);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
