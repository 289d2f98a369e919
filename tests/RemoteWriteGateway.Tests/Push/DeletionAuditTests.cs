using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Audit;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>What is on record of deletions, in the whole gateway: their stream beside the writer's.</summary>
public sealed class DeletionAuditTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_run_has_two_streams_and_the_next_names_the_ends_of_both(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        LogLines logs;
        await using (PushHost before = await StartAsync(catalog))
        {
            logs = before.Gateway.Logs;
            for (int i = 0; i < 3; i++)
            {
                await before.StoreAsync($"/metrics/job/j{i}", "a 1\n");
                using HttpResponseMessage deleted = await before.SendAsync("DELETE", $"/metrics/job/j{i}", before.Red);
                Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
            }
        }

        await using PushHost host = await StartAsync(catalog);
        IReadOnlyList<ChainedRecord> records = await host.Gateway.AuditAsync();
        ChainedRecord[] deletions = [.. records.Where(static record => record.Record.Event == AuditEvents.PushDelete)];
        ChainedRecord shutdown = Assert.Single(records, static record => record.Record.Event == AuditEvents.Shutdown);
        JsonNode[] starts = [.. records.Where(static record => record.Record.Event == AuditEvents.Startup).Select(static record => JsonNode.Parse(record.Record.Detail!)!)];
        JsonNode start = Assert.Single(starts, static start => start["previous"] is not null);

        Assert.Equal([1L, 2L, 3L], deletions.Select(static record => record.Seq));
        string stream = Assert.Single(deletions.Select(static record => record.Stream).Distinct());
        Assert.Equal(shutdown.Stream.Replace("gw-0/", "gw-0/push-delete/", StringComparison.Ordinal), stream);
        Assert.Equal((shutdown.Stream, shutdown.Seq, Convert.ToHexStringLower(shutdown.Hash)), EndOf(start["previous"]));
        Assert.Equal((stream, 3L, Convert.ToHexStringLower(deletions[2].Hash)), EndOf(start["previousDeletions"]));
        Assert.Contains(
            $"Audit checkpoint: stream {stream} seq 3 hash {Convert.ToHexStringLower(deletions[2].Hash)} events 3",
            Assert.Single(logs.All, line => line.Contains($"Audit checkpoint: stream {stream}", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        AuditVerification found = await host.Gateway.VerifyAuditAsync();
        Assert.True(found.Intact);
        Assert.DoesNotContain(found.Unclosed.Concat(found.Running), open => open.Stream == stream);

        // Gone with its checkpoint: the start has seen it.
        CatalogDatabase database = host.Gateway.Services.GetRequiredService<CatalogDatabase>();
        await AuditCatalog.TamperAsync(database, $"DELETE FROM audit_events WHERE stream = '{stream}'");
        await AuditCatalog.TamperAsync(database, $"DELETE FROM audit_checkpoints WHERE stream = '{stream}'");
        Assert.Equal((stream, 1L, 3L), Assert.Single((await host.Gateway.VerifyAuditAsync()).Gaps) is { } gap ? (gap.Stream, gap.FromSeq, gap.ToSeq) : default);
    }

    [Fact]
    public async Task A_checkpoint_is_due_each_minute_if_something_was_deleted()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using PushHost host = await StartAsync(catalog);
        for (int i = 1; i <= 3; i++)
        {
            await host.StoreAsync("/metrics/job/j", "a 1\n");
            using HttpResponseMessage deleted = await host.SendAsync("DELETE", "/metrics/job/j", host.Red);
            while ((await CheckpointsAsync(host)).Count < i)
            {
                Cancel.ThrowIfCancellationRequested();
                host.Gateway.Time.Advance(TimeSpan.FromMinutes(1));
            }
        }

        Assert.Equal([1L, 2L, 3L], await CheckpointsAsync(host));
    }

    /// <summary>The first 200 groups are gone when the last one turns out to be locked.</summary>
    [Fact]
    public async Task A_deletion_that_fails_on_its_way_has_a_record_of_what_it_did_and_one_that_it_failed()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using PushHost host = await StartAsync(catalog);
        for (int i = 0; i < 201; i++)
        {
            await host.StoreAsync($"/metrics/job/j{i}", "a 1\n");
        }

        using HttpResponseMessage answer = await host.Gateway.Services.GetRequiredService<CatalogDatabase>().TransactAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("SELECT 1 FROM push_groups WHERE key = (SELECT key FROM push_groups ORDER BY key DESC LIMIT 1) FOR UPDATE", null, Cancel);
                return await host.SendAsync("DELETE", "/api/v1/groups?match[]={job=~\"j.*\"}", host.RedDeleter);
            },
            Cancel);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "catalog-busy"), (answer.StatusCode, await PushHost.ReasonAsync(answer)));
        string requestId = answer.Headers.GetValues("X-Request-Id").Single();
        while ((await host.Gateway.AuditAsync(AuditEvents.PushDelete)).Count < 2)
        {
            // That the request failed is put down when it is over, a moment after its answer.
            Cancel.ThrowIfCancellationRequested();
        }

        Assert.Equal(
            [("{\"selectors\":1,\"groups\":200}", AuditOutcomes.Allow, null), ("{\"selectors\":1,\"groups\":0}", AuditOutcomes.Error, "catalog-busy")],
            (await host.Gateway.AuditAsync(AuditEvents.PushDelete)).Where(record => record.RequestId == requestId).OrderBy(record => record.Outcome)
                .Select(record => (record.Detail, record.Outcome, record.Reason)));
        _ = await host.JsonAsync("DELETE", "/api/v1/groups?match[]={job=~\"j.*\"}", host.RedDeleter);
        Assert.Equal(
            ["{\"selectors\":1,\"groups\":0}", "{\"selectors\":1,\"groups\":1}", "{\"selectors\":1,\"groups\":200}"],
            (await host.Gateway.AuditAsync(AuditEvents.PushDelete)).Select(record => record.Detail).Order(StringComparer.Ordinal));
        Assert.True((await host.Gateway.VerifyAuditAsync()).Intact);
    }

    [Fact]
    public async Task A_record_says_who_deleted_what_by_which_right()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using PushHost host = await StartAsync(catalog);
        await host.StoreAsync("/metrics/job/j", "a 1\n");

        using HttpResponseMessage answer = await host.SendAsync("DELETE", "/metrics/job/j", host.Red);

        AuditRecord record = Assert.Single(await host.Gateway.AuditAsync(AuditEvents.PushDelete));
        Assert.Equal(
            ("red", "metrics:push", "red-pushers", "DELETE", "/metrics/job/{**labels}", "127.0.0.1"),
            (record.Tenant, record.Permission, Assert.Single(record.Bindings), record.Method, record.Route, record.RemoteIp));
        Assert.Equal((AuditOutcomes.Allow, "{\"job\":\"j\",\"groups\":1}", answer.Headers.GetValues("X-Request-Id").Single()), (record.Outcome, record.Detail, record.RequestId));
        Assert.Equal("user", record.Caller?.Kind);
        Assert.Equal(host.Gateway.PolicyVersion(), record.PolicyVersion);
        Assert.Equal(1, await host.Gateway.MetricAsync("rwgateway_audit_records_total{event=\"push-delete\",outcome=\"allow\"}"));
    }

    private static Task<PushHost> StartAsync(EmptyCatalog catalog) => PushHost.StartAsync(settings: [("Catalog:ReplicaName", "gw-0")], catalog: catalog);

    private static Task<IReadOnlyList<long>> CheckpointsAsync(PushHost host) => host.Gateway.Services.GetRequiredService<CatalogDatabase>()
        .QueryAsync<long>("SELECT seq FROM audit_checkpoints WHERE stream LIKE 'gw-0/push-delete/%' ORDER BY seq", null, Cancel);

    private static (string?, long, string?) EndOf(JsonNode? end) => ((string?)end!["stream"], (long)end["seq"]!, (string?)end["hash"]);
}
