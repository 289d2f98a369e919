using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Admin;

/// <summary>
/// Purges of signing keys and of validated tokens that all replicas are to make: the one that is asked purges, and raises a topic of the
/// catalog by which the others learn of it.
/// </summary>
internal sealed partial class ReplicaPurges(
    CatalogDatabase database,
    CatalogChanges changes,
    MetadataSnapshots keys,
    TokenCache tokens,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<ReplicaPurges> logger) : IHostedLifecycleService
{
    private const string KeysTopic = "purge-keys";
    private const string TokensTopic = "purge-tokens";

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    private readonly Heard _keysHeard = new();
    private readonly Heard _tokensHeard = new();
    private Task _purging = Task.CompletedTask;

    /// <summary>Fetches the keys and drops those that the issuer does not name any more, here at once and then on the other replicas.</summary>
    /// <exception cref="System.Data.Common.DbException">The catalog is away: purged here, and the others have not been told.</exception>
    public async Task PurgeKeysAsync(CancellationToken cancellationToken)
    {
        await keys.PurgeKeysAsync(cancellationToken);
        await RaiseAsync(KeysTopic, _keysHeard, cancellationToken);
    }

    /// <summary>Forgets all validated tokens, here at once and then on the other replicas.</summary>
    /// <exception cref="System.Data.Common.DbException">The catalog is away: purged here, and the others have not been told.</exception>
    public async Task PurgeTokensAsync(CancellationToken cancellationToken)
    {
        tokens.Clear();
        await RaiseAsync(TokensTopic, _tokensHeard, cancellationToken);
    }

    /// <summary>Before the catalog is read for the first time.</summary>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        changes.Subscribe(KeysTopic, HearKeysAsync);
        changes.Subscribe(TokensTopic, HearTokensAsync);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => _purging.WaitAsync(cancellationToken);

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>What is being done about what was heard; completes when all of it is done.</summary>
    internal Task WhenIdleAsync() => _purging;

    private async Task RaiseAsync(string topic, Heard heard, CancellationToken cancellationToken) =>
        heard.Skip(await database.TransactAsync(transaction => changes.RaiseAsync(transaction, topic, cancellationToken), cancellationToken));

    private Task HearTokensAsync(long revision, CancellationToken cancellationToken)
    {
        if (_tokensHeard.IsNews(revision, IsStarted))
        {
            LogHeard("validated tokens");
            tokens.Clear();
        }

        return Task.CompletedTask;
    }

    private Task HearKeysAsync(long revision, CancellationToken cancellationToken)
    {
        if (_keysHeard.IsNews(revision, IsStarted))
        {
            LogHeard("signing keys");

            // Not here: other parts of the gateway wait to hear of the catalog, and an issuer can be slow.
            _purging = PurgeUntilDoneAsync(_purging, lifetime.ApplicationStopping);
        }

        return Task.CompletedTask;
    }

    // A gateway that starts has fetched its keys just now, and has no tokens. One that hears of the catalog only later may have missed something.
    private bool IsStarted => lifetime.ApplicationStarted.IsCancellationRequested;

    private async Task PurgeUntilDoneAsync(Task before, CancellationToken stopping)
    {
        await before;
        try
        {
            for (TimeSpan pause = FirstRetry; !await keys.PurgeKeysAsync(stopping); pause = pause * 2 < LastRetry ? pause * 2 : LastRetry)
            {
                await Task.Delay(pause, time, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The gateway stops, and its keys with it.
        }
    }

    [LoggerMessage(LogLevel.Information, "Another replica was told to purge {What}: done here as well")]
    private partial void LogHeard(string what);

    /// <summary>The last revision of a topic that was done here.</summary>
    private sealed class Heard
    {
        private readonly Lock _gate = new();
        private long? _revision;

        /// <summary>Whether there is something to do about <paramref name="revision"/>; the first one only <paramref name="isLate"/>.</summary>
        public bool IsNews(long revision, bool isLate)
        {
            lock (_gate)
            {
                bool isNews = _revision is { } last ? last != revision : isLate && revision > 0;
                _revision = revision;
                return isNews;
            }
        }

        /// <summary>What was raised here was done here before, unless others raised as well in between.</summary>
        public void Skip(long revision)
        {
            lock (_gate)
            {
                if (_revision == revision - 1)
                {
                    _revision = revision;
                }
            }
        }
    }
}
