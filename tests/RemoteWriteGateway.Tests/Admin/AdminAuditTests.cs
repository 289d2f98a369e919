using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.Attacks;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>Every call of the admin API is on record before it is answered.</summary>
public sealed class AdminAuditTests
{
    [Fact]
    public async Task A_call_is_on_record_with_who_called_what_and_how_it_ended()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        using HttpResponseMessage whoAmI = await gateway.CallAsync("GET", "/whoami", gateway.Token("none"));
        using HttpResponseMessage malformed = await gateway.CallAsync("POST", "/admin/v1/explain", gateway.UserToken("Policy.Read"), "{");
        using HttpResponseMessage denied = await gateway.CallAsync("GET", "/admin/v1/policy", gateway.Token("none"));

        // Nothing is flushed here: what was answered is there.
        JsonNode records = await gateway.JsonAsync("GET", "/admin/v1/audit?event=admin", gateway.UserToken("Gateway.Audit"));

        JsonNode[] items = [.. records["items"]!.AsArray().Select(item => item!)];
        Assert.Equal(
            ["/admin/v1/explain deny bad-request 400", "/whoami allow  200"],
            items.Select(item => $"{item["route"]} {item["outcome"]} {item["reason"]} {item["httpStatus"]}"));
        Assert.Equal(whoAmI.Headers.GetValues("X-Request-Id").Single(), items[1]["requestId"]!.GetValue<string>());
        Assert.Equal("99999999-0000-4000-8000-000000000004", items[1]["actor"]!["client"]!.GetValue<string>());
        Assert.Equal(gateway.Services.GetPolicyVersion(), items[0]["policyVersion"]!.GetValue<string>());
        Assert.Equal("""["policy-readers"]""", items[0]["bindings"]!.ToJsonString());
        Assert.Equal(403, (int)denied.StatusCode);
        Assert.Equal(400, (int)malformed.StatusCode);
    }

    [Fact]
    public async Task A_token_that_is_explained_is_on_no_record()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string token = gateway.Token("prom", claims => claims["uti"] = "uti-of-the-explained");
        await gateway.JsonAsync("POST", "/admin/v1/explain", gateway.UserToken("Policy.Read"), new JsonObject { ["token"] = token, ["permission"] = "metrics:write" }.ToJsonString());

        string records = (await gateway.JsonAsync("GET", "/admin/v1/audit", gateway.UserToken("Gateway.Audit"))).ToJsonString();

        Assert.Contains("/admin/v1/explain", records, StringComparison.Ordinal);
        Assert.DoesNotContain("uti-of-the-explained", records, StringComparison.Ordinal);
        Assert.DoesNotContain(token.Split('.')[1], records, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/admin/v1/policy/reload")]
    [InlineData("/admin/v1/identity/purge-cache")]
    [InlineData("/admin/v1/identity/purge-keys")]
    [InlineData("/admin/v1/identity/refresh")]
    public async Task A_change_has_one_record_if_it_succeeds(string target)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        await gateway.JsonAsync("POST", target, gateway.UserToken("Gateway.Admin"));

        JsonNode records = await gateway.JsonAsync("GET", "/admin/v1/audit?event=admin", gateway.UserToken("Gateway.Audit"));

        Assert.Equal($"{target} allow", string.Join('|', records["items"]!.AsArray().Select(item => $"{item!["route"]} {item["outcome"]}")));
    }

    [Fact]
    public async Task A_change_that_fails_has_a_second_record()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        await File.WriteAllTextAsync(gateway.PolicyPath, "version: 2", TestContext.Current.CancellationToken);
        using HttpResponseMessage refused = await gateway.CallAsync("POST", "/admin/v1/policy/reload", gateway.UserToken("Gateway.Admin"));
        await ProblemCheck.AssertAsync(refused, 400, "policy-invalid");

        JsonNode records = await gateway.JsonAsync("GET", "/admin/v1/audit?event=admin", gateway.UserToken("Gateway.Audit"));

        Assert.Equal(["error policy-invalid", "allow "], records["items"]!.AsArray().Select(item => $"{item!["outcome"]} {item["reason"]}"));
    }

    [Fact]
    public async Task What_cannot_be_put_on_record_is_neither_answered_nor_done()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        await gateway.JsonAsync("GET", "/whoami", admin);
        int cached = gateway.Services.GetRequiredService<TokenCache>().Count;
        gateway.Services.GetRequiredService<AuditLog>().IsAvailable = false;

        foreach ((string method, string target) in ((string, string)[])
            [("GET", "/whoami"), ("GET", "/admin/v1/policy"), ("GET", "/admin/v1/identity"), ("POST", "/admin/v1/identity/purge-cache"), ("POST", "/admin/v1/policy/reload")])
        {
            using HttpResponseMessage answer = await gateway.CallAsync(method, target, admin);
            await ProblemCheck.AssertAsync(answer, 503, "audit-unavailable");
        }

        Assert.Equal(cached, gateway.Services.GetRequiredService<TokenCache>().Count);
        using HttpResponseMessage write = await gateway.WriteAsync(SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs)));
        Assert.Equal(204, (int)write.StatusCode);
    }
}
