using System.Collections.Immutable;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>One configured store: what it takes, and the connections to it. One instance each, for the life of the process.</summary>
internal sealed class Store : IDisposable
{
    private readonly string _url;
    private readonly string _path;
    private readonly bool _refusesCustomBounds;

    /// <param name="name">The name under <c>Stores:</c>.</param>
    /// <param name="options">Validated.</param>
    /// <param name="client">The connections, owned from now on.</param>
    /// <param name="protocol">What is known of its protocol.</param>
    /// <param name="trouble">Where to tell that it takes no requests.</param>
    /// <param name="metrics">Its self metrics.</param>
    /// <param name="read">Its read side, owned from now on; null if readers do not reach it.</param>
    public Store(
        string name,
        StoreOptions options,
        StoreClient client,
        StoreProtocol protocol,
        StoreTrouble trouble,
        StoreMetrics metrics,
        StoreReadSide? read = null)
    {
        StoreKind kind = options.Kind ?? throw new ArgumentException("The store has no kind.", nameof(options));
        StorePreset preset = StorePreset.Of(kind);
        Name = name;
        Kind = kind;
        Isolation = options.Isolation ?? preset.Isolation;
        RollsBack = options.RollsBack ?? preset.RollsBack;
        Client = client;
        Protocol = protocol;
        Trouble = trouble;
        Metrics = metrics;
        Read = read;

        bool dropsMetadata = options.Metadata is { } metadata ? metadata == ForwardOrDrop.Drop : Isolation == StoreIsolation.Label;
        bool stamps = Isolation == StoreIsolation.Label || options.Stamp == StampRule.Always;
        StoreCaps caps = preset.Caps.With(options.Caps);
        Stamping = new StoreStamping
        {
            Stamp = stamps,
            TenantLabelIgnoresCase = preset.LabelsIgnoreCase,
            ReservedLabels = preset.ReservedLabels,
            RefuseHistograms = options.NativeHistograms == ForwardOrRefuse.Refuse,
            AllowHighResolution = options.HighResolutionHistograms == ForwardOrRefuse.Forward,
            DropExemplars = (options.Exemplars ?? preset.Exemplars) == ForwardOrDrop.Drop,
            DropMetadata = dropsMetadata,
            MaxLabelsPerSeries = caps.MaxLabels == int.MaxValue || !stamps ? caps.MaxLabels : caps.MaxLabels - 1,
            MaxMetricNameBytes = caps.MaxMetricNameBytes,
            MaxLabelNameBytes = caps.MaxLabelNameBytes,
            MaxLabelValueBytes = caps.MaxLabelValueBytes,
        };
        Outgoing = new OutgoingOptions
        {
            MaxRequestBytes = options.MaxRequestBytes,
            ForwardMetadata = !dropsMetadata,
            ExpandCustomBounds = options.Nhcb == ExpandOrRefuse.Expand,
        };
        _refusesCustomBounds = options.Nhcb == ExpandOrRefuse.Refuse;
        _url = (options.Url ?? throw new ArgumentException("The store has no URL.", nameof(options))).TrimEnd('/');
        _path = options.Path ?? preset.Path ?? throw new ArgumentException("The store has no path.", nameof(options));
    }

    public string Name { get; }

    public StoreKind Kind { get; }

    public StoreIsolation Isolation { get; }

    /// <summary>One refused series of a 1.0 request undoes all of it.</summary>
    public bool RollsBack { get; }

    /// <summary>What stamping must do for this store.</summary>
    public StoreStamping Stamping { get; }

    /// <summary>How requests leave for it.</summary>
    public OutgoingOptions Outgoing { get; }

    public StoreProtocol Protocol { get; }

    public StoreClient Client { get; }

    public StoreTrouble Trouble { get; }

    public StoreMetrics Metrics { get; }

    /// <summary>What readers reach; null if it is not enabled.</summary>
    public StoreReadSide? Read { get; }

    /// <summary>
    /// Whether native histograms with custom bounds are to be refused in a request that came in <paramref name="sender"/>: they can
    /// leave by 2.0 only, and the store's options do not want them expanded. May change while the store's protocol is being learned.
    /// </summary>
    public bool RefusesCustomBounds(WriteProtocol sender) =>
        _refusesCustomBounds && Protocol.LeavingFor(sender) == WriteProtocol.V1;

    /// <summary>Whether histograms with custom bounds of a request that came in <paramref name="sender"/> leave as classic series.</summary>
    public bool ExpandsCustomBounds(WriteProtocol sender) =>
        Outgoing.ExpandCustomBounds && Protocol.LeavingFor(sender) == WriteProtocol.V1;

    /// <summary>Whether a stamped request cannot leave in <paramref name="leaving"/> because of what it holds.</summary>
    public bool CannotSend(StampResult stamped, WriteProtocol leaving) =>
        leaving == WriteProtocol.V1
        && ((_refusesCustomBounds && stamped.HasCustomBounds) || (Outgoing.ExpandCustomBounds && stamped.ExpandsTooMuch));

    /// <summary>The place of a tenant with this id.</summary>
    public StoreTarget TargetOf(string storeId) => new(
        this,
        storeId,
        new Uri(_url + _path.Replace(StoreTarget.Placeholder, Uri.EscapeDataString(storeId), StringComparison.Ordinal)));

    public void Dispose()
    {
        Client.Dispose();
        Read?.Dispose();
    }
}

/// <summary>What stamping must do for a store, besides what the tenant's own settings say.</summary>
internal sealed record StoreStamping
{
    /// <summary>Put the tenant label on every series. The writer's own is removed in any case.</summary>
    public required bool Stamp { get; init; }

    /// <summary>Label names ignore case at the store, so a tenant label in any case is the tenant label.</summary>
    public required bool TenantLabelIgnoresCase { get; init; }

    /// <summary>Labels that mean a tenant to some store: no writer sets them.</summary>
    public required ImmutableArray<string> ReservedLabels { get; init; }

    public required bool RefuseHistograms { get; init; }

    /// <summary>Schemas 9 to 52 pass.</summary>
    public required bool AllowHighResolution { get; init; }

    public required bool DropExemplars { get; init; }

    /// <summary>1.0 only.</summary>
    public required bool DropMetadata { get; init; }

    /// <summary>The store's cap, the place for the stamp already kept; <see cref="int.MaxValue"/> is none. The smaller of this and the tenant's limit holds, here and below.</summary>
    public required int MaxLabelsPerSeries { get; init; }

    public required int MaxMetricNameBytes { get; init; }

    public required int MaxLabelNameBytes { get; init; }

    public required int MaxLabelValueBytes { get; init; }
}
