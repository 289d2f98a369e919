using EntraEmulator.Faults;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>Purges that one replica is asked for and all make: two gateways on one PostgreSQL.</summary>
public sealed class ReplicaPurgeTests
{
    /// <summary>Nothing else of a gateway waits for as long.</summary>
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_purge_of_keys_reaches_the_other_replica()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(nameof(CatalogProvider.PostgreSql));
        await using GatewayHost asked = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await using GatewayHost other = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string token = other.UserToken("Gateway.Admin");
        await other.JsonAsync("GET", "/whoami", token);
        other.Keys.Rotate(keepPublished: false);

        await asked.JsonAsync("POST", "/admin/v1/identity/purge-keys", asked.UserToken("Gateway.Admin"));
        await HearAsync(other);

        using HttpResponseMessage answer = await other.CallAsync("GET", "/whoami", token);
        await ProblemCheck.AssertAsync(answer, 401, "unknown-key");
        await other.JsonAsync("GET", "/whoami", other.UserToken("Gateway.Admin"));
    }

    [Fact]
    public async Task A_purge_of_tokens_reaches_the_other_replica_and_is_made_once_on_each()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(nameof(CatalogProvider.PostgreSql));
        await using GatewayHost asked = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await using GatewayHost other = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await other.JsonAsync("GET", "/whoami", other.UserToken("Gateway.Admin"));
        Assert.Equal(1, Cached(other));

        await asked.JsonAsync("POST", "/admin/v1/identity/purge-cache", asked.UserToken("Gateway.Admin"));
        await HearAsync(other);
        Assert.Equal(0, Cached(other));

        // Neither the one that was asked nor the other hears of it again.
        await asked.JsonAsync("GET", "/whoami", asked.UserToken("Gateway.Admin"));
        await other.JsonAsync("GET", "/whoami", other.UserToken("Gateway.Admin"));
        await HearAsync(asked);
        await HearAsync(other);
        Assert.Equal((1, 1), (Cached(asked), Cached(other)));
    }

    [Fact]
    public async Task A_replica_that_cannot_ask_the_issuer_purges_as_soon_as_it_can()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(nameof(CatalogProvider.PostgreSql));
        await using GatewayHost asked = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await using GatewayHost other = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string token = other.UserToken("Gateway.Admin");
        other.Keys.Rotate(keepPublished: false);
        other.SetIssuer(Fault.Unavailable);
        Task retries = other.Time.TimersAsync(FirstRetry);

        await asked.JsonAsync("POST", "/admin/v1/identity/purge-keys", asked.UserToken("Gateway.Admin"));
        await other.Services.GetRequiredService<CatalogChanges>().PollAsync(Cancel);
        await retries;
        await other.JsonAsync("GET", "/whoami", token);

        other.SetIssuer(Fault.Ok);
        other.Time.Advance(FirstRetry);
        await other.Services.GetRequiredService<ReplicaPurges>().WhenIdleAsync();
        using HttpResponseMessage answer = await other.CallAsync("GET", "/whoami", token);
        await ProblemCheck.AssertAsync(answer, 401, "unknown-key");
    }

    [Fact]
    public async Task A_replica_that_starts_later_does_not_repeat_what_was_before_it()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(nameof(CatalogProvider.PostgreSql));
        await using GatewayHost asked = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await asked.JsonAsync("POST", "/admin/v1/identity/purge-keys", asked.UserToken("Gateway.Admin"));
        await using GatewayHost later = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await later.JsonAsync("GET", "/whoami", later.UserToken("Gateway.Admin"));

        await HearAsync(later);

        Assert.Equal(1, Cached(later));
        Assert.Equal(1, later.IssuerRequests[EmulatedEndpoint.Metadata]);
    }

    [Fact]
    public async Task With_the_catalog_away_a_purge_is_made_here_and_it_is_told_that_the_others_do_not_know()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        string admin = gateway.UserToken("Gateway.Admin");
        await gateway.JsonAsync("GET", "/whoami", admin);
        await server.KillAsync();

        using HttpResponseMessage purge = await gateway.CallAsync("POST", "/admin/v1/identity/purge-cache", admin);
        await ProblemCheck.AssertAsync(purge, 503, "catalog-unavailable");
        Assert.Equal(0, Cached(gateway));

        // What needs the catalog says so; what does not is answered, and on record in the spool.
        using HttpResponseMessage search = await gateway.CallAsync("GET", "/admin/v1/audit", gateway.UserToken("Gateway.Audit"));
        await ProblemCheck.AssertAsync(search, 503, "catalog-unavailable");
        using HttpResponseMessage export = await gateway.CallAsync("GET", "/admin/v1/audit/export", gateway.UserToken("Gateway.Audit"));
        await ProblemCheck.AssertAsync(export, 503, "catalog-unavailable");
        await gateway.JsonAsync("GET", "/admin/v1/policy", admin);
    }

    private static int Cached(GatewayHost gateway) => gateway.Services.GetRequiredService<TokenCache>().Count;

    private static async Task HearAsync(GatewayHost gateway)
    {
        await gateway.Services.GetRequiredService<CatalogChanges>().PollAsync(Cancel);
        await gateway.Services.GetRequiredService<ReplicaPurges>().WhenIdleAsync();
    }
}
