using System.Text.Json;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Identity;

/// <summary>When metadata is fetched, one fetch at a time, and what becomes of the answer.</summary>
internal sealed partial class MetadataSnapshots
{
    private static readonly TimeSpan FirstRetryWhileLoading = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastRetryWhileLoading = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(5);

    /// <summary>After the first failure of a row, the others are logged this often.</summary>
    private static readonly TimeSpan FailureLogInterval = TimeSpan.FromMinutes(5);

    /// <summary>Begins a fetch, on a task of its own. The gate is held, and nothing is in flight.</summary>
    private Fetch Begin(FetchTrigger trigger, bool dropMissing = false)
    {
        var fetch = new Fetch(++_begun, trigger, dropMissing) { IsScheduled = trigger is FetchTrigger.Start or FetchTrigger.Periodic };
        _inFlight = fetch;

        // Not part of the request that happens to cause it: neither of its trace nor of anything else that flows with it.
        using (ExecutionContext.SuppressFlow())
        {
            _ = Task.Run(() => RunAsync(fetch));
        }

        return fetch;
    }

    private async Task RunAsync(Fetch fetch)
    {
        MetadataAnswer? answer = null;
        Exception? failure = null;
        try
        {
            answer = await _documents.FetchAsync(_stopping.Token);
        }
#pragma warning disable CA1031 // Whatever went wrong: the next fetch must not wait for this one for ever.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        lock (_gate)
        {
            _inFlight = null;
            if (!_stopping.IsCancellationRequested)
            {
                _metrics.CountRefresh(fetch.Trigger, answer is not null);
                if (answer is not null)
                {
                    Accept(answer, fetch);
                }
                else
                {
                    // Null is impossible: either an answer was returned or something was thrown.
                    Reject(failure!, fetch);
                }
            }
        }

        fetch.Complete(answer is not null);
    }

    private void Accept(MetadataAnswer answer, Fetch fetch)
    {
        DateTimeOffset now = _time.GetUtcNow();
        MetadataState before = StateAt(now);
        MetadataSnapshot? old = _current;
        var snapshot = MetadataSnapshot.Merge(answer, old, now, fetch.DropMissing ? TimeSpan.Zero : _options.KeyGrace);
        _current = snapshot;
        _lastFetchFailed = false;
        _lastError = null;
        _scheduledFailures = 0;
        _failureLoggedAt = DateTimeOffset.MinValue;
        if (before != MetadataState.Current)
        {
            LogLoaded(snapshot.Keys.Length, _directory.Id, before);
        }

        TellKeyChanges(old, snapshot, fetch.Trigger.ToString());
        _fetchDue.Change(Jittered(_directory.AutomaticRefreshInterval), Timeout.InfiniteTimeSpan);
        Publish(snapshot, now);
    }

    private void Reject(Exception failure, Fetch fetch)
    {
        DateTimeOffset now = _time.GetUtcNow();
        _lastFetchFailed = true;
        _lastError = failure is MetadataException ? failure.Message : $"{failure.GetType().Name}: {failure.Message}";

        // A fetch for an unknown key that fails brings the next scheduled one nearer, but forgers cannot make it back off.
        if (fetch.IsScheduled || _scheduledFailures == 0)
        {
            _scheduledFailures++;
            (TimeSpan first, TimeSpan last) = _current is null ? (FirstRetryWhileLoading, LastRetryWhileLoading) : (FirstRetry, LastRetry);
            _fetchDue.Change(Doubled(first, last, _scheduledFailures - 1), Timeout.InfiniteTimeSpan);
        }

        if (now - _failureLoggedAt >= FailureLogInterval)
        {
            _failureLoggedAt = now;
            LogFailed(failure is MetadataException ? null : failure, _directory.Id, _lastError, StateAt(now));
        }

        _metrics.SetState(StateAt(now));
    }

