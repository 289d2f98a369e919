using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>The proofs of all stores: asked for at start in the background, every quarter of an hour, and when a read needs one.</summary>
internal sealed class StoreProofs : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(15);

    private readonly FrozenDictionary<Store, StoreProof> _proofs;
    private readonly TimeProvider _time;

    public StoreProofs(
        StoreDirectory stores, PolicySource policy, StoreReader reader, IOptions<QueryOptions> options, QueryMetrics metrics, TimeProvider time, ILogger<StoreProof> logger)
    {
        _time = time;
        _proofs = stores.All
            .Where(store => store.Read is not null)
            .ToFrozenDictionary(store => store, store => new StoreProof(
                store, store.Read!, id => IsTenant(policy.Current, id), reader, options.Value, metrics, time, logger)); // those with a read side
    }

    public StoreProof Of(Store store) => _proofs[store];

    /// <summary>Whether a route may be asked of a read's store.</summary>
    /// <returns>Null if it may; a refusal; or <c>IsEmpty</c>, if the store has no data and the answer is ours to give.</returns>
    public async ValueTask<(Refusal? Refusal, bool IsEmpty)> CheckAsync(ReadContext read)
    {
        StoreProof proof = Of(read.Scope.Store);
        return await proof.KnownStateAsync(read.Route.Api, read.Gone) switch
        {
            RouteState.Proven => (null, false),
            RouteState.Empty => (null, true),
            RouteState.Failed => (ReadRefusals.Disabled(
                $"store {read.Scope.Store.Name} answered a tenant that does not exist with data on this endpoint, so it is off; tell the operator"), false),
            _ => (ReadRefusals.Unproven(read.Scope.Store.Name), false),
        };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAll(_proofs.Values.Select(proof => proof.ProbeAsync())).WaitAsync(stoppingToken);

            // Spread, so that replicas do not ask together. No secret depends on it.
#pragma warning disable CA5394
            TimeSpan wait = Interval * (0.9 + (Random.Shared.NextDouble() * 0.2));
#pragma warning restore CA5394
            await Task.Delay(wait, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool IsTenant(PolicySnapshot policy, string id) =>
        policy.Tenants.Any(tenant => tenant.Name == id || tenant.Settings<StoreSettings>().Target?.StoreId == id);
}
