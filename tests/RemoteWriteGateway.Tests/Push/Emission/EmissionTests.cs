using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>Groups on their way to a store that takes everything.</summary>
public sealed class EmissionTests
{
    private static readonly string[] PushTimes = ["push_time_seconds", "push_failure_time_seconds"];

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_push_reaches_the_store_with_the_time_of_the_push_and_the_tenants_stamp(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);

        await gateway.PushAsync("# TYPE rows_total counter\nrows_total{tenant=\"theirs\"} 5\n");
        ReceivedRequest request = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        long now = gateway.NowMs;
        Assert.Equal(WriteProtocol.V2, request.Protocol);
        Assert.Equal(
            [
                $$"""rows_total{job="nightly",tenant="ours"} 5 @{{now}}""",
                $$"""push_time_seconds{job="nightly",tenant="ours"} {{now / 1000.0:R}} @{{now}}""",
                $$"""push_failure_time_seconds{job="nightly",tenant="ours"} 0 @{{now}}""",
            ],
            SampleLines.Of(request));
        Assert.Equal((1L, 1L, now, now, 1L), (row.WrittenGeneration, row.Generation, row.LastSampleMs, row.LastWriteMs, row.Emission));
        Assert.InRange(row.NextEmitMs!.Value, now + 1, now + 60_000);
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_emissions_total{store="main",step="value",result="written"}"""));
        Assert.Equal(3, await gateway.Host.MetricAsync("""rwgateway_push_emitted_samples_total{tenant="ours",kind="value"}"""));
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_emission_lag_seconds_count{store="main"}"""));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task It_is_written_again_at_every_refresh_and_the_time_of_the_push_stays(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync("a 1\n");
        await gateway.NextAsync();
        long pushed = gateway.NowMs;
        StoredGroup row = await gateway.UntilWrittenAsync();

        for (int i = 0; i < 3; i++)
        {
            await gateway.AdvanceAsync(TimeSpan.FromMilliseconds(row.NextEmitMs!.Value - gateway.NowMs));
            ReceivedRequest refresh = await gateway.NextAsync();

            Assert.Equal(
                [$"a @{gateway.NowMs}", $"push_time_seconds @{gateway.NowMs}", $"push_failure_time_seconds @{gateway.NowMs}"],
                SampleLines.Of(refresh).Select(line => line[..line.IndexOf('{', StringComparison.Ordinal)] + " " + line[line.IndexOf('@', StringComparison.Ordinal)..]));
            Assert.Contains($" {pushed / 1000.0:R} ", SampleLines.Of(refresh)[1], StringComparison.Ordinal);
            long next = row.NextEmitMs.Value;
            row = await gateway.UntilAsync(one => one.InflightStep is null && one.NextEmitMs > next);
            Assert.Equal(next + 60_000, row.NextEmitMs);
        }

        Assert.Equal(9, await gateway.Host.MetricAsync("""rwgateway_push_emitted_samples_total{tenant="ours",kind="refresh"}"""));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Zeros_leave_first_and_the_values_follow_at_once(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);

        await gateway.PushAsync("# TYPE rows_total counter\nrows_total 5\n# TYPE b gauge\nb 1\n", started: "rows_total");
        ReceivedRequest zero = await gateway.NextAsync();
        ReceivedRequest value = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Equal([$$"""rows_total{job="nightly",tenant="ours"} 0 @{{gateway.NowMs - 1}}"""], SampleLines.Of(zero));
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{gateway.NowMs}}""", SampleLines.Of(value)[0]);
        Assert.Equal(4, SampleLines.Of(value).Count);
        Assert.Equal((1L, 1L, 2L), (row.WrittenGeneration, row.ZeroedGeneration, row.Emission));
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_emitted_samples_total{tenant="ours",kind="zero"}"""));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_is_pushed_while_a_value_is_under_way_is_written_after_it_and_only_the_last_of_it(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        Holding sent = new(FailPoint.ValueSent);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, failPoints: sent);
        await gateway.PushAsync("a 1\n");
        await sent.Reached;

        await gateway.AdvanceAsync(TimeSpan.FromMilliseconds(10));
        await gateway.PushAsync("a 2\n");
        await gateway.AdvanceAsync(TimeSpan.FromMilliseconds(10));
        await gateway.PushAsync("a 3\n");
        long last = gateway.NowMs;
        sent.Release();
        StoredGroup row = await gateway.UntilAsync(one => one.InflightStep is null);

        Assert.Equal((1L, last, last + 1000), (row.WrittenGeneration, row.DirtySinceMs, row.NextEmitMs));
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(1));
        await gateway.UntilWrittenAsync();
        Assert.Equal(
            [$$"""a{job="nightly",tenant="ours"} 1 @{{last - 20}}""", $$"""a{job="nightly",tenant="ours"} 3 @{{last}}"""],
            gateway.Store.Requests.Select(request => SampleLines.Of(request)[0]));
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_coalesced_pushes_total{tenant="ours"}"""));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deleted_group_is_ended_once_and_then_rests(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync("a 1\n");
        await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        await gateway.AdvanceAsync(TimeSpan.FromSeconds(2));
        await gateway.DeleteAsync();
        ReceivedRequest end = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Equal(
            ["a", .. PushTimes],
            SampleLines.Of(end).Select(line => line[..line.IndexOf('{', StringComparison.Ordinal)]).Order(StringComparer.Ordinal).OrderBy(name => name != "a").ThenByDescending(name => name));
        Assert.All(SampleLines.Of(end), line => Assert.EndsWith($" stale @{gateway.NowMs}", line, StringComparison.Ordinal));
        Assert.Equal((null, null, GroupState.Deleted), (row.WrittenGeneration, row.NextEmitMs, row.State));
        await gateway.AdvanceAsync(TimeSpan.FromMinutes(5));
        await gateway.PushAsync("b 1\n", job: "other");
        await gateway.UntilWrittenAsync("other");
        Assert.Equal(3, gateway.Store.Requests.Count);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_series_that_is_not_pushed_any_more_is_ended_beside_the_values(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync("a{k=\"1\"} 1\na{k=\"2\"} 2\n");
        await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        await gateway.AdvanceAsync(TimeSpan.FromSeconds(2));
        await gateway.PushAsync("a{k=\"2\"} 3\n");

        Assert.Equal(
            [$$"""a{job="nightly",k="2",tenant="ours"} 3 @{{gateway.NowMs}}""", $$"""a{job="nightly",k="1",tenant="ours"} stale @{{gateway.NowMs}}"""],
            SampleLines.Of(await gateway.NextAsync()).Where(line => line[0] == 'a'));
        await gateway.UntilWrittenAsync();
        Assert.Equal(1, await gateway.Host.MetricAsync("""rwgateway_push_emitted_samples_total{tenant="ours",kind="stale"}"""));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Many_groups_share_a_request_and_tenants_never_do(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        Holding claimed = new(FailPoint.Claimed);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog, failPoints: claimed);
        await gateway.PushAsync("first 1\n", job: "first");
        await claimed.Reached;
        for (int i = 0; i < 20; i++)
        {
            await gateway.PushAsync($"a {i}\n", job: $"job-{i}", tenant: i % 2 == 0 ? "ours" : "theirs");
        }

        claimed.Release();
        await gateway.UntilWrittenAsync("job-18");
        await gateway.UntilWrittenAsync("job-19", "theirs");

        Assert.Equal(3, gateway.Store.Requests.Count);
        foreach (ReceivedRequest request in gateway.Store.Requests.Skip(1))
        {
            Assert.Equal(30, SampleLines.Of(request).Count);
            Assert.Single(SampleLines.Of(request).Select(line => line.Contains("tenant=\"ours\"", StringComparison.Ordinal)).Distinct());
        }
    }

    [Fact]
    public async Task A_store_without_2_0_gets_1_0()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(
            catalog, [("Stores:main:Kind", "VictoriaMetrics")], protocol: "v1");

        await gateway.PushAsync("# TYPE rows_total counter\nrows_total 5\n", started: "rows_total");
        ReceivedRequest zero = await gateway.NextAsync();
        ReceivedRequest value = await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        Assert.Equal((WriteProtocol.V1, WriteProtocol.V1), (zero.Protocol, value.Protocol));
        Assert.Equal([$$"""rows_total{job="nightly",tenant="ours"} 0 @{{gateway.NowMs - 1}}"""], SampleLines.Of(zero));
        Assert.Equal($$"""rows_total{job="nightly",tenant="ours"} 5 @{{gateway.NowMs}}""", SampleLines.Of(value)[0]);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task The_groups_of_a_tenant_that_left_the_policy_stay_and_are_not_written_until_it_is_back(string provider)
    {
        const string Without = """
            version: 1
            tenants: { theirs: {} }
            """;
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync("a 1\n");
        await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        await gateway.Host.ReloadPolicyAsync(Without);
        await gateway.AdvanceAsync(TimeSpan.FromMinutes(2));
        await gateway.PushAsync("b 1\n", tenant: "theirs");
        await gateway.UntilWrittenAsync(tenant: "theirs");
        await gateway.AdvanceAsync(EmissionGauges.Interval);
        while (await gateway.Host.MetricAsync("""rwgateway_push_orphaned_groups{tenant="ours"}""") < 1)
        {
            await Task.Yield();
        }

        Assert.Single(gateway.Store.Requests, request => SampleLines.Of(request)[0].StartsWith("a{", StringComparison.Ordinal));

        await gateway.Host.ReloadPolicyAsync(GatewayHost.DefaultPolicy);
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(1));
        StoredGroup back = await gateway.UntilAsync(row => row.Emission == 2 && row.InflightStep is null);

        Assert.Equal($$"""a{job="nightly",tenant="ours"} 1 @{{back.LastSampleMs}}""", SampleLines.Of(gateway.Store.Requests.Last(request => SampleLines.Of(request)[0].StartsWith("a{", StringComparison.Ordinal)))[0]);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_clock_that_steps_back_changes_nothing_in_the_order_of_times(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync("a 1\n");
        await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        // As if the push had come from a clock that was ten seconds ahead of this one.
        await gateway.Database.ExecuteAsync("UPDATE push_groups SET last_sample_ms = last_sample_ms + 10000", null, TestContext.Current.CancellationToken);
        await gateway.PushAsync("# TYPE a counter\na 2\n", started: "a");
        await gateway.NextAsync();
        await gateway.NextAsync();
        await gateway.UntilWrittenAsync();

        Assert.Equal(
            [row.LastSampleMs, row.LastSampleMs + 10_001, row.LastSampleMs + 10_002],
            gateway.Store.Requests.Select(request => request.AsV2.Timeseries[0].Samples[0].Timestamp));
    }
}
