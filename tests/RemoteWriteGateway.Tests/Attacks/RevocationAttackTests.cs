using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Admin;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Identity;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// Row 20 of the table of attacks, through the admin API into the catalog, and what becomes of requests when the catalog is not to be had.
/// Revocations of the policy file are in <see cref="PolicyReloadTests"/>.
/// </summary>
public sealed class RevocationAttackTests
{
    private const string Path = "/admin/v1/revocations";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("subject", "Sqlite")]
    [InlineData("client", "Sqlite")]
    [InlineData("token", "Sqlite")]
    [InlineData("key", "Sqlite")]
    [InlineData("subject", "PostgreSql")]
    [InlineData("key", "PostgreSql")]
    public async Task A_revoked_caller_is_refused_on_the_next_request_of_a_cached_token(string kind, string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);

        string id = await RevokeAsync(gateway, kind, token);

        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
        await RefusedCall.OfWhoAmI(401, "revoked").AssertAsync(gateway, () => gateway.CallAsync("GET", "/whoami", token), token);

        // Somebody else passes; of another key where it is the key.
        if (kind is "key")
        {
            gateway.Keys.Rotate(keepPublished: true);
        }

        await AssertWritesAsync(gateway, gateway.Token(kind is "token" or "key" ? "prom" : "other"));
        await gateway.JsonAsync("POST", $"{Path}/{id}/lift", gateway.UserToken("Gateway.Admin"), """{ "reason": "INC-42 is over" }""");
        await AssertWritesAsync(gateway, token);
    }

    [Theory]
    [InlineData("subject")]
    [InlineData("client")]
    [InlineData("token")]
    [InlineData("key")]
    public async Task A_revocation_of_what_was_issued_before_lets_later_tokens_pass(string kind)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string token = gateway.Token("prom");
        await AssertWritesAsync(gateway, token);

        await RevokeAsync(gateway, kind, token, $", \"issuedBefore\": \"{gateway.Time.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}\"");
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);

        // Tokens are dated back by five minutes: those minted within them are refused too, the next ones are not.
        if (kind is not "token")
        {
            gateway.Time.Advance(TimeSpan.FromSeconds(299));
            string early = gateway.Token("prom");
            await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, early), early);
        }

        gateway.Time.Advance(TimeSpan.FromMinutes(5));
        await AssertWritesAsync(gateway, gateway.Token("prom"));
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
    }

    [Fact]
    public async Task A_revocation_ends_when_it_says_so()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string token = gateway.Token("prom");
        await RevokeAsync(gateway, "client", token, $", \"until\": \"{gateway.Time.GetUtcNow().AddMinutes(1):yyyy-MM-ddTHH:mm:ssZ}\"");
        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);

        gateway.Time.Advance(TimeSpan.FromMinutes(1));

        await AssertWritesAsync(gateway, token);
    }

    [Fact]
    public async Task A_revoked_operator_cannot_lift_it()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");

        string id = await RevokeAsync(gateway, "subject", admin);

        using HttpResponseMessage answer = await gateway.CallAsync("POST", $"{Path}/{id}/lift", admin, """{ "reason": "me" }""");
        await ProblemCheck.AssertAsync(answer, 401, "revoked");
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_revocation_outlives_the_gateway(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using (GatewayHost before = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog))
        {
            await RevokeAsync(before, "client", before.Token("prom"));
        }

        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string token = gateway.Token("prom");

        await new RefusedCall(401, "revoked").AssertAsync(gateway, () => WriteAsync(gateway, token), token);
    }

    [Fact]
    public async Task With_the_catalog_away_writes_go_on_with_the_last_list_and_what_is_stale_serves_nobody_else()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.AdminPolicy, [("Revocations:MaxStale", "00:05:00"), ("Identity:Metadata:MaxStale", "10.00:00:00")], catalog: catalog);
        string revoked = gateway.Token("other");
        await RevokeAsync(gateway, "client", revoked);
        await server.KillAsync();

        // Nothing new can be taken, and nothing that was is forgotten.
        using (HttpResponseMessage answer = await gateway.CallAsync(
            "POST", Path, gateway.UserToken("Gateway.Admin"), """{ "kind": "key", "value": "k", "reason": "r" }"""))
        {
            await ProblemCheck.AssertAsync(answer, 503, "catalog-unavailable");
        }

        await gateway.JsonAsync("GET", "/whoami", gateway.UserToken());
        await new RefusedCall(401, "revoked") { IsCatalogThere = false }.AssertAsync(gateway, () => WriteAsync(gateway, revoked), revoked);
        gateway.Time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromTicks(1));

        await (RefusedCall.OfWhoAmI(503, "catalog-unavailable") with { IsCatalogThere = false }).AssertAsync(gateway, () => gateway.CallAsync("GET", "/whoami", gateway.UserToken()));
        string admin = gateway.UserToken("Gateway.Admin");
        await new RefusedCall(503, "catalog-unavailable") { Route = Path, IsWrite = false, IsProblem = true, IsCatalogThere = false }.AssertAsync(
            gateway, () => gateway.CallAsync("GET", Path, admin), admin);
        await AssertWritesAsync(gateway, gateway.Token("prom"));
        await new RefusedCall(401, "revoked") { IsCatalogThere = false }.AssertAsync(gateway, () => WriteAsync(gateway, revoked), revoked);
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(gateway));

        await server.StartAgainAsync(Cancel);
        await gateway.Services.GetRequiredService<CatalogChanges>().PollAsync(Cancel);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(gateway, Path, gateway.UserToken("Gateway.Admin")));
    }

    [Fact]
    public async Task With_the_catalog_away_at_the_start_nobody_is_served_until_it_is_there()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await server.KillAsync();
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, waitUntilReady: false, catalog: catalog);
        while (!gateway.SigningKeys.TryGetUsable(gateway.Time.GetUtcNow(), out _))
        {
            // They are fetched in the background.
            Cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        string token = gateway.Token("prom");
        await new RefusedCall(503, "catalog-unavailable") { IsCatalogThere = false }.AssertAsync(gateway, () => WriteAsync(gateway, token), token);
        await (RefusedCall.OfWhoAmI(503, "catalog-unavailable") with { IsCatalogThere = false }).AssertAsync(gateway, () => gateway.CallAsync("GET", "/whoami", token), token);
        await new RefusedCall(401, "no-credentials") { IsCatalogThere = false }.AssertAsync(gateway, () => gateway.WriteAsync(Message(gateway), token, change: request => request.Headers.Authorization = null));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(gateway));

        await server.StartAgainAsync(Cancel);
        await gateway.Services.GetRequiredService<CatalogChanges>().PollAsync(Cancel);
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(gateway));
        await AssertWritesAsync(gateway, gateway.Token("prom"));
    }

    /// <summary>Revokes what the token says of itself.</summary>
    private static async Task<string> RevokeAsync(GatewayHost gateway, string kind, string token, string more = "")
    {
        JsonNode header = JsonNode.Parse(Forgery.Text(token, 0))!;
        JsonNode claims = JsonNode.Parse(Forgery.Text(token, 1))!;
        string value = (kind switch
        {
            "subject" => claims["oid"],
            "client" => claims["azp"],
            "token" => claims["uti"],
            _ => header["kid"],
        })!.GetValue<string>();
        JsonNode made = await gateway.JsonAsync(
            "POST", Path, gateway.UserToken("Gateway.Admin"), $$"""{ "kind": "{{kind}}", "value": "{{value}}", "reason": "INC-42"{{more}} }""");
        return made["id"]!.GetValue<string>();
    }

    private static Protocol.Messages.V1.WriteRequest Message(GatewayHost gateway) => SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs));

    private static Task<HttpResponseMessage> WriteAsync(GatewayHost gateway, string token) => gateway.WriteAsync(Message(gateway), token);

    private static async Task AssertWritesAsync(GatewayHost gateway, string token)
    {
        using HttpResponseMessage answer = await WriteAsync(gateway, token);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static async Task<HttpStatusCode> ReadyAsync(GatewayHost gateway)
    {
        using HttpResponseMessage answer = await gateway.Management.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> StatusAsync(GatewayHost gateway, string path, string token)
    {
        using HttpResponseMessage answer = await gateway.CallAsync("GET", path, token);
        return answer.StatusCode;
    }
}
