using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>Shows every thirty seconds what is to be written and what is not. It is read from the catalog, and so the same on all replicas.</summary>
internal sealed partial class EmissionGauges(
    CatalogDatabase database,
    CatalogChanges catalog,
    EmissionTargets targets,
    StoreDirectory stores,
    EmissionMetrics metrics,
    TimeProvider time,
    ILogger<EmissionGauges> logger) : IHostedService, IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _shown = new(StringComparer.Ordinal);
    private Task _showing = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _showing = KeepShownAsync(_stop.Token);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _showing.WaitAsync(cancellationToken);
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>Reads and shows them now.</summary>
    public async Task ShowAsync(CancellationToken cancellationToken)
    {
        string now = database.Sql($"{time.GetUtcNow().ToUnixTimeMilliseconds()}", "now_ms()");
        IReadOnlyList<TenantRow> rows = await database.QueryAsync<TenantRow>(
            $"""
            SELECT g.tenant, min(g.dirty_since_ms) AS oldest,
                sum(CASE WHEN g.next_emit_ms <= n.now_ms THEN 1 ELSE 0 END) AS due,
                sum(CASE WHEN g.last_write_error IS NOT NULL THEN 1 ELSE 0 END) AS refused
            FROM push_groups AS g CROSS JOIN (SELECT {now} AS now_ms) AS n WHERE g.next_emit_ms IS NOT NULL GROUP BY g.tenant
            """,
            null,
            cancellationToken);
        ImmutableDictionary<string, EmissionTarget> all = targets.All();
        foreach (Store store in stores.All)
        {
            TenantRow[] at = [.. rows.Where(row => all.GetValueOrDefault(row.Tenant)?.Store == store)];
            metrics.ShowStore(store.Name, at.Sum(static row => row.Due), at.Min(static row => row.Oldest));
        }

        foreach (TenantRow row in rows)
        {
            _shown.Add(row.Tenant);
            metrics.ShowRefused(row.Tenant, row.Refused);
        }

        foreach (string gone in _shown.Except(rows.Select(static row => row.Tenant)).ToArray())
        {
            _shown.Remove(gone);
            metrics.ShowRefused(gone, 0);
        }
    }

    private async Task KeepShownAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(Interval, time);
        bool hasFailed = false;
        try
        {
            do
            {
                hasFailed = catalog.IsOpen && !await TryShowAsync(hasFailed, stopping);
            }
            while (await timer.WaitForNextTickAsync(stopping));
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task<bool> TryShowAsync(bool hasFailed, CancellationToken stopping)
    {
        try
        {
            await ShowAsync(stopping);
            return true;
        }
#pragma warning disable CA1031 // What is shown gets old; groups are written all the same.
        catch (Exception e) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
        {
            // That the catalog is away is told by who asks it for changes.
            if (!hasFailed && !database.IsAway(e))
            {
                LogFailed(e);
            }

            return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "The state of push groups cannot be read for the metrics; it is tried again")]
    private partial void LogFailed(Exception fault);

    private sealed class TenantRow
    {
        public string Tenant { get; init; } = "";

        public long? Oldest { get; init; }

        public long Due { get; init; }

        public long Refused { get; init; }
    }
}
