using System.Data.Common;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Catalog;

/// <summary>
/// Keeps what this replica holds of the catalog in memory up to date. Whoever changes a table raises the revision of its topic in the same
/// transaction; every replica asks for all revisions each <see cref="CatalogOptions.PollInterval"/>, and PostgreSQL's notifications
/// only make it ask sooner. It also opens the catalog: migrated at start, or as soon as it is there.
/// </summary>
/// <remarks>
/// With the catalog away the gateway starts and runs; this asks again, less and less often, and says so once. What only an operator
/// can mend stops the start, and is told and asked again if it comes later.
/// </remarks>
internal sealed partial class CatalogChanges(
    CatalogDatabase database,
    CatalogMigrator migrator,
    CatalogMetrics metrics,
    IOptions<CatalogOptions> options,
    TimeProvider time,
    ILogger<CatalogChanges> logger) : IHostedLifecycleService, IDisposable
{
    /// <summary>The channel of PostgreSQL's notifications; the payload is the topic.</summary>
    public const string Channel = "rwgateway_catalog";

    // The longest pause between questions to a catalog that is away.
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(10);

    private readonly CatalogOptions _options = options.Value;
    private readonly SemaphoreSlim _one = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<CatalogSubscription> _subscriptions = [];
    private Task _following = Task.CompletedTask;
    private Task _listening = Task.CompletedTask;
    private volatile bool _isPrepared;
    private DateTimeOffset? _awaySince;
    private long _lastReadTicks = -1;

    /// <summary>When the catalog was last asked what has changed and answered, null = never yet.</summary>
    public DateTimeOffset? LastReadAt => Interlocked.Read(ref _lastReadTicks) is >= 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>Whether the catalog has been opened, with the schema of this program. It may be away again.</summary>
    public bool IsOpen => _isPrepared;

    /// <summary>
    /// Has <paramref name="read"/> called with the topic's revision whenever it is another one than at the last call that succeeded,
    /// and once in any case, at the next question. Calls come one at a time, of all subscriptions together.
    /// </summary>
    /// <param name="topic">The name under which the table's owner raises revisions.</param>
    /// <param name="read">
    /// Reads what belongs to the topic and takes it over. If it throws, the subscription is not current and it is called again at the next
    /// question. It must not call <see cref="PollAsync"/>, which waits for it.
    /// </param>
    public CatalogSubscription Subscribe(string topic, Func<long, CancellationToken, Task> read)
    {
        CatalogSubscription subscription = new(topic, read);
        lock (_gate)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    /// <summary>Raises the topic's revision, in the transaction that makes the change. Transactions on one topic wait for each other from here to their end.</summary>
    /// <returns>The new revision.</returns>
    public async Task<long> RaiseAsync(DbTransaction transaction, string topic, CancellationToken cancellationToken)
    {
        long revision = await transaction.QueryFirstOrDefaultAsync<long>(
            $"""
            INSERT INTO catalog_changes (topic, revision, changed_at) VALUES (@topic, 1, {database.Now})
            ON CONFLICT (topic) DO UPDATE SET revision = catalog_changes.revision + 1, changed_at = excluded.changed_at
            RETURNING revision
            """,
            new { topic },
            cancellationToken);
        if (database.Provider == CatalogProvider.PostgreSql)
        {
            // Reaches listeners with the commit.
            await transaction.ExecuteAsync("SELECT pg_notify(@Channel, @topic)", new { Channel, topic }, cancellationToken);
        }

        return revision;
    }

    /// <summary>Asks now: when it returns, every subscription has what was committed before the call.</summary>
    /// <exception cref="Exception">The database's own, if it is away; a subscription's, if it failed.</exception>
    public async Task PollAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            await PrepareAsync(cancellationToken);
            await ReadAsync(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Opens and migrates the catalog, if it is there.</summary>
    /// <exception cref="CatalogRefusedException">It is there and cannot be used until an operator acts.</exception>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PrepareAsync(cancellationToken);
        }
        catch (Exception e) when (e is not CatalogRefusedException && database.OperatorsFault(e) is { } fault)
        {
            throw new CatalogRefusedException(fault, e);
        }
        catch (Exception e) when (database.IsAway(e))
        {
            TellAway(e);
        }
    }

    /// <summary>Asks for the first time, before the listeners open, and begins to follow.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_isPrepared)
        {
            await TryPollAsync(cancellationToken);
        }

        _following = FollowAsync(_stop.Token);
        _listening = database is PostgreSqlDatabase postgreSql
            ? new CatalogListener(postgreSql, HintAsync, time, logger).RunAsync(_stop.Token)
            : Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_following, _listening).WaitAsync(cancellationToken);
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        // The container disposes it once for each of its services.
        if (!_stop.IsCancellationRequested)
        {
            _stop.Cancel();
        }
    }

    private async Task FollowAsync(CancellationToken stopping)
    {
        TimeSpan pause = _options.PollInterval;
        try
        {
            while (true)
            {
                await Task.Delay(pause, time, stopping);
                pause = await TryPollAsync(stopping)
                    ? _options.PollInterval
                    : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, Math.Max(MaxPause.Ticks, _options.PollInterval.Ticks)));
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task HintAsync(CancellationToken cancellationToken)
    {
        metrics.CountHint();
        await TryPollAsync(cancellationToken);
    }

    /// <returns>Whether the catalog answered and every subscription is current.</returns>
    private async Task<bool> TryPollAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PollAsync(cancellationToken);
            return true;
        }
