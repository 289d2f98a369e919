using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The directory's signing keys, kept at hand: requests read one immutable snapshot, and only tasks of this class fetch, one at a time.
/// No request waits for a fetch, except one whose key is unknown, and that for a bounded time.
/// </summary>
internal sealed partial class MetadataSnapshots
    : BaseConfigurationManager, IConfigurationManager<OpenIdConnectConfiguration>, IReadinessCheck, IReplicaFacts, IDisposable
{
    private readonly MetadataDocuments _documents;
    private readonly EntraDirectory _directory;
    private readonly MetadataOptions _options;
    private readonly TokenCache _tokens;
    private readonly MetadataMetrics _metrics;
    private readonly AuditLog _audit;
    private readonly TimeProvider _time;
    private readonly ILogger<MetadataSnapshots> _logger;

    private readonly UnknownKeys _unknownKeys;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ITimer _fetchDue;
    private readonly ITimer _snapshotDue;

    /// <summary>Guards all that follows. The snapshot is read without it.</summary>
    private readonly Lock _gate = new();
    private readonly FetchBudget _budget;
    private volatile MetadataSnapshot? _current;
    private volatile bool _lastFetchFailed;
    private volatile string? _lastError;
    private Fetch? _inFlight;
    private long _begun;
    private int _scheduledFailures;
    private DateTimeOffset _failureLoggedAt = DateTimeOffset.MinValue;

    public MetadataSnapshots(
        MetadataDocuments documents,
        EntraDirectory directory,
        IOptions<IdentityOptions> options,
        TokenCache tokens,
        MetadataMetrics metrics,
        AuditLog audit,
        TimeProvider time,
        ILogger<MetadataSnapshots> logger)
    {
        _documents = documents;
        _directory = directory;
        _options = options.Value.Metadata;
        _tokens = tokens;
        _metrics = metrics;
        _audit = audit;
        _time = time;
        _logger = logger;
        _unknownKeys = new UnknownKeys(time);
        _budget = new FetchBudget(directory.RefreshInterval, time);
        _fetchDue = time.CreateTimer(_ => OnFetchDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _snapshotDue = time.CreateTimer(_ => OnSnapshotDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        MetadataAddress = directory.MetadataAddress.ToString();

        // IdentityModel would go on accepting keys for an hour that we have dropped.
        UseLastKnownGoodConfiguration = false;
    }

    /// <summary>The keys in force, also while they are not to be used; null before the first fetch has succeeded.</summary>
    public MetadataSnapshot? Current => _current;

    public MetadataState State => StateAt(_time.GetUtcNow());

    /// <summary>What was wrong with the last fetch, or null if it succeeded.</summary>
    public string? LastError => _lastError;

    /// <inheritdoc/>
    public ReplicaFacts AddTo(ReplicaFacts facts) => facts with { KeysState = State.ToString(), KeysLoadedAt = _current?.LoadedAt };

    /// <inheritdoc/>
    public string? NotReadyBecause => State switch
    {
        MetadataState.Loading => $"no signing keys have been loaded yet{(LastError is { } error ? $": {error}" : "")}",
        MetadataState.Stale => $"the signing keys are older than {_options.MaxStale}: {LastError}",
        _ => null,
    };

    /// <summary>
    /// The snapshot to validate with, unless the state is <see cref="MetadataState.Loading"/> or <see cref="MetadataState.Stale"/>.
    /// </summary>
    public bool TryGetUsable(DateTimeOffset now, [NotNullWhen(true)] out MetadataSnapshot? snapshot)
    {
        snapshot = _current;
        return snapshot is not null && now - snapshot.LoadedAt < _options.MaxStale;
    }

    /// <summary>Begins to load. Called once.</summary>
    public void Start()
    {
        lock (_gate)
        {
            Begin(FetchTrigger.Start);
        }
    }

    /// <summary>Abandons what is being fetched, and fetches no more.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _fetchDue.DisposeAsync();
        await _snapshotDue.DisposeAsync();
        await WhenIdleAsync();
    }

    /// <summary>Completes when nothing is being fetched.</summary>
    public Task WhenIdleAsync()
    {
        lock (_gate)
        {
            return _inFlight?.Completion ?? Task.CompletedTask;
        }
    }

    /// <summary>
    /// Finds out about a key id that is not in the snapshot: waits for the fetch in flight, or causes one, within the budget.
    /// </summary>
    /// <param name="keyId">The <c>kid</c> of a token's header.</param>
    /// <param name="cancellation">Ends the wait, not the fetch.</param>
    public async ValueTask<KeyVerdict> LearnAsync(string keyId, CancellationToken cancellation)
    {
        // Before the memory: it may have come since the caller looked.
        if (_current?.Knows(keyId) == true)
        {
            return new KeyVerdict(KeyOutcome.Known);
        }

        var fingerprint = TokenFingerprint.Of(keyId);
        if (_unknownKeys.Contains(fingerprint))
        {
            return new KeyVerdict(KeyOutcome.Unknown);
        }

        long arrived = _time.GetTimestamp();
        long begunBefore = Interlocked.Read(ref _begun);
        while (true)
        {
            Fetch fetch;
            lock (_gate)
            {
                if (_current?.Knows(keyId) == true)
                {
                    return new KeyVerdict(KeyOutcome.Known);
                }

                if (_inFlight is { } running)
                {
                    fetch = running;
                }
                else if (_budget.TryTake(out TimeSpan untilRefill))
                {
                    fetch = Begin(FetchTrigger.UnknownKey);
                }
                else
                {
                    return new KeyVerdict(KeyOutcome.NotYetKnown, untilRefill);
                }
            }

            if (!await SucceededInTimeAsync(fetch, arrived, cancellation))
            {
                return new KeyVerdict(KeyOutcome.Unavailable);
            }

            if (_current?.Knows(keyId) == true)
            {
                return new KeyVerdict(KeyOutcome.Known);
            }

            // A fetch that had begun before the token came may have read a key set from before the key: it is no verdict.
            if (fetch.Number > begunBefore)
            {
                _unknownKeys.Add(fingerprint);
                return new KeyVerdict(KeyOutcome.Unknown);
            }
        }
    }

    /// <summary>Fetches now, on an operator's demand.</summary>
    /// <returns>Whether it succeeded; if not, <see cref="LastError"/> says why.</returns>
    public Task<bool> RefreshAsync(CancellationToken cancellation) => FetchOnDemandAsync(dropMissing: false, cancellation);

    /// <summary>
    /// Fetches now, drops every key that the answer lacks, without grace, and empties the token cache. If the fetch fails, the keys
    /// stay, and the token cache is emptied all the same.
    /// </summary>
    /// <returns>Whether the fetch succeeded; if not, <see cref="LastError"/> says why.</returns>
    public async Task<bool> PurgeKeysAsync(CancellationToken cancellation)
    {
        bool succeeded = await FetchOnDemandAsync(dropMissing: true, cancellation);
        _tokens.Clear();
        return succeeded;
    }

    /// <summary>
    /// Does nothing. IdentityModel calls it on every bad signature and wrong issuer, and would wait at its next read: a forger could slow
    /// honest callers. Unknown keys are learned by <see cref="LearnAsync"/>, before IdentityModel sees the token.
    /// </summary>
    public override void RequestRefresh()
    {
    }

    /// <inheritdoc/>
    public override Task<BaseConfiguration> GetBaseConfigurationAsync(CancellationToken cancel) => Loaded().BaseConfiguration;

    /// <inheritdoc/>
    public Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel) => Task.FromResult(Loaded().Configuration);

    public void Dispose()
    {
        _fetchDue.Dispose();
        _snapshotDue.Dispose();
        _stopping.Dispose();
    }

    private MetadataSnapshot Loaded() =>
        _current ?? throw new InvalidOperationException("No signing keys have been loaded; the request should have been refused.");

    private MetadataState StateAt(DateTimeOffset now) =>
        _current is null ? MetadataState.Loading
        : !TryGetUsable(now, out _) ? MetadataState.Stale
        : _lastFetchFailed ? MetadataState.Degraded
        : MetadataState.Current;

    private async Task<bool> SucceededInTimeAsync(Fetch fetch, long arrived, CancellationToken cancellation)
    {
        TimeSpan left = _options.UnknownKeyWait - _time.GetElapsedTime(arrived);
        try
        {
            return await fetch.Completion.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, cancellation);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
