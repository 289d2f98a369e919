using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>The self metrics of forwarding: <c>rwgateway_forward_…</c> and what is lost on the way.</summary>
internal sealed class ForwardMetrics
{
    // Label values are a closed set: a policy with more tenants than this shows the rest as one.
    private const int MaxTenants = 1000;

    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);
    private readonly Counter _requests;
    private readonly Histogram _duration;
    private readonly Counter _bytes;
    private readonly Counter _retries;
    private readonly Counter _protocolChanges;
    private readonly Gauge _protocol;
    private readonly Counter _translationLost;
    private readonly Counter _dropped;

    public ForwardMetrics(IMetricFactory metrics)
    {
        _requests = metrics.CreateCounter(
            "rwgateway_forward_requests_total", "Write requests sent to the store, by outcome", ["store", "protocol", "code"]);
        _duration = metrics.CreateHistogram(
            "rwgateway_forward_duration_seconds", "Time to the store's answer", ["store"], new HistogramConfiguration
            {
                Buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30],
            });
        _bytes = metrics.CreateCounter("rwgateway_forward_bytes_total", "Compressed bytes sent to the store", ["store"]);
        _retries = metrics.CreateCounter("rwgateway_forward_retries_total", "Requests sent to the store once more by the gateway itself", ["store"]);
        _protocolChanges = metrics.CreateCounter(
            "rwgateway_forward_protocol_changes_total", "Changed verdicts on which protocol the store takes", ["store"]);
        _protocol = metrics.CreateGauge(
            "rwgateway_forward_protocol", "1 for the highest protocol the store takes, both 0 while undecided", ["store", "protocol"]);
        _translationLost = metrics.CreateCounter(
            "rwgateway_translation_lost_total", "Left out by translation or policy", ["store", "kind"]);
        _dropped = metrics.CreateCounter(
            "rwgateway_dropped_items_total", "Accepted and not stored", ["tenant", "store", "reason", "kind"]);
    }

    /// <summary>The series of one store, all at zero.</summary>
    public StoreMetrics Of(string store) => new(
        Outcomes(store, "v1"),
        Outcomes(store, "v2"),
        _duration.WithLabels(store),
        _bytes.WithLabels(store),
        _retries.WithLabels(store),
        _protocolChanges.WithLabels(store),
        _protocol.WithLabels(store, "v1"),
        _protocol.WithLabels(store, "v2"),
        [.. Enum.GetValues<TranslationLoss>().Select(kind => _translationLost.WithLabels(store, Kind(kind)))],
        (tenant, reason, items) => CountDropped(tenant, store, reason, items));

    private Counter.Child[] Outcomes(string store, string protocol) =>
        [.. StoreMetrics.Codes.Select(code => _requests.WithLabels(store, protocol, code))];

    private void CountDropped(string tenant, string store, string reason, ItemCounts items)
    {
        tenant = _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true)) ? tenant : "_other";
        _dropped.WithLabels(tenant, store, reason, "sample").Inc(items.Samples);
        _dropped.WithLabels(tenant, store, reason, "histogram").Inc(items.Histograms);
        _dropped.WithLabels(tenant, store, reason, "exemplar").Inc(items.Exemplars);
    }

    private static string Kind(TranslationLoss loss) => loss switch
    {
        TranslationLoss.StartTimestamp => "start_timestamp",
        TranslationLoss.Metadata => "metadata",
        TranslationLoss.CustomBoundsLayout => "nhcb_layout",
        TranslationLoss.Exemplar => "exemplar",
        TranslationLoss.UnknownField => "unknown_field",
        _ => throw new ArgumentOutOfRangeException(nameof(loss), loss, null),
    };
}

/// <summary>What translation or policy leaves out.</summary>
internal enum TranslationLoss
{
    StartTimestamp,
    Metadata,
    CustomBoundsLayout,
    Exemplar,
    UnknownField,
}

/// <summary>The self metrics of one store, found once so that a request looks up no labels.</summary>
internal sealed class StoreMetrics(
    Counter.Child[] outcomesV1,
    Counter.Child[] outcomesV2,
    IHistogram duration,
    ICounter bytes,
    ICounter retries,
    ICounter protocolChanges,
    IGauge takesV1,
    IGauge takesV2,
    ICounter[] lost,
    Action<string, string, ItemCounts> countDropped)
{
    private const int Error = 5;
    private const int Timeout = 6;

    /// <summary>The values of label <c>code</c>.</summary>
    public static IReadOnlyList<string> Codes { get; } = ["2xx", "3xx", "4xx", "429", "5xx", "error", "timeout"];

    /// <summary>Counts one request that was sent, or that should have been.</summary>
    public void CountRequest(WriteProtocol protocol, in StoreReply reply, long bodyBytes, TimeSpan elapsed, bool isRepeat)
    {
        if (isRepeat)
        {
            retries.Inc();
        }

        int code = reply.Kind switch
        {
            ReplyKind.TimedOut => Timeout,
            ReplyKind.Answer => reply.StatusCode switch { 429 => 3, >= 500 => 4, >= 400 => 2, >= 300 => 1, _ => 0 },
            _ => Error,
        };
        (protocol == WriteProtocol.V1 ? outcomesV1 : outcomesV2)[code].Inc();
        duration.Observe(elapsed.TotalSeconds);
        if (reply.Kind != ReplyKind.NotConnected)
        {
            bytes.Inc(bodyBytes);
        }
    }

    public void CountRetry() => retries.Inc();

    public void CountProtocolChange() => protocolChanges.Inc();

    public void ShowProtocol(WriteProtocol? taken)
    {
        takesV1.Set(taken == WriteProtocol.V1 ? 1 : 0);
        takesV2.Set(taken == WriteProtocol.V2 ? 1 : 0);
    }

    public void CountLost(TranslationLoss kind, long items)
    {
        if (items > 0)
        {
            lost[(int)kind].Inc(items);
        }
    }

    /// <summary>Counts items that we answered as written though the store did not keep them.</summary>
    public void CountDropped(string tenant, string reason, ItemCounts items) => countDropped(tenant, reason, items);
}
