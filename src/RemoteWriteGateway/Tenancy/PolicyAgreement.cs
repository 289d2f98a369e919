using Prometheus;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Reports replicas that run different versions of the policy: the file is meant to be the same on all. While one is being rolled out they
/// differ for a moment, so that is told only when it lasts.
/// </summary>
internal sealed partial class PolicyAgreement(
    ReplicaRegister register, CatalogDatabase database, CatalogChanges changes, IMetricFactory metrics, TimeProvider time, ILogger<PolicyAgreement> logger)
    : BackgroundService
{
    /// <summary>How long replicas may differ before it is told.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>How often it is told again.</summary>
    public static readonly TimeSpan Reminder = TimeSpan.FromMinutes(10);

    private readonly Gauge _versions = metrics.CreateGauge(
        "rwgateway_policy_versions_in_force", "Versions of the policy that the live replicas run: more than one only while a change is on its way");

    private DateTimeOffset? _differSince;
    private DateTimeOffset? _toldAt;

    /// <summary>Looks at the register once. With the catalog away nothing is known, and nothing is told.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (changes.LastReadAt is null)
        {
            return;
        }

        IReadOnlyList<ReplicaRow> rows;
        try
        {
            rows = await register.ListAsync(cancellationToken);
        }
        catch (Exception e) when (database.IsAway(e))
        {
            return;
        }

        Compare([.. rows.Where(row => row is { IsLive: true, PolicyVersion: not null })]);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(ReplicaRegister.Interval, time);
        try
        {
            do
            {
                await LookAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private void Compare(ReplicaRow[] live)
    {
        IGrouping<string?, ReplicaRow>[] versions = [.. live.GroupBy(row => row.PolicyVersion, StringComparer.Ordinal).OrderByDescending(group => group.Count())];
        _versions.Set(versions.Length);
        DateTimeOffset now = time.GetUtcNow();
        if (versions.Length <= 1)
        {
            if (_toldAt is not null)
            {
                LogAgree(versions.FirstOrDefault()?.Key ?? "", live.Length);
            }

            _differSince = null;
            _toldAt = null;
            return;
        }

        _differSince ??= now;
        if (now - _differSince >= Patience && !(now - _toldAt < Reminder))
        {
            _toldAt = now;
            LogDiffer(now - _differSince.Value, string.Join("; ", versions.Select(group => $"{group.Key} on {string.Join(", ", group.Select(row => row.Name))}")));
        }
    }

    [LoggerMessage(LogLevel.Warning, "Replicas have run different versions of the policy for {Duration}; the file is to be the same on all: {Versions}")]
    private partial void LogDiffer(TimeSpan duration, string versions);

    [LoggerMessage(LogLevel.Information, "All {Replicas} replicas run policy {Version} again")]
    private partial void LogAgree(string version, int replicas);
}
