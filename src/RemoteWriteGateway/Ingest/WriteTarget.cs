using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Ingest;

/// <summary>What a tenant's writes need, made once for each tenant of a policy snapshot: its store, what stamping must know, its metrics.</summary>
internal sealed class WriteTarget
{
    private readonly IngestMetrics _metrics;
    private readonly InflightCount _inflight;
    private readonly StampOptions _options;
    private readonly StampOptions _withoutCustomBounds;
    private readonly WrittenMetrics? _written;

    public WriteTarget(Tenant tenant, Store? store, Func<bool, StampOptions> options, IngestMetrics metrics, InflightCount inflight)
    {
        Tenant = tenant;
        Store = store;
        Settings = tenant.Settings<WriteSettings>();
        _options = options(false);
        _withoutCustomBounds = options(true);
        Metrics = metrics.Of(tenant.Name);
        _written = store is null ? null : new WrittenMetrics(metrics, Metrics.Tenant, store.Name);
        _metrics = metrics;
        _inflight = inflight;
    }

    public Tenant Tenant { get; }

    /// <summary>Null if none is configured for the tenant.</summary>
    public Store? Store { get; }

    public WriteSettings Settings { get; }

    public TenantMetrics Metrics { get; }

    /// <summary>What stamping must know. It depends on the sender's protocol, and on what is known of the store's, only in one point.</summary>
    public StampOptions OptionsFor(WriteProtocol protocol) => Store?.RefusesCustomBounds(protocol) == true ? _withoutCustomBounds : _options;

    /// <summary>Takes one of the tenant's places for requests in flight.</summary>
    public bool TryEnter() => _inflight.TryEnter(Settings.MaxInflightRequests);

    public void Leave() => _inflight.Leave();

    public void CountRefusedRequest(string reason) => _metrics.RefusedRequests.WithLabels(Metrics.Tenant, reason).Inc();

    public void CountRefusedItems(string reason, long series, ItemCounts items) => Metrics.CountRefusedItems(reason, series, items);

    /// <summary>Counts what the store has, or what was left out by policy.</summary>
    public void CountWritten(ItemCounts written) => _written?.Count(written);
}

/// <summary>How many of a tenant's requests are in flight. It outlives policy snapshots, as the requests do.</summary>
internal sealed class InflightCount
{
    private int _count;

    public bool TryEnter(int max)
    {
        if (Interlocked.Increment(ref _count) <= max)
        {
            return true;
        }

        Interlocked.Decrement(ref _count);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _count);
}

/// <summary>Finds a tenant's <see cref="WriteTarget"/>.</summary>
internal sealed class WriteTargets(IngestMetrics metrics, TenantStamping stamping)
{
    // By instance: a new policy snapshot has new tenants, and its targets go with it.
    private readonly ConditionalWeakTable<Tenant, WriteTarget> _targets = [];
    private readonly ConcurrentDictionary<string, InflightCount> _inflight = new(StringComparer.Ordinal);

    public WriteTarget Of(Tenant tenant) =>
        _targets.TryGetValue(tenant, out WriteTarget? target) ? target : _targets.GetValue(tenant, Make);

    /// <summary>Makes the targets of a new snapshot, so that its tenants' metrics are there, at zero, before the first request.</summary>
    public void Prepare(PolicySnapshot policy)
    {
        foreach (Tenant tenant in policy.Tenants)
        {
            metrics.ShowLimits(tenant.Name, Of(tenant).Settings);
        }
    }

    private WriteTarget Make(Tenant tenant)
    {
        Store? store = Forwarder.StoreOf(tenant);
        return new WriteTarget(
            tenant, store, refuse => stamping.OptionsOf(tenant, store?.Stamping, refuse), metrics, _inflight.GetOrAdd(tenant.Name, _ => new InflightCount()));
    }
}
