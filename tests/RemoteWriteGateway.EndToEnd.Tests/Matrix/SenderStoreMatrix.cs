using System.Globalization;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Matrix;

/// <summary>
/// Every sender writing to every store through one gateway, each pair under a tenant of its own: started once, run until the scripted
/// target is exhausted and everything has arrived, then looked at by the tests.
/// </summary>
public sealed class SenderStoreMatrix : IAsyncLifetime
{
    internal const string Prometheus3 = "prometheus3";
    internal const string Prometheus2 = "prometheus2";
    internal const string VictoriaMetrics = "victoriametrics";
    internal static readonly IReadOnlyList<string> StoreNames = [Prometheus3, Prometheus2, VictoriaMetrics];

    private readonly Workspace _workspace = new();
    private ScriptedTarget? _target;
    private Gateway? _gateway;
    private Emulator? _emulator;
    private RunningProgram? _vmagent;

    internal ScriptedTarget Target => _target ?? throw new InvalidOperationException("not started");

    internal Gateway Gateway => _gateway ?? throw new InvalidOperationException("not started");

    internal Dictionary<string, IStore> Stores { get; } = [];

    /// <summary>The senders that keep what they scrape, by program.</summary>
    internal Dictionary<string, PrometheusServer> Prometheuses { get; } = [];

    public async ValueTask InitializeAsync()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        List<GatewayTenant> tenants = [.. Sender.All.SelectMany(sender => StoreNames.Select(store => new GatewayTenant(sender.TenantAt(store), store)))];
        _emulator = await Emulator.StartAsync(_workspace, [.. tenants.Select(tenant => tenant.Name)], cancellationToken);
        _target = await ScriptedTarget.StartAsync(_workspace, cancellationToken);
        Stores[Prometheus3] = await PrometheusServer.StartStoreAsync(_workspace, "store3", PrometheusServer.Version3, cancellationToken);
        Stores[Prometheus2] = await PrometheusServer.StartStoreAsync(_workspace, "store2", PrometheusServer.Version2, cancellationToken);
        Stores[VictoriaMetrics] = await VictoriaMetricsServer.StartAsync(_workspace, cancellationToken);
        Dictionary<string, object> settings = Stores.ToDictionary(
            store => store.Key,
            store => (object)new { Kind = store.Key == VictoriaMetrics ? "VictoriaMetrics" : "Prometheus", Url = store.Value.Url.ToString().TrimEnd('/') });
        _gateway = await Gateway.StartAsync(_workspace, _emulator, settings, tenants, cancellationToken);

        Prometheuses[Sender.Prometheus3] = await PrometheusServer.StartAsync(
            _workspace, "sender3", PrometheusServer.Version3, self => SenderConfiguration(Sender.Prometheus3, self), cancellationToken);
        Prometheuses[Sender.Prometheus2] = await PrometheusServer.StartAsync(
            _workspace, "sender2", PrometheusServer.Version2, self => SenderConfiguration(Sender.Prometheus2, self), cancellationToken);
        _vmagent = await VmagentSender.StartAsync(
            _workspace,
            ScrapeConfiguration(Sender.Vmagent),
            _gateway.WriteUrl,
            _emulator.PlainTokenUrl,
            [.. Sender.All.Where(sender => sender.Program == Sender.Vmagent).SelectMany(sender => StoreNames.Select(sender.TenantAt))],
            cancellationToken);

        // A sender that does not write yet would not send what it scrapes now, and be right: remote write begins with its start.
        await ForEachPairAsync(
            async (sender, store) => (await Stores[store].ReadAsync(Selector(sender, store, "__name__=\"up\""), cancellationToken)).Count > 0,
            "nothing has arrived",
            cancellationToken);
        _target.Open();
        await Eventually.TrueAsync(
            () => Task.FromResult(Sender.All.All(sender => _target.IsExhausted(sender.Program))), () => "the target was not scraped", cancellationToken);
        await ForEachPairAsync(
            async (sender, store) =>
                (await Stores[store].ReadAsync(Selector(sender, store, "__name__=\"e2e_numbered\""), cancellationToken)).Values
                    .Count(samples => samples.Count >= ScriptedTarget.Scrapes) >= ScriptedTarget.NumberedSeries,
            "not everything has arrived",
            cancellationToken);
    }

    public ValueTask DisposeAsync() => _workspace.DisposeAsync();

    /// <summary>Selects the series of a pair that come from the scripted target, with more matchers.</summary>
    internal static string Selector(Sender sender, string store, params string[] matchers) =>
        $"{{job=\"scripted\",tenant=\"{sender.TenantAt(store)}\"{string.Concat(matchers.Select(matcher => "," + matcher))}}}";

    /// <summary>The last lines of the program that a sender runs in, for messages.</summary>
    internal string? LogOf(Sender sender) => sender.IsPrometheus ? Prometheuses[sender.Program].LogText : _vmagent?.LogText;

    private async Task ForEachPairAsync(Func<Sender, string, Task<bool>> condition, string otherwise, CancellationToken cancellationToken)
    {
        foreach (Sender sender in Sender.All)
        {
            foreach (string store in StoreNames)
            {
                await Eventually.TrueAsync(
                    () => condition(sender, store), () => $"{otherwise} from {sender.Name} at {store}\n{Gateway.LogText}\n{LogOf(sender)}", cancellationToken);
            }
        }
    }

    private string ScrapeConfiguration(string program) => string.Create(CultureInfo.InvariantCulture, $$"""
        global: { scrape_interval: 2s }
        scrape_configs:
        - job_name: scripted
          metrics_path: /metrics/{{program}}
          honor_timestamps: true
          static_configs: [{ targets: ["{{Target.Url.Authority}}"] }]

        """);

    /// <summary>A Prometheus that scrapes the target, and itself for native histograms, and writes to every store in each protocol it has.</summary>
    private string SenderConfiguration(string program, Uri self)
    {
        string configuration = ScrapeConfiguration(program) + $$"""
            - job_name: self
              static_configs: [{ targets: ["{{self.Authority}}"] }]
              metric_relabel_configs:
              - { source_labels: [__name__], regex: "prometheus_http_request_duration_seconds|prometheus_tsdb_compaction_chunk_size_bytes", action: keep }
            remote_write:

            """;
        foreach (Sender sender in Sender.All.Where(sender => sender.Program == program))
        {
            foreach (string store in StoreNames)
            {
                configuration += SenderConfigurations.RemoteWrite(
                    Gateway.WriteUrl, _emulator!, sender.TenantAt(store), sender.SpeaksV2 ? SenderConfigurations.V2 : null); // Not null: started before.
            }
        }

        return configuration;
    }
}
