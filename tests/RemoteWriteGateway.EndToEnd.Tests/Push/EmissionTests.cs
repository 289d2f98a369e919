using System.Text.Json;
using IronSnappy;
using RemoteWriteGateway.EndToEnd.Tests.Isolation;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Pushes on their way to real stores, through gateways that are killed at every step.</summary>
public sealed class EmissionTests
{
    private const string Nightly = "/metrics/job/nightly";
    private const string Selector = """{__name__="rows_total"}""";

    // What the issue promises; two seconds of a machine that does other things as well.
    private static readonly TimeSpan Visible = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_push_is_there_within_two_seconds_and_still_after_the_lookback_and_a_deletion_empties_it_at_once()
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway gateway = await stand.GatewayAsync("one");
        await stand.SendAsync(gateway, "PUT", "/metrics/job/warm-up", "up 1\n");
        await EmissionStand.UntilAsync(prometheus!.Url, "up", 1, Patience, () => gateway.LogText);

        await stand.SendAsync(gateway, "PUT", Nightly, "# TYPE rows_total counter\nrows_total 5\n# TYPE took histogram\ntook_bucket{le=\"1\"} 2\ntook_sum 1\ntook_count 2\n");
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 5, Visible, () => gateway.LogText);

        Assert.Equal(2, await EmissionStand.InstantAsync(prometheus.Url, """took_bucket{le="1.0",job="nightly",tenant="pusher"}"""));
        Assert.Equal(2, await EmissionStand.InstantAsync(prometheus.Url, """took_bucket{le="+Inf"}"""));
        Assert.InRange((await EmissionStand.InstantAsync(prometheus.Url, """time() - push_time_seconds{job="nightly"}"""))!.Value, -1, 10);

        await Task.Delay(EmissionStand.Lookback + TimeSpan.FromSeconds(3), Cancel);
        Assert.Equal(5, await EmissionStand.InstantAsync(prometheus.Url, "rows_total"));
        Assert.InRange((await EmissionStand.InstantAsync(prometheus.Url, """time() - push_time_seconds{job="nightly"}"""))!.Value, EmissionStand.Lookback.TotalSeconds, 60);

        await stand.SendAsync(gateway, "DELETE", Nightly);
        await EmissionStand.UntilAsync(prometheus.Url, """count({job="nightly"})""", null, Visible, () => gateway.LogText);
        Assert.Equal(1, await EmissionStand.InstantAsync(prometheus.Url, "up"));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
    }

    [Theory]
    [InlineData("Prometheus")]
    [InlineData("VictoriaMetrics")]
    public async Task Runs_that_add_are_counted_as_they_were(string kind)
    {
        IStore? store = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(store = kind == "Prometheus"
            ? await EmissionStand.PrometheusAsync(workspace)
            : await VictoriaMetricsServer.StartAsync(workspace, Cancel)));
        Gateway gateway = await stand.GatewayAsync("one");

        int truth = 0;
        foreach (int rows in (int[])[5, 5, 7, 3])
        {
            truth += rows;
            await stand.SendAsync(gateway, "POST", "/sum" + Nightly, $"# TYPE rows_total counter\nrows_total {rows}\n");
            await store!.ReadOnceThereAsync(Selector, 1, Cancel);
            await Eventually.TrueAsync(
                async () => (await store.ReadAsync(Selector, Cancel)).Values.Any(samples => samples.ContainsValue(StoredSeries.Text(truth))),
                () => gateway.LogText,
                Cancel,
                Patience);
        }

        SortedDictionary<long, string> samples = Assert.Single((await store!.ReadAsync(Selector, Cancel)).Values);

        // The first sample is the zero of the first run, so that even the first of them counts.
        Assert.Equal("0", samples.First().Value);
        Assert.Equal(["0", "5", "10", "17", "20"], samples.Values.Distinct());
        long last = samples.First(sample => sample.Value == "20").Key;

        // VictoriaMetrics shows in queries what is half a minute old.
        double? increase = null;
        await Eventually.TrueAsync(
            async () => (increase = await EmissionStand.InstantAsync(store.Url, "increase(rows_total[10m])", last)) is > 19.5 and < 20.5,
            () => $"the increase is {increase}, not 20",
            Cancel);
    }

    [Theory]
    [InlineData("Claimed")]
    [InlineData("ZeroSent")]
    [InlineData("ZeroAcknowledged")]
    [InlineData("ValueSent")]
    public async Task A_gateway_that_is_killed_at_any_step_leaves_every_sample_once_and_every_count_exact(string step)
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway doomed = await stand.GatewayAsync("doomed", failAt: step);
        await stand.SendAsync(doomed, "POST", "/sum" + Nightly, "# TYPE rows_total counter\nrows_total 5\n");
        await doomed.UntilEndedAsync(Cancel);

        Gateway other = await stand.GatewayAsync("other");
        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", 5, Patience, () => other.LogText);
        await stand.SendAsync(other, "POST", "/sum" + Nightly, "# TYPE rows_total counter\nrows_total 7\n");
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 12, Patience, () => other.LogText);

        SortedDictionary<long, string> samples = Assert.Single((await prometheus.ReadAsync(Selector, Cancel)).Values);
        Assert.Equal(["0", "5", "12"], samples.Values.Distinct());
        Assert.Equal(1, samples.Values.Count(value => value == "0"));
        Assert.Equal(samples.First().Key + 1, samples.First(sample => sample.Value == "5").Key);
        long pushed = (long)Math.Round((await EmissionStand.InstantAsync(prometheus.Url, "push_time_seconds", samples.First(sample => sample.Value == "5").Key))!.Value * 1000);
        Assert.Equal(samples.First(sample => sample.Value == "5").Key, pushed);
        Assert.Equal(12, (await EmissionStand.InstantAsync(prometheus.Url, "increase(rows_total[10m])", samples.First(sample => sample.Value == "12").Key))!.Value, tolerance: 0.3);
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
        Assert.Equal(1, await other.MetricAsync("rwgateway_push_lease_takeovers_total", Cancel));
    }

    [Fact]
    public async Task What_another_process_repeats_is_the_same_to_the_byte()
    {
        RecordingStore? recording = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace =>
        {
            recording = await RecordingStore.StartAsync(workspace, Cancel);
            return new { Kind = "Prometheus", Url = recording.Url.ToString(), Protocol = "V1", Read = new { Enabled = false } };
        });
        Gateway doomed = await stand.GatewayAsync("doomed", failAt: "ValueSent");
        await stand.SendAsync(doomed, "PUT", Nightly + "/instance/a", """
            # TYPE took histogram
            took_bucket{zone="b",le="0.25"} 1
            took_bucket{zone="b",le="1"} 2
            took_sum{zone="b"} 0.75
            took_count{zone="b"} 2
            # TYPE size summary
            size{quantile="0.5"} 3
            size_sum 4
            size_count 5
            # HELP rows_total Rows.
            # TYPE rows_total counter
            rows_total{k="2"} 5
            rows_total{k="1"} NaN

            """);
        await doomed.UntilEndedAsync(Cancel);
        await stand.GatewayAsync("other");
        await Eventually.TrueAsync(() => Task.FromResult(recording!.Requests.Count >= 2), () => "nothing was repeated", Cancel, Patience);

        RecordedRequest[] requests = [.. recording!.Requests];
        Assert.Equal(requests[0].Body, requests[1].Body);
        Assert.Equal(12, V1.WriteRequest.Parser.ParseFrom(Snappy.Decode(requests[0].Body)).Timeseries.Count);
    }

    [Fact]
    public async Task A_store_that_was_down_gets_the_newest_state_and_no_sample_out_of_order()
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway gateway = await stand.GatewayAsync("one");
        await stand.SendAsync(gateway, "PUT", Nightly, "rows_total 1\n");
        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", 1, Patience, () => gateway.LogText);

        prometheus.Kill();
        for (int i = 2; i <= 4; i++)
        {
            await stand.SendAsync(gateway, "PUT", Nightly, $"rows_total {i}\n");
        }

        await Eventually.TrueAsync(
            async () => await gateway.MetricAsync("rwgateway_push_store_paused", Cancel, "store=\"main\"") == 1, () => gateway.LogText, Cancel, Patience);
        await prometheus.StartAsync(Cancel);
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 4, Patience, () => gateway.LogText);

        await stand.SendAsync(gateway, "PUT", Nightly, "rows_total 5\n");
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 5, Patience, () => gateway.LogText);
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
        (int status, string groups) = await new PushClient(gateway.Url, stand.Token).SendAsync("GET", "/api/v1/groups");
        JsonElement group = JsonDocument.Parse(groups).RootElement.GetProperty("data").GetProperty("groups")[0];
        Assert.Equal(200, status);
        Assert.Equal(JsonValueKind.Null, group.GetProperty("lastWriteError").ValueKind);
        Assert.NotEqual(JsonValueKind.Null, group.GetProperty("lastWrittenAt").ValueKind);
    }

    [Fact]
    public async Task A_reset_that_nobody_saw_still_counts()
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway gateway = await stand.GatewayAsync("one");
        const string Type = "# TYPE rows_total counter\n";
        await stand.SendAsync(gateway, "PUT", Nightly, Type + "rows_total 5\n");
        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", 5, Patience, () => gateway.LogText);

        // Within the gap behind the first value: only the last of them is written, and a zero before it.
        await stand.SendAsync(gateway, "PUT", Nightly, Type + "rows_total 0\n");
        await stand.SendAsync(gateway, "PUT", Nightly, Type + "rows_total 5\n");
        await Eventually.TrueAsync(
            async () => (await prometheus.ReadAsync(Selector, Cancel)).Values.Any(samples => samples.Count >= 3), () => gateway.LogText, Cancel, Patience);

        SortedDictionary<long, string> samples = Assert.Single((await prometheus.ReadAsync(Selector, Cancel)).Values);
        Assert.Equal(["5", "0", "5"], samples.Values.Take(3));
        Assert.All(samples.Values.Skip(3), value => Assert.Equal("5", value));
        Assert.Equal(1, await EmissionStand.InstantAsync(prometheus.Url, "resets(rows_total[10m])", samples.Keys.ElementAt(2)));
    }

    [Fact]
    public async Task Pushes_that_race_deletions_at_two_replicas_leave_store_and_catalog_of_one_mind()
    {
        const int Rounds = 1000;
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace => EmissionStand.Section(prometheus = await EmissionStand.PrometheusAsync(workspace)));
        Gateway[] replicas = [await stand.GatewayAsync("one"), await stand.GatewayAsync("two")];

        for (int i = 0; i < Rounds; i++)
        {
            await Task.WhenAll(
                stand.SendAsync(replicas[i % 2], "PUT", Nightly, $"rows_total {i}\n"),
                stand.SendAsync(replicas[(i + 1) % 2], "DELETE", Nightly));
        }

        (_, string groups) = await new PushClient(replicas[0].Url, stand.Token).SendAsync("GET", "/api/v1/groups");
        bool isThere = JsonDocument.Parse(groups).RootElement.GetProperty("data").GetProperty("groups").GetArrayLength() > 0;
        await EmissionStand.UntilAsync(prometheus!.Url, "rows_total", isThere ? Rounds - 1 : null, Patience, () => replicas[0].LogText + replicas[1].LogText);
        await stand.SendAsync(replicas[0], "PUT", Nightly, "rows_total 7\n");
        await EmissionStand.UntilAsync(prometheus.Url, "rows_total", 7, Patience, () => replicas[0].LogText);

        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));
        Assert.Equal(0, await replicas[0].MetricAsync("rwgateway_push_refused_samples_total", Cancel));
        Assert.Equal(0, await replicas[1].MetricAsync("rwgateway_push_refused_samples_total", Cancel));
    }
}
