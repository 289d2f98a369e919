using Azure;
using Azure.Core;
using Azure.Identity;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// Tokens of Entra ID for one scope, renewed in the background from half of their life on, so that no request waits for one
/// while the last is good. One renewal at a time, whoever asks. A renewal may yield the same token once more, as the library
/// keeps some of its own; then a store that refused it is not asked with it again.
/// </summary>
internal sealed partial class EntraCredentials(
    string store, TokenCredential credential, string scope, TimeProvider time, ILogger logger) : IStoreCredentials
{
    // A token that ends while it is on its way is refused.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    // Between attempts while the directory gives none, and between renewals that a store's refusals ask for.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(30);

    private readonly TokenRequestContext _context = new([scope]);
    private readonly Lock _gate = new();
    private volatile Held? _held;
    private Task<Held?>? _fetching;
    private DateTimeOffset _nextFetch = DateTimeOffset.MinValue;
    private DateTimeOffset _nextForced = DateTimeOffset.MinValue;

    public ValueTask<string?> CurrentAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (_held is { } held && now < held.UsableUntil)
        {
            if (now >= held.RenewAt)
            {
                // Its outcome is in _held, and in the log.
                _ = Fetch(now, isForced: false);
            }

            return ValueTask.FromResult<string?>(held.Header);
        }

        return FetchedAsync(now, isForced: false, cancellationToken);
    }

    public async ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken)
    {
        if (_held is { } held && held.Header != refused)
        {
            return held.Header;
        }

        string? fresh = await FetchedAsync(time.GetUtcNow(), isForced: true, cancellationToken);
        return fresh == refused ? null : fresh;
    }

    public void Dispose()
    {
        // The credential is shared; nothing here is ours to release.
    }

    private async ValueTask<string?> FetchedAsync(DateTimeOffset now, bool isForced, CancellationToken cancellationToken) =>
        (await Fetch(now, isForced).WaitAsync(cancellationToken))?.Header;

    /// <summary>The fetch that is running, a new one, or none yet: too soon after a failure, or after the last forced one.</summary>
    private Task<Held?> Fetch(DateTimeOffset now, bool isForced)
    {
        lock (_gate)
        {
            if (_fetching is { } running)
            {
                return running;
            }

            if (now < (isForced ? _nextForced : _nextFetch))
            {
                return Task.FromResult<Held?>(null);
            }

            if (isForced)
            {
                _nextForced = now + Pause;
            }

            return _fetching = Task.Run(FetchAsync);
        }
    }

    private async Task<Held?> FetchAsync()
    {
        Held? fetched = null;
        try
        {
            using CancellationTokenSource timeout = new(FetchTimeout, time);
            AccessToken token = await credential.GetTokenAsync(_context, timeout.Token);
            DateTimeOffset now = time.GetUtcNow();
            // The library may hand out its own cached token once more: then half of what is left.
            TimeSpan half = TimeSpan.FromTicks(Math.Max((token.ExpiresOn - now).Ticks / 2, Pause.Ticks));
            fetched = new Held("Bearer " + token.Token, now + half, token.ExpiresOn - Margin);
            _held = fetched;
        }
        catch (Exception e) when (e is AuthenticationFailedException or RequestFailedException or OperationCanceledException or HttpRequestException or IOException)
        {
            LogNoToken(store, scope, e.Message);
        }

        lock (_gate)
        {
            _nextFetch = fetched is null ? time.GetUtcNow() + Pause : DateTimeOffset.MinValue;
            _fetching = null;
        }

        return fetched;
    }

    [LoggerMessage(LogLevel.Error, "No token for store {Store} ({Scope}): {Reason}")]
    private partial void LogNoToken(string store, string scope, string reason);

    private sealed record Held(string Header, DateTimeOffset RenewAt, DateTimeOffset UsableUntil);
}
