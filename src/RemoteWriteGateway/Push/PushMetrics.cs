using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>What is counted of requests that push or delete. Label values are closed sets: the policy's tenants, methods, reason ids.</summary>
internal sealed class PushMetrics(IMetricFactory metrics)
{
    private const int MaxTenants = 1000;
    private const string Other = "_other";

    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);

    private readonly Counter _requests = metrics.CreateCounter(
        "rwgateway_push_requests_total", "Pushes and deletions answered", ["tenant", "method", "outcome", "reason"]);

    private readonly Histogram _duration = metrics.CreateHistogram(
        "rwgateway_push_request_duration_seconds", "From the request to its answer", ["method"],
        new HistogramConfiguration { Buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });

    private readonly Counter _bodyBytes = metrics.CreateCounter("rwgateway_push_body_bytes_total", "Bytes of bodies read", ["tenant"]);

    private readonly Counter _ignored = metrics.CreateCounter(
        "rwgateway_push_ignored_samples_total", "Samples and exemplars of pushes that were left out", ["tenant", "reason"]);

    /// <summary>Shows a tenant's series at zero.</summary>
    public void Show(string tenant)
    {
        string label = LabelOf(tenant);
        foreach (string method in (ReadOnlySpan<string>)["PUT", "POST", "DELETE"])
        {
            _requests.WithLabels(label, method, "stored", "");
        }

        _bodyBytes.WithLabels(label);
        _ignored.WithLabels(label, "sample");
        _ignored.WithLabels(label, "exemplar");
    }

    public void CountStored(string tenant, string method) => _requests.WithLabels(LabelOf(tenant), MethodOf(method), "stored", "").Inc();

    public void CountRefused(string? tenant, string method, Refusal refusal) => _requests
        .WithLabels(tenant is null ? "_none" : LabelOf(tenant), MethodOf(method), refusal.StatusCode >= 500 ? "failed" : "refused", refusal.Reason)
        .Inc();

    public void ObserveDuration(string method, TimeSpan elapsed) => _duration.WithLabels(MethodOf(method)).Observe(elapsed.TotalSeconds);

    public void CountBody(string tenant, long bytes) => _bodyBytes.WithLabels(LabelOf(tenant)).Inc(bytes);

    public void CountIgnored(string tenant, int samples, int exemplars)
    {
        if (samples > 0)
        {
            _ignored.WithLabels(LabelOf(tenant), "sample").Inc(samples);
        }

        if (exemplars > 0)
        {
            _ignored.WithLabels(LabelOf(tenant), "exemplar").Inc(exemplars);
        }
    }

    /// <summary>The value of the label <c>tenant</c>: the name, or <c>_other</c> beyond the thousandth.</summary>
    public string LabelOf(string tenant)
    {
        bool isKnown = _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true));
        return isKnown ? tenant : Other;
    }

    private static string MethodOf(string method) => method is "PUT" or "POST" or "DELETE" ? method : Other;
}

/// <summary>Counts pushes and deletions that were refused, wherever that was decided.</summary>
internal sealed class RefusedPushes(PushMetrics metrics) : IRefusalObserver
{
    public void OnRefused(HttpContext http, Refusal refusal) =>
        metrics.CountRefused(http.Features.Get<Access>()?.Tenant?.Name, http.Request.Method, refusal);
}
