using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class GatewayProcessTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_catalog_that_cannot_be_used_is_told_in_one_line_without_a_stack()
    {
        PostgreSqlServer server = await PostgreSqlFixture.SharedAsync();
        await using EmptyCatalog folder = await EmptyCatalog.CreateAsync("Sqlite");
        string password = Path.Combine(folder.Folder, "password");
        await File.WriteAllTextAsync(password, "tell-nobody", Cancel);
        using GatewayProcess gateway = GatewayProcess.Start(folder.Folder, "gw", new
        {
            Provider = "PostgreSql",
            ConnectionString = server.ConnectionString("postgres", PostgreSqlServer.GuardedRole),
            PasswordFile = password,
        });

        (int code, string output, string error) = await gateway.ToEndAsync();

        Assert.Equal(1, code);
        Assert.StartsWith("rwgateway: cannot start: Catalog: /", error, StringComparison.Ordinal);
        Assert.EndsWith("refuses the login: password authentication failed for user \"guarded\"\n", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain("tell-nobody", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Processes_that_start_together_on_an_empty_database_make_one_schema()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        object settings = new { Provider = "PostgreSql", catalog.ConnectionString };
        using GatewayProcess one = GatewayProcess.Start(catalog.Folder, "gw-0", settings);
        using GatewayProcess two = GatewayProcess.Start(catalog.Folder, "gw-1", settings);
        await one.UntilStartedAsync();
        await two.UntilStartedAsync();

        await using PostgreSqlDatabase database = new(new CatalogOptions { Provider = CatalogProvider.PostgreSql, ConnectionString = catalog.ConnectionString }, () => throw new NotSupportedException());
        Assert.Equal(Enumerable.Range(1, CatalogMigration.All.Length), await database.QueryAsync<int>("SELECT version FROM schema_versions ORDER BY version", null, Cancel));
        Assert.Equal(2, await database.QueryFirstOrDefaultAsync<int>("SELECT count(*) FROM replicas WHERE policy_version IS NOT NULL AND keys_state = 'Loading'", null, Cancel));
    }

    [Fact]
    public async Task A_file_is_free_for_the_next_gateway_when_its_own_was_killed()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        object settings = new { catalog.ConnectionString };
        using GatewayProcess first = GatewayProcess.Start(catalog.Folder, "gw-0", settings);
        await first.UntilStartedAsync();
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(catalog.File));
        }

        using GatewayProcess second = GatewayProcess.Start(catalog.Folder, "gw-1", settings);
        (int code, _, string error) = await second.ToEndAsync();
        Assert.Equal(1, code);
        Assert.StartsWith($"rwgateway: cannot start: Catalog:ConnectionString: {catalog.File} is in use by another gateway", error, StringComparison.Ordinal);

        await first.KillAsync();
        using GatewayProcess third = GatewayProcess.Start(catalog.Folder, "gw-2", settings);
        await third.UntilStartedAsync();
    }
}
