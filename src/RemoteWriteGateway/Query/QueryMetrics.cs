using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Query;

/// <summary>What is counted of reads. Label values are closed sets: route patterns, reason ids, configured stores, tenants of the policy.</summary>
internal sealed class QueryMetrics
{
    private const int MaxTenants = 1000;

    private static readonly double[] Buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);
    private readonly Counter _requests;
    private readonly Histogram _duration;
    private readonly Histogram _storeDuration;
    private readonly Counter _responseBytes;
    private readonly Counter _egress;
    private readonly Counter _dropped;
    private readonly Counter _filtered;
    private readonly Gauge _storeRoute;
    private readonly Counter _tenantRequests;

    public QueryMetrics(IMetricFactory metrics, StoreDirectory stores)
    {
        _requests = metrics.CreateCounter("rwgateway_query_requests_total", "Reads answered", ["route", "code", "reason"]);
        _duration = metrics.CreateHistogram(
            "rwgateway_query_duration_seconds", "From the request to the last byte of the answer", ["route"], new HistogramConfiguration { Buckets = Buckets });
        _storeDuration = metrics.CreateHistogram(
            "rwgateway_query_store_duration_seconds", "Time to the head of the store's answer", ["store", "route"], new HistogramConfiguration { Buckets = Buckets });
        _responseBytes = metrics.CreateCounter("rwgateway_query_response_bytes_total", "Bytes of answers sent", ["route"]);
        Inflight = metrics.CreateGauge("rwgateway_query_inflight", "Reads that are being answered");
        Selectors = metrics.CreateCounter("rwgateway_query_selectors_total", "Selectors that were kept to tenants");
        Mismatches = metrics.CreateCounter(
            "rwgateway_query_enforcement_mismatches_total", "Texts that did not pass the check of what was written for the store; nothing was sent");
        _egress = metrics.CreateCounter(
            "rwgateway_query_egress_violations_total", "Answers of stores with data of other tenants, dropped whole", ["store", "route"]);
        _dropped = metrics.CreateCounter("rwgateway_query_parameters_dropped_total", "Parameters that the route does not know", ["route"]);
        _filtered = metrics.CreateCounter("rwgateway_query_filtered_items_total", "Rules and alerts of other tenants left out", ["route", "kind"]);
        _storeRoute = metrics.CreateGauge("rwgateway_query_store_route", "1 for the state of a store's route", ["store", "route", "state"]);
        _tenantRequests = metrics.CreateCounter("rwgateway_query_tenant_requests_total", "Reads by tenant; one of several counts for each", ["tenant"]);
        foreach (ReadRoute route in ReadRoute.All)
        {
            ShowZeros(route, stores);
        }
    }

    public Gauge Inflight { get; }

    public Counter Selectors { get; }

    public Counter Mismatches { get; }

    public void Count(ReadRoute route, int status, string? reason, TimeSpan elapsed, long bytes, int dropped)
    {
        _requests.WithLabels(route.Name, CodeOf(status), reason ?? "").Inc();
        _duration.WithLabels(route.Name).Observe(elapsed.TotalSeconds);
        _responseBytes.WithLabels(route.Name).Inc(bytes);
        _dropped.WithLabels(route.Name).Inc(dropped);
    }

    public void CountTenant(string tenant)
    {
        bool isKnown = _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true));
        _tenantRequests.WithLabels(isKnown ? tenant : "_other").Inc();
    }

    public void CountStore(string store, ReadRoute route, TimeSpan elapsed) => _storeDuration.WithLabels(store, route.Name).Observe(elapsed.TotalSeconds);

    public void CountEgress(string store, ReadRoute route) => _egress.WithLabels(store, route.Name).Inc();

    public void CountFiltered(ReadRoute route, int rules, int alerts)
    {
        _filtered.WithLabels(route.Name, "rule").Inc(rules);
        _filtered.WithLabels(route.Name, "alert").Inc(alerts);
    }

    public void Show(string store, ReadRoute route, RouteState state)
    {
        foreach (RouteState one in Enum.GetValues<RouteState>())
        {
            _storeRoute.WithLabels(store, route.Name, Word(one)).Set(one == state ? 1 : 0);
        }
    }

    private void ShowZeros(ReadRoute route, StoreDirectory stores)
    {
        foreach (string reason in ReadRefusals.Known)
        {
            _requests.WithLabels(route.Name, reason == "audit-unavailable" ? "5xx" : CodeOf(StatusOf(reason)), reason);
        }

        _requests.WithLabels(route.Name, "2xx", "");
        _responseBytes.WithLabels(route.Name);
        _dropped.WithLabels(route.Name);
        _filtered.WithLabels(route.Name, "rule");
        _filtered.WithLabels(route.Name, "alert");
        foreach (Store store in stores.All)
        {
            _egress.WithLabels(store.Name, route.Name);
        }
    }

    private static int StatusOf(string reason) => reason switch
    {
        "query-rate-limit" or "too-many-inflight-queries" or "store-rate-limited" => 429,
        "store-busy" or "endpoint-unproven" or "no-store" or "shutting-down" => 503,
        "enforcement-mismatch" or "internal-error" => 500,
        "store-unavailable" or "store-auth-failed" or "store-misconfigured" or "store-answer-invalid" or "egress-violation" => 502,
        "store-timeout" => 504,
        _ => 400,
    };

    private static string CodeOf(int status) => status switch { < 300 => "2xx", < 400 => "3xx", 429 => "429", < 500 => "4xx", _ => "5xx" };

    private static string Word(RouteState state) => state switch
    {
        RouteState.Proven => "proven",
        RouteState.Failed => "failed",
        RouteState.Empty => "empty",
        _ => "unproven",
    };
}
