using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>A PostgreSQL that is away, dies, hangs or comes back: nothing that was put on record is lost, doubled or out of order.</summary>
public sealed class AuditOutageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_happens_before_the_database_is_there_waits_in_the_spool_and_comes_first()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        string connectionString = await server.CreateDatabaseAsync(Cancel);
        await server.KillAsync();
        await using EmptyCatalog catalog = EmptyCatalog.At(connectionString);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog, waitUntilReady: false);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        await log.WriteAheadAsync(Numbered(0), Cancel);
        Assert.True(gateway.Services.GetRequiredService<AuditStore>().SpooledRecords >= 2);

        await server.StartAgainAsync(Cancel);
        await UntilReplayedAsync(gateway);
        await log.WriteAheadAsync(Numbered(1), Cancel);

        IReadOnlyList<ChainedRecord> stored = await gateway.StoredAuditAsync();
        Assert.Equal([0, 1], Numbers(stored));
        Assert.Equal(Enumerable.Range(1, stored.Count).Select(seq => (long)seq), stored.Select(record => record.Seq));
        Assert.Equal("unknown", (string?)JsonNode.Parse(stored[0].Record.Detail!)!["previous"]);
        Assert.True((await gateway.VerifyAuditAsync()).Intact);
    }

    [Fact]
    public async Task A_database_that_is_killed_under_the_gateway_costs_no_record()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        int number = 0;
        for (int round = 0; round < 3; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => log.WriteAheadAsync(Numbered(number++), Cancel)));
            await server.KillAsync();
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => log.WriteAheadAsync(Numbered(number++), Cancel)));
            Assert.True(log.IsAvailable);
            await server.StartAgainAsync(Cancel);
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => log.WriteAheadAsync(Numbered(number++), Cancel)));
            await UntilReplayedAsync(gateway);
        }

        IReadOnlyList<ChainedRecord> stored = await gateway.StoredAuditAsync();

        Assert.Equal(Enumerable.Range(0, number), Numbers(stored).Order());
        AuditVerification found = await gateway.VerifyAuditAsync();
        Assert.True(found.Intact);
        Assert.Equal(stored.Count, found.Records);
    }

    [Fact]
    public async Task A_database_that_hangs_makes_nobody_wait_and_doubles_nothing()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        await log.WriteAheadAsync(Numbered(0), Cancel);

        await using (NpgsqlConnection other = await LockAsync(catalog))
        {
            for (int i = 1; i <= 20; i++)
            {
                await log.WriteAheadAsync(Numbered(i), Cancel); // the spool has it
            }
        }

        // The insert that hung goes through now, and what the spool has of it is not inserted again.
        await UntilReplayedAsync(gateway);
        await log.WriteAheadAsync(Numbered(21), Cancel);

        Assert.Equal(Enumerable.Range(0, 22), Numbers(await gateway.StoredAuditAsync()));
        Assert.True((await gateway.VerifyAuditAsync()).Intact);
    }

    [Fact]
    public async Task With_the_spool_full_admin_is_refused_writes_are_counted_and_all_is_well_when_the_database_is_back()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog, settings: [("Audit:SpoolMaxBytes", "1048576")]);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        string token = gateway.Token("prom");
        await log.WriteAheadAsync(Numbered(0), Cancel);
        List<int> acknowledged = [0];
        NpgsqlConnection other = await LockAsync(catalog);
        try
        {
            for (int i = 1; log.IsAvailable; i++)
            {
                try
                {
                    await log.WriteAheadAsync(Numbered(i) with { QueryText = new string('q', 8000) }, Cancel);
                    acknowledged.Add(i);
                }
                catch (AuditUnavailableException)
                {
                    // The one that found it full.
                }
            }

            Assert.InRange(acknowledged.Count, 50, 200);
            await Assert.ThrowsAsync<AuditUnavailableException>(() => log.WriteAheadAsync(Numbered(-1), Cancel));
            for (int i = 0; i < 5; i++)
            {
                using HttpResponseMessage write = await gateway.WriteAsync(new Protocol.Messages.V1.WriteRequest(), token);
                Assert.Equal(HttpStatusCode.NoContent, write.StatusCode);
            }

            Assert.Equal(0, await gateway.MetricAsync("rwgateway_audit_available"));
            Assert.True(await gateway.MetricAsync("rwgateway_audit_spooled_records") > 50);
            Assert.True(await gateway.MetricAsync("rwgateway_audit_oldest_unwritten_timestamp_seconds") > 0);
        }
        finally
        {
            await other.DisposeAsync();
        }

        await UntilReplayedAsync(gateway);
        while (!log.IsAvailable)
        {
            gateway.Time.Advance(TimeSpan.FromSeconds(1));
            await gateway.MetricAsync("rwgateway_audit_available");
        }

        IReadOnlyList<ChainedRecord> stored = await gateway.AuditAsync();
        Assert.Equal(acknowledged, Numbers(stored)); // those that were refused are not there: what they were about was not done
        Assert.Equal(5, Assert.Single(stored, record => record.Record.Event == AuditEvents.WriteSummary).Record.Count);
        Assert.True((await gateway.VerifyAuditAsync()).Intact);
        Assert.Contains(gateway.Logs.All, line => line.Contains("The audit spool is full with ", StringComparison.Ordinal));
        Assert.Contains(gateway.Logs.All, line => line.Contains("The audit is written again", StringComparison.Ordinal));
    }

    /// <summary>The batch is too large for the spool, and the connection ends under the insert: nobody knows whether it is there.</summary>
    [Fact]
    public async Task Of_a_batch_whose_fate_is_unknown_who_waited_is_refused_and_the_record_says_so()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog, settings: [("Audit:SpoolMaxBytes", "1048576")]);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        await log.WriteAheadAsync(Numbered(0), Cancel);
        await UntilReplayedAsync(gateway);
        Task waiting;
        await using (NpgsqlConnection other = await LockAsync(catalog))
        {
            for (int i = 1; i <= 300; i++)
            {
                log.Add(Numbered(i) with { QueryText = new string('q', 8000) });
            }

            waiting = log.WriteAheadAsync(Numbered(301), Cancel);
            await using NpgsqlCommand end = new(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()", other);
            while ((long)(await end.ExecuteScalarAsync(Cancel) ?? 0L) == 0)
            {
                Cancel.ThrowIfCancellationRequested();
            }

            await Assert.ThrowsAsync<AuditUnavailableException>(() => waiting);
        }

        while (!log.IsAvailable)
        {
            gateway.Time.Advance(TimeSpan.FromSeconds(1));
            await gateway.MetricAsync("rwgateway_audit_available");
        }

        IReadOnlyList<ChainedRecord> stored = await gateway.AuditAsync();
        Assert.Equal(Enumerable.Range(0, 302).Append(301), Numbers(stored));
        Assert.Equal(
            [(AuditOutcomes.Allow, null), (AuditOutcomes.Error, "audit-unavailable")],
            stored.Where(record => record.Record.RequestId == "301").Select(record => (record.Record.Outcome, record.Record.Reason)));
        Assert.True((await gateway.VerifyAuditAsync()).Intact);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_batch_that_is_there_in_part_is_completed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        AuditChain chain = new("gw-0/run");
        ChainedRecord[] records = [.. Enumerable.Range(0, 10).Select(i => chain.Append(Numbered(i) with { At = audit.Now }))];
        AuditCheckpoint checkpoint = new("gw-0/run", 10, audit.Now, chain.Position.Hash, 10);
        await audit.Table.InsertAsync(new AuditBatch(records[..6], null), mayBeThere: false, Cancel);

        await audit.Table.InsertAsync(new AuditBatch(records, checkpoint), mayBeThere: true, Cancel);
        await audit.Table.InsertAsync(new AuditBatch(records, checkpoint), mayBeThere: true, Cancel);

        AuditVerification found = await audit.VerifyAsync();
        Assert.True(found.Intact);
        Assert.Equal((10L, 1L), (found.Records, found.Checkpoints));
    }

    [Fact]
    public async Task Partitions_are_there_for_this_month_and_the_next_three_and_are_made_by_one_of_many()
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync("PostgreSql");
        DateTimeOffset later = audit.Now.AddMonths(1);

        IReadOnlyList<string>[] made = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => audit.Table.PrepareAsync(later, Cancel)));

        Assert.Equal(["audit_events_2027_03"], made.SelectMany(names => names));
        Assert.Equal(
            ["audit_events_2026_11", "audit_events_2026_12", "audit_events_2027_01", "audit_events_2027_02", "audit_events_2027_03"],
            await audit.Database.QueryAsync<string>("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_events'::regclass ORDER BY 1", null, Cancel));
    }

    [Fact]
    public async Task Without_a_partition_records_wait_in_the_spool()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        await log.WriteAheadAsync(Numbered(0), Cancel);
        await UntilReplayedAsync(gateway);

        await log.WriteAheadAsync(Numbered(1) with { At = gateway.Time.GetUtcNow().AddMonths(6) }, Cancel);

        Assert.Equal(1, gateway.Services.GetRequiredService<AuditStore>().SpooledRecords);
        Assert.True(log.IsAvailable);
        Assert.Contains(gateway.Logs.All, line => line.Contains("The audit cannot be written to the catalog", StringComparison.Ordinal) && line.Contains("no partition", StringComparison.Ordinal));
        await ExecuteAsync(catalog, "CREATE TABLE rwgateway.audit_events_later PARTITION OF rwgateway.audit_events FOR VALUES FROM ('2027-05-01 00:00:00+00') TO ('2027-06-01 00:00:00+00')");
        await UntilReplayedAsync(gateway);
        Assert.Equal([0, 1], Numbers(await gateway.StoredAuditAsync()));
    }

    private static AuditRecord Numbered(int number) => AuditRecords.Bare(AuditEvents.Revocation, AuditRecords.Start) with
    {
        RequestId = number.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Id = Guid.CreateVersion7(),
    };

    private static IEnumerable<int> Numbers(IEnumerable<ChainedRecord> records) => records
        .Where(record => record.Record.Event == AuditEvents.Revocation)
        .Select(record => int.Parse(record.Record.RequestId!, System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Holds the table until it is disposed.</summary>
    private static Task<NpgsqlConnection> LockAsync(EmptyCatalog catalog) => OpenAsync(catalog, "BEGIN; LOCK TABLE rwgateway.audit_events IN ACCESS EXCLUSIVE MODE");

    private static async Task ExecuteAsync(EmptyCatalog catalog, string sql) => await (await OpenAsync(catalog, sql)).DisposeAsync();

    private static async Task<NpgsqlConnection> OpenAsync(EmptyCatalog catalog, string sql)
    {
        NpgsqlConnection connection = new(catalog.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Cancel);
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
        return connection;
    }

    /// <summary>The pauses of the replay are of the time that stands still.</summary>
    private static async Task UntilReplayedAsync(GatewayHost gateway)
    {
        AuditStore store = gateway.Services.GetRequiredService<AuditStore>();
        while (store.SpooledRecords > 0)
        {
            Cancel.ThrowIfCancellationRequested();
            gateway.Time.Advance(TimeSpan.FromSeconds(1));
            await gateway.MetricAsync("rwgateway_audit_spooled_records");
        }

        await store.WhenReplayedAsync();
    }
}
