using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class SqliteFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_that_is_no_database_stops_the_start_and_stays_as_it_is()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        Directory.CreateDirectory(Path.GetDirectoryName(catalog.File)!);
        byte[] content = [.. Enumerable.Range(0, 8192).Select(i => (byte)(i * 7))];
        await File.WriteAllBytesAsync(catalog.File, content, Cancel);

        Assert.Equal(
            $"Catalog:ConnectionString: {catalog.File} is damaged or no SQLite database; put back a copy, or move it away to begin with an empty catalog",
            await RefusedAsync(catalog));
        Assert.Equal(content, await File.ReadAllBytesAsync(catalog.File, Cancel));
    }

    [Fact]
    public async Task A_damaged_file_stops_the_start()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using (await CatalogHost.StartAsync(catalog))
        {
        }

        // The header stays, and with it what makes this a database; the pages behind it are gone.
        byte[] content = await File.ReadAllBytesAsync(catalog.File, Cancel);
        Array.Fill(content, (byte)0xA5, 100, content.Length - 100);
        await File.WriteAllBytesAsync(catalog.File, content, Cancel);

        Assert.Contains($"{catalog.File} is damaged or no SQLite database", await RefusedAsync(catalog), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_stops_the_start()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await File.WriteAllTextAsync(Path.GetDirectoryName(catalog.File)!, "a file where the folder should be", Cancel);

        Assert.StartsWith(
            $"Catalog:ConnectionString: the folder {Path.GetDirectoryName(catalog.File)} of the catalog cannot be made: ", await RefusedAsync(catalog), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_stops_the_start()
    {
        // Where nobody may make files, whoever runs the tests.
        await using CatalogHost host = CatalogHost.Of("Data Source=/proc/self/catalog.db");

        CatalogRefusedException fault = await Assert.ThrowsAsync<CatalogRefusedException>(host.StartAsync);

        Assert.StartsWith("Catalog:ConnectionString: /proc/self/catalog.db", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_gateway_on_one_file_does_not_start_and_the_first_one_goes_on()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using (CatalogHost first = await CatalogHost.StartAsync(catalog))
        {
            Assert.StartsWith($"Catalog:ConnectionString: {catalog.File} is in use by another gateway", await RefusedAsync(catalog), StringComparison.Ordinal);
            await first.Changes.PollAsync(Cancel);
        }

        await using CatalogHost second = await CatalogHost.StartAsync(catalog);
        Assert.NotNull(second.Changes.LastReadAt);
    }

    [Fact]
    public async Task Every_connection_writes_through_to_the_disk()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        for (int i = 0; i < 2; i++)
        {
            await using DbConnection connection = await host.Database.OpenAsync(Cancel);
            Assert.Equal(
                ("wal", 2, 5000, 1),
                (await connection.ExecuteScalarAsync<string>("PRAGMA journal_mode"),
                    await connection.ExecuteScalarAsync<int>("PRAGMA synchronous"),
                    await connection.ExecuteScalarAsync<int>("PRAGMA busy_timeout"),
                    await connection.ExecuteScalarAsync<int>("PRAGMA recursive_triggers")));
        }
    }

    [Fact]
    public async Task A_full_disk_undoes_the_transaction_and_nothing_else()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        SqliteException fault = await Assert.ThrowsAsync<SqliteException>(() => host.Database.TransactAsync(
            async transaction =>
            {
                // As many pages as there are: SQLite then fails as it does when the disk gives no more.
                await transaction.ExecuteAsync("PRAGMA max_page_count = 1", null, Cancel);
                await host.Changes.RaiseAsync(transaction, "ours", Cancel);
                await transaction.ExecuteAsync(
                    "INSERT INTO policy_versions VALUES ('gw', 1, 'v', x'00', @document)", new { document = new string('x', 1 << 20) }, Cancel);
            },
            Cancel));

        Assert.True(host.Database.IsAway(fault));
        Assert.Equal($"Catalog:ConnectionString: {catalog.File}: the disk is full", host.Database.OperatorsFault(fault));
        Assert.Empty(await host.Database.QueryAsync<string>("SELECT topic FROM catalog_changes", null, Cancel));
        Assert.Equal(1, await host.Database.TransactAsync(transaction => host.Changes.RaiseAsync(transaction, "ours", Cancel), Cancel));
    }

    [Theory]
    [InlineData("UPDATE audit_events SET outcome = 'deny'", "a record is never changed")]
    [InlineData("DELETE FROM audit_events", "newer than audit_retention allows")]
    [InlineData("REPLACE INTO audit_events (ts, stream, seq, id, event, outcome, chain_format, prev_hash, hash) VALUES (5, 's', 1, 'x', 'query', 'deny', 1, x'00', x'00')", "newer than audit_retention allows")]
    [InlineData("DELETE FROM audit_retention", "has one row")]
    [InlineData("INSERT INTO audit_retention VALUES (9000000000000000000)", "has one row")]
    [InlineData("UPDATE audit_checkpoints SET events = 2", "a checkpoint is never changed")]
    [InlineData("DELETE FROM audit_checkpoints", "checkpoints stay")]
    [InlineData("UPDATE policy_versions SET document = ''", "a row is never changed")]
    public async Task What_was_recorded_cannot_be_changed_by_a_statement(string sql, string expected)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        await host.Database.ExecuteAsync(
            """
            INSERT INTO audit_events (ts, stream, seq, id, event, outcome, chain_format, prev_hash, hash) VALUES (5, 's', 1, 'x', 'query', 'allow', 1, x'00', x'00');
            INSERT INTO audit_checkpoints VALUES ('s', 1, 5, x'00', 1);
            INSERT INTO policy_versions VALUES ('gw', 1, 'v', x'00', 'version: 1');
            """,
            null,
            Cancel);

        SqliteException fault = await Assert.ThrowsAsync<SqliteException>(() => host.Database.ExecuteAsync(sql, null, Cancel));

        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.False(host.Database.IsAway(fault));
    }

    [Fact]
    public async Task Old_records_go_when_the_retention_says_so()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        await host.Database.ExecuteAsync(
            """
            INSERT INTO audit_events (ts, stream, seq, id, event, outcome, chain_format, prev_hash, hash)
            VALUES (5, 's', 1, 'x', 'query', 'allow', 1, x'00', x'00'), (6, 's', 2, 'y', 'query', 'allow', 1, x'00', x'00')
            """,
            null,
            Cancel);

        await host.Database.ExecuteAsync("UPDATE audit_retention SET deletable_before = 6", null, Cancel);

        Assert.Equal(1, await host.Database.ExecuteAsync("DELETE FROM audit_events WHERE ts < 6", null, Cancel));
        await Assert.ThrowsAsync<SqliteException>(() => host.Database.ExecuteAsync("DELETE FROM audit_events WHERE ts = 6", null, Cancel));
    }

    private static async Task<string> RefusedAsync(EmptyCatalog catalog) =>
        (await Assert.ThrowsAsync<CatalogRefusedException>(() => CatalogHost.StartAsync(catalog))).Message;
}
