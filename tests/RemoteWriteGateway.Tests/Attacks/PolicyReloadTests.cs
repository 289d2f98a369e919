using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// Rows 19, 20 and 26 of the table of attacks, against the whole gateway: what was good a moment ago. Identity is cached, the decision never
/// is, so each verdict is on the next request of a token that is in the cache.
/// </summary>
public sealed class PolicyReloadTests
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task A_binding_that_left_the_policy_refuses_the_next_request_of_a_cached_token()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);

        PolicyReload reload = await gateway.ReloadPolicyAsync(GatewayHost.DefaultPolicy.Replace("id: prom\n  match: { kind: app, client: [", "id: prom\n  match: { kind: app, oid: [", StringComparison.Ordinal));

        Assert.True(reload.Changed);
        await new RefusedCall(403, "permission-denied").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
        Assert.Equal(1, await gateway.MetricAsync("""rwgateway_token_cache_requests_total{result="miss"}"""));
    }

    [Fact]
    public async Task A_changed_file_is_found_by_the_next_poll()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);
        await File.WriteAllTextAsync(gateway.PolicyPath, GatewayHost.DefaultPolicy.Replace("tenants: [ours]", "tenants: [theirs]", StringComparison.Ordinal), Cancel);

        gateway.Time.Advance(PollInterval);
        while (await gateway.MetricAsync("rwgateway_policy_loaded_timestamp_seconds") < gateway.NowMs / 1000.0)
        {
            Cancel.ThrowIfCancellationRequested();
        }

        Assert.Equal("theirs", await WrittenTenantAsync(gateway, token));
    }

    [Theory]
    [InlineData("unknown key", "macth: { kind: app }", "policy.yaml:14:3: bindings[3].macth: unknown key; expected id, description, match, grant, notBefore, notAfter")]
    [InlineData("star", "match: { kind: app, role: [x] }\n  grant: { permissions: [metrics:write], tenants: [\"*\"] }", "policy.yaml:15:52: bindings[3].grant.tenants[0]: \"*\" is not a tenant; write allTenants: true")]
    [InlineData("too wide", "match: { kind: app }\n  grant: { permissions: [metrics:write], tenants: [ours] }", "policy.yaml:14:10: bindings[3].match: ")]
    [InlineData("anchor", "match: &all { kind: app }", "policy.yaml:14:10: ")]
    [InlineData("no YAML", "match: [", "policy.yaml:")]
    public async Task A_bad_file_keeps_the_policy_in_force_and_stops_a_start(string what, string lines, string fault)
    {
        string bad = $"{GatewayHost.DefaultPolicy}\n- id: bad\n  {lines}\n";
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        await AssertWritesAsync(gateway, gateway.Token("prom"));

        PolicyReload reload = await gateway.ReloadPolicyAsync(bad);

        Assert.False(reload.Changed, what);
        Assert.Contains(fault, reload.Failure, StringComparison.Ordinal);
        Assert.Equal(1, await gateway.MetricAsync("rwgateway_policy_reload_failed"));
        Assert.Contains(gateway.Logs.All, line => line.StartsWith("Error ", StringComparison.Ordinal) && line.Contains(fault, StringComparison.Ordinal));
        await AssertWritesAsync(gateway, gateway.Token("prom"));
        using HttpResponseMessage ready = await gateway.Data.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);

        PolicyInvalidException stopped = await Assert.ThrowsAsync<PolicyInvalidException>(() => GatewayHost.StartAsync(bad));
        Assert.Contains(fault, stopped.Message, StringComparison.Ordinal);

        // The file is mended, to what is in force: nothing is wrong any more.
        await gateway.ReloadPolicyAsync(GatewayHost.DefaultPolicy);
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_policy_reload_failed"));
    }

    [Fact]
    public async Task A_file_that_has_gone_keeps_the_policy_in_force()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        File.Delete(gateway.PolicyPath);

        gateway.Time.Advance(PollInterval);
        while (await gateway.MetricAsync("rwgateway_policy_reload_failed") == 0)
        {
            Cancel.ThrowIfCancellationRequested();
        }

        await AssertWritesAsync(gateway, gateway.Token("prom"));
    }

    [Fact]
    public async Task A_file_with_a_byte_order_mark_and_carriage_returns_is_taken()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync('\uFEFF' + GatewayHost.DefaultPolicy.ReplaceLineEndings("\r\n"));

        await AssertWritesAsync(gateway, gateway.Token("prom"));
    }

    [Theory]
    [InlineData("subject")]
    [InlineData("client")]
    [InlineData("token")]
    [InlineData("key")]
    public async Task A_revoked_caller_is_refused_on_the_next_request_of_a_cached_token(string kind)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);

        await RevokeAsync(gateway, kind, token, "");

        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
        await RefusedCall.OfWhoAmI(401, "revoked").AssertAsync(gateway, () => gateway.CallAsync("GET", "/whoami", token), token);

        // Somebody else, and the same one after the revocation was lifted.
        string other = OtherThan(gateway, kind);
        await AssertWritesAsync(gateway, other);
        await gateway.ReloadPolicyAsync(GatewayHost.DefaultPolicy);
        await AssertWritesAsync(gateway, token);
    }

    [Theory]
    [InlineData("subject")]
    [InlineData("client")]
    [InlineData("key")]
    public async Task A_revocation_of_what_was_issued_before_lets_later_tokens_pass(string kind)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);

        await RevokeAsync(gateway, kind, token, $", issuedBefore: {gateway.Time.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}");
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
        await RefusedCall.OfWhoAmI(401, "revoked").AssertAsync(gateway, () => gateway.CallAsync("GET", "/whoami", token), token);

        // Tokens are dated back by five minutes: those minted within them are refused too, the next ones are not.
        gateway.Time.Advance(TimeSpan.FromSeconds(299));
        string early = gateway.Token("prom");
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, early), early);
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        await AssertWritesAsync(gateway, gateway.Token("prom"));
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
    }

    [Fact]
    public async Task A_revocation_ends_when_it_says_so()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await RevokeAsync(gateway, "client", token, $", until: {gateway.Time.GetUtcNow().AddMinutes(1):yyyy-MM-ddTHH:mm:ssZ}");
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);

        gateway.Time.Advance(TimeSpan.FromMinutes(1));

        await AssertWritesAsync(gateway, token);
    }

    [Fact]
    public async Task A_revoked_caller_that_understands_it_is_asked_for_a_token_of_now()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.WithClaim("xms_cc", """["cp1"]""");
        await RevokeAsync(gateway, "client", token, "");
        string now = """{"access_token":{"nbf":{"essential":true,"value":"NOW"}}}""".Replace("NOW", gateway.Seconds(0), StringComparison.Ordinal);
        string claims = Convert.ToBase64String(Encoding.ASCII.GetBytes(now));

        await new RefusedCall(401, "revoked")
        {
            Challenge = $"Bearer realm=\"remote-write-gateway\", error=\"insufficient_claims\", claims=\"{claims}\"",
        }.AssertAsync(gateway, () => WriteAsync(gateway, token), token);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Puts into the policy file a revocation of what the token says of itself.</summary>
    private static async Task RevokeAsync(GatewayHost gateway, string kind, string token, string more)
    {
        JsonNode header = JsonNode.Parse(Forgery.Text(token, 0))!;
        JsonNode claims = JsonNode.Parse(Forgery.Text(token, 1))!;
        JsonNode? value = kind switch
        {
            "subject" => claims["oid"],
            "client" => claims["azp"],
            "token" => claims["uti"],
            _ => header["kid"],
        };
        PolicyReload reload = await gateway.ReloadPolicyAsync(
            $"{GatewayHost.DefaultPolicy}\nrevocations:\n- {{ {kind}: \"{value}\", reason: INC-42{more} }}\n");
        Assert.True(reload.Changed, reload.Failure);
    }

    private static string OtherThan(GatewayHost gateway, string kind)
    {
        switch (kind)
        {
            case "token":
                return gateway.Token("prom");
            case "key":
                gateway.Keys.Rotate(keepPublished: true);
                return gateway.Token("prom");
            default:
                return gateway.Token("other");
        }
    }

    private static Protocol.Messages.V1.WriteRequest Message(GatewayHost gateway) => SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs));

    private static Task<HttpResponseMessage> WriteAsync(GatewayHost gateway, string token) => gateway.WriteAsync(Message(gateway), token);

    private static async Task AssertWritesAsync(GatewayHost gateway, string token)
    {
        using HttpResponseMessage answer = await WriteAsync(gateway, token);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static async Task<string> WrittenTenantAsync(GatewayHost gateway, string token)
    {
        await AssertWritesAsync(gateway, token);
        return gateway.Store.Requests[^1].AsV1.Timeseries[0].Labels.Single(label => label.Name == "tenant").Value;
    }
}
