using System.Net;
using System.Text.Json.Nodes;
using EntraEmulator.Faults;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>/admin/v1/identity</c>: signing keys and the token cache.</summary>
public sealed class IdentityRoutesTests
{
    [Fact]
    public async Task The_keys_and_the_cache_are_shown()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        await gateway.JsonAsync("GET", "/whoami", admin);

        JsonNode answer = await gateway.JsonAsync("GET", "/admin/v1/identity", admin);

        Assert.Equal(
            $$$"""
            {"state":"Current","directory":"{{{GatewayHost.Directory}}}","loadedAt":"2026-11-24T12:00:00Z","lastError":null,"keys":[{"kid":"{{{gateway.Keys.Current.Kid}}}","seenAt":"2026-11-24T12:00:00Z","goneAt":null}],"tokenCache":{"entries":1,"hits":1,"misses":1}}
            """,
            answer.ToJsonString());
    }

    [Fact]
    public async Task A_refresh_learns_keys_and_keeps_those_that_went()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        string old = gateway.Keys.Current.Kid;
        gateway.Keys.Rotate(keepPublished: false);
        gateway.Time.Advance(TimeSpan.FromSeconds(1));

        JsonNode answer = await gateway.JsonAsync("POST", "/admin/v1/identity/refresh", admin);

        Assert.Equal([gateway.Keys.Current.Kid, old], Kids(answer).Order(StringComparer.Ordinal).OrderBy(kid => kid == old));
        Assert.Equal("2026-11-24T12:00:01Z", answer["keys"]!.AsArray().Single(key => key!["kid"]!.GetValue<string>() == old)!["goneAt"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_purge_of_keys_ends_those_that_went_and_the_operators_own_token_if_it_was_of_them()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        gateway.Keys.Rotate(keepPublished: false);

        JsonNode answer = await gateway.JsonAsync("POST", "/admin/v1/identity/purge-keys", admin);

        Assert.Equal([gateway.Keys.Current.Kid], Kids(answer));
        Assert.Equal(0, answer["tokenCache"]!["entries"]!.GetValue<int>());
        using HttpResponseMessage next = await gateway.CallAsync("GET", "/admin/v1/identity", admin);
        await ProblemCheck.AssertAsync(next, 401, "unknown-key");
        Assert.Equal(HttpStatusCode.Unauthorized, next.StatusCode);
    }

    [Fact]
    public async Task A_fetch_that_fails_is_told()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        gateway.SetIssuer(Fault.Unavailable);

        JsonNode answer = await gateway.JsonAsync("POST", "/admin/v1/identity/refresh", admin);

        Assert.Equal("Degraded", answer["state"]!.GetValue<string>());
        Assert.Contains("503", answer["lastError"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_purged_cache_is_empty_and_tokens_are_validated_again()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");

        JsonNode purged = await gateway.JsonAsync("POST", "/admin/v1/identity/purge-cache", admin);
        JsonNode next = await gateway.JsonAsync("GET", "/admin/v1/identity", admin);

        Assert.Equal("""{"entries":0,"hits":0,"misses":1}""", purged["tokenCache"]!.ToJsonString());
        Assert.Equal("""{"entries":1,"hits":0,"misses":2}""", next["tokenCache"]!.ToJsonString());
    }

    private static IEnumerable<string> Kids(JsonNode answer) => answer["keys"]!.AsArray().Select(key => key!["kid"]!.GetValue<string>());
}
