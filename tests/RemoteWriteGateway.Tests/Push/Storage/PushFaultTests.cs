using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What the database can do to a push, and pushes to each other.</summary>
public sealed class PushFaultTests
{
    private const string Body = "# TYPE c counter\nc 1\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    public async Task A_conflict_is_tried_again_and_the_pusher_does_not_notice(string code)
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await FailAsync(host, code, times: 5);

        Assert.Equal("Stored", await host.AddAsync("job=j", Body));

        Assert.Equal("c{job=\"j\"} 1 # start", await host.ShowAsync("job=j"));
        Assert.Equal(5, await host.MetricAsync($"rwgateway_push_transaction_retries_total{{code=\"{code}\"}}"));
    }

    [Fact]
    public async Task A_conflict_that_does_not_end_is_busy_and_leaves_nothing()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await FailAsync(host, "40001", times: 1000);

        Assert.Equal("Busy", await host.AddAsync("job=j", Body));

        Assert.Null(await host.RowAsync("job=j"));
        Assert.Equal(6, await host.MetricAsync("rwgateway_push_transaction_retries_total{code=\"40001\"}"));
    }

    [Fact]
    public async Task A_row_that_stays_locked_is_busy()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await host.PutAsync("job=j", Body);

        await host.Database.TransactAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("UPDATE push_groups SET attempts = 0", null, Cancel);
                Assert.Equal("Busy", await host.PutAsync("job=j", Body));
            },
            Cancel);

        Assert.Equal("Stored", await host.PutAsync("job=j", Body));
    }

    /// <summary>The server ends the connection while it commits: what became of the push is not known, and the answer says 503.</summary>
    [Fact]
    public async Task A_connection_that_is_lost_in_the_commit_is_away_and_a_repeat_with_a_key_has_one_effect()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        PushRequest push = PushHost.Request("job=j", Body, PushVerb.Post, PushMode.Sum) with { Idempotency = PushHost.Idempotent("one") };
        await host.Database.ExecuteAsync(
            """
            CREATE SEQUENCE faults;
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN IF nextval(''rwgateway.faults'') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); END IF; RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON push_groups DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault();
            """,
            null,
            Cancel);

        Assert.Equal("Away", await host.PushAsync(push));
        Assert.Equal("Stored", await host.PushAsync(push));
        Assert.Equal("Replayed", await host.PushAsync(push));

        Assert.Equal("c{job=\"j\"} 1 # start", await host.ShowAsync("job=j"));
    }

    [Fact]
    public async Task Pushes_are_refused_while_the_server_is_away_and_what_was_answered_is_there_when_it_is_back()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using PushHost host = await PushHost.OfAsync(EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel)));
        int stored = 0;
        for (int i = 0; i < 20; i++)
        {
            stored += await host.AddAsync("job=j", Body) == "Stored" ? 1 : 0;
        }

        await server.KillAsync();
        Assert.Equal("Away", await host.AddAsync("job=j", Body));
        Assert.Equal(PushFate.Away, (await host.DeleteAsync("job=j")).Fate);
        Assert.Equal(
            PushFate.Away,
            (await host.DeleteManyAsync(static _ => true)).Fate);

        // A refusal stays a refusal, though nobody can record it.
        Assert.Equal("Refused sum-not-additive", await host.AddAsync("job=j", "# TYPE c counter\nc -1\n"));
        await server.StartAgainAsync(Cancel);

        string answer;
        do
        {
            answer = await host.AddAsync("job=j", Body);
        }
        while (answer == "Away");

        Assert.Equal(20, stored);
        Assert.Equal("c{job=\"j\"} 21 # start", await host.ShowAsync("job=j"));
    }

    [Fact]
    public async Task A_full_disk_refuses_pushes_and_recovers_by_itself()
    {
        await using PushHost host = await PushHost.StartAsync("Sqlite");
        await host.AddAsync("job=j", Body);
        string large = string.Concat(Enumerable.Range(0, 2000).Select(i => $"# TYPE m{i} gauge\nm{i} {i}\n"));

        host.Sent.AtBegin = static batch => batch.RunAsync([new Statement("PRAGMA max_page_count = 1") { Row = static _ => { } }], Cancel);
        Assert.Equal("Away", await host.PutAsync("job=k", large));
        host.Sent.AtBegin = static batch => batch.RunAsync([new Statement("PRAGMA max_page_count = 1000000") { Row = static _ => { } }], Cancel);

        Assert.Null(await host.RowAsync("job=k"));
        Assert.Equal("Stored", await host.PutAsync("job=k", large));
        Assert.Equal("Stored", await host.AddAsync("job=j", Body));
        Assert.Equal("c{job=\"j\"} 2 # start", await host.ShowAsync("job=j"));
    }

    [Fact]
    public async Task Pushes_that_wait_for_one_writer_share_commits_and_one_that_is_refused_takes_no_other_with_it()
    {
        await using PushHost host = await PushHost.StartAsync("Sqlite");
        await host.PutAsync("job=holder", "# TYPE bad gauge\nbad 1\n");
        Task<string>[] pushes = [];

        await host.Database.TransactAsync(
            _ =>
            {
                // Nobody can write until this ends: the first is taken, the others wait.
                pushes = [.. Enumerable.Range(0, 129).Select(i => host.PutAsync($"job=j{i}", i % 10 == 0 ? "# TYPE bad counter\nbad 1\n" : Body))];
                return Task.CompletedTask;
            },
            Cancel);
        string[] answers = await Task.WhenAll(pushes);

        Assert.Equal(13, answers.Count(answer => answer == "Refused type-conflict"));
        Assert.Equal(116, answers.Count(answer => answer == "Stored"));
        Assert.Equal(130, await host.CountAsync("push_groups"));
        Assert.Equal(116 + 1, await host.CountAsync("push_payloads"));

        // The holder, all pushes, and those that recorded a failure: in a handful of commits.
        Assert.Equal(1 + 129 + 13, await host.MetricAsync("rwgateway_push_commit_batch_size_sum"));
        Assert.InRange(await host.MetricAsync("rwgateway_push_commit_batch_size_count"), 4, 9);
    }

    [Fact]
    public async Task More_than_a_thousand_that_wait_are_busy()
    {
        await using PushHost host = await PushHost.StartAsync("Sqlite");
        Task<string>[] pushes = [];

        await host.Database.TransactAsync(
            _ =>
            {
                pushes = [.. Enumerable.Range(0, 1010).Select(i => host.PutAsync($"job=j{i}", Body))];
                return Task.CompletedTask;
            },
            Cancel);
        string[] answers = await Task.WhenAll(pushes);

        Assert.Equal(10, answers.Count(answer => answer == "Busy"));
        Assert.Equal(1000, await host.CountAsync("push_groups"));
        Assert.Equal(0, await host.MetricAsync("rwgateway_push_writer_waiting"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_push_that_was_given_up_while_it_waited_is_not_stored(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", Body);
        using CancellationTokenSource hurry = new();
        Task<PushOutcome>? push = null;

        await host.Database.TransactAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("UPDATE push_groups SET attempts = 0", null, Cancel);
                push = host.Store.PushAsync(PushHost.Request("job=j", "# TYPE c counter\nc 2\n"), hurry.Token);
                await hurry.CancelAsync();
            },
            Cancel);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => push!);
        Assert.Equal("c{job=\"j\"} 1", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Of_two_groups_that_introduce_a_histogram_and_its_count_at_once_exactly_one_is_refused(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 40; i++)
        {
            string histogram = $"# TYPE h{i} histogram\nh{i}_bucket{{le=\"+Inf\"}} 2\nh{i}_sum 4\nh{i}_count 2\n";
            Task<string> first = Task.Run(() => host.PutAsync($"job=a{i}", histogram), Cancel);
            Task<string> second = Task.Run(() => host.PutAsync($"job=b{i}", $"# TYPE h{i}_count gauge\nh{i}_count 1\n"), Cancel);

            Assert.Equal(["Refused name-collision", "Stored"], (await Task.WhenAll(first, second)).Order());
        }
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Of_two_groups_that_introduce_one_series_at_once_exactly_one_is_refused(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 40; i++)
        {
            Task<string> first = Task.Run(() => host.PutAsync($"n={i}", "# TYPE m gauge\nm{zone=\"x\"} 1\n"), Cancel);
            Task<string> second = Task.Run(() => host.PutAsync($"n={i},zone=x", "# TYPE m gauge\nm 1\n"), Cancel);

            Assert.Equal(["Refused series-held-elsewhere", "Stored"], (await Task.WhenAll(first, second)).Order());
        }
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Pushes_that_race_with_deletions_never_mix(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await using PushHost? replica = provider == "PostgreSql" ? await host.ReplicaAsync() : null;
        PushHost other = replica ?? host;
        Task pushes = Task.Run(
            async () =>
            {
                for (int i = 0; i < 150; i++)
                {
                    Assert.Equal("Stored", await host.PutAsync("job=j", $"# TYPE a{i % 3} gauge\na{i % 3} {i}\n"));
                }
            },
            Cancel);
        for (int i = 0; !pushes.IsCompleted; i++)
        {
            DeleteOutcome outcome = await other.DeleteAsync("job=j");
            Assert.Equal(PushFate.Stored, outcome.Fate);
            if (i % 3 == 0)
            {
                await other.WriteAsync("job=j");
            }
        }

        await pushes;
        await host.DeleteAsync("job=j");
        Assert.Equal("none", await host.ShowAsync("job=j"));
        Assert.Empty(await host.NamesAsync());
        Assert.Equal((0, "0 0 0"), (await host.CountAsync("push_series"), await host.UsageAsync()));
    }

    /// <summary>Many groups, names in any order, from two replicas: nothing waits for ever, and the books balance.</summary>
    [Fact]
    public async Task What_is_counted_is_what_is_there_after_everybody_changed_everything()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await using PushHost replica = await host.ReplicaAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            Random random = new(client);
            for (int i = 0; i < 40; i++)
            {
                PushHost through = i % 2 == 0 ? host : replica;
                string path = $"job=j{random.Next(6)}";
                string body = string.Concat(
                    Enumerable.Range(0, 12).Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next()).Select(name => $"# TYPE m{name} gauge\nm{name} {i}\n"));
                string answer = random.Next(5) == 0 ? (await through.DeleteAsync(path)).Fate.ToString() : await through.PutAsync(path, body);
                Assert.Equal("Stored", answer);
            }
        })));

        List<StoredGroup> groups = [];
        await foreach (StoredGroup group in host.Store.ReadGroupsAsync("ours", null, Cancel))
        {
            groups.Add(group);
        }

        Assert.Equal(
            groups.SelectMany(group => group.ReadBody().Families).GroupBy(family => family.Name).Select(name => $"{name.Key} 1 {name.Count()}").Order(StringComparer.Ordinal),
            await host.NamesAsync());
        Assert.Equal(groups.Sum(group => group.ReadBody().Metrics), await host.CountAsync("push_series"));
        Assert.Equal(FormattableString.Invariant($"{groups.Count} {groups.Sum(group => group.Series)} {groups.Sum(group => group.Bytes)}"), await host.UsageAsync());
        Assert.All(groups, group => Assert.Equal(group.ReadBody().Series + 2, group.Series));
    }

    private static Task<int> FailAsync(PushHost host, string code, int times) => host.Database.ExecuteAsync(
        $"""
        CREATE SEQUENCE faults;
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF nextval(''rwgateway.faults'') <= {times} THEN RAISE EXCEPTION ''by the test'' USING ERRCODE = ''{code}''; END IF; RETURN NEW; END';
        CREATE TRIGGER fault BEFORE UPDATE ON push_groups FOR EACH ROW EXECUTE FUNCTION fault();
        """,
        null,
        Cancel);
}
