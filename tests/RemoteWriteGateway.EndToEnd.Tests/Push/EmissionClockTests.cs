using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Replicas whose clocks disagree, a database whose clock is set back, and hours without the store.</summary>
public sealed class EmissionClockTests
{
    private const string Type = "# TYPE rows_total counter\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The hours are between the database's clock and the store's: the pushes come when the database is two hours behind.</summary>
    [Fact]
    public async Task After_two_hours_without_the_store_what_waits_is_written_now_and_a_value_whose_answer_was_lost_gets_no_second_zero()
    {
        TimeSpan away = TimeSpan.FromHours(2);
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway doomed = await stand.GatewayAsync("doomed", failAt: "ValueSent");
        await stand.SetClockAsync(-away);

        // The store has this value, and no gateway knows of it.
        await stand.SendAsync(doomed, "POST", "/sum/metrics/job/lost", Type + "rows_total 5\n");
        await doomed.UntilEndedAsync(Cancel);
        prometheus!.Kill();

        // Of this one it has nothing.
        Gateway other = await stand.GatewayAsync("other");
        await stand.SendAsync(other, "POST", "/sum/metrics/job/late", Type + "rows_total 3\n");
        await Eventually.TrueAsync(
            async () => await other.MetricAsync("rwgateway_push_emissions_total", Cancel, "step=\"value\"", "result=\"away\"") >= 1
                && await other.MetricAsync("rwgateway_push_emissions_total", Cancel, "step=\"zero\"", "result=\"away\"") >= 1,
            () => other.LogText,
            Cancel);
        await stand.SetClockAsync(TimeSpan.Zero);
        long back = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await prometheus.StartAsync(Cancel);
        await EmissionStand.UntilAsync(prometheus.Url, """rows_total{job="lost"}""", 5, Patience, () => other.LogText);
        await EmissionStand.UntilAsync(prometheus.Url, """rows_total{job="late"}""", 3, Patience, () => other.LogText);
        await Eventually.TrueAsync(
            async () => await other.MetricAsync("rwgateway_push_emission_lag_seconds_sum", Cancel) >= away.TotalSeconds, () => "no lag is shown", Cancel, Patience);

        await stand.SendAsync(other, "POST", "/sum/metrics/job/lost", Type + "rows_total 7\n");
        await stand.SendAsync(other, "POST", "/sum/metrics/job/late", Type + "rows_total 4\n");
        await EmissionStand.UntilAsync(prometheus.Url, """rows_total{job="lost"}""", 12, Patience, () => other.LogText);
        await EmissionStand.UntilAsync(prometheus.Url, """rows_total{job="late"}""", 7, Patience, () => other.LogText);

        SortedDictionary<long, string> lost = Assert.Single((await prometheus.ReadAsync("""rows_total{job="lost"}""", Cancel)).Values);
        Assert.Equal(["0", "5", "5"], lost.Values.Take(3));
        Assert.Equal(["0", "5", "12"], lost.Values.Distinct());
        Assert.Equal(lost.First().Key + 1, lost.ElementAt(1).Key);
        Assert.True(lost.ElementAt(1).Key < back - (away.TotalMilliseconds / 2) && lost.ElementAt(2).Key >= back, "it was not written when it was pushed and now");
        Assert.Equal(12, (await IncreaseAsync(prometheus, "lost", lost))!.Value, tolerance: 1e-6); // not null: it has samples

        SortedDictionary<long, string> late = Assert.Single((await prometheus.ReadAsync("""rows_total{job="late"}""", Cancel)).Values);
        Assert.Equal(["0", "3"], late.Values.Take(2));
        Assert.Equal(["0", "3", "7"], late.Values.Distinct());
        Assert.True(late.First().Key >= back - 1, "a sample has the time of the push");
        Assert.Equal(7, (await IncreaseAsync(prometheus, "late", late))!.Value, tolerance: 1e-6); // not null: it has samples

        Assert.Equal(0, await other.MetricAsync("rwgateway_push_zero_steps_skipped_total", Cancel));
        Assert.Equal(0, await other.MetricAsync("rwgateway_push_refused_samples_total", Cancel));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
    }

    [Fact]
    public async Task Two_replicas_whose_clocks_are_five_minutes_apart_and_a_database_whose_clock_is_set_back_write_times_that_rise()
    {
        const int Pushes = 8;
        const int BeforeStep = 4;
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway[] replicas = [await stand.GatewayAsync("right"), await stand.GatewayAsync("ahead", ahead: TimeSpan.FromMinutes(5))];

        for (int i = 1; i <= Pushes; i++)
        {
            await stand.SendAsync(replicas[i % 2], "POST", "/sum/metrics/job/nightly", Type + "rows_total 1\n");
            await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", i, Patience, () => replicas[0].LogText + replicas[1].LogText);
            if (i == BeforeStep)
            {
                // Far enough that it has not caught up before the next push, however busy the machine is.
                await stand.SetClockAsync(TimeSpan.FromMinutes(-1));
            }
        }

        SortedDictionary<long, string> samples = Assert.Single((await prometheus!.ReadAsync("rows_total", Cancel)).Values);
        Assert.Equal(samples.Values.Select(StoredSeries.Parse).Order(), samples.Values.Select(StoredSeries.Parse));
        Assert.Equal(Enumerable.Range(0, Pushes + 1), samples.Values.Select(value => (int)StoredSeries.Parse(value)).Distinct());
        Assert.True(samples.Last().Key <= DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), "a sample has the time of the wrong clock");
        Assert.InRange((await EmissionStand.InstantAsync(prometheus.Url, "time() - push_time_seconds"))!.Value, 0, 200); // not null: it was pushed

        // Behind the step they go on one millisecond after the last one.
        long[] times = [.. samples.Keys];
        int first = Array.FindIndex([.. samples.Values], value => value == $"{BeforeStep + 1}");
        Assert.Equal(times[first - 1] + 1, times[first]);
        Assert.Equal(Pushes, (await IncreaseAsync(prometheus, "nightly", samples))!.Value, tolerance: 1e-6); // not null: it has samples

        Assert.All(
            await Task.WhenAll(replicas.Select(replica => replica.MetricAsync("rwgateway_push_emissions_total", Cancel, "step=\"value\"", "result=\"written\""))),
            written => Assert.True(written >= 1, "one of them wrote nothing"));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
    }

    // At the last sample, and from a time when there was none: nothing is extrapolated.
    private static Task<double?> IncreaseAsync(PrometheusServer prometheus, string job, SortedDictionary<long, string> samples) =>
        EmissionStand.InstantAsync(prometheus.Url, $$"""increase(rows_total{job="{{job}}"}[3h])""", samples.Keys.Last());
}
