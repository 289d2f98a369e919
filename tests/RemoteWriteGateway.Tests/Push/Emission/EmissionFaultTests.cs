using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>Groups on their way to a store that is away, limits, refuses, or is misconfigured; and replicas that die, hang, and stop.</summary>
public sealed class EmissionFaultTests
{
    private const string OutOfBounds = "out of bounds";

    public static TheoryData<string> Troubles => new("503", "429", "500", "401", "404", "302", "abort");

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task A_store_in_trouble_gets_the_same_bytes_again_later(string trouble)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        StoreAnswer answer = trouble == "abort" ? StoreAnswer.Abort : new StoreAnswer(int.Parse(trouble, System.Globalization.CultureInfo.InvariantCulture));
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, store: store => store.AnswerNext(answer, answer));

        await gateway.PushAsync("a 1\n");
        ReceivedRequest first = await gateway.NextAsync();
        StoredGroup given = await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);
        bool isMisconfigured = trouble is "401" or "404" or "302";

        Assert.Equal((1L, null, 0), (given.Emission, given.LastWriteError, given.Attempts));
        Assert.NotNull(given.DirtySinceMs);
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_store_paused{store="main"}"""));
        Assert.Equal(isMisconfigured ? 1 : 0, await gateway.Host.MetricAsync("""rwgateway_push_store_misconfigured{store="main"}"""));

        Assert.Equal(isMisconfigured, gateway.Host.Logs.All.Any(line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("mended", StringComparison.Ordinal)));

        // 1 s and 2 s, each a quarter more at most.
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(1.3));
        await gateway.NextAsync();
        await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(2.6));
        ReceivedRequest third = await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        Assert.All(gateway.Store.Requests, request => Assert.Equal(first.Body, request.Body));
        Assert.Equal(third.Body, first.Body);
        Assert.Equal(0, await gateway.Host.MetricAsync("""rwgateway_push_store_paused{store="main"}"""));
        Assert.Equal(0, await gateway.Host.MetricAsync("""rwgateway_push_store_misconfigured{store="main"}"""));
        Assert.Equal(2, await gateway.Host.MetricAsync("""rwgateway_push_emissions_total{store="main",step="value",result="away"}"""));
    }

    [Fact]
    public async Task A_store_that_says_how_long_to_wait_is_left_alone_for_that_long()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(
            catalog, store: store => store.AnswerNext(new StoreAnswer(429).With("Retry-After", "40")));
        await gateway.PushAsync("a 1\n");
        await gateway.NextAsync();
        await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);

        // Passed over by the claims: nothing is taken from whoever could write it.
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(39));
        await gateway.PushAsync("b 1\n", job: "other");
        Assert.Equal(1, (await gateway.RowAsync()).Emission);
        Assert.Single(gateway.Store.Requests);

        await gateway.AdvanceAsync(TimeSpan.FromSeconds(1));
        await gateway.UntilWrittenAsync();
        await gateway.UntilWrittenAsync("other");
    }

    [Fact]
    public async Task A_store_that_was_away_for_two_hours_gets_every_series_once_at_now()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        bool isAway = true;
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(
            catalog, store: store => store.Answering = _ => isAway ? new StoreAnswer(503) : StoreAnswer.Accept);
        await gateway.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        ReceivedRequest before = await gateway.NextAsync();
        await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);

        isAway = false;
        await gateway.AdvanceAsync(TimeSpan.FromHours(2));
        ReceivedRequest zero = await gateway.NextAsync();
        ReceivedRequest value = await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        long now = gateway.NowMs;
        Assert.Equal([$$"""rows_total{job="nightly",tenant="ours"} 0 @{{now - 7_200_001}}"""], SampleLines.Of(before));
        Assert.Equal([$$"""rows_total{job="nightly",tenant="ours"} 0 @{{now - 1}}"""], SampleLines.Of(zero));
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{now}}""", SampleLines.Of(value)[0]);
        Assert.Equal(3, gateway.Store.Requests.Count);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task One_bad_group_among_five_hundred_costs_only_itself(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        Holding claimed = new(FailPoint.Claimed);
        bool isBad = true;
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, failPoints: claimed, store: store => store.Answering = request =>
            isBad && request.Series.Any(series => series.Contains("bad", StringComparison.Ordinal)) ? new StoreAnswer(400, OutOfBounds) : StoreAnswer.Accept);
        await gateway.PushAsync("first 1\n", job: "first");
        await claimed.Reached;
        for (int i = 0; i < 100; i++)
        {
            await gateway.PushAsync(i == 61 ? "bad 1\n" : "good 1\n", job: $"job-{i}");
        }

        claimed.Release();
        StoredGroup refused = await gateway.UntilAsync(row => row is { InflightStep: null, LastWriteError: not null }, "job-61");
        for (int i = 0; i < 100; i++)
        {
            if (i != 61)
            {
                await gateway.UntilWrittenAsync($"job-{i}");
            }
        }

        Assert.Equal($"store-refused: store refused with 400: {OutOfBounds}", refused.LastWriteError);
        Assert.Equal((1, null, null, 1L), (refused.Attempts, refused.LeaseOwner, refused.WrittenGeneration, refused.Emission));
        Assert.NotNull(refused.DirtySinceMs);
        Assert.InRange(gateway.Store.Requests.Count, 8, 20);
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_emissions_total{store="main",step="value",result="refused"}"""));
        Assert.Equal(3, await gateway.Host.MetricAsync("""rwgateway_push_refused_samples_total{tenant="ours",reason="store-refused"}"""));

        // At the next refresh it goes alone, and at the time of the refresh.
        int before = gateway.Store.Requests.Count;
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(61));
        await gateway.UntilAsync(row => row is { InflightStep: null, Attempts: 2 }, "job-61");
        Assert.Equal(
            gateway.NowMs,
            Assert.Single(gateway.Store.Requests.Skip(before), request => request.Series.Any(series => series.Contains("bad", StringComparison.Ordinal)))
                .AsV2.Timeseries.Select(series => Assert.Single(series.Samples).Timestamp).Distinct().Single());

        // A good push heals it.
        isBad = false;
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(2));
        await gateway.PushAsync("good 2\n", job: "job-61");
        StoredGroup healed = await gateway.UntilWrittenAsync("job-61");
        Assert.Equal((null, 0, 2L), (healed.LastWriteError, healed.Attempts, healed.WrittenGeneration));
    }

    [Fact]
    public async Task Smaller_counts_are_a_refusal_of_something_in_the_batch()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, store: store => store.AnswerNext(new StoreAnswer(204).WithCounts(2, 0, 0)));

        await gateway.PushAsync("a 1\n");
        StoredGroup row = await gateway.UntilAsync(one => one.LastWriteError is not null);

        Assert.Equal("store-partial-write: store wrote 2 of 3 samples", row.LastWriteError);
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_refused_samples_total{tenant="ours",reason="store-partial-write"}"""));
    }

    [Fact]
    public async Task A_refused_zero_is_skipped_and_counted_and_the_value_follows()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, store: store => store.AnswerNext(new StoreAnswer(400, OutOfBounds)));

        await gateway.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Equal((1L, 1L, null), (row.WrittenGeneration, row.ZeroedGeneration, row.LastWriteError));
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{gateway.NowMs}}""", SampleLines.Of(gateway.Store.Requests[1])[0]);
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_zero_steps_skipped_total{tenant="ours"}"""));
    }

    [Fact]
    public async Task A_group_that_is_too_large_for_the_store_is_cut_down_to_single_series()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(
            catalog, store: store => store.Answering = request => request.Items.Total > 1 ? new StoreAnswer(413) : StoreAnswer.Accept);

        await gateway.PushAsync("a{k=\"1\"} 1\na{k=\"2\"} 1\na{k=\"3\"} 1\n");
        await gateway.UntilWrittenAsync();

        Assert.Equal(5, gateway.Store.Requests.Where(request => request.Items.Total == 1).Select(request => SampleLines.Of(request)[0]).Distinct().Count());
    }

    [Fact]
    public async Task Exemplars_that_only_a_repeat_is_denied_were_written_before()
    {
        const string Text = "# TYPE rows counter\nrows_total 5 # {trace=\"a\"} 2\n# EOF\n";
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        StoreAnswer withoutExemplar = new StoreAnswer(400, "out of order exemplar").WithCounts(3, 0, 0);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, store: store => store.AnswerNext(new StoreAnswer(503), withoutExemplar));
        await gateway.PushAsync(Text);
        await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);

        await gateway.AdvanceAsync(TimeSpan.FromSeconds(2));
        StoredGroup row = await gateway.UntilWrittenAsync();
        Assert.Null(row.LastWriteError);
        Assert.Equal(1, row.WrittenGeneration);

        // A first try that is denied them is refused, and comes again without.
        gateway.Store.AnswerNext(withoutExemplar);
        await gateway.PushAsync(Text, job: "other");
        await gateway.UntilAsync(one => one is { InflightStep: null, Attempts: 1 }, "other");
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(61));
        await gateway.UntilWrittenAsync("other");
        Assert.All(gateway.Store.Requests[^1].AsV2.Timeseries, series => Assert.Empty(series.Exemplars));
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_refused_samples_total{tenant="ours",reason="exemplars-after-refusal"}"""));
    }

    [Fact]
    public async Task A_replica_that_hangs_is_followed_by_another_which_sends_the_same_and_its_late_word_counts_for_nothing()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        Holding sent = new(FailPoint.ZeroSent);
        await using EmissionGateway slow = await EmissionGateway.StartAsync(catalog, failPoints: sent, settings: [("Catalog:ReplicaName", "slow")]);
        await using EmissionGateway other = await EmissionGateway.StartAsync(catalog, isSecond: true, settings: [("Catalog:ReplicaName", "other")]);
        await slow.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        ReceivedRequest first = await slow.NextAsync();
        await sent.Reached;

        // The other one sees it as soon as the lease is over, by the database's clock.
        other.Wake();
        await slow.AdvanceAsync(TimeSpan.FromSeconds(31));
        await other.AdvanceAsync(TimeSpan.FromSeconds(31));
        ReceivedRequest repeat = await other.NextAsync();
        ReceivedRequest value = await other.NextAsync();
        StoredGroup row = await other.UntilWrittenAsync();
        Assert.Equal(first.Body, repeat.Body);
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{other.NowMs - 31_000}}""", SampleLines.Of(value)[0]);
        Assert.Equal(1, await other.Host.MetricAsync("rwgateway_push_lease_takeovers_total"));

        sent.Release();
        await slow.PushAsync("b 1\n", job: "next");
        await other.UntilWrittenAsync("next");
        StoredGroup after = await other.RowAsync();
        Assert.Equal((row.Emission, row.LastWriteMs, row.WrittenGeneration), (after.Emission, after.LastWriteMs, after.WrittenGeneration));
        Assert.Single(slow.Store.Requests, request => SampleLines.Of(request)[0].StartsWith("rows", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(nameof(FailPoint.Claimed))]
    [InlineData(nameof(FailPoint.ZeroSent))]
    [InlineData(nameof(FailPoint.ValueSent))]
    public async Task A_gateway_that_stops_ends_what_is_in_flight_and_gives_back_the_rest(string point)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        Holding held = new(Enum.Parse<FailPoint>(point));
        EmissionGateway stopping = await EmissionGateway.StartAsync(catalog, failPoints: held);
        await stopping.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        await held.Reached;

        PushEmitter emitter = stopping.Host.Services.GetServices<IHostedService>().OfType<PushEmitter>().Single();
        Task stop = emitter.StopAsync(CancellationToken.None);
        held.Release();
        await stop;
        StoredGroup row = await stopping.RowAsync();

        Assert.Null(row.LeaseOwner);
        Assert.Equal(0, row.LeaseUntilMs);
        Assert.Equal(point == nameof(FailPoint.Claimed) ? null : 1L, row.WrittenGeneration);
        await stopping.DisposeAsync();
    }

    [Fact]
    public async Task A_file_whose_gateway_was_killed_is_taken_up_at_once()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using (EmissionGateway before = await EmissionGateway.StartAsync(catalog))
        {
            await before.PushAsync("a 1\n");
            await before.UntilWrittenAsync();
            await before.Database.ExecuteAsync(
                "UPDATE push_groups SET lease_owner = 'killed', lease_until_ms = @until, next_emit_ms = @now, inflight_step = 2, inflight_generation = 1, inflight_ms = @now, inflight_push_ms = push_ms, inflight_fail_ms = 0",
                new { until = before.NowMs + 30_000, now = before.NowMs },
                TestContext.Current.CancellationToken);
        }

        await using EmissionGateway after = await EmissionGateway.StartAsync(catalog);

        await after.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal($$"""a{job="nightly",tenant="ours"} 1 @{{after.NowMs - 1000}}""", SampleLines.Of(await after.NextAsync())[0]);
    }

    [Fact]
    public async Task A_catalog_that_fails_ends_nothing_for_good()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.Database.ExecuteAsync("ALTER TABLE push_groups RENAME COLUMN next_emit_ms TO gone", null, TestContext.Current.CancellationToken);
        gateway.Wake();
        while (!gateway.Host.Logs.All.Any(line => line.Contains("Writing push groups failed", StringComparison.Ordinal)))
        {
            await Task.Yield();
        }

        await gateway.Database.ExecuteAsync("ALTER TABLE push_groups RENAME COLUMN gone TO next_emit_ms", null, TestContext.Current.CancellationToken);
        await gateway.PushAsync("a 1\n");
        await gateway.UntilWrittenAsync();
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_payload_that_cannot_be_read_keeps_no_other_group_from_being_written(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        Holding claimed = new(FailPoint.Claimed);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, failPoints: claimed);
        await gateway.PushAsync("first 1\n", job: "first");
        await claimed.Reached;
        foreach (string job in (string[])["good", "newer", "damaged", "fine"])
        {
            await gateway.PushAsync("a 1\n", job: job);
        }

        // A version that nobody knows yet, and a message that is none behind a directory that is one.
        await SetBodyAsync("newer", body => [9, .. body[1..]]);
        await SetBodyAsync("damaged", body => [.. body[..^12], .. Enumerable.Repeat((byte)0xFF, 12)]);
        claimed.Release();
        await gateway.UntilWrittenAsync("good");
        await gateway.UntilWrittenAsync("fine");

        StoredGroup newer = await gateway.UntilAsync(row => row.LastWriteError is not null, "newer");
        StoredGroup damaged = await gateway.UntilAsync(row => row.LastWriteError is not null, "damaged");
        Assert.StartsWith("payload-unreadable: A stored payload has version 9", newer.LastWriteError, StringComparison.Ordinal);
        Assert.StartsWith("payload-unreadable: ", damaged.LastWriteError, StringComparison.Ordinal);
        Assert.All([newer, damaged], row => Assert.True(row.LeaseOwner is null && row.NextEmitMs > gateway.NowMs && row.DirtySinceMs is not null));

        async Task SetBodyAsync(string job, Func<byte[], byte[]> change)
        {
            byte[] key = Pushed.Key(("job", job)).Bytes;
            byte[] body = Pushed.Stored(Pushed.Key(("job", job)), "a 1\n", gateway.NowMs)!; // it has a metric
            await gateway.Database.ExecuteAsync("UPDATE push_payloads SET body = @body WHERE key = @key", new { key, body = change(body) }, TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData(-300)]
    [InlineData(300)]
    public async Task Times_are_those_of_the_database_whatever_the_clock_of_the_gateway_says(int seconds)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.SetOffsetAsync(TimeSpan.FromSeconds(seconds));

        await gateway.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        ReceivedRequest zero = await gateway.NextAsync();
        ReceivedRequest value = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Equal(gateway.Host.NowMs + (seconds * 1000), gateway.NowMs);
        Assert.Equal([$$"""rows_total{job="nightly",tenant="ours"} 0 @{{gateway.NowMs - 1}}"""], SampleLines.Of(zero));
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{gateway.NowMs}}""", SampleLines.Of(value)[0]);
        Assert.Equal(gateway.NowMs, row.LastWriteMs);
    }
}
