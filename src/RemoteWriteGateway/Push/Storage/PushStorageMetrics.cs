using System.Collections.Concurrent;
using Prometheus;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>What operators see of the state of push groups.</summary>
internal sealed class PushStorageMetrics
{
    private const int MaxTenants = 1000;
    private const string Other = "_other";

    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);
    private readonly Counter _retries;
    private readonly Gauge _waiting;
    private readonly Histogram _batches;
    private readonly Counter _replays;
    private readonly Counter _trimmed;
    private readonly Counter _expired;

    public PushStorageMetrics(IMetricFactory metrics)
    {
        _retries = metrics.CreateCounter(
            "rwgateway_push_transaction_retries_total", "Transactions of pushes that the database gave up, by SQLSTATE; most were repeated", ["code"]);
        foreach (string code in (string[])["40001", "40P01", "55P03", "57014"])
        {
            _retries.WithLabels(code);
        }

        _waiting = metrics.CreateGauge("rwgateway_push_writer_waiting", "Pushes that wait for the writer of a SQLite catalog");
        _batches = metrics.CreateHistogram(
            "rwgateway_push_commit_batch_size",
            "Pushes in one commit of a SQLite catalog",
            new HistogramConfiguration { Buckets = [1, 2, 4, 8, 16, 32, 64] });
        _replays = metrics.CreateCounter(
            "rwgateway_push_idempotent_replays_total", "Pushes whose idempotency key was there, answered as the first time", ["tenant"]);
        _trimmed = metrics.CreateCounter(
            "rwgateway_push_idempotency_keys_trimmed_total", "Idempotency keys forgotten early because the tenant had too many", ["tenant"]);
        _expired = metrics.CreateCounter(
            "rwgateway_push_expired_groups_total", "Groups whose time to live ended, by what went: the payload, or later the bookkeeping series", ["tenant", "kind"]);
    }

    public void CountRetry(string code) => _retries.WithLabels(code).Inc();

    public void SetWaiting(int count) => _waiting.Set(count);

    public void ObserveBatch(int size) => _batches.Observe(size);

    public void CountReplay(string tenant) => _replays.WithLabels(LabelOf(tenant)).Inc();

    public void CountTrimmed(string tenant, long keys) => _trimmed.WithLabels(LabelOf(tenant)).Inc(keys);

    public void CountExpired(string tenant, bool isPayload) => _expired.WithLabels(LabelOf(tenant), isPayload ? "payload" : "bookkeeping").Inc();

    /// <summary>The label's value: the tenant's name, or <c>_other</c> beyond the thousandth.</summary>
    private string LabelOf(string tenant) =>
        _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true)) ? tenant : Other;
}
