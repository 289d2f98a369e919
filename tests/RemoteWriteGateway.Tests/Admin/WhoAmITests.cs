using System.Net;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>GET /whoami</c>.</summary>
public sealed class WhoAmITests(SharedAdminGateway shared) : IClassFixture<SharedAdminGateway>
{
    private const string Team = "77777777-0000-4000-8000-000000000001";

    private GatewayHost Gateway => shared.Gateway;

    [Fact]
    public async Task A_caller_is_told_who_it_is_and_what_it_may_do()
    {
        string token = Gateway.Token("both", claims =>
        {
            claims["oid"] = "0f0f0f0f-1111-4222-8333-444444444444";
            claims["uti"] = "token-of-both";
        });

        JsonNode answer = await Gateway.JsonAsync("GET", "/whoami", token);

        string version = Gateway.Services.GetPolicyVersion();
        string requestId = answer["requestId"]!.GetValue<string>();
        string expiresAt = Gateway.Time.GetUtcNow().AddMinutes(60).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(
            $$"""
            {"caller":{"kind":"app","onBehalfOfUser":false,"directory":"{{GatewayHost.Directory}}","objectId":"0f0f0f0f-1111-4222-8333-444444444444","client":"{{GatewayHost.TwoTenantsClient}}","clientAuth":"secret","roles":["Metrics.Write"],"scopes":[],"groups":{"known":true,"count":0},"tokenId":"token-of-both","expiresAt":"{{expiresAt}}"},"grants":[{"permission":"metrics:write","tenants":["ours","theirs"],"bindings":["both"]}],"denied":[],"policyVersion":"{{version}}","requestId":"{{requestId}}"}
            """,
            answer.ToJsonString());
    }

    [Fact]
    public async Task Whoever_has_a_valid_token_and_no_grant_is_told_that_it_has_none()
    {
        JsonNode answer = await Gateway.JsonAsync("GET", "/whoami", Gateway.Token("none"));

        Assert.Equal("[]", answer["grants"]!.ToJsonString());
        Assert.Equal("[]", answer["denied"]!.ToJsonString());
        string text = answer.ToJsonString();
        Assert.DoesNotContain("ours", text, StringComparison.Ordinal);
        Assert.DoesNotContain("theirs", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_operator_sees_that_administration_brings_the_policy_and_no_data()
    {
        JsonNode answer = await Gateway.JsonAsync("GET", "/whoami", Gateway.UserToken("Gateway.Admin"));

        Assert.Equal(
            """[{"permission":"policy:read","tenants":[],"bindings":["operators"]},{"permission":"gateway:admin","tenants":[],"bindings":["operators"]}]""",
            answer["grants"]!.ToJsonString());
    }

    [Fact]
    public async Task What_a_denial_takes_is_told_and_nothing_of_denials_that_took_nothing()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.DefaultPolicy + """

            deny:
            - id: not-theirs
              match: { kind: app }
              deny: { permissions: [metrics:write], tenants: [theirs] }
            """);

        JsonNode both = await gateway.JsonAsync("GET", "/whoami", gateway.Token("both"));
        JsonNode prom = await gateway.JsonAsync("GET", "/whoami", gateway.Token("prom"));
        JsonNode other = await gateway.JsonAsync("GET", "/whoami", gateway.Token("other"));

        Assert.Equal("""[{"permission":"metrics:write","tenants":["ours"],"bindings":["both"]}]""", both["grants"]!.ToJsonString());
        Assert.Equal("""[{"permission":"metrics:write","reason":"denied-by-policy","tenants":["theirs"],"rules":["not-theirs"]}]""", both["denied"]!.ToJsonString());
        Assert.Equal("[]", prom["denied"]!.ToJsonString());
        Assert.DoesNotContain("theirs", prom.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("[]", other["grants"]!.ToJsonString());
        Assert.Equal("""[{"permission":"metrics:write","reason":"denied-by-policy","tenants":["theirs"],"rules":["not-theirs"]}]""", other["denied"]!.ToJsonString());
    }

    [Fact]
    public async Task A_token_that_no_permission_takes_is_told_why()
    {
        string token = Gateway.UserToken(["Policy.Read", "Audit.Ours"], claims => claims.Remove("scp"));

        JsonNode answer = await Gateway.JsonAsync("GET", "/whoami", token);

        Assert.Equal("[]", answer["grants"]!.ToJsonString());
        Assert.Equal(
            """[{"permission":"audit:read","reason":"scope-missing","tenants":["ours"],"rules":[]},{"permission":"policy:read","reason":"scope-missing","tenants":[],"rules":[]}]""",
            answer["denied"]!.ToJsonString());
    }

    [Fact]
    public async Task Groups_that_nobody_knows_are_told()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.DefaultPolicy + $$"""

            - id: team
              match: { kind: user, group: [{{Team}}] }
              grant: { permissions: [metrics:read], tenants: [ours] }
            """);
        string known = gateway.UserToken([], claims => claims["groups"] = new JsonArray(Team));
        string unknown = gateway.UserToken([], claims => claims["_claim_names"] = new JsonObject { ["groups"] = "src1" });

        JsonNode told = await gateway.JsonAsync("GET", "/whoami", known);
        JsonNode untold = await gateway.JsonAsync("GET", "/whoami", unknown);

        Assert.Equal("""{"known":true,"count":1}""", told["caller"]!["groups"]!.ToJsonString());
        Assert.Equal("""[{"permission":"metrics:read","tenants":["ours"],"bindings":["team"]}]""", told["grants"]!.ToJsonString());
        Assert.Equal("""{"known":false,"count":0}""", untold["caller"]!["groups"]!.ToJsonString());
        Assert.Equal("""[{"permission":"metrics:read","reason":"groups-overage","tenants":[],"rules":[]}]""", untold["denied"]!.ToJsonString());
    }

    [Fact]
    public async Task Nothing_in_a_request_makes_it_tell_of_another()
    {
        string token = Gateway.Token("prom");
        JsonNode plain = await Gateway.JsonAsync("GET", "/whoami", token);
        using HttpResponseMessage answer = await Gateway.CallAsync("GET", "/whoami", token, change: request =>
        {
            request.Headers.Add("X-Scope-OrgID", "theirs");
            request.Headers.Add("X-Grafana-User", "ann@example.org");
            request.Headers.Add("X-Request-Id", "of-another");
        });

        JsonNode asked = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(plain["caller"]!.ToJsonString(), asked["caller"]!.ToJsonString());
        Assert.Equal(plain["grants"]!.ToJsonString(), asked["grants"]!.ToJsonString());
        Assert.NotEqual("of-another", asked["requestId"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("/whoami?user=ann")]
    [InlineData("/whoami?oid=66666666-0000-4000-8000-000000000001&oid=1")]
    public async Task Parameters_are_refused(string target)
    {
        using HttpResponseMessage answer = await Gateway.CallAsync("GET", target, Gateway.Token("prom"));

        Assert.Equal(["query: there is an unknown parameter; this route takes none"], await ProblemCheck.AssertAsync(answer, 400, "bad-request"));
    }
}
