using System.Collections.Concurrent;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// Counts events that are alike until they are taken down as one record. Exact: an event is in one taking or in the next, never in both
/// and never in neither. A key that has been seen costs nothing but its lock.
/// </summary>
/// <remarks>
/// At most <see cref="MaxKeys"/> keys. Beyond, events are counted by what there are few of (event, outcome, tenant, route, reason), without caller,
/// address and bindings: counted coarsely, never dropped.
/// </remarks>
internal sealed class FoldTable(TimeProvider time)
{
    public const int MaxKeys = 20_000;

    private readonly ConcurrentDictionary<FoldKey, Fold> _folds = new();
    private int _keys;

    /// <summary>Whether anything is counted that is not taken down.</summary>
    public bool IsEmpty => OldestAt is null;

    /// <summary>When the oldest event happened that is not taken down, or null if there is none.</summary>
    public DateTimeOffset? OldestAt => _folds.Select(fold => fold.Value.FirstAt).Min();

    /// <summary>Counts one event, or several that were folded before.</summary>
    public void Add(in FoldKey key, in FoldCounts counts)
    {
        DateTimeOffset now = time.GetUtcNow();
        while (!Find(key).TryAdd(counts, now))
        {
            // It is being removed, having been idle: the next look makes a new one.
        }
    }

    /// <summary>Takes what is counted down as records, key by key. What comes meanwhile is in this taking or in the next.</summary>
    public IEnumerable<AuditRecord> Take(DateTimeOffset now)
    {
        foreach ((FoldKey key, Fold fold) in _folds)
        {
            if (fold.TryTake(out FoldCounts counts, out DateTimeOffset firstAt, out DateTimeOffset lastAt))
            {
                yield return key.Record(now, counts, firstAt, lastAt);
            }
            else if (_folds.TryRemove(KeyValuePair.Create(key, fold)))
            {
                Interlocked.Decrement(ref _keys);
            }
        }
    }

    private Fold Find(in FoldKey key)
    {
        if (_folds.TryGetValue(key, out Fold? fold))
        {
            return fold;
        }

        if (Volatile.Read(ref _keys) < MaxKeys)
        {
            return Make(key);
        }

        FoldKey coarse = new(key.Event, key.Outcome) { Tenant = key.Tenant, Route = key.Route, Reason = key.Reason, IsCoarse = true };
        return _folds.TryGetValue(coarse, out fold) ? fold : Make(coarse);
    }

    private Fold Make(in FoldKey key)
    {
        Fold made = new();
        Fold kept = _folds.GetOrAdd(key, made);
        if (ReferenceEquals(kept, made))
        {
            Interlocked.Increment(ref _keys);
        }

        return kept;
    }

    private sealed class Fold
    {
        private readonly Lock _gate = new();
        private FoldCounts _counts;
        private DateTimeOffset _firstAt;
        private DateTimeOffset _lastAt;
        private bool _isClosed;

        public DateTimeOffset? FirstAt
        {
            get
            {
                lock (_gate)
                {
                    return _counts.Count == 0 ? null : _firstAt;
                }
            }
        }

        /// <returns>False if it is closed: it is not in the table any more, or will not be.</returns>
        public bool TryAdd(in FoldCounts counts, DateTimeOffset now)
        {
            lock (_gate)
            {
                if (_isClosed)
                {
                    return false;
                }

                _firstAt = _counts.Count == 0 ? now : _firstAt;
                _lastAt = now;
                _counts = _counts.Plus(counts);
                return true;
            }
        }

        /// <returns>False if there is nothing: it has been idle, and is closed.</returns>
        public bool TryTake(out FoldCounts counts, out DateTimeOffset firstAt, out DateTimeOffset lastAt)
        {
            lock (_gate)
            {
                (counts, firstAt, lastAt) = (_counts, _firstAt, _lastAt);
                _isClosed = _counts.Count == 0;
                _counts = default;
                return !_isClosed;
            }
        }
    }
}

/// <summary>What is counted of folded events.</summary>
internal readonly record struct FoldCounts(long Count, long Samples = 0, long Series = 0, long BodyBytes = 0)
{
    public FoldCounts Plus(in FoldCounts other) =>
        new(Count + other.Count, Samples + other.Samples, Series + other.Series, BodyBytes + other.BodyBytes);
}
