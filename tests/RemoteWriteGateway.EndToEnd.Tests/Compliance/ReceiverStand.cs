using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>The gateway before an empty Prometheus 3 with native histograms, and before one of 2.53, for requests made by hand.</summary>
public sealed class ReceiverStand : IAsyncLifetime
{
    internal const string Tenant = "writer";
    internal const string TranslatedTenant = "translated";
    internal const string VictoriaTenant = "victoria";

    /// <summary>Tenant of what is written to a store directly, to compare with.</summary>
    internal const string DirectTenant = "direct";

    private readonly Workspace _workspace = new();
    private readonly Dictionary<string, string> _tokens = [];
    private Gateway? _gateway;
    private PrometheusServer? _store;
    private PrometheusServer? _olderStore;
    private VictoriaMetricsServer? _victoria;

    internal Gateway Gateway => _gateway ?? throw new InvalidOperationException("not started");

    /// <summary>Prometheus 3, which <see cref="Tenant"/> writes to.</summary>
    internal PrometheusServer Store => _store ?? throw new InvalidOperationException("not started");

    /// <summary>Prometheus 2.53, which <see cref="TranslatedTenant"/> writes to.</summary>
    internal PrometheusServer OlderStore => _olderStore ?? throw new InvalidOperationException("not started");

    /// <summary>Which <see cref="VictoriaTenant"/> writes to.</summary>
    internal VictoriaMetricsServer Victoria => _victoria ?? throw new InvalidOperationException("not started");

    public async ValueTask InitializeAsync()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        string[] tenants = [Tenant, TranslatedTenant, VictoriaTenant];
        Emulator emulator = await Emulator.StartAsync(_workspace, tenants, cancellationToken);
        _store = await PrometheusServer.StartStoreAsync(_workspace, "store3", PrometheusServer.Version3, cancellationToken);
        _olderStore = await PrometheusServer.StartStoreAsync(_workspace, "store2", PrometheusServer.Version2, cancellationToken);
        _victoria = await VictoriaMetricsServer.StartAsync(_workspace, cancellationToken);
        _gateway = await Gateway.StartAsync(
            _workspace,
            emulator,
            new Dictionary<string, object>
            {
                ["newer"] = new { Kind = "Prometheus", Url = _store.Url.ToString() },
                ["older"] = new { Kind = "Prometheus", Url = _olderStore.Url.ToString() },
                ["victoria"] = new { Kind = "VictoriaMetrics", Url = _victoria.Url.ToString() },
            },
            [new(Tenant, "newer"), new(TranslatedTenant, "older"), new(VictoriaTenant, "victoria")],
            cancellationToken);
        foreach (string tenant in tenants)
        {
            _tokens[tenant] = await emulator.TokenAsync(tenant, cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _workspace.DisposeAsync();

    /// <summary>Writes through the gateway as a tenant.</summary>
    internal DirectWriter Through(string tenant = Tenant, string path = "/api/v1/write") => new(new Uri(Gateway.Url, path), _tokens[tenant]);

    /// <summary>Writes to a store without the gateway.</summary>
    internal static DirectWriter To(IStore store) => new(new Uri(store.Url, "/api/v1/write"), token: null);
}

/// <summary>One stand for all classes that make their requests by hand: what they write differs in its metric names.</summary>
[CollectionDefinition(Name)]
public sealed class SharedReceiver : ICollectionFixture<ReceiverStand>
{
    public const string Name = "receiver";
}
