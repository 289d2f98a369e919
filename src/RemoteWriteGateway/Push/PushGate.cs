using System.Collections.Concurrent;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>Rates of pushes and deletions, of a tenant and of each caller in it. Each replica admits its share.</summary>
internal sealed class PushGate(ReplicaRegister replicas, TimeProvider time)
{
    private const int MaxBuckets = 100_000;

    private readonly ConcurrentDictionary<Payer, TokenBucket> _buckets = [];

    /// <summary>Charges one request to the tenant and to the caller; both or neither.</summary>
    /// <param name="tenant">Whose groups.</param>
    /// <param name="caller">Who pushes.</param>
    /// <param name="limitStatus">Status of a refusal.</param>
    public Refusal? Charge(Tenant tenant, Caller caller, int limitStatus)
    {
        PushSettings settings = tenant.Settings<PushSettings>();
        double share = 1.0 / replicas.LiveReplicas;
        TokenBucket? taken = null;
        if (settings.PushesPerSecond > 0)
        {
            taken = BucketOf(new Payer(tenant.Name, default, default, default));
            if (taken.TryTake(1, settings.PushesPerSecond * share, Math.Max(1, settings.PushesBurst * share)) is { } wait)
            {
                return Limited(
                    "push-rate-limit", limitStatus, wait,
                    $"the tenant is over {settings.PushesPerSecond} pushes a second; push less often or raise tenants.{tenant.Name}.push.limits.pushesPerSecond");
            }
        }

        if (settings.PushesPerSecondPerCaller > 0)
        {
            TokenBucket own = BucketOf(new Payer(tenant.Name, caller.Directory, caller.ObjectId, caller.Client));
            double rate = settings.PushesPerSecondPerCaller * share;
            if (own.TryTake(1, rate, Math.Max(1, 10 * rate)) is { } wait)
            {
                taken?.GiveBack(1);
                return Limited(
                    "push-caller-rate-limit", limitStatus, wait,
                    $"you are over {settings.PushesPerSecondPerCaller} pushes a second; push less often or raise tenants.{tenant.Name}.push.limits.pushesPerSecondPerCaller");
            }
        }

        return null;
    }

    private static Refusal Limited(string reason, int status, TimeSpan wait, string text) =>
        new(reason, status, text) { RetryAfter = wait, RetryAfterIsExact = true };

    private TokenBucket BucketOf(Payer payer)
    {
        if (_buckets.Count >= MaxBuckets)
        {
            foreach ((Payer key, TokenBucket bucket) in _buckets)
            {
                if (bucket.IsFull)
                {
                    _buckets.TryRemove(KeyValuePair.Create(key, bucket));
                }
            }
        }

        return _buckets.GetOrAdd(payer, static (_, clock) => new TokenBucket(clock), time);
    }

    /// <summary>Who is charged: a tenant, or a caller in it.</summary>
    private readonly record struct Payer(string Tenant, Guid Directory, Guid ObjectId, Guid Client);
}
