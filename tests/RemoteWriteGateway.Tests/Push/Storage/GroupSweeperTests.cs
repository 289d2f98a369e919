using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What ends by itself, on either engine.</summary>
public sealed class GroupSweeperTests
{
    private const string Body = "# TYPE a gauge\na 1\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static PushRequest WithTtl(string path) => PushHost.Request(path, Body) with { Ttl = TimeSpan.FromHours(1) };

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_payload_expires_and_its_bookkeeping_goes_on_for_a_while(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PushAsync(WithTtl("job=ttl"));
        await host.PutAsync("job=ever", Body);
        await host.WriteAsync("job=ttl");
        long pushed = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        await host.Sweeper.SweepAsync(Cancel);
        Assert.Equal(GroupState.Live, (await host.RowAsync("job=ttl"))!.State);

        await host.AdvanceAsync(TimeSpan.FromMilliseconds(1));
        await host.Sweeper.SweepAsync(Cancel);

        StoredGroup row = (await host.RowAsync("job=ttl"))!;
        Assert.Equal((GroupState.Expired, 2, 1, (byte[]?)null), (row.State, row.Generation, row.WrittenGeneration, row.Body));
        Assert.Equal((pushed, host.NowMs, host.NowMs), (row.PushMs, row.DirtySinceMs, row.NextEmitMs));
        Assert.Equal(["a 1 1"], await host.NamesAsync());
        Assert.Equal("2 5 512", await host.UsageAsync());
        Assert.Equal(1, await host.MetricAsync("rwgateway_push_expired_groups_total{tenant=\"ours\",kind=\"payload\"}"));
        Assert.Equal(2, (await host.Store.FindGroupsAsync("ours", null, null, 10, Cancel)).Count);
        PushUsage usage = Assert.Single(await host.Store.ReadUsageAsync(Cancel));
        Assert.Equal((1, 1), (usage.Live, usage.Expired));

        await host.AdvanceAsync(TimeSpan.FromDays(30) - TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        await host.Sweeper.SweepAsync(Cancel);
        Assert.Equal(GroupState.Expired, (await host.RowAsync("job=ttl"))!.State);
        await host.AdvanceAsync(TimeSpan.FromMilliseconds(1));
        await host.Sweeper.SweepAsync(Cancel);

        row = (await host.RowAsync("job=ttl"))!;
        Assert.Equal((GroupState.Deleted, 3), (row.State, row.Generation));
        Assert.Equal("1 3 256", await host.UsageAsync());
        Assert.Equal(GroupState.Live, (await host.RowAsync("job=ever"))!.State);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_success_renews_the_time_to_live_and_a_failure_does_not(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PushAsync(WithTtl("job=ttl"));
        await host.AdvanceAsync(TimeSpan.FromMinutes(40));
        await host.PushAsync(WithTtl("job=ttl"));
        long pushed = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromMinutes(40));

        await host.PushAsync(WithTtl("job=ttl") with { Refusal = new PushRefusal("series-duplicate", "twice") });
        await host.Sweeper.SweepAsync(Cancel);

        StoredGroup row = (await host.RowAsync("job=ttl"))!;
        Assert.Equal((GroupState.Live, pushed + 3_600_000), (row.State, row.ExpiresMs));

        // A push without one makes it live for ever.
        await host.PutAsync("job=ttl", Body);
        Assert.Null((await host.RowAsync("job=ttl"))!.ExpiresMs);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_failure_leaves_an_expired_payload_expired_and_a_push_revives_it(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PushAsync(WithTtl("job=ttl"));
        await host.AdvanceAsync(TimeSpan.FromHours(2));
        await host.Sweeper.SweepAsync(Cancel);

        await host.PushAsync(WithTtl("job=ttl") with { Refusal = new PushRefusal("series-duplicate", "twice") });
        Assert.Equal((GroupState.Expired, host.NowMs), ((await host.RowAsync("job=ttl"))!.State, (await host.RowAsync("job=ttl"))!.FailMs));

        await host.PushAsync(WithTtl("job=ttl"));
        StoredGroup row = (await host.RowAsync("job=ttl"))!;
        Assert.Equal((GroupState.Live, "a{job=\"ttl\"} 1", host.NowMs + 3_600_000), (row.State, PushHost.Show(row), row.ExpiresMs));
        Assert.Equal("1 3 256", await host.UsageAsync());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deleted_row_stays_ten_minutes_after_the_store_has_forgotten_it(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", Body);
        await host.WriteAsync("job=j");
        await host.DeleteAsync("job=j");
        await host.AdvanceAsync(TimeSpan.FromMinutes(10));
        await host.Sweeper.SweepAsync(Cancel);
        Assert.NotNull(await host.RowAsync("job=j"));

        await host.Database.ExecuteAsync("UPDATE push_groups SET written_generation = NULL", null, Cancel);
        await host.Sweeper.SweepAsync(Cancel);

        Assert.Null(await host.RowAsync("job=j"));
        Assert.Equal(0, await host.CountAsync("push_payloads"));
        Assert.Equal(0, await host.CountAsync("push_names"));
    }

    [Fact]
    public async Task It_sweeps_every_half_minute()
    {
        await using PushHost host = await PushHost.StartAsync("Sqlite");
        await host.PushAsync(WithTtl("job=ttl"));
        await host.AdvanceAsync(TimeSpan.FromHours(1));
        Task timer = host.Time.TimersAsync(TimeSpan.FromSeconds(30));
        await host.Sweeper.StartAsync(Cancel);
        await timer;
        await host.Wake.WaitAsync(Cancel); // of the push
        Task swept = host.Wake.WaitAsync(Cancel);
        Assert.False(swept.IsCompleted);

        await host.AdvanceAsync(TimeSpan.FromSeconds(30));

        await swept;
        await host.Sweeper.StopAsync(Cancel);
        Assert.Equal(GroupState.Expired, (await host.RowAsync("job=ttl"))!.State);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task More_than_one_batch_of_several_tenants_expires_in_one_sweep(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 230; i++)
        {
            await host.PushAsync(WithTtl($"job=j{i}") with { Tenant = $"tenant{i % 3}" });
        }

        await host.AdvanceAsync(TimeSpan.FromHours(1));
        await host.Sweeper.SweepAsync(Cancel);

        Assert.Equal(230, await host.CountAsync("push_groups", "state = 1"));
        Assert.Equal((0, 0, 0), (await host.CountAsync("push_payloads"), await host.CountAsync("push_series"), await host.CountAsync("push_names")));
        Assert.Equal("77 154 19712", await host.UsageAsync("tenant0"));
    }
}
