using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Gateways that are killed on either side of a push's commit, before anybody heard of it.</summary>
public sealed class CommitFaultTests
{
    private const string Nightly = "/sum/metrics/job/nightly";
    private const string Selector = """{__name__="rows_total"}""";
    private const string Five = "# TYPE rows_total counter\nrows_total 5\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>With PostgreSQL another replica goes on; a file is taken up by its next gateway.</summary>
    [Theory]
    [InlineData("Committing", "PostgreSql")]
    [InlineData("Committing", "Sqlite")]
    [InlineData("Committed", "PostgreSql")]
    [InlineData("Committed", "Sqlite")]
    public async Task A_push_is_stored_by_its_commit_and_then_written_with_its_time_though_nobody_was_told(string step, string provider)
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(
            async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)), provider);
        Gateway? other = provider == "PostgreSql" ? await stand.GatewayAsync("other") : null;
        Gateway doomed = await stand.GatewayAsync("doomed", failAt: step);

        Assert.False(await stand.TrySendAsync(doomed, "POST", Nightly, Five, key: "one"));
        await doomed.UntilEndedAsync(Cancel);
        if (other is null)
        {
            await doomed.StartSoundAsync(Cancel);
        }

        Gateway next = other ?? doomed;
        bool isStored = step == "Committed";
        if (isStored)
        {
            // Nobody has repeated it.
            await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", 5, Patience, () => next.LogText);
        }

        string groups = await new PushClient(next.Url, stand.Token).GetAsync("/api/v1/metrics");
        Assert.Equal(isStored ? 1 : 0, JsonDocument.Parse(groups).RootElement.GetProperty("data").GetArrayLength());

        // The pusher, who had no answer, repeats it; who does so without a key is counted twice.
        Assert.True(await stand.TrySendAsync(next, "POST", Nightly, Five, key: "one"));
        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", 5, Patience, () => next.LogText);
        await stand.SendAsync(next, "POST", Nightly, Five);
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 10, Patience, () => next.LogText);

        SortedDictionary<long, string> samples = Assert.Single((await prometheus.ReadAsync(Selector, Cancel)).Values);
        Assert.Equal(["0", "5", "10"], samples.Values.Distinct());
        Assert.Equal(1, samples.Values.Count(value => value == "0"));
        long written = samples.First(sample => sample.Value == "5").Key;
        Assert.Equal(written, Math.Round((await EmissionStand.InstantAsync(prometheus.Url, "push_time_seconds", written))!.Value * 1000)); // it is written beside it
        Assert.Equal(isStored ? 1 : 0, await next.MetricAsync("rwgateway_push_idempotent_replays_total", Cancel));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));

        // Nobody had to wait for a lease.
        Assert.Equal(0, await next.MetricAsync("rwgateway_push_lease_takeovers_total", Cancel));
    }
}
