using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>A reader, as limits count readers.</summary>
internal readonly record struct Reader(Guid Directory, Guid ObjectId, Guid Client)
{
    public static Reader Of(Caller caller) => new(caller.Directory, caller.ObjectId, caller.Client);
}

/// <summary>
/// Rates of requests, and how many reads are answered at the same time: of a tenant, of a reader, of the replica. A read waits up to two
/// seconds for a place, in the order of arrival among those whose places are free.
/// </summary>
internal sealed class QueryGate(IOptions<QueryOptions> options, ReplicaRegister replicas, QueryMetrics metrics, TimeProvider time)
{
    private const int MaxBuckets = 100_000;

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiting = [];
    private readonly Dictionary<string, int> _tenants = new(StringComparer.Ordinal);
    private readonly Dictionary<Reader, int> _readers = [];
    private readonly ConcurrentDictionary<(Reader Reader, string Tenant), TokenBucket> _buckets = [];
    private int _inflight;

    /// <summary>Charges one request to the reader and to each tenant; all of it or nothing.</summary>
    public Refusal? Charge(Reader reader, ImmutableArray<Tenant> tenants)
    {
        List<TokenBucket>? taken = null;
        foreach (Tenant tenant in tenants)
        {
            ReadLimits limits = tenant.Settings<ReadLimits>();
            if (limits.QueriesPerSecond == 0)
            {
                continue;
            }

            double share = 1.0 / replicas.LiveReplicas;
            foreach (Reader who in (ReadOnlySpan<Reader>)[default, reader])
            {
                TokenBucket bucket = BucketOf(who, tenant.Name);
                if (bucket.TryTake(1, limits.QueriesPerSecond * share, Math.Max(1, limits.QueriesBurst * share)) is { } wait)
                {
                    taken?.ForEach(static one => one.GiveBack(1));
                    return ReadRefusals.RateLimited(
                        $"{(who == default ? "a tenant of this read is" : "you are")} over {limits.QueriesPerSecond} queries a second (queriesPerSecond); ask less often", wait);
                }

                (taken ??= []).Add(bucket);
            }
        }

        return null;
    }

    /// <summary>Takes a place in each of the three counts. <see cref="Leave"/> must follow if there is no refusal.</summary>
    public async ValueTask<Refusal?> EnterAsync(Reader reader, ImmutableArray<Tenant> tenants, CancellationToken gone)
    {
        Waiter waiter;
        lock (_gate)
        {
            if (TryEnter(reader, tenants))
            {
                return null;
            }

            if (_waiting.Count >= options.Value.MaxInflight)
            {
                return Full(reader, tenants);
            }

            waiter = new Waiter(reader, tenants, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            _waiting.AddLast(waiter);
        }

        try
        {
            await waiter.Entered.Task.WaitAsync(MaxWait, time, gone);
            return null;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            lock (_gate)
            {
                // It may have been let in just now.
                if (!_waiting.Remove(waiter))
                {
                    return null;
                }

                return e is TimeoutException ? Full(reader, tenants) : ReadRefusals.ClientGone;
            }
        }
    }

    public void Leave(Reader reader, ImmutableArray<Tenant> tenants)
    {
        lock (_gate)
        {
            _inflight--;
            Decrement(_readers, reader);
            foreach (Tenant tenant in tenants)
            {
                Decrement(_tenants, tenant.Name);
            }

            for (LinkedListNode<Waiter>? node = _waiting.First; node is not null && _inflight < options.Value.MaxInflight;)
            {
                LinkedListNode<Waiter>? next = node.Next;
                if (TryEnter(node.Value.Reader, node.Value.Tenants))
                {
                    _waiting.Remove(node);
                    node.Value.Entered.SetResult();
                }

                node = next;
            }

            metrics.Inflight.Set(_inflight);
        }
    }

    private bool TryEnter(Reader reader, ImmutableArray<Tenant> tenants)
    {
        if (_inflight >= options.Value.MaxInflight || _readers.GetValueOrDefault(reader) >= options.Value.MaxInflightPerReader)
        {
            return false;
        }

        foreach (Tenant tenant in tenants)
        {
            if (_tenants.GetValueOrDefault(tenant.Name) >= tenant.Settings<ReadLimits>().MaxInflightQueries)
            {
                return false;
            }
        }

        _inflight++;
        _readers[reader] = _readers.GetValueOrDefault(reader) + 1;
        foreach (Tenant tenant in tenants)
        {
            _tenants[tenant.Name] = _tenants.GetValueOrDefault(tenant.Name) + 1;
        }

        metrics.Inflight.Set(_inflight);
        return true;
    }

    private Refusal Full(Reader reader, ImmutableArray<Tenant> tenants)
    {
        string which = _readers.GetValueOrDefault(reader) >= options.Value.MaxInflightPerReader
            ? $"you have {options.Value.MaxInflightPerReader} queries in flight, the limit (Query:MaxInflightPerReader)"
            : _inflight >= options.Value.MaxInflight
                ? $"the gateway has {options.Value.MaxInflight} queries in flight, the limit (Query:MaxInflight)"
            : $"a tenant of this read has {tenants.Min(tenant => tenant.Settings<ReadLimits>().MaxInflightQueries)} queries in flight, the limit (maxInflightQueries)";
        return ReadRefusals.TooManyInflight(which + "; retry");
    }

    private TokenBucket BucketOf(Reader reader, string tenant)
    {
        if (_buckets.Count >= MaxBuckets)
        {
            foreach (((Reader, string) key, TokenBucket bucket) in _buckets)
            {
                if (bucket.IsFull)
                {
                    _buckets.TryRemove(KeyValuePair.Create(key, bucket));
                }
            }
        }

        return _buckets.GetOrAdd((reader, tenant), static (_, clock) => new TokenBucket(clock), time);
    }

    private static void Decrement<TKey>(Dictionary<TKey, int> counts, TKey key)
        where TKey : notnull
    {
        int left = counts[key] - 1;
        if (left == 0)
        {
            counts.Remove(key);
        }
        else
        {
            counts[key] = left;
        }
    }

    private sealed record Waiter(Reader Reader, ImmutableArray<Tenant> Tenants, TaskCompletionSource Entered);
}
