using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// The catalog's revocations as this replica knows them, and since when it could not ask. Read on every request; replaced whole, by one
/// volatile write, when the catalog's topic has another revision. The list is never guessed: before it was read once there is none.
/// </summary>
internal sealed class CatalogRevocations : IReadinessCheck, IReplicaFacts, IHostedService
{
    private readonly RevocationStore _store;
    private readonly CatalogSubscription _subscription;
    private readonly TimeSpan _maxStale;
    private volatile RevocationList? _list;

    public CatalogRevocations(
        RevocationStore store, CatalogChanges changes, IOptions<RevocationOptions> options, IMetricFactory metrics, CollectorRegistry registry)
    {
        _store = store;
        _maxStale = options.Value.MaxStale;
        _subscription = changes.Subscribe(RevocationStore.Topic, ReadAsync);
        Gauge readAt = metrics.CreateGauge(
            "rwgateway_revocations_read_timestamp_seconds",
            "When the list of revocations was last known to be the catalog's; 0 if it has never been read");
        registry.AddBeforeCollectCallback(() => readAt.Set((_subscription.CurrentAsOf?.ToUnixTimeMilliseconds() ?? 0) / 1000.0));
    }

    /// <summary>Not ready only until the first read: until then every request would be refused.</summary>
    public string? NotReadyBecause => _list is null ? "the catalog's revocations have not been read yet" : null;

    /// <summary>The topic's revision that is in force here; null until it has been read once.</summary>
    public long? Revision => _subscription.Revision;

    public ReplicaFacts AddTo(ReplicaFacts facts) => facts with { RevocationsRevision = Revision };

    /// <summary>The list by which a request is judged.</summary>
    /// <param name="now">The time of the request.</param>
    /// <param name="evenIfStale">Whether a list that is older than <see cref="RevocationOptions.MaxStale"/> will do.</param>
    /// <param name="list">The list; null if there is none that will do.</param>
    public bool TryGet(DateTimeOffset now, bool evenIfStale, [NotNullWhen(true)] out RevocationList? list)
    {
        list = _list;
        if (list is not null && !evenIfStale && !(now - _subscription.CurrentAsOf <= _maxStale))
        {
            list = null;
        }

        return list is not null;
    }

    // A part of the host only so that it is made with it: the list is then read by the catalog's first question, before anything listens.
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task ReadAsync(long revision, CancellationToken cancellationToken) =>
        _list = new RevocationList(await _store.ReadInForceAsync(cancellationToken));
}
