using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>The self metrics of writing groups to their stores: <c>rwgateway_push_…</c>.</summary>
internal sealed class EmissionMetrics
{
    // Label values are a closed set: a policy with more tenants than this shows the rest as one.
    private const int MaxTenants = 1000;

    private static readonly string[] Steps = ["zero", "value"];
    private static readonly string[] Results = ["written", "refused", "away"];

    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);
    private readonly Counter _emissions;
    private readonly Counter _samples;
    private readonly Histogram _lag;
    private readonly Gauge _due;
    private readonly Gauge _oldest;
    private readonly Gauge _paused;
    private readonly Gauge _misconfigured;
    private readonly Counter _bisects;
    private readonly Counter _refusedSamples;
    private readonly Gauge _refusedGroups;
    private readonly Counter _takeovers;
    private readonly Counter _coalesced;
    private readonly Counter _skippedZeros;

    public EmissionMetrics(IMetricFactory metrics, StoreDirectory stores)
    {
        _emissions = metrics.CreateCounter("rwgateway_push_emissions_total", "Deliveries of groups to the store, by what became of them", ["store", "step", "result"]);
        _samples = metrics.CreateCounter("rwgateway_push_emitted_samples_total", "Samples that the store has taken", ["tenant", "kind"]);
        _lag = metrics.CreateHistogram("rwgateway_push_emission_lag_seconds", "From a change of a group to the store's answer", ["store"], new HistogramConfiguration
        {
            Buckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
        });
        _due = metrics.CreateGauge("rwgateway_push_due_groups", "Groups that are to be written now", ["store"]);
        _oldest = metrics.CreateGauge("rwgateway_push_oldest_unwritten_timestamp_seconds", "When the oldest change was made that is not written; 0 = all is written", ["store"]);
        _paused = metrics.CreateGauge("rwgateway_push_store_paused", "1 while this replica sends nothing to the store because it was away", ["store"]);
        _misconfigured = metrics.CreateGauge("rwgateway_push_store_misconfigured", "1 while gateway and store disagree about credentials, address or protocol", ["store"]);
        _bisects = metrics.CreateCounter("rwgateway_push_bisects_total", "Batches that were halved to find what the store refuses", ["store"]);
        _refusedSamples = metrics.CreateCounter("rwgateway_push_refused_samples_total", "Samples and exemplars that the store will never take", ["tenant", "reason"]);
        _refusedGroups = metrics.CreateGauge("rwgateway_push_refused_groups", "Groups whose newest state the store has refused", ["tenant"]);
        _takeovers = metrics.CreateCounter("rwgateway_push_lease_takeovers_total", "Deliveries that another replica had begun and not ended in time");
        _coalesced = metrics.CreateCounter("rwgateway_push_coalesced_pushes_total", "Pushes that were overtaken by a newer one before they were written", ["tenant"]);
        _skippedZeros = metrics.CreateCounter("rwgateway_push_zero_steps_skipped_total", "Zeros that the store refused", ["tenant"]);
        foreach (Store store in stores.All)
        {
            ShowPause(store.Name, isPaused: false, isMisconfigured: false);
            _due.WithLabels(store.Name).Set(0);
            _oldest.WithLabels(store.Name).Set(0);
            _bisects.WithLabels(store.Name);
            _lag.WithLabels(store.Name);
            foreach (string step in Steps)
            {
                foreach (string result in Results)
                {
                    _emissions.WithLabels(store.Name, step, result);
                }
            }
        }
    }

    public void CountTakeovers(int count) => _takeovers.Inc(count);

    public void CountCoalesced(string tenant, long pushes)
    {
        if (pushes > 0)
        {
            _coalesced.WithLabels(Capped(tenant)).Inc(pushes);
        }
    }

    public void CountEmission(string store, EmissionStep step, string result) => _emissions.WithLabels(store, NameOf(step), result).Inc();

    public void CountSamples(string tenant, string kind, long samples)
    {
        if (samples > 0)
        {
            _samples.WithLabels(Capped(tenant), kind).Inc(samples);
        }
    }

    public void CountRefused(string tenant, string reason, long samples)
    {
        if (samples > 0)
        {
            _refusedSamples.WithLabels(Capped(tenant), reason).Inc(samples);
        }
    }

    public void CountSkippedZeros(string tenant) => _skippedZeros.WithLabels(Capped(tenant)).Inc();

    public void CountBisect(string store) => _bisects.WithLabels(store).Inc();

    public void ObserveLag(string store, long milliseconds) => _lag.WithLabels(store).Observe(Math.Max(0, milliseconds) / 1000.0);

    public void ShowPause(string store, bool isPaused, bool isMisconfigured)
    {
        _paused.WithLabels(store).Set(isPaused ? 1 : 0);
        _misconfigured.WithLabels(store).Set(isMisconfigured ? 1 : 0);
    }

    public void ShowStore(string store, long due, long? oldestMs)
    {
        _due.WithLabels(store).Set(due);
        _oldest.WithLabels(store).Set((oldestMs ?? 0) / 1000.0);
    }

    public void ShowRefused(string tenant, long groups) => _refusedGroups.WithLabels(Capped(tenant)).Set(groups);

    private static string NameOf(EmissionStep step) => Steps[(int)step - 1];

    private string Capped(string tenant) =>
        _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true)) ? tenant : "_other";
}
