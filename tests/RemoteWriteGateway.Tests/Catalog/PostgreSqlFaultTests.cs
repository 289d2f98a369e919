using Azure.Core;
using Azure.Identity;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class PostgreSqlFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_password_stops_the_start_and_is_not_told()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel, PostgreSqlServer.GuardedRole));
        string file = Path.Combine(catalog.Folder, "password");
        await File.WriteAllTextAsync(file, "wrong-password\n", Cancel);
        await using CatalogHost host = CatalogHost.Of(catalog, [("PasswordFile", file)]);

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(host.StartAsync);

        Assert.StartsWith("Catalog: /", fault.Message, StringComparison.Ordinal);
        Assert.EndsWith("refuses the login: password authentication failed for user \"guarded\"", fault.Message, StringComparison.Ordinal);
        AssertNoSecret(host, fault);
    }

    [Fact]
    public async Task A_database_that_is_not_there_stops_the_start()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(server.ConnectionString("absent", PostgreSqlServer.AdminRole));

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(() => CatalogHost.StartAsync(catalog));

        Assert.EndsWith("database \"absent\" does not exist; create it, owned by the gateway's role", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_without_the_right_to_make_the_schema_stops_the_start()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        string owned = await server.CreateDatabaseAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(owned.Replace($"Username={PostgreSqlServer.AdminRole}", $"Username={PostgreSqlServer.GuardedRole}", StringComparison.Ordinal));
        string file = Path.Combine(catalog.Folder, "password");
        await File.WriteAllTextAsync(file, PostgreSqlServer.GuardedPassword, Cancel);

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(() => CatalogHost.StartAsync(catalog, [("PasswordFile", file)]));

        Assert.Contains("permission denied for database", fault.Message, StringComparison.Ordinal);
        Assert.EndsWith("the gateway's role must own the schema rwgateway, or be allowed to create it", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_password_is_read_from_its_file_for_the_next_connection()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel, PostgreSqlServer.GuardedRole));
        string file = Path.Combine(catalog.Folder, "password");
        await File.WriteAllTextAsync(file, PostgreSqlServer.GuardedPassword + "\n", Cancel);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, [("PasswordFile", file)]);

        await server.ExecuteAsync("postgres", $"ALTER ROLE {PostgreSqlServer.GuardedRole} PASSWORD 'second-password'", Cancel);
        await server.ExecuteAsync(
            "postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{PostgreSqlServer.GuardedRole}'", Cancel);
        Exception fault = await UntilFailsAsync(host);
        Assert.True(host.Database.IsAway(fault));

        await File.WriteAllTextAsync(file, "second-password\n", Cancel);
        await host.Changes.PollAsync(Cancel);
        AssertNoSecret(host, fault);
    }

    /// <summary>An outage until the file is mended, and told as what it is. What a column holds is no outage, whatever it is.</summary>
    [Fact]
    public async Task A_password_file_without_a_password_is_an_outage_that_says_so()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel, PostgreSqlServer.GuardedRole) + ";Pooling=false");
        string file = Path.Combine(catalog.Folder, "password");
        await File.WriteAllTextAsync(file, PostgreSqlServer.GuardedPassword + "\n", Cancel);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, [("PasswordFile", file)]);

        await File.WriteAllTextAsync(file, "\n", Cancel);
        Exception fault = await UntilFailsAsync(host);

        Assert.True(host.Database.IsAway(fault));
        Assert.EndsWith($"Catalog:PasswordFile: {file} is empty: it must hold the password", host.Database.Describe(fault), StringComparison.Ordinal);
        Assert.False(host.Database.IsAway(new InvalidDataException("of a column")));
        await File.WriteAllTextAsync(file, PostgreSqlServer.GuardedPassword + "\n", Cancel);
        await host.Changes.PollAsync(Cancel);
    }

    [Fact]
    public async Task The_gateways_own_token_is_the_password()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel, PostgreSqlServer.GuardedRole));
        var identity = new Tokens(() => PostgreSqlServer.GuardedPassword);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, [("EntraAuthentication", "true")], credential: identity);

        await host.Changes.PollAsync(Cancel);

        Assert.Equal(["https://ossrdbms-aad.database.windows.net/.default"], identity.Scopes.Distinct());
        AssertNoSecret(host, null);
    }

    [Fact]
    public async Task Without_a_token_the_gateway_starts_without_its_catalog()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel, PostgreSqlServer.GuardedRole));
        var identity = new Tokens(() => throw new CredentialUnavailableException("no identity endpoint"));
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, [("EntraAuthentication", "true")], credential: identity);

        Assert.Null(host.Changes.LastReadAt);
        Assert.Contains("no identity endpoint", Assert.Single(Told(host)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_only_reads_is_away()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        Exception fault = await Assert.ThrowsAnyAsync<Exception>(() => host.Database.TransactAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("SET TRANSACTION READ ONLY", null, Cancel);
                await host.Changes.RaiseAsync(transaction, "ours", Cancel);
            },
            Cancel));

        Assert.True(host.Database.IsAway(fault));
    }

    [Fact]
    public async Task A_gateway_starts_while_the_server_is_away_and_takes_it_when_it_is_there()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await server.KillAsync();
        await using CatalogHost host = CatalogHost.Of(catalog);
        CatalogSubscription subscription = host.Changes.Subscribe("ours", (_, _) => Task.CompletedTask);
        Task waits = host.Time.TimersAsync(TimeSpan.FromSeconds(1));
        await host.StartAsync();
        Assert.Equal((null, null, false), (host.Changes.LastReadAt, subscription.CurrentAsOf, host.Changes.IsOpen));
        Assert.Equal(0, await host.MetricAsync("rwgateway_catalog_up"));
        Assert.Equal(1, host.Register.LiveReplicas);

        // Asked again after 1 s and, as that fails too, 2 s later: not told a second time.
        await waits;
        waits = host.Time.TimersAsync(TimeSpan.FromSeconds(2));
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await waits;
        Assert.Single(Told(host));

        await server.StartAgainAsync(Cancel);
        await host.Changes.PollAsync(Cancel);

        Assert.Equal(host.Time.GetUtcNow(), subscription.CurrentAsOf);
        Assert.Contains(host.Logs.All, line => line.Contains("answers again, after 00:00:01", StringComparison.Ordinal));
        Assert.Equal((1, CatalogMigration.All.Length), (await host.MetricAsync("rwgateway_catalog_up"), await host.MetricAsync("rwgateway_catalog_schema_version")));
    }

    [Fact]
    public async Task A_server_that_comes_with_a_newer_schema_is_refused_and_told_and_the_gateway_goes_on()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        CatalogMigration newer = new(CatalogMigration.All.Length + 1, "", "CREATE TABLE things (id text)");
        await using (await CatalogHost.StartAsync(catalog, migrations: CatalogMigration.All.Add(newer)))
        {
        }

        await server.KillAsync();
        await using CatalogHost host = CatalogHost.Of(catalog);
        Task waits = host.Time.TimersAsync(TimeSpan.FromSeconds(1));
        await host.StartAsync();
        await waits;
        await server.StartAgainAsync(Cancel);
        waits = host.Time.TimersAsync(TimeSpan.FromSeconds(2));
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await waits;

        Assert.False(host.Changes.IsOpen);
        Assert.Collection(
            Told(host),
            line => Assert.StartsWith("Warning RemoteWriteGateway.Catalog.CatalogChanges: Catalog ", line, StringComparison.Ordinal),
            line => Assert.Contains($"the schema has version {newer.Version} and this program knows {CatalogMigration.All.Length}", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_is_killed_and_comes_back_is_an_outage_told_once_and_keeps_what_was_committed()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        CatalogSubscription subscription = host.Changes.Subscribe("ours", (_, _) => Task.CompletedTask);
        for (int i = 0; i < 3; i++)
        {
            await host.Database.TransactAsync(transaction => host.Changes.RaiseAsync(transaction, "ours", Cancel), Cancel);
        }

        await host.Changes.PollAsync(Cancel);
        DateTimeOffset last = host.Time.GetUtcNow();
        await server.KillAsync();
        host.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.True(host.Database.IsAway(await UntilFailsAsync(host)));
        Assert.True(host.Database.IsAway(await UntilFailsAsync(host)));
        Assert.Equal((3, last), (subscription.Revision, subscription.CurrentAsOf));

        await server.StartAgainAsync(Cancel);
        await host.Changes.PollAsync(Cancel);

        Assert.Equal((3, host.Time.GetUtcNow()), (subscription.Revision, subscription.CurrentAsOf));
        Assert.Equal(4, await host.Database.TransactAsync(transaction => host.Changes.RaiseAsync(transaction, "ours", Cancel), Cancel));
    }

    [Fact]
    public async Task A_step_that_is_interrupted_by_the_servers_death_leaves_nothing()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        CatalogMigration step = new(CatalogMigration.All.Length + 1, "", "CREATE TABLE things (id text); SELECT pg_sleep(3600);");
        await using CatalogHost host = CatalogHost.Of(catalog, migrations: CatalogMigration.All.Add(step));
        Task start = host.StartAsync();
        await using (CatalogHost other = CatalogHost.Of(catalog))
        {
            while (await other.Database.QueryFirstOrDefaultAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", null, Cancel) == 0)
            {
                await Task.Yield();
            }
        }

        await server.KillAsync();
        await start;
        Assert.False(host.Changes.IsOpen);
        await server.StartAgainAsync(Cancel);
        await using CatalogHost again = await CatalogHost.StartAsync(catalog, migrations: CatalogMigration.All.Add(step with { PostgreSql = "CREATE TABLE things (id text)" }));

        Assert.Equal(step.Version, await again.Migrator.ReadVersionAsync(Cancel));
    }

    /// <summary>Asks until it fails: a connection from the pool may not know yet that its server is gone.</summary>
    private static async Task<Exception> UntilFailsAsync(CatalogHost host)
    {
        while (true)
        {
            try
            {
                await host.Changes.PollAsync(Cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                return e;
            }
        }
    }

    private static IEnumerable<string> Told(CatalogHost host) =>
        host.Logs.All.Where(line => line.StartsWith("Warning ", StringComparison.Ordinal) || line.StartsWith("Error ", StringComparison.Ordinal));

    private static void AssertNoSecret(CatalogHost host, Exception? fault) =>
        Assert.DoesNotContain(host.Logs.All.Append(fault?.ToString() ?? ""), text => text.Contains("-password", StringComparison.Ordinal));

    private sealed class Tokens(Func<string> token) : TokenCredential
    {
        public List<string> Scopes { get; } = [];

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            lock (Scopes)
            {
                Scopes.AddRange(requestContext.Scopes);
            }

            return new AccessToken(token(), DateTimeOffset.MaxValue);
        }

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            ValueTask.FromResult(GetToken(requestContext, cancellationToken));
    }
}
