using Prometheus;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What operators see of the policy.</summary>
internal sealed class PolicyMetrics(IMetricFactory metrics)
{
    private readonly Gauge _reloadFailed = metrics.CreateGauge(
        "rwgateway_policy_reload_failed", "1 while the policy file is not the policy in force: it is invalid or cannot be read");

    private readonly Gauge _loaded = metrics.CreateGauge(
        "rwgateway_policy_loaded_timestamp_seconds", "When the policy in force was taken");

    private readonly Gauge _tenants = metrics.CreateGauge("rwgateway_policy_tenants", "Tenants declared by the policy in force");

    private readonly Counter _undeclared = metrics.CreateCounter(
        "rwgateway_policy_undeclared_tenants_total", "Roles that fit a roleTemplate and name a tenant that the policy does not declare");

    private readonly Counter _errors = metrics.CreateCounter(
        "rwgateway_policy_evaluation_errors_total", "Requests answered 500 because the policy could not be evaluated: a bug");

    public void Loaded(PolicySnapshot policy, DateTimeOffset at)
    {
        _tenants.Set(policy.Tenants.Length);
        _loaded.Set(at.ToUnixTimeMilliseconds() / 1000.0);
        _reloadFailed.Set(0);
    }

    /// <summary>The file is again what is in force.</summary>
    public void Unchanged() => _reloadFailed.Set(0);

    public void ReloadFailed() => _reloadFailed.Set(1);

    public void CountUndeclaredTenants(int count)
    {
        if (count > 0)
        {
            _undeclared.Inc(count);
        }
    }

    public void CountEvaluationError() => _errors.Inc();
}