#pragma warning disable CA1031 // Whatever it was, the next question is the way out of it; a loop that ended would be a gateway gone deaf.
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            TellAway(e);
            return false;
        }
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (_isPrepared)
        {
            return;
        }

        await database.PrepareAsync(cancellationToken);
        int version = await migrator.ReadVersionAsync(cancellationToken);
        migrator.RefuseNewer(version);
        if (version < migrator.Known)
        {
            version = _options.MigrateAtStart
                ? (await migrator.MigrateAsync(cancellationToken)).After
                : throw new CatalogRefusedException(
                    $"Catalog:MigrateAtStart: is false, and the schema of {database.Name} has version {version} while this program needs {migrator.Known}: run rwgateway catalog migrate");
        }

        metrics.SetSchema(version);
        _isPrepared = true;
        LogOpened(database.Provider, database.Name, version);
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset asked = time.GetUtcNow();
        IReadOnlyList<Change> rows = await database.QueryAsync<Change>("SELECT topic, revision FROM catalog_changes", null, cancellationToken);
        Dictionary<string, long> revisions = rows.ToDictionary(row => row.Topic, row => row.Revision, StringComparer.Ordinal);
        CatalogSubscription[] subscriptions;
        lock (_gate)
        {
            subscriptions = [.. _subscriptions];
        }

        List<Exception> failures = [];
        foreach (CatalogSubscription subscription in subscriptions)
        {
            long revision = revisions.GetValueOrDefault(subscription.Topic);
            try
            {
                // Not "newer": a catalog that was put back from a copy has older ones.
                if (subscription.Revision != revision)
                {
                    await subscription.Read(revision, cancellationToken);
                }

                subscription.SetCurrent(revision, asked);
            }
#pragma warning disable CA1031 // One part's failure must not keep the others from what has changed; it is thrown below.
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                failures.Add(e);
                if (!database.IsAway(e))
                {
                    metrics.CountSubscriberError();
                    LogSubscriberFailed(e, subscription.Topic, revision);
                }
            }
        }

        if (failures.FirstOrDefault(database.IsAway) is { } away)
        {
            throw away;
        }

        TellBack(asked);
        if (failures.Count > 0)
        {
            throw failures[0];
        }
    }

    private void TellAway(Exception e)
    {
        metrics.CountFailure();
        if (_awaySince is not null)
        {
            return;
        }

        _awaySince = time.GetUtcNow();
        if (e is CatalogRefusedException || database.OperatorsFault(e) is not null)
        {
            LogRefused(database.OperatorsFault(e) ?? e.Message);
        }
        else if (database.IsAway(e))
        {
            LogAway(database.Name, database.Describe(e));
        }
        else
        {
            LogBug(e, database.Name);
        }
    }

    private void TellBack(DateTimeOffset asked)
    {
        metrics.CountRead(asked);
        Interlocked.Exchange(ref _lastReadTicks, asked.UtcTicks);
        if (_awaySince is { } since)
        {
            _awaySince = null;
            LogBack(database.Name, asked - since);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Provider} catalog {Database} is open, its schema has version {Version}")]
    private partial void LogOpened(CatalogProvider provider, string database, int version);

    [LoggerMessage(LogLevel.Warning, "Catalog {Database} does not answer, the gateway goes on with what it knows and asks again: {Reason}")]
    private partial void LogAway(string database, string reason);

    [LoggerMessage(LogLevel.Error, "The catalog cannot be used until this is mended; the gateway goes on with what it knows and asks again: {Reason}")]
    private partial void LogRefused(string reason);

    [LoggerMessage(LogLevel.Error, "Catalog {Database} cannot be asked because of an error of the gateway")]
    private partial void LogBug(Exception fault, string database);

    [LoggerMessage(LogLevel.Information, "Catalog {Database} answers again, after {Outage}")]
    private partial void LogBack(string database, TimeSpan outage);

    [LoggerMessage(LogLevel.Error, "A part of the gateway could not take over revision {Revision} of {Topic} in the catalog; it is tried again")]
    private partial void LogSubscriberFailed(Exception fault, string topic, long revision);

    private sealed class Change
    {
        public string Topic { get; init; } = "";

        public long Revision { get; init; }
    }
}
