using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Writes down which policy is in force on this replica since when. While the catalog is away the versions wait here, with their times, and
/// are written in their order when it is back.
/// </summary>
internal sealed partial class PolicyHistory(
    PolicySource source,
    PolicyVersionStore store,
    CatalogDatabase database,
    CatalogChanges changes,
    ReplicaIdentity replica,
    IOptions<CatalogOptions> options,
    TimeProvider time,
    ILogger<PolicyHistory> logger) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _news = new(0);
    private readonly Lock _gate = new();
    private readonly Queue<Taken> _waiting = [];
    private Task _writing = Task.CompletedTask;
    private bool _toldFailure;

    /// <summary>How many versions are not written down yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Writes down the policy that the host starts with, if the catalog is there, and follows.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Take(source.Current);
        source.Changed += Take;
        await TryWriteAsync(cancellationToken);
        _writing = WriteAsync(_stop.Token);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        source.Changed -= Take;
        await _stop.CancelAsync();
        await _writing.WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        // The container disposes it once for each of its services.
        if (!_stop.IsCancellationRequested)
        {
            _stop.Cancel();
        }
    }

    private void Take(PolicySnapshot policy)
    {
        lock (_gate)
        {
            _waiting.Enqueue(new Taken(policy.Document, source.InForce.Since));
        }

        _news.Release();
    }

    private async Task WriteAsync(CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await _news.WaitAsync(stopping);
                while (!await TryWriteAsync(stopping))
                {
                    await Task.Delay(options.Value.PollInterval, time, stopping);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            if (Waiting is > 0 and var left)
            {
                LogLost(left);
            }
        }
    }

    /// <returns>Whether nothing waits any more.</returns>
    private async Task<bool> TryWriteAsync(CancellationToken cancellationToken)
    {
        // Until it was read once the catalog has perhaps not even a schema, and whoever opens it tells so.
        while (changes.LastReadAt is not null)
        {
            Taken next;
            lock (_gate)
            {
                if (!_waiting.TryPeek(out next))
                {
                    return true;
                }
            }

            try
            {
                await store.AddAsync(replica.Name, next.Policy, next.At, cancellationToken);
            }
#pragma warning disable CA1031 // The version waits, whatever it was, and the policy is in force all the same.
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                TellFailure(e, next.Policy.Version);
                return false;
            }

            lock (_gate)
            {
                _waiting.Dequeue();
            }

            _toldFailure = false;
        }

        return false;
    }

    private void TellFailure(Exception e, string version)
    {
        if (_toldFailure)
        {
            return;
        }

        _toldFailure = true;
        if (database.IsAway(e))
        {
            LogWaits(version, database.Describe(e));
        }
        else
        {
            LogBug(e, version);
        }
    }

    [LoggerMessage(LogLevel.Warning, "That policy {Version} is in force cannot be written to the catalog yet and is tried again: {Reason}")]
    private partial void LogWaits(string version, string reason);

    [LoggerMessage(LogLevel.Error, "That policy {Version} is in force cannot be written to the catalog because of an error of the gateway; it is tried again")]
    private partial void LogBug(Exception fault, string version);

    [LoggerMessage(LogLevel.Error, "{Versions} versions of the policy were in force here and could not be written to the catalog before the stop; the catalog does not tell of them")]
    private partial void LogLost(int versions);

    /// <summary>That a policy came into force.</summary>
    private readonly record struct Taken(PolicyDocument Policy, DateTimeOffset At);
}
