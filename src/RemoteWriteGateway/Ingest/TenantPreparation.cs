using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Ingest;

/// <summary>Prepares the tenants of the policy in force, at start and after each change.</summary>
internal sealed class TenantPreparation(PolicySource policy, WriteTargets targets) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        policy.Changed += targets.Prepare;
        targets.Prepare(policy.Current);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        policy.Changed -= targets.Prepare;
        return Task.CompletedTask;
    }
}
