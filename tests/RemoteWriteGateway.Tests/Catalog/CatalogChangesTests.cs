using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class CatalogChangesTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_subscription_is_read_once_and_then_with_every_change_of_its_topic(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        List<long> read = [];
        CatalogSubscription subscription = host.Changes.Subscribe("ours", (revision, _) =>
        {
            read.Add(revision);
            return Task.CompletedTask;
        });
        Assert.Equal((null, null), (subscription.Revision, subscription.CurrentAsOf));

        await host.Changes.PollAsync(Cancel);
        await RaiseAsync(host, "ours");
        await RaiseAsync(host, "theirs");
        await host.Changes.PollAsync(Cancel);
        await host.Changes.PollAsync(Cancel);
        await host.Database.TransactAsync(
            async transaction =>
            {
                await host.Changes.RaiseAsync(transaction, "ours", Cancel);
                await host.Changes.RaiseAsync(transaction, "ours", Cancel);
            },
            Cancel);
        await host.Changes.PollAsync(Cancel);

        Assert.Equal([0, 1, 3], read);
        Assert.Equal((3, host.Time.GetUtcNow()), (subscription.Revision, subscription.CurrentAsOf));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_change_that_is_rolled_back_is_none(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        CatalogSubscription subscription = host.Changes.Subscribe("ours", (_, _) => Task.CompletedTask);

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => host.Database.TransactAsync<int>(
            async transaction =>
            {
                await host.Changes.RaiseAsync(transaction, "ours", Cancel);
                throw new TimeZoneNotFoundException();
            },
            Cancel));
        await host.Changes.PollAsync(Cancel);

        Assert.Equal(0, subscription.Revision);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_subscription_that_fails_is_called_again_and_the_others_have_theirs(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        int calls = 0;
        CatalogSubscription failing = host.Changes.Subscribe("ours", (_, _) => calls++ == 0 ? throw new FormatException("the first time") : Task.CompletedTask);
        CatalogSubscription other = host.Changes.Subscribe("theirs", (_, _) => Task.CompletedTask);

        await Assert.ThrowsAsync<FormatException>(() => host.Changes.PollAsync(Cancel));

        Assert.Null(failing.CurrentAsOf);
        Assert.NotNull(other.CurrentAsOf);
        Assert.Equal(1, await host.MetricAsync("rwgateway_catalog_subscriber_errors_total"));
        Assert.Contains(host.Logs.All, line => line.StartsWith("Error ", StringComparison.Ordinal) && line.Contains("could not take over revision 0 of ours", StringComparison.Ordinal));

        await host.Changes.PollAsync(Cancel);
        Assert.NotNull(failing.CurrentAsOf);
        Assert.Equal(2, calls);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task The_catalog_is_asked_every_interval(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = CatalogHost.Of(catalog);
        Task waits = host.Time.TimersAsync(Interval);
        await host.StartAsync();
        DateTimeOffset start = host.Time.GetUtcNow();
        Assert.Equal(start, host.Changes.LastReadAt);

        for (int i = 1; i <= 3; i++)
        {
            await waits;
            waits = host.Time.TimersAsync(Interval);
            host.Time.Advance(Interval);
        }

        await waits;
        Assert.Equal(start + (3 * Interval), host.Changes.LastReadAt);
        Assert.Equal(4, await host.MetricAsync("""rwgateway_catalog_polls_total{result="success"}"""));
        Assert.Equal(1, await host.MetricAsync("rwgateway_catalog_up"));
        Assert.Equal(host.Changes.LastReadAt!.Value.ToUnixTimeSeconds(), await host.MetricAsync("rwgateway_catalog_read_timestamp_seconds"));
    }

    [Fact]
    public async Task PostgreSQL_tells_other_replicas_before_they_ask()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using CatalogHost one = await CatalogHost.StartAsync(catalog);
        await using CatalogHost other = CatalogHost.Of(catalog);
        TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        other.Changes.Subscribe("ours", (revision, _) =>
        {
            if (revision > 0)
            {
                told.TrySetResult();
            }

            return Task.CompletedTask;
        });
        await other.StartAsync();

        // Time stands still, so nobody asks. Raised until the other listens, which it does some time after its start.
        while (!told.Task.IsCompleted)
        {
            await RaiseAsync(one, "ours");
        }

        Assert.True(await other.MetricAsync("rwgateway_catalog_notifications_total") > 0);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Changes_of_one_topic_at_the_same_time_all_count(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        long[] revisions = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => RaiseAsync(host, "ours"))));

        Assert.Equal(Enumerable.Range(1, 20).Select(revision => (long)revision), revisions.Order());
    }

    private static Task<long> RaiseAsync(CatalogHost host, string topic) =>
        host.Database.TransactAsync(transaction => host.Changes.RaiseAsync(transaction, topic, Cancel), Cancel);
}