    private void OnFetchDue()
    {
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            if (_inFlight is { } running)
            {
                running.IsScheduled = true;
            }
            else
            {
                Begin(_current is null ? FetchTrigger.Start : FetchTrigger.Periodic);
            }
        }
    }

    /// <summary>Time alone changes the snapshot (a grace period ends) or its worth (it becomes stale).</summary>
    private void OnSnapshotDue()
    {
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested || _current is not { } old)
            {
                return;
            }

            DateTimeOffset now = _time.GetUtcNow();
            MetadataSnapshot snapshot = old.WithoutEnded(now, _options.KeyGrace);
            _current = snapshot;
            TellKeyChanges(old, snapshot, "grace ended");
            if (StateAt(now) == MetadataState.Stale)
            {
                LogStale(_directory.Id, _options.MaxStale, _lastError);
            }

            Publish(snapshot, now);
        }
    }

    private void Publish(MetadataSnapshot snapshot, DateTimeOffset now)
    {
        _metrics.SetKeys(snapshot);
        _metrics.SetState(StateAt(now));

        DateTimeOffset staleAt = snapshot.LoadedAt + _options.MaxStale;
        DateTimeOffset? due = staleAt > now ? staleAt : null;
        if (snapshot.NextEndOfGrace(_options.KeyGrace) is { } end && !(end > due))
        {
            due = end;
        }

        // A timer counts whole milliseconds, and must not come before the time it is for.
        _snapshotDue.Change(
            due is { } at ? (at > now ? at - now : TimeSpan.Zero) + TimeSpan.FromMilliseconds(1) : Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    private async Task<bool> FetchOnDemandAsync(bool dropMissing, CancellationToken cancellation)
    {
        while (true)
        {
            bool isOurs;
            Fetch fetch;
            lock (_gate)
            {
                isOurs = _inFlight is null;
                fetch = _inFlight ?? Begin(FetchTrigger.Operator, dropMissing);
            }

            // One that is in flight may have read the key set before the operator's demand: after it, one more.
            bool succeeded = await fetch.Completion.WaitAsync(cancellation);
            if (isOurs)
            {
                _unknownKeys.Clear();
                return succeeded;
            }
        }
    }

    private void TellKeyChanges(MetadataSnapshot? before, MetadataSnapshot after, string cause)
    {
        string[] added = [.. after.Keys.Select(key => key.KeyId).Where(key => before?.Knows(key) != true)];
        string[] removed = [.. (before?.Keys ?? []).Select(key => key.KeyId).Where(key => !after.Knows(key))];
        if (before is not null)
        {
            // The first ones are told by their number.
            Array.ForEach(added, key => LogKeyAdded(key, _directory.Id));
        }

        Array.ForEach(removed, key => LogKeyRemoved(key, _directory.Id));
        if (added.Length + removed.Length > 0)
        {
            _audit.Add(new AuditRecord
            {
                At = _time.GetUtcNow(),
                Event = AuditEvents.KeyChange,
                Outcome = AuditOutcomes.Allow,
                Detail = JsonSerializer.Serialize(new { added, removed, cause }),
            });
        }
    }

    private static TimeSpan Doubled(TimeSpan first, TimeSpan last, int times) =>
        TimeSpan.FromTicks(Math.Min(last.Ticks, first.Ticks << Math.Min(times, 10)));

    // So that replicas that were started together do not ask together. No secret depends on it.
#pragma warning disable CA5394
    private static TimeSpan Jittered(TimeSpan interval) => interval * (0.9 + (Random.Shared.NextDouble() * 0.2));
#pragma warning restore CA5394

    /// <summary>One fetch, in flight or done.</summary>
    private sealed class Fetch(long number, FetchTrigger trigger, bool dropMissing)
    {
        private readonly TaskCompletionSource<bool> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Fetches are numbered as they begin.</summary>
        public long Number => number;

        public FetchTrigger Trigger => trigger;

        /// <summary>Keys that the answer lacks go at once.</summary>
        public bool DropMissing => dropMissing;

        /// <summary>Whether it stands for the one that was due.</summary>
        public bool IsScheduled { get; set; }

        /// <summary>Whether it succeeded, when it is done.</summary>
        public Task<bool> Completion => _completion.Task;

        public void Complete(bool succeeded) => _completion.SetResult(succeeded);
    }

    [LoggerMessage(LogLevel.Information, "Loaded {Keys} signing keys of directory {Directory} (was {Before})")]
    private partial void LogLoaded(int keys, Guid directory, MetadataState before);

    [LoggerMessage(LogLevel.Information, "Signing key {KeyId} of directory {Directory} is accepted from now on")]
    private partial void LogKeyAdded(string keyId, Guid directory);

    [LoggerMessage(LogLevel.Information, "Signing key {KeyId} of directory {Directory} is no longer accepted")]
    private partial void LogKeyRemoved(string keyId, Guid directory);

    [LoggerMessage(
        LogLevel.Warning,
        "The signing keys of directory {Directory} cannot be fetched: {Error}; they are {State}, and the fetch is repeated")]
    private partial void LogFailed(Exception? exception, Guid directory, string error, MetadataState state);

    [LoggerMessage(
        LogLevel.Error,
        "The signing keys of directory {Directory} are older than {MaxStale}: every request is answered 503 until a fetch succeeds ({Error})")]
    private partial void LogStale(Guid directory, TimeSpan maxStale, string? error);
}
