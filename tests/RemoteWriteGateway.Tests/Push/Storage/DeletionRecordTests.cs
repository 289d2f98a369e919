using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Audit;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>A deletion and its audit record are one transaction: both are there or neither is, whatever happens.</summary>
public sealed class DeletionRecordTests
{
    private const string Body = "# TYPE c counter\nc 1\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deletion_is_on_record_as_whoever_asked_for_it_says_and_one_of_nothing_is_not(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", Body);

        await host.DeleteAsync("job=j");
        await host.DeleteAsync("job=j");
        await host.DeleteAsync("job=unknown");

        ChainedRecord record = Assert.Single(await host.RecordsAsync());
        Assert.Equal((host.Deletions.Name, 1L), (record.Stream, record.Seq));
        Assert.Equal(ChainPosition.Begin.Hash, record.PrevHash);
        Assert.NotEqual(AuditRecords.Full().Id, record.Record.Id);

        // Every other column as it was given.
        AuditRecord given = RecordCaps.Apply(PushHost.OnRecord(1));
        Assert.Equal(
            AuditChain.HashOf(record with { Record = given }),
            AuditChain.HashOf(record with { Record = record.Record with { Id = given.Id, At = given.At } }));
        Assert.Equal(1, await host.MetricAsync("rwgateway_audit_records_total{event=\"push-delete\",outcome=\"allow\"}"));
        AuditVerification found = await host.VerifyAsync();
        Assert.True(found.Intact);
        Assert.Equal((1L, 0, 0), (found.Records, found.Unclosed.Length, found.Running.Length));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deletion_that_is_rolled_back_leaves_no_record_and_no_gap(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=a", Body);
        await host.PutAsync("job=b", Body);
        await host.DeleteAsync("job=a");

        host.Sent.AtEnd = static () => throw new InvalidOperationException("by the test");
        await Assert.ThrowsAsync<InvalidOperationException>(() => host.DeleteAsync("job=b"));
        host.Sent.AtEnd = null;

        Assert.Equal("c{job=\"b\"} 1", await host.ShowAsync("job=b"));
        Assert.Equal([1], await host.DeletedOnRecordAsync());
        Assert.Equal(1, await host.MetricAsync("rwgateway_audit_records_total{event=\"push-delete\",outcome=\"allow\"}"));
        await host.DeleteAsync("job=b");
        Assert.Equal([1L, 2L], (await host.RecordsAsync()).Select(record => record.Seq));
        Assert.True((await host.VerifyAsync()).Intact);
    }

    /// <summary>In SQLite they share a commit: what one of them takes back, the others do not notice.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Of_deletions_at_once_those_that_fail_leave_nothing_and_the_others_all(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 40; i++)
        {
            await host.PutAsync($"job=j{i}", Body);
        }

        int ended = 0;
        host.Sent.AtEnd = () =>
        {
            if (Interlocked.Increment(ref ended) % 3 == 0)
            {
                throw new InvalidOperationException("by the test");
            }
        };
        bool[] deleted = await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            try
            {
                return (await host.DeleteAsync($"job=j{i}")).Deleted == 1;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }));

        Assert.Equal(40 - 13, deleted.Count(one => one));
        Assert.Equal(13, await host.CountAsync("push_groups"));
        Assert.Equal(Enumerable.Range(1, 27).Select(seq => (long)seq), (await host.RecordsAsync()).Select(record => record.Seq));
        Assert.True((await host.VerifyAsync()).Intact);
    }

    /// <summary>The server ends the connection while it commits.</summary>
    [Fact]
    public async Task A_connection_that_is_lost_in_the_commit_leaves_neither_the_deletion_nor_its_record()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await host.PutAsync("job=j", Body);
        await host.Database.ExecuteAsync(
            """
            CREATE SEQUENCE faults;
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN IF nextval(''rwgateway.faults'') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); END IF; RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER fault AFTER DELETE ON push_groups DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault();
            """,
            null,
            Cancel);

        Assert.Equal(new DeleteOutcome(PushFate.Away, 0, 0), await host.DeleteAsync("job=j"));

        Assert.Equal("c{job=\"j\"} 1", await host.ShowAsync("job=j"));
        Assert.Empty(await host.RecordsAsync());
        Assert.Equal(1, (await host.DeleteAsync("job=j")).Deleted);
        Assert.Equal([1], await host.DeletedOnRecordAsync());
        Assert.True((await host.VerifyAsync()).Intact);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_commit_of_which_nobody_hears_has_left_both_and_the_next_record_follows_it(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=a", Body);
        await host.PutAsync("job=b", Body);

        host.Sent.LosesAnswers = true;
        Assert.Equal(new DeleteOutcome(PushFate.Away, 0, 0), await host.DeleteAsync("job=a"));
        host.Sent.LosesAnswers = false;

        Assert.Equal("none", await host.ShowAsync("job=a"));
        Assert.Equal([1], await host.DeletedOnRecordAsync());
        await host.Deletions.CheckpointAsync(Cancel);
        Assert.Equal(1, await host.CountAsync("audit_checkpoints", "seq = 1"));
        await host.DeleteAsync("job=b");
        Assert.Equal([1L, 2L], (await host.RecordsAsync()).Select(record => record.Seq));
        Assert.True((await host.VerifyAsync()).Intact);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deletion_of_many_records_what_each_transaction_took_away_and_not_what_was_found(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 450; i++)
        {
            await host.PutAsync($"job=j{i}", Body);
        }

        byte[][] keys = [.. (await host.Store.FindGroupsAsync("ours", null, null, 450, Cancel)).Select(group => group.Key)];

        // Between the search and the transactions they vanish: seven of the first 200, all of the second, none of the rest.
        byte[][] vanishing = [.. keys[..7], .. keys[200..400]];
        host.Sent.AtBegin = batch => batch.RunAsync(
            [.. vanishing.Select(key => new Statement("UPDATE push_groups SET state = 2 WHERE tenant = $1 AND key = $2", "ours", key))], Cancel);
        DeleteOutcome outcome = await host.DeleteManyAsync(static _ => true);

        Assert.Equal(new DeleteOutcome(PushFate.Stored, 450, 243), outcome);
        Assert.Equal([193, 50], await host.DeletedOnRecordAsync());
        Assert.True((await host.VerifyAsync()).Intact);
    }

    /// <summary>
    /// Two replicas where there can be two, sixteen clients, single groups and many. Of several tenants, since deletions of one wait for its usage anyway.
    /// </summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task However_many_delete_at_once_chains_hold_and_the_records_add_up_to_what_was_deleted(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await using PushHost? replica = provider == "PostgreSql" ? await host.ReplicaAsync() : null;
        PushHost[] hosts = replica is null ? [host] : [host, replica];

        int[] deleted = await Task.WhenAll(Enumerable.Range(0, 16).Select(client => Task.Run(async () =>
        {
            Random random = new(client);
            PushHost through = hosts[client % hosts.Length];
            string tenant = $"tenant-{client / 4}";
            int sum = 0;
            for (int i = 0; i < 12; i++)
            {
                string job = $"j{random.Next(6)}";
                PushRequest push = PushHost.Request($"job={job}", $"# TYPE m{i % 3} gauge\nm{i % 3} 1\n") with { Tenant = tenant };
                Assert.Equal("Stored", await through.PushAsync(push));
                DeleteOutcome outcome = i % 4 == 3
                    ? await through.Store.DeleteManyAsync(tenant, key => key.Labels[0].Value != job, isDryRun: false, PushHost.OnRecord, Cancel)
                    : await through.Store.DeleteAsync(tenant, push.Key, PushHost.OnRecord, Cancel);
                Assert.Equal(PushFate.Stored, outcome.Fate);
                sum += outcome.Deleted;
            }

            return sum;
        })));

        Assert.Equal(deleted.Sum(), (await host.DeletedOnRecordAsync()).Sum());
        Assert.Equal(hosts.Select(one => one.Deletions.Name).Order(StringComparer.Ordinal), (await host.RecordsAsync()).Select(record => record.Stream).Distinct());
        AuditVerification found = await host.VerifyAsync();
        Assert.True(found.Intact, string.Join('\n', found.Breaks.Select(one => one.ToString()).Concat(found.Gaps.Select(one => one.ToString()))));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task While_the_audit_cannot_be_written_nothing_is_deleted(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", Body);

        host.AuditLog.IsAvailable = false;
        await Assert.ThrowsAsync<AuditUnavailableException>(() => host.DeleteAsync("job=j"));

        Assert.Equal("c{job=\"j\"} 1", await host.ShowAsync("job=j"));
        Assert.Empty(await host.RecordsAsync());
        host.AuditLog.IsAvailable = true;
        Assert.Equal(1, (await host.DeleteAsync("job=j")).Deleted);
    }

    [Fact]
    public async Task A_missing_partition_refuses_one_deletion_and_is_made_for_the_next()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await host.PutAsync("job=a", Body);
        await host.PutAsync("job=b", Body);
        await host.DeleteAsync("job=a");
        await host.Database.ExecuteAsync("DROP TABLE audit_events_2026_11", null, Cancel);

        await Assert.ThrowsAsync<AuditUnavailableException>(() => host.DeleteAsync("job=b"));

        Assert.Equal("c{job=\"b\"} 1", await host.ShowAsync("job=b"));
        Assert.Contains(host.Logs.All, line => line.Contains("its audit record has no partition", StringComparison.Ordinal));
        Assert.Equal(1, (await host.DeleteAsync("job=b")).Deleted);

        // It goes on from the record that was dropped with the partition, so that this is missed.
        Assert.Equal(2, Assert.Single(await host.RecordsAsync()).Seq);
        Assert.Equal((1L, 1L), Assert.Single((await host.VerifyAsync()).Gaps) is { } gap ? (gap.FromSeq, gap.ToSeq) : default);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_checkpoint_is_written_with_each_thousandth_record_and_else_when_it_is_due_and_there_is_something_new(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.Deletions.CheckpointAsync(Cancel);
        await host.Deletions.PrepareAsync(Cancel);
        await host.Database.TransactAsync(
            async transaction =>
            {
                for (int i = 0; i < 1001; i++)
                {
                    host.Deletions.Committed(await host.Deletions.AppendAsync(transaction, PushHost.OnRecord(1), Cancel));
                }
            },
            Cancel);

        await host.Deletions.CheckpointAsync(Cancel);
        await host.Deletions.CheckpointAsync(Cancel);

        Assert.Equal([1000L, 1001L], await host.Database.QueryAsync<long>("SELECT seq FROM audit_checkpoints ORDER BY seq", null, Cancel));
        IReadOnlyList<ChainedRecord> records = await host.RecordsAsync();
        Assert.Equal(
            records.Skip(999).Select(record => $"stream {record.Stream} seq {record.Seq} hash {Convert.ToHexStringLower(record.Hash)} events {record.Seq}"),
            host.Logs.All.Where(line => line.Contains("Audit checkpoint", StringComparison.Ordinal)).Select(line => line[line.IndexOf("stream", StringComparison.Ordinal)..].TrimEnd()));
        AuditVerification found = await host.VerifyAsync();
        Assert.True(found.Intact);
        Assert.Equal((1001L, 2L), (found.Records, found.Checkpoints));
    }

    public static TheoryData<string, string> Tamperings => new(
        from provider in (string[])["Sqlite", "PostgreSql"]
        from sql in (string[])
        [
            "UPDATE audit_events SET detail = '2' WHERE seq = 3",
            "UPDATE audit_events SET subject_name = 'bob' WHERE seq = 5",
            "DELETE FROM audit_events WHERE seq = 1",
            "DELETE FROM audit_events WHERE seq = 3",
            "DELETE FROM audit_events WHERE seq >= 4",
            "DELETE FROM audit_events",
            "UPDATE audit_events SET seq = 9 WHERE seq = 2; UPDATE audit_events SET seq = 2 WHERE seq = 4; UPDATE audit_events SET seq = 4 WHERE seq = 9",
        ]
        select (provider, sql));

    [Theory]
    [MemberData(nameof(Tamperings))]
    public async Task What_is_edited_deleted_or_swapped_is_found(string provider, string sql)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 5; i++)
        {
            await host.PutAsync($"job=j{i}", Body);
            await host.DeleteAsync($"job=j{i}");
        }

        await host.Deletions.CheckpointAsync(Cancel);
        Assert.True((await host.VerifyAsync()).Intact);

        await AuditCatalog.TamperAsync(host.Database, sql);

        Assert.False((await host.VerifyAsync()).Intact);
    }

    /// <summary>No checkpoint has seen the end yet; the gateway has.</summary>
    [Theory]
    [InlineData("Sqlite", false)]
    [InlineData("Sqlite", true)]
    [InlineData("PostgreSql", false)]
    [InlineData("PostgreSql", true)]
    public async Task An_end_that_is_removed_or_made_anew_under_a_running_gateway_is_not_overwritten(string provider, bool isMadeAnew)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 3; i++)
        {
            await host.PutAsync($"job=j{i}", Body);
        }

        await host.DeleteAsync("job=j0");
        await host.DeleteAsync("job=j1");
        ChainedRecord last = (await host.RecordsAsync())[^1];
        await AuditCatalog.TamperAsync(host.Database, "DELETE FROM audit_events WHERE seq = 2");
        if (isMadeAnew)
        {
            AuditChain forger = new(last.Stream, new ChainPosition(1, last.PrevHash));
            ChainedRecord forged = forger.Append(last.Record with { Tenant = "theirs" });
            await host.AuditTable.InsertAsync(new([forged], null), mayBeThere: false, Cancel);
        }

        await host.DeleteAsync("job=j2");

        AuditVerification found = await host.VerifyAsync();
        Assert.Equal(3, (await host.RecordsAsync())[^1].Seq);
        Assert.Equal(isMadeAnew ? (1, 0) : (0, 1), (found.Breaks.Length, found.Gaps.Length));
    }
}
