using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Outages;

/// <summary>Neither a hiccup of the identity provider nor one of the store costs a sample.</summary>
public sealed class OutageTests
{
    private const string Tenant = "payments";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_gateway_that_starts_without_signing_keys_answers_503_and_a_Prometheus_loses_nothing()
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
        ScriptedTarget target = await ScriptedTarget.StartAsync(workspace, Cancellation);
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "store", PrometheusServer.Version3, Cancellation);
        string token = await emulator.TokenAsync(Tenant, Cancellation);
        await emulator.FaultAsync("metadata", "503", Cancellation);

        Gateway gateway = await Gateway.StartAsync(workspace, emulator, Stores(store), [new(Tenant, "main")], Cancellation, untilReady: false);
        WriteAnswer early = await new DirectWriter(gateway.WriteUrl, token).SendAsync(WireSeries.ToV1([]), DirectWriter.V1, Cancellation);
        Assert.Equal((503, "identity-unavailable"), (early.Status, early.Reason));
        Assert.InRange(early.RetryAfter ?? 0, 1, 300);

        // The sender begins while nothing can be verified, and is refused again and again.
        target.Open();
        await PrometheusServer.StartAsync(workspace, "sender", PrometheusServer.Version3, _ => SenderConfiguration(target, gateway, emulator, message: null), Cancellation);
        await Eventually.TrueAsync(
            async () => target.IsExhausted("prometheus")
                && await gateway.MetricAsync("rwgateway_refusals_total", Cancellation, "reason=\"identity-unavailable\"") > 1,
            () => $"the sender was not refused\n{gateway.LogText}",
            Cancellation);
        Assert.Empty(await store.ReadAsync("{job=\"scripted\"}", Cancellation));
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_refusals_total", Cancellation, "code=\"401\""));

        await emulator.FaultAsync("metadata", "ok", Cancellation);

        await AssertEverythingArrivesAsync(target, store, gateway);
    }

    [Fact]
    public async Task A_rotation_of_the_signing_keys_costs_no_request()
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "store", PrometheusServer.Version3, Cancellation);
        Gateway gateway = await Gateway.StartAsync(workspace, emulator, Stores(store), [new(Tenant, "main")], Cancellation);
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        string before = await emulator.TokenAsync(Tenant, Cancellation);

        for (int rotation = 0; rotation < 3; rotation++)
        {
            await emulator.RotateKeysAsync(Cancellation);
            string after = await emulator.TokenAsync(Tenant, Cancellation);

            // Tokens of the old key and several at once of one that the gateway has never seen.
            IEnumerable<Task<WriteAnswer>> writes = Enumerable.Range(0, 8).Select(i => new DirectWriter(gateway.WriteUrl, i % 4 == 0 ? before : after).SendAsync(
                WireSeries.ToV1([WireSeries.Of("rotation", now, 1, ("write", $"{rotation}-{i}"))]), DirectWriter.V1, Cancellation));
            Assert.All(await Task.WhenAll(writes), answer => Assert.Equal((204, ""), (answer.Status, answer.Text)));
        }

        Assert.Equal(24, (await store.ReadAsync("{__name__=\"rotation\"}", Cancellation)).Count);
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_refusals_total", Cancellation));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(SenderConfigurations.V2)]
    public async Task A_store_that_is_killed_under_a_sender_and_comes_back_has_everything(string? message)
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
        ScriptedTarget target = await ScriptedTarget.StartAsync(workspace, Cancellation);
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "store", PrometheusServer.Version3, Cancellation);
        Gateway gateway = await Gateway.StartAsync(workspace, emulator, Stores(store), [new(Tenant, "main")], Cancellation);
        await StartSenderAndSeeItWriteAsync(workspace, target, gateway, emulator, store, message);

        store.Kill();
        await Eventually.TrueAsync(
            async () => target.IsExhausted("prometheus") && await gateway.MetricAsync("rwgateway_ingest_requests_total", Cancellation, "code=\"5xx\"") > 1,
            () => $"the sender did not hear of the store's end\n{gateway.LogText}",
            Cancellation);
        await store.StartAsync(Cancellation);

        await AssertEverythingArrivesAsync(target, store, gateway);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(SenderConfigurations.V2)]
    public async Task A_gateway_that_is_killed_under_a_sender_and_comes_back_loses_nothing(string? message)
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
        ScriptedTarget target = await ScriptedTarget.StartAsync(workspace, Cancellation);
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "store", PrometheusServer.Version3, Cancellation);
        Gateway gateway = await Gateway.StartAsync(workspace, emulator, Stores(store), [new(Tenant, "main")], Cancellation);
        PrometheusServer sender = await StartSenderAndSeeItWriteAsync(workspace, target, gateway, emulator, store, message);

        gateway.Kill();
        await Eventually.TrueAsync(
            async () => target.IsExhausted("prometheus") && await sender.OwnMetricAsync("prometheus_remote_storage_samples_retried_total", Cancellation) > 0,
            () => $"the sender did not notice\n{sender.LogText}",
            Cancellation);
        await gateway.StartAsync(Cancellation);

        await AssertEverythingArrivesAsync(target, store, gateway);
    }

    private static async Task<PrometheusServer> StartSenderAndSeeItWriteAsync(
        Workspace workspace, ScriptedTarget target, Gateway gateway, Emulator emulator, PrometheusServer store, string? message)
    {
        PrometheusServer sender = await PrometheusServer.StartAsync(
            workspace, "sender", PrometheusServer.Version3, _ => SenderConfiguration(target, gateway, emulator, message), Cancellation);
        await Eventually.TrueAsync(
            async () => (await store.ReadAsync("{__name__=\"up\",job=\"scripted\"}", Cancellation)).Count > 0,
            () => $"nothing has arrived\n{gateway.LogText}",
            Cancellation);
        target.Open();
        await Eventually.TrueAsync(
            async () => (await store.ReadAsync("{__name__=\"e2e_numbered\"}", Cancellation)).SampleCount >= 2 * ScriptedTarget.NumberedSeries,
            () => $"nothing has arrived\n{gateway.LogText}",
            Cancellation);
        return sender;
    }

    private static Dictionary<string, object> Stores(PrometheusServer store) =>
        new() { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString() } };

    private static string SenderConfiguration(ScriptedTarget target, Gateway gateway, Emulator emulator, string? message) => $$"""
        global: { scrape_interval: 2s }
        scrape_configs:
        - job_name: scripted
          metrics_path: /metrics/prometheus
          static_configs: [{ targets: ["{{target.Url.Authority}}"] }]
        remote_write:
        {{SenderConfigurations.RemoteWrite(gateway.WriteUrl, emulator, Tenant, message)}}
        """;

    private static async Task AssertEverythingArrivesAsync(ScriptedTarget target, PrometheusServer store, Gateway gateway)
    {
        const string Selector = "{job=\"scripted\",__name__=~\"e2e_.+\",__name__!=\"e2e_fleeting\"}";
        StoredSeries expected = target.Expected("prometheus", "scripted", Tenant);
        await Eventually.TrueAsync(
            async () => (await store.ReadAsync(Selector, Cancellation)).SampleCount >= expected.SampleCount,
            () => $"not everything has arrived\n{gateway.LogText}",
            Cancellation);

        Assert.Equal(expected.ToText(), (await store.ReadAsync(Selector, Cancellation)).ToText());
    }
}
