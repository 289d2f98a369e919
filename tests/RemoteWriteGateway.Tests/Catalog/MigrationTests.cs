using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class MigrationTests
{
    private static readonly CatalogMigration Second = new(
        CatalogMigration.All.Length + 1,
        "CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY) STRICT; INSERT INTO things SELECT topic FROM catalog_changes;",
        "CREATE TABLE things (id text PRIMARY KEY); INSERT INTO things SELECT topic FROM catalog_changes;");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task An_empty_database_gets_every_table(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        string[] expected =
        [
            "audit_checkpoints", "audit_events", "catalog_changes", "policy_versions", "push_groups", "push_idempotency", "push_names", "push_payloads",
            "push_series", "push_usage", "replicas", "revocations", "schema_versions",
        ];
        Assert.Equal(
            provider == "Sqlite" ? [.. expected.Append("audit_retention").Order(StringComparer.Ordinal)] : expected,
            await host.Database.QueryAsync<string>(
                host.Database.Sql(
                    "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
                    "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'rwgateway' ORDER BY table_name"),
                null,
                Cancel));
        Assert.Equal((CatalogMigration.All.Length, CatalogMigration.All.Length), (await host.Migrator.ReadVersionAsync(Cancel), host.Migrator.Known));
        Assert.Equal(CatalogMigration.All.Length, await host.MetricAsync("rwgateway_catalog_schema_version"));
    }

    /// <summary>From each version that was ever released: the schema of that version is made by its own steps, with something in it.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task An_older_schema_is_brought_up_to_date_and_keeps_what_it_holds(string provider)
    {
        ImmutableArray<CatalogMigration> all = CatalogMigration.All.Add(Second);
        for (int from = 1; from < all.Length; from++)
        {
            await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
            await using (CatalogHost old = await CatalogHost.StartAsync(catalog, migrations: all[..from]))
            {
                await old.Database.TransactAsync(transaction => old.Changes.RaiseAsync(transaction, "kept", Cancel), Cancel);
            }

            await using CatalogHost host = await CatalogHost.StartAsync(catalog, migrations: all);

            Assert.Equal(all.Length, await host.Migrator.ReadVersionAsync(Cancel));
            Assert.Equal(["kept"], await host.Database.QueryAsync<string>("SELECT id FROM things", null, Cancel));
            Assert.Equal(
                Enumerable.Range(1, all.Length).Select(version => $"{version} the test"),
                await host.Database.QueryAsync<string>("SELECT version || ' ' || applied_by FROM schema_versions ORDER BY version", null, Cancel));
        }
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_newer_schema_stops_the_start(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using (CatalogHost newer = await CatalogHost.StartAsync(catalog, migrations: CatalogMigration.All.Add(Second)))
        {
            Assert.Equal(Second.Version, await newer.Migrator.ReadVersionAsync(Cancel));
        }

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(() => CatalogHost.StartAsync(catalog));

        Assert.EndsWith(
            $"the schema has version {Second.Version} and this program knows {CatalogMigration.All.Length}: a newer program has migrated it; start that one",
            fault.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Without_MigrateAtStart_an_older_schema_stops_the_start_and_a_current_one_does_not(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        (string, string?)[] settings = [("MigrateAtStart", "false")];

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(() => CatalogHost.StartAsync(catalog, settings));
        Assert.StartsWith("Catalog:MigrateAtStart: is false, and the schema of ", fault.Message, StringComparison.Ordinal);
        Assert.EndsWith("has version 0 while this program needs 2: run rwgateway catalog migrate", fault.Message, StringComparison.Ordinal);

        await using (await CatalogHost.StartAsync(catalog))
        {
        }

        await using CatalogHost host = await CatalogHost.StartAsync(catalog, settings);
        Assert.NotNull(host.Changes.LastReadAt);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_step_that_fails_half_way_leaves_nothing_and_is_taken_again(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        CatalogMigration broken = Second with
        {
            Sqlite = Second.Sqlite + "INSERT INTO no_such_table VALUES (1);",
            PostgreSql = Second.PostgreSql + "INSERT INTO no_such_table VALUES (1);",
        };
        await Assert.ThrowsAnyAsync<Exception>(() => CatalogHost.StartAsync(catalog, migrations: CatalogMigration.All.Add(broken)));

        await using CatalogHost host = await CatalogHost.StartAsync(catalog, migrations: CatalogMigration.All.Add(Second));

        Assert.Equal(Second.Version, await host.Migrator.ReadVersionAsync(Cancel));
        Assert.Empty(await host.Database.QueryAsync<string>("SELECT id FROM things", null, Cancel));
    }

    [Fact]
    public async Task Gateways_that_start_together_migrate_once()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        ImmutableArray<CatalogMigration> all = CatalogMigration.All.Add(Second);

        CatalogHost[] hosts = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => CatalogHost.StartAsync(catalog, migrations: all))));

        Assert.Equal(
            Enumerable.Range(1, all.Length),
            await hosts[0].Database.QueryAsync<int>("SELECT version FROM schema_versions ORDER BY version", null, Cancel));
        foreach (CatalogHost host in hosts)
        {
            await host.DisposeAsync();
        }
    }

    [Fact]
    public async Task Commands_that_migrate_one_file_together_migrate_once()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        CatalogOptions options = new() { ConnectionString = catalog.ConnectionString };
        await using SqliteDatabase database = new(options, isExclusive: true);
        await database.PrepareAsync(Cancel);

        (int Before, int After)[] results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
        {
            // One for each, as processes have: only the file itself keeps them apart.
            await using SqliteDatabase own = new(options, isExclusive: false);
            return await new CatalogMigrator(own, CatalogMigration.All, "the test", NullLogger<CatalogMigrator>.Instance).MigrateAsync(Cancel);
        })));

        Assert.All(results, result => Assert.Equal(CatalogMigration.All.Length, result.After));
        Assert.Equal(
            Enumerable.Range(1, CatalogMigration.All.Length), await database.QueryAsync<int>("SELECT version FROM schema_versions ORDER BY version", null, Cancel));
    }

}
