using System.Collections.Concurrent;
using IronSnappy;
using RemoteWriteGateway.EndToEnd.Tests.Isolation;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Replicas that hang for longer than their leases, and replicas that stop in the middle of everything.</summary>
public sealed class LeaseFaultTests
{
    private const string Type = "# TYPE rows_total counter\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Halted as a machine halts: it knows of nothing when it goes on.</summary>
    [Theory]
    [InlineData("Claimed", 1)]
    [InlineData("ZeroSent", 2)]
    public async Task A_replica_that_hangs_past_its_lease_is_followed_by_another_and_sends_nothing_more(string step, int zeros)
    {
        RecordingStore? recording = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace =>
        {
            recording = await RecordingStore.StartAsync(workspace, Cancel);
            return new { Kind = "Prometheus", Url = recording.Url.ToString(), Protocol = "V1", Read = new { Enabled = false } };
        });
        Gateway slow = await stand.GatewayAsync("slow", failAt: step, halts: true);
        Task pushed = stand.SendAsync(slow, "POST", "/sum/metrics/job/nightly", Type + "rows_total 5\n");
        await slow.UntilHaltedAsync(Cancel);

        Gateway other = await stand.GatewayAsync("other");
        await UntilWrittenAsync(recording!, 5);
        await stand.SendAsync(other, "POST", "/sum/metrics/job/nightly", Type + "rows_total 7\n");
        await UntilWrittenAsync(recording!, 12);
        Assert.Equal(1, await other.MetricAsync("rwgateway_push_lease_takeovers_total", Cancel));

        // It has one claim in its hands at a time: when it writes the next group, it is done with the one that it has lost.
        slow.Continue();
        await pushed;
        Assert.Equal(0, await other.TerminateAsync(Cancel));
        await stand.SendAsync(slow, "PUT", "/metrics/job/next", "next_total 1\n");
        await Eventually.TrueAsync(() => Task.FromResult(Samples(recording!, "next_total").Length > 0), () => slow.LogText, Cancel, Patience);

        (long TimeMs, double Value)[] samples = Samples(recording!, "rows_total");
        Assert.Equal(zeros, samples.Count(sample => sample.Value == 0));
        Assert.Equal(samples.Order(), samples);
        (long TimeMs, double Value)[] once = [.. samples.Skip(zeros)];
        Assert.Equal(once.Distinct(), once);
        Assert.Equal(samples[0].TimeMs + 1, once[0].TimeMs);
        byte[][] bodies = [.. recording!.Requests.Select(request => request.Body)];
        Assert.All(bodies.Take(zeros), body => Assert.Equal(bodies[0], body));
    }

    [Fact]
    public async Task Replicas_that_are_told_to_stop_under_load_leave_nothing_for_which_another_waits()
    {
        const int Pushers = 4;
        const int Groups = 100;
        const int Stops = 2;
        const int PushesBetween = 60;
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace =>
        {
            prometheus = await EmissionStand.PrometheusAsync(workspace);
            SlowStore slow = await SlowStore.StartAsync(workspace, prometheus.Url, Cancel);
            return new { Kind = "Prometheus", Url = slow.Url.ToString(), Protocol = "V1", Read = new { Enabled = false } };
        });
        Gateway[] replicas = [await stand.GatewayAsync("goes"), await stand.GatewayAsync("stays")];
        ConcurrentDictionary<int, int> added = new();
        using SemaphoreSlim stored = new(0);
        int next = 0;
        bool isEnding = false;

        Task load = Task.WhenAll(Enumerable.Range(0, Pushers).Select(async pusher =>
        {
            for (int replica = pusher; !Volatile.Read(ref isEnding); replica++)
            {
                int group = Interlocked.Increment(ref next) % Groups;
                string key = Guid.NewGuid().ToString();
                while (!await stand.TrySendAsync(replicas[replica % 2], "POST", $"/sum/metrics/job/job-{group}", Type + "rows_total 1\n", key))
                {
                    replica++;
                }

                added.AddOrUpdate(group, 1, static (_, count) => count + 1);
                stored.Release();
                await Task.Delay(TimeSpan.FromMilliseconds(40), Cancel); // a sender's pause: the store is slow, not the machine
            }
        }));
        for (int i = 0; i < Stops; i++)
        {
            await UntilStoredAsync(PushesBetween);
            Assert.Equal(0, await replicas[0].TerminateAsync(Cancel));
            await replicas[0].StartAsync(Cancel);
        }

        await UntilStoredAsync(PushesBetween);
        Volatile.Write(ref isEnding, true);
        await load;
        await EmissionStand.UntilAsync(prometheus!.Url, "sum(rows_total)", added.Values.Sum(), Patience, () => replicas[0].LogText + replicas[1].LogText);

        StoredSeries series = await prometheus.ReadAsync("rows_total", Cancel);
        Assert.Equal(added.Count, series.Count);
        Assert.All(series.Values, samples =>
        {
            Assert.Equal("0", samples.First().Value);
            Assert.Equal(1, samples.Values.Count(value => value == "0"));
            Assert.Equal(samples.Values.Select(StoredSeries.Parse).Order(), samples.Values.Select(StoredSeries.Parse));
        });
        Assert.Equal(0, await replicas[1].MetricAsync("rwgateway_push_lease_takeovers_total", Cancel));
        Assert.Equal(0, await prometheus.OwnMetricAsync("prometheus_tsdb_out_of_order_samples_total", Cancel));

        async Task UntilStoredAsync(int more)
        {
            for (int i = 0; i < more; i++)
            {
                Assert.True(await stored.WaitAsync(Patience, Cancel), $"no push is stored\n{replicas[0].LogText}\n{replicas[1].LogText}");
            }
        }
    }

    private static Task UntilWrittenAsync(RecordingStore recording, double value) => Eventually.TrueAsync(
        () => Task.FromResult(Samples(recording, "rows_total").Any(sample => sample.Value == value)), () => $"{value} is not written", Cancel, Patience);

    /// <summary>The samples of a metric in the order in which they came.</summary>
    private static (long TimeMs, double Value)[] Samples(RecordingStore recording, string metric) =>
    [
        .. recording.Requests
            .SelectMany(request => V1.WriteRequest.Parser.ParseFrom(Snappy.Decode(request.Body)).Timeseries)
            .Where(series => series.Labels.Any(label => label.Name == "__name__" && label.Value == metric))
            .SelectMany(series => series.Samples)
            .Select(sample => (sample.Timestamp, sample.Value)),
    ];
}
