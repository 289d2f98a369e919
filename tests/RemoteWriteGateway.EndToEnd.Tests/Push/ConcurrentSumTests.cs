using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Pushers that add to one counter at once. A class of its own: it takes as long as its pushes wait for one row, and others can run beside it.</summary>
public sealed class ConcurrentSumTests
{
    private const string Nightly = "/metrics/job/nightly";
    private const string Selector = """{__name__="rows_total"}""";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sixteen_pushers_at_two_replicas_add_up_exactly_in_the_store_too()
    {
        const int Pushers = 16;
        const int Adds = 1000;
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway[] replicas = [await stand.GatewayAsync("one"), await stand.GatewayAsync("two")];

        await Task.WhenAll(Enumerable.Range(0, Pushers).Select(async pusher =>
        {
            for (int i = 0; i < Adds; i++)
            {
                await stand.SendAsync(replicas[(pusher + i) % 2], "POST", "/sum" + Nightly, "# TYPE rows_total counter\nrows_total 1\n");
            }
        }));

        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", Pushers * Adds, Patience, () => replicas[0].LogText + replicas[1].LogText);
        SortedDictionary<long, string> samples = Assert.Single((await prometheus.ReadAsync(Selector, Cancel)).Values);
        Assert.Equal("0", samples.First().Value);
        Assert.Equal(1, samples.Values.Count(value => value == "0"));
        Assert.Equal(samples.Values.Select(StoredSeries.Parse).Order(), samples.Values.Select(StoredSeries.Parse));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
    }
}
