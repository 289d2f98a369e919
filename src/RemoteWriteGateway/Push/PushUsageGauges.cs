using System.Data.Common;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>Shows what is stored, from the catalog every 30 s: equal on all replicas. While the catalog is away the last numbers stay.</summary>
internal sealed partial class PushUsageGauges : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly PushStore _store;
    private readonly PolicySource _policy;
    private readonly PushMetrics _metrics;
    private readonly UnreadablePayloads _unreadable;
    private readonly TimeProvider _time;
    private readonly ILogger<PushUsageGauges> _logger;
    private readonly Gauge _groups;
    private readonly Gauge _series;
    private readonly Gauge _bytes;
    private readonly Gauge _orphaned;
    private bool _isAway;

    public PushUsageGauges(
        PushStore store,
        PolicySource policy,
        PushMetrics metrics,
        UnreadablePayloads unreadable,
        IMetricFactory factory,
        TimeProvider time,
        ILogger<PushUsageGauges> logger)
    {
        _store = store;
        _policy = policy;
        _metrics = metrics;
        _unreadable = unreadable;
        _time = time;
        _logger = logger;
        _groups = factory.CreateGauge("rwgateway_push_groups", "Push groups in the catalog, shared by all replicas", ["tenant", "state"]);
        _series = factory.CreateGauge("rwgateway_push_series", "Series of push groups as stores count them, shared by all replicas", ["tenant"]);
        _bytes = factory.CreateGauge("rwgateway_push_stored_bytes", "Bytes of payloads, unpacked, shared by all replicas", ["tenant"]);
        _orphaned = factory.CreateGauge(
            "rwgateway_push_orphaned_groups", "Push groups that are not written because the policy does not declare their tenant any more or gives it no store, shared by all replicas", ["tenant"]);
    }

    /// <summary>Reads them now.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        PolicySnapshot policy = _policy.Current;
        Dictionary<string, PushUsage> usage = (await _store.ReadUsageAsync(cancellationToken)).ToDictionary(one => one.Tenant, StringComparer.Ordinal);
        foreach (string tenant in policy.Tenants.Select(static tenant => tenant.Name).Union(usage.Keys, StringComparer.Ordinal))
        {
            PushUsage held = usage.GetValueOrDefault(tenant) ?? new PushUsage();
            string label = _metrics.LabelOf(tenant);
            bool isWritten = policy.FindTenant(tenant) is { } declared && Forwarder.StoreOf(declared) is not null;
            _groups.WithLabels(label, "live").Set(held.Live);
            _groups.WithLabels(label, "expired").Set(held.Expired);
            _series.WithLabels(label).Set(held.Series);
            _bytes.WithLabels(label).Set(held.Bytes);
            _orphaned.WithLabels(label).Set(isWritten ? 0 : held.Live + held.Expired);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (Tenant tenant in _policy.Current.Tenants)
        {
            _metrics.Show(tenant.Name);
            _unreadable.Show(tenant.Name);
        }

        using PeriodicTimer timer = new(Interval, _time);
        try
        {
            do
            {
                await TryReadAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private async Task TryReadAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ReadAsync(stoppingToken);
            _isAway = false;
        }
        catch (DbException e)
        {
            if (!_isAway)
            {
                LogAway(e.Message);
            }

            _isAway = true;
        }
#pragma warning disable CA1031 // Gauges are not worth the gateway, which an exception that gets out of here would end.
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogFault(e);
        }
    }

    [LoggerMessage(LogLevel.Error, "The gauges of push groups could not be read, by a bug of ours; they keep their last numbers")]
    private partial void LogFault(Exception exception);

    [LoggerMessage(LogLevel.Warning, "The gauges of push groups keep their last numbers: the catalog cannot be read ({Fault})")]
    private partial void LogAway(string fault);
}
