using System.Data.Common;

namespace RemoteWriteGateway.Catalog;

/// <summary>A run of a gateway, as its row says.</summary>
internal sealed record ReplicaRow
{
    public Guid Instance { get; init; }

    public string Name { get; init; } = "";

    public string Stream { get; init; } = "";

    public string Version { get; init; } = "";

    public DateTimeOffset StartedAt { get; init; }

    /// <summary>By the database's clock.</summary>
    public DateTimeOffset LastSeen { get; init; }

    /// <summary>Whether it was seen within <see cref="ReplicaRegister.LiveWithin"/>.</summary>
    public bool IsLive { get; init; }

    public string? PolicyVersion { get; init; }

    public long? RevocationsRevision { get; init; }

    public string KeysState { get; init; } = "";

    public DateTimeOffset? KeysLoadedAt { get; init; }

    public long AuditSpooled { get; init; }
}

/// <summary>
/// The register of gateways that share the catalog. This one writes its row every five seconds and takes it out when it stops; who was not
/// seen for fifteen seconds, by the database's clock, is not live. With the catalog away the last count stands.
/// </summary>
internal sealed partial class ReplicaRegister(
    CatalogDatabase database,
    CatalogChanges changes,
    ReplicaIdentity identity,
    IEnumerable<IReplicaFacts> parts,
    CatalogMetrics metrics,
    TimeProvider time,
    ILogger<ReplicaRegister> logger) : IHostedService, IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan LiveWithin = TimeSpan.FromSeconds(15);

    // Rows of gateways that were killed; what they did stands in the audit.
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(1);

    private readonly IReplicaFacts[] _parts = [.. parts];
    private readonly CancellationTokenSource _stop = new();
    private Task _registering = Task.CompletedTask;
    private volatile int _liveReplicas = 1;
    private bool _isRegistered;
    private bool _hasFailed;

    /// <summary>How many gateways share the catalog just now, this one included: at least 1. What is shared among them is divided by it.</summary>
    public int LiveReplicas => _liveReplicas;

    /// <summary>All rows, the live ones first, then by name and start.</summary>
    public Task<IReadOnlyList<ReplicaRow>> ListAsync(CancellationToken cancellationToken) => database.QueryAsync<ReplicaRow>(
        $"""
        SELECT instance, name, stream, version, started_at, last_seen, (last_seen >= {database.Ago(LiveWithin)}) AS is_live,
               policy_version, revocations_revision, keys_state, keys_loaded_at, audit_spooled
        FROM replicas
        ORDER BY is_live DESC, name, started_at, instance
        """,
        null,
        cancellationToken);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.SetLiveReplicas(1);
        await RegisterAsync(cancellationToken);
        _registering = KeepRegisteredAsync(_stop.Token);
    }

    /// <summary>Takes the row out: whoever divides by the live replicas need not wait until this one has not been seen for long enough.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _registering.WaitAsync(cancellationToken);
        if (!_isRegistered || _hasFailed)
        {
            return;
        }

        try
        {
            await database.ExecuteAsync("DELETE FROM replicas WHERE instance = @Instance", new { identity.Instance }, cancellationToken);
        }
        catch (Exception e) when (database.IsAway(e))
        {
            // It is not seen any more, which is the same fifteen seconds later.
        }
    }

    public void Dispose() => _stop.Cancel();

    private async Task KeepRegisteredAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                await RegisterAsync(stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>Writes the row and counts the others, if the catalog is open.</summary>
    private async Task RegisterAsync(CancellationToken cancellationToken)
    {
        if (!changes.IsOpen)
        {
            return;
        }

        try
        {
            _liveReplicas = Math.Max(1, await database.TransactAsync(transaction => WriteAsync(transaction, cancellationToken), cancellationToken));
            metrics.SetLiveReplicas(_liveReplicas);
            _isRegistered = true;
            _hasFailed = false;
        }
#pragma warning disable CA1031 // A gateway that is missing in the register still does its work.
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            // That the catalog is away is told by who asks it for changes.
            if (!_hasFailed && !database.IsAway(e))
            {
                LogFailed(e);
            }

            _hasFailed = true;
        }
    }

    private async Task<int> WriteAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        ReplicaFacts facts = _parts.Aggregate(new ReplicaFacts(), static (facts, part) => part.AddTo(facts));
        await transaction.ExecuteAsync(
            $"""
            INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, policy_version, revocations_revision, keys_state, keys_loaded_at, audit_spooled)
            VALUES (@Instance, @Name, @Stream, @Version, @StartedAt, {database.Now}, @PolicyVersion, @RevocationsRevision, @KeysState, @KeysLoadedAt, @AuditSpooled)
            ON CONFLICT (instance) DO UPDATE SET last_seen = excluded.last_seen, policy_version = excluded.policy_version,
                revocations_revision = excluded.revocations_revision, keys_state = excluded.keys_state, keys_loaded_at = excluded.keys_loaded_at,
                audit_spooled = excluded.audit_spooled
            """,
            new
            {
                identity.Instance,
                identity.Name,
                identity.Stream,
                identity.Version,
                identity.StartedAt,
                facts.PolicyVersion,
                facts.RevocationsRevision,
                facts.KeysState,
                facts.KeysLoadedAt,
                facts.AuditSpooled,
            },
            cancellationToken);
        if (!_isRegistered)
        {
            await transaction.ExecuteAsync($"DELETE FROM replicas WHERE last_seen < {database.Ago(KeptFor)}", null, cancellationToken);
        }

        return await transaction.QueryFirstOrDefaultAsync<int>($"SELECT count(*) FROM replicas WHERE last_seen >= {database.Ago(LiveWithin)}", null, cancellationToken);
    }

    [LoggerMessage(LogLevel.Error, "This replica cannot be written into the register of replicas; it is tried again")]
    private partial void LogFailed(Exception fault);
}
