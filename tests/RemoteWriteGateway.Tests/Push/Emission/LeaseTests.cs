using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>How long a replica holds its groups, and who takes what nobody holds.</summary>
public sealed class LeaseTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_committed_by_a_replica_that_never_claimed_it_is_written_by_another_at_its_next_poll_with_the_time_of_the_push()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using EmissionGateway gone = await EmissionGateway.StartAsync(catalog, settings: [("Catalog:ReplicaName", "gone")]);
        await using EmissionGateway other = await EmissionGateway.StartAsync(catalog, isSecond: true, settings: [("Catalog:ReplicaName", "other")]);
        await gone.Host.Services.GetServices<IHostedService>().OfType<PushEmitter>().Single().StopAsync(Cancel);

        // It has looked, and now waits for its next poll.
        Task waits = other.Host.Time.TimersAsync(PushEmitter.Poll);
        other.Wake();
        await waits.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        await gone.PushAsync("a 1\n");
        other.Host.Time.Advance(PushEmitter.Poll);

        Assert.Equal($$"""a{job="nightly",tenant="ours"} 1 @{{gone.NowMs}}""", SampleLines.Of(await other.NextAsync())[0]);
        Assert.InRange(PushEmitter.Poll, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        await other.UntilWrittenAsync();
        Assert.Equal(0, await other.Host.MetricAsync("rwgateway_push_lease_takeovers_total"));
    }

    /// <summary>Each answer takes five seconds, and to find the bad one of eight takes seven answers: longer than a lease.</summary>
    [Fact]
    public async Task Leases_are_renewed_while_a_refused_batch_is_halved()
    {
        const int Groups = 8;
        PushOptions options = new();
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        Holding claimed = new(FailPoint.Claimed);
        EmissionGateway? holder = null;
        List<long> left = [];
        await using EmissionGateway gateway = holder = await EmissionGateway.StartAsync(catalog, failPoints: claimed, store: store => store.Answering = request =>
        {
            left.Add(LeftOfLeaseAsync(holder!, request).GetAwaiter().GetResult()); // it was pushed to
            holder!.AdvanceAsync(TimeSpan.FromSeconds(5)).GetAwaiter().GetResult();
            return request.Series.Any(series => series.Contains("bad", StringComparison.Ordinal)) ? new StoreAnswer(400, "out of bounds") : StoreAnswer.Accept;
        });
        await gateway.PushAsync("first 1\n", job: "first");
        await claimed.Reached;
        for (int i = 0; i < Groups; i++)
        {
            await gateway.PushAsync(i == 5 ? "bad 1\n" : "good 1\n", job: $"job-{i}");
        }

        claimed.Release();
        await gateway.UntilAsync(row => row is { InflightStep: null, LastWriteError: not null, LeaseOwner: null }, "job-5");
        for (int i = 0; i < Groups; i++)
        {
            StoredGroup row = await gateway.UntilAsync(one => one is { InflightStep: null, LeaseOwner: null }, $"job-{i}");
            Assert.Equal((i == 5 ? null : 1L, 1L), (row.WrittenGeneration, row.Emission));
        }

        Assert.True(left.Count >= 8, $"it took {left.Count} answers only");
        Assert.All(left, milliseconds => Assert.True(milliseconds > (options.SendTimeout + TimeSpan.FromSeconds(2)).TotalMilliseconds, $"{milliseconds} ms of the lease are left"));
    }

    /// <summary>For how long the groups of a request are still this replica's, by the database's clock, when it arrives at the store.</summary>
    private static async Task<long> LeftOfLeaseAsync(EmissionGateway gateway, ReceivedRequest request)
    {
        long least = long.MaxValue;
        foreach (string job in SampleLines.Of(request).Select(static line => line.Split("job=\"")[1].Split('"')[0]).Distinct())
        {
            least = Math.Min(least, (await gateway.RowAsync(job)).LeaseUntilMs - gateway.NowMs);
        }

        return least;
    }
}
