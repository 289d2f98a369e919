using Google.Protobuf;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>2.0 for stores that lack it: Prometheus 2.53, which answers 204 to it and stores nothing, and VictoriaMetrics, which does the same.</summary>
[Collection(SharedReceiver.Name)]
public sealed class TranslationTests(ReceiverStand stand)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prometheus_2_53_swallows_2_0_when_it_gets_it_directly()
    {
        WireSeries series = WireSeries.Of("swallowed", Now(), 1);

        WriteAnswer answer = await ReceiverStand.To(stand.OlderStore).SendAsync(WireSeries.ToV2([series]).ToByteArray(), DirectWriter.V2, Cancellation);

        // If this ever fails the tests below no longer show anything.
        Assert.True(answer.IsSuccess, answer.Text);
        Assert.Empty(await stand.OlderStore.ReadAsync("{__name__=\"swallowed\"}", Cancellation));
    }

    [Fact]
    public async Task A_2_0_request_arrives_at_Prometheus_2_53_as_1_0()
    {
        long now = Now();
        WireSeries[] series =
        [
            WireSeries.Of("translated_sample", now, 1.5, ("b", "2"), ("tenant", "other"), ("a", "1")) with { StartTimestampMs = now - 1000 },
            new([("__name__", "translated_special")]) { Samples = [(now - 1000, double.NegativeInfinity), (now, WireSeries.StaleMarker)] },
            new([("__name__", "translated_integer")]) { Histograms = [Histograms.Integer(now)] },
            new([("__name__", "translated_float")]) { Histograms = [Histograms.Float(now)] },
            new([("__name__", "translated_exemplar")]) { Samples = [(now, 1)], Exemplars = [(now, 0.5, [("trace_id", "abc")])] },
        ];

        WriteAnswer answer = await stand.Through(ReceiverStand.TranslatedTenant).SendAsync(WireSeries.ToV2(series).ToByteArray(), DirectWriter.V2, Cancellation);
        WriteAnswer direct = await ReceiverStand.To(stand.OlderStore).SendAsync(
            WireSeries.ToV1(series.Select(one => one.StampedWith(ReceiverStand.DirectTenant))), DirectWriter.V1, Cancellation);

        Assert.True(direct.IsSuccess, direct.Text);
        Assert.Equal((204, 4, 2, 1), (answer.Status, answer.Samples, answer.Histograms, answer.Exemplars));
        StoredSeries stored = await stand.OlderStore.ReadAsync($"{{__name__=~\"translated_.+\",tenant=\"{ReceiverStand.TranslatedTenant}\"}}", Cancellation);
        StoredSeries expected = await stand.OlderStore.ReadAsync($"{{__name__=~\"translated_.+\",tenant=\"{ReceiverStand.DirectTenant}\"}}", Cancellation);
        Assert.Equal(5, stored.Count);
        Assert.Equal(
            expected.ToText().Replace($"tenant=\"{ReceiverStand.DirectTenant}\"", $"tenant=\"{ReceiverStand.TranslatedTenant}\""), stored.ToText());
        Assert.Single(await stand.OlderStore.ReadExemplarsAsync($"{{__name__=\"translated_exemplar\",tenant=\"{ReceiverStand.TranslatedTenant}\"}}", Cancellation));
        Assert.Equal(0, await stand.OlderStore.ValueAsync($"count({{__name__=\"translated_special\",tenant=\"{ReceiverStand.TranslatedTenant}\"}})", Cancellation));
        Assert.True(await stand.Gateway.MetricAsync("rwgateway_translation_lost_total", Cancellation, "store=\"older\"", "kind=\"start_timestamp\"") >= 1);
    }

    [Theory]
    [InlineData(ReceiverStand.TranslatedTenant)]
    [InlineData(ReceiverStand.VictoriaTenant)]
    public async Task A_histogram_with_custom_bounds_is_expanded_into_a_classic_one(string tenant)
    {
        IStore store = tenant == ReceiverStand.VictoriaTenant ? stand.Victoria : stand.OlderStore;
        long now = Now();
        WireSeries series = new([("__name__", "expanded"), ("zone", "z")]) { Histograms = [Histograms.CustomBounds(now)] };

        WriteAnswer answer = await stand.Through(tenant).SendAsync(WireSeries.ToV2([series]).ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.Equal((204, 0, 1, 0), (answer.Status, answer.Samples, answer.Histograms, answer.Exemplars));
        string Key(string suffix, params (string Name, string Value)[] more) => StoredSeries.Key(
            [new("__name__", "expanded" + suffix), new("zone", "z"), new("tenant", tenant), .. more.Select(label => KeyValuePair.Create(label.Name, label.Value))]);
        StoredSeries expected = [];
        expected.Add(Key("_bucket", ("le", "0.5")), now, "1");
        expected.Add(Key("_bucket", ("le", "1.0")), now, "3");
        expected.Add(Key("_bucket", ("le", "2.5")), now, "3");
        expected.Add(Key("_bucket", ("le", "+Inf")), now, "7");
        expected.Add(Key("_count"), now, "7");
        expected.Add(Key("_sum"), now, "12.5");
        Assert.Equal(expected.ToText(), (await store.ReadOnceThereAsync("{__name__=~\"expanded.*\"}", expected.SampleCount, Cancellation)).ToText());
    }

    [Fact]
    public async Task Samples_and_histograms_of_one_series_both_arrive_in_VictoriaMetrics()
    {
        long now = Now();
        WireSeries series = new([("__name__", "both_kinds")]) { Samples = [(now - 1000, 5)], Histograms = [Histograms.Integer(now)] };

        WriteAnswer answer = await stand.Through(ReceiverStand.VictoriaTenant).SendAsync(
            WireSeries.ToV2([series]).ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.Equal((204, 1, 1, 0), (answer.Status, answer.Samples, answer.Histograms, answer.Exemplars));
        IStore store = stand.Victoria;
        StoredSeries samples = await store.ReadOnceThereAsync("{__name__=\"both_kinds\"}", 1, Cancellation);
        StoredSeries counts = await store.ReadOnceThereAsync("{__name__=\"both_kinds_count\"}", 1, Cancellation);
        Assert.Equal(StoredSeries.Key([new("__name__", "both_kinds"), new("tenant", ReceiverStand.VictoriaTenant)]) + $" 5 @{now - 1000}", samples.ToText());
        Assert.Equal(StoredSeries.Key([new("__name__", "both_kinds_count"), new("tenant", ReceiverStand.VictoriaTenant)]) + $" 15 @{now}", counts.ToText());
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
}
