using System.Collections.Immutable;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What is known of a kind of store: fills the <see cref="StoreOptions"/> that were left out.</summary>
internal sealed record StorePreset
{
    private const string MonitorScope = "https://monitor.azure.com/.default";
    private const string MonitorReadScope = "https://prometheus.monitor.azure.com/.default";

    // -search.maxQueryLen, unless the operator has raised it there; a tenant's maxRewrittenBytes then says so.
    private const int VictoriaMetricsQueryBytes = 16_384;

    // Labels that mean a tenant to some store, whatever kind stands behind us: no writer sets them.
    private static readonly ImmutableArray<string> TenantLabelsOfStores = ["vm_account_id", "vm_project_id", "__tenant_id__"];

    // VictoriaMetrics answers 204 and drops what is over these, so that we must refuse it before.
    private static readonly StoreCaps VictoriaMetricsCaps = new(MaxLabels: 40, MaxMetricNameBytes: 4096, MaxLabelNameBytes: 256, MaxLabelValueBytes: 4096);

    /// <summary>Null: there is none, <see cref="StoreOptions.Path"/> must be set.</summary>
    public string? Path { get; private init; } = "/api/v1/write";

    public StoreIsolation Isolation { get; private init; } = StoreIsolation.Label;

    /// <summary>The kind knows no tenants of its own, so that only the label keeps them apart.</summary>
    public bool IsolatesByLabelOnly { get; private init; }

    public string? Header { get; private init; }

    public StoreProtocolRule Protocol { get; private init; } = StoreProtocolRule.Auto;

    public bool RollsBack { get; private init; }

    public ForwardOrDrop Exemplars { get; private init; } = ForwardOrDrop.Forward;

    public StoreCaps Caps { get; private init; } = StoreCaps.None;

    public ImmutableArray<string> ReservedLabels { get; private init; } = TenantLabelsOfStores;

    /// <summary>Label names ignore case, the tenant label's too.</summary>
    public bool LabelsIgnoreCase { get; private init; }

    /// <summary>What an Entra token is for.</summary>
    public string? Scope { get; private init; }

    /// <summary>What an Entra token for reads is for, where that is something else.</summary>
    public string? ReadScope { get; private init; }

    /// <summary>Reads have an address of their own, which nothing says but the configuration.</summary>
    public bool HasOwnReadUrl { get; private init; }

    /// <summary>Takes no selector that names no metric.</summary>
    public bool SelectorsNameMetric { get; private init; }

    /// <summary>How <c>/series</c> is kept to its tenants.</summary>
    public SeriesMatcher ReadSeriesMatcher { get; private init; } = SeriesMatcher.Regex;

    /// <summary>What stands between the store's address and <c>/api/v1/…</c> of its read API.</summary>
    public string ReadPath { get; private init; } = "";

    /// <summary>Null: as writes are isolated.</summary>
    public StoreIsolation? ReadIsolation { get; private init; }

    /// <summary>A label that the store itself sets; null: the stamped one.</summary>
    public string? ReadLabel { get; private init; }

    public bool ReadBelt { get; private init; }

    public bool TakesRemoteRead { get; private init; }

    public IReadOnlyDictionary<string, string> ReadConstants { get; private init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Most bytes of one text of PromQL.</summary>
    public int MaxRewrittenBytes { get; private init; } = 262_144;

    public static StorePreset Of(StoreKind kind) => kind switch
    {
        StoreKind.Prometheus => new() { IsolatesByLabelOnly = true, RollsBack = true, TakesRemoteRead = true },
        StoreKind.VictoriaMetrics => new()
        {
            IsolatesByLabelOnly = true,
            Exemplars = ForwardOrDrop.Drop,
            Caps = VictoriaMetricsCaps,
            ReadBelt = true,
            MaxRewrittenBytes = VictoriaMetricsQueryBytes,
        },
        StoreKind.VictoriaMetricsCluster => new()
        {
            Path = "/insert/{tenant}/prometheus/api/v1/write",
            Isolation = StoreIsolation.Path,
            Exemplars = ForwardOrDrop.Drop,
            Caps = VictoriaMetricsCaps,
            ReadPath = "/select/{tenant}/prometheus",
            MaxRewrittenBytes = VictoriaMetricsQueryBytes,
        },
        StoreKind.Mimir => new()
        {
            Path = "/api/v1/push",
            Isolation = StoreIsolation.Header,
            Header = "X-Scope-OrgID",
            ReadPath = "/prometheus",
            TakesRemoteRead = true,
        },
        StoreKind.Cortex => new()
        {
            Path = "/api/v1/push",
            Isolation = StoreIsolation.Header,
            Header = "X-Scope-OrgID",
            RollsBack = true,
            ReadPath = "/prometheus",
            TakesRemoteRead = true,
        },
        StoreKind.Thanos => new()
        {
            Path = "/api/v1/receive",
            Isolation = StoreIsolation.Header,
            Header = "THANOS-TENANT",
            ReservedLabels = [.. TenantLabelsOfStores, "tenant_id"],
            ReadIsolation = StoreIsolation.Label,
            ReadLabel = "tenant_id",
            ReadConstants = ImmutableDictionary<string, string>.Empty.Add("dedup", "true").Add("partial_response", "false"),
        },
        StoreKind.AzureMonitor => new()
        {
            Path = null,
            IsolatesByLabelOnly = true,
            Protocol = StoreProtocolRule.V1,
            Caps = new(MaxLabels: 63, MaxMetricNameBytes: 511, MaxLabelNameBytes: 511, MaxLabelValueBytes: 1023),
            LabelsIgnoreCase = true,
            Scope = MonitorScope,
            ReadScope = MonitorReadScope,
            HasOwnReadUrl = true,
            SelectorsNameMetric = true,
            ReadSeriesMatcher = SeriesMatcher.Equality,
        },
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such kind of store."),
    };
}

/// <summary>What series may have at most at a store; <see cref="int.MaxValue"/> is no cap.</summary>
/// <param name="MaxLabels">Labels of a series, <c>__name__</c> and the tenant label included.</param>
/// <param name="MaxMetricNameBytes">Bytes of a metric name.</param>
/// <param name="MaxLabelNameBytes">Bytes of a label name.</param>
/// <param name="MaxLabelValueBytes">Bytes of a label value.</param>
internal sealed record StoreCaps(int MaxLabels, int MaxMetricNameBytes, int MaxLabelNameBytes, int MaxLabelValueBytes)
{
    public static StoreCaps None { get; } = new(int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue);

    /// <summary>These caps with those of <paramref name="options"/> where they are set; 0 there takes a cap away.</summary>
    public StoreCaps With(StoreCapsOptions options) => new(
        Pick(options.MaxLabels, MaxLabels),
        Pick(options.MaxMetricNameBytes, MaxMetricNameBytes),
        Pick(options.MaxLabelNameBytes, MaxLabelNameBytes),
        Pick(options.MaxLabelValueBytes, MaxLabelValueBytes));

    private static int Pick(int? option, int preset) => option switch { null => preset, 0 => int.MaxValue, { } cap => cap };
}
