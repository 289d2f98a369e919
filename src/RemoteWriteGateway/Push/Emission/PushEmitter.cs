using System.Collections.Concurrent;
using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// Writes groups to their stores: claims what is due, each second and whenever this replica took a push, and hands it to the lanes of the stores. A
/// store that is away, or has its hands full, keeps nothing from the others. When the gateway stops, what is in flight is ended and leases are
/// given back.
/// </summary>
internal sealed partial class PushEmitter(
    ClaimStore claims,
    EmissionSender sender,
    EmissionTargets targets,
    EmissionMetrics metrics,
    PushWake wake,
    CatalogDatabase database,
    CatalogChanges catalog,
    IFailPoints failPoints,
    TimeProvider time,
    ILogger<PushEmitter> logger) : IHostedService, IDisposable
{
    public static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    /// <summary>After a push others are waited for: a claim and its end are two commits, for one group or for many.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<Store, StoreLane> _lanes = new();
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _emitting = Task.CompletedTask;
    private bool _isAway;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _emitting = EmitAsync(_stop.Token);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _emitting.WaitAsync(cancellationToken);
        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken);
    }

    public void Dispose() => _stop.Dispose();

    private async Task EmitAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            if (catalog.IsOpen)
            {
                await ClaimAsync(stopping);
            }

            await WaitAsync(stopping);
        }
    }

    private async Task WaitAsync(CancellationToken stopping)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Task poll = Task.Delay(Poll, time, waiting.Token);
        Task first = await Task.WhenAny(poll, wake.WaitAsync(waiting.Token));
        await waiting.CancelAsync();
        if (first != poll && !stopping.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(Gathering, TimeProvider.System, stopping));
        }
    }

    /// <summary>One claim, handed to the lanes.</summary>
    private async Task ClaimAsync(CancellationToken stopping)
    {
        List<StoreLane> entered = [];
        try
        {
            ImmutableDictionary<string, EmissionTarget> all = targets.All();
            entered = [.. all.Values.Select(static one => one.Store).Distinct().Select(LaneOf).Where(static lane => lane.TryEnter())];
            HashSet<StoreLane> free = [.. entered];
            string[] tenants = [.. all.Where(one => free.Contains(LaneOf(one.Value.Store))).Select(static one => one.Key)];
            Claim claim = tenants.Length == 0 ? Claim.Nothing : await claims.ClaimAsync(tenants, stopping);
            TellAway(null);
            CountClaim(claim);
            foreach (IGrouping<StoreLane, EmissionBatch> batches in EmissionBatch.Of(claim.Deliveries, all, RequestBounds.Default).GroupBy(batch => LaneOf(batch.Target.Store)))
            {
                entered.Remove(batches.Key);
                Start(RunAsync(batches.Key, [.. batches], wakes: claim.IsFull));
            }
        }
#pragma warning disable CA1031 // Whatever it is, groups have to be written: it is told, and tried again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            TellAway(stopping.IsCancellationRequested ? null : e);
        }

        foreach (StoreLane lane in entered)
        {
            lane.Leave();
        }
    }

    private StoreLane LaneOf(Store store) => _lanes.GetOrAdd(store, one => new StoreLane(one.Name, metrics, time, Random.Shared.NextDouble));

    private void CountClaim(Claim claim)
    {
        metrics.CountTakeovers(claim.Takeovers);
        foreach (Delivery delivery in claim.Deliveries)
        {
            metrics.CountCoalesced(delivery.Row.Tenant, delivery.Coalesced);
        }
    }

    private void Start(Task lane)
    {
        _running.TryAdd(lane, true);
        _ = lane.ContinueWith(one => _running.TryRemove(one, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Sends the batches of one store; the first one alone, if it is to be seen whether the store is back.</summary>
    private async Task RunAsync(StoreLane lane, IReadOnlyList<EmissionBatch> batches, bool wakes)
    {
        // Not on the thread of the claims.
        await Task.Yield();
        try
        {
            await failPoints.ReachAsync(FailPoint.Claimed);
            int probes = lane.IsProbing ? 1 : 0;
            if (probes > 0)
            {
                await SendAsync(batches[0], lane);
            }

            await Parallel.ForEachAsync(
                batches.Skip(probes),
                new ParallelOptions { MaxDegreeOfParallelism = StoreLane.MaxRequests },
                async (batch, _) => await SendAsync(batch, lane));
        }
        finally
        {
            if (lane.Leave(hasMore: wakes))
            {
                wake.Signal();
            }
        }
    }

    private async Task SendAsync(EmissionBatch batch, StoreLane lane)
    {
        try
        {
            if (lane.IsPaused || _stop.IsCancellationRequested)
            {
                await sender.ReleaseAsync(batch.Deliveries);
                return;
            }

            await sender.SendAsync(batch, lane);
        }
#pragma warning disable CA1031 // One batch must not end the others; its leases run out, and it comes again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            TellAway(e);
        }
    }

    private void TellAway(Exception? fault)
    {
        if (fault is null)
        {
            _isAway = false;
        }
        else if (!database.IsAway(fault))
        {
            LogFailed(fault);
        }
        else if (!_isAway)
        {
            _isAway = true;
            LogAway(database.Describe(fault));
        }
    }

    [LoggerMessage(LogLevel.Warning, "Push groups are not written to their stores while the catalog is away: {Fault}")]
    private partial void LogAway(string fault);

    [LoggerMessage(LogLevel.Error, "Writing push groups failed; it is tried again")]
    private partial void LogFailed(Exception fault);
}
