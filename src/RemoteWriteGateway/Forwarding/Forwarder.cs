using System.Runtime.CompilerServices;
using Microsoft.Extensions.ObjectPool;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// Hands stamped requests to the tenant's store and tells what became of them. The way of one request:
/// (1) it leaves in its sender's protocol, or as 1.0 where the store lacks 2.0; (2) its parts go out in order, one after the
/// other, and a refused one does not keep the next from being sent; (3) a store that turns out to lack 2.0 gets all of it
/// once more as 1.0; (4) the outcomes are merged to one verdict; (5) what policy left out is counted.
/// </summary>
internal sealed partial class Forwarder(TimeProvider time, ILogger<Forwarder> logger)
{
    private readonly DefaultObjectPool<Forward> _pool = new(new ForwardPolicy(time), maximumRetained: 256);

    /// <summary>The tenant's store, or null if none is configured for it (<c>no-store</c>).</summary>
    public static Store? StoreOf(Tenant tenant) => tenant.Settings<StoreSettings>().Target?.Store;

    /// <summary>Sends <see cref="WriteWork.Stamped"/> to <paramref name="store"/>, in consecutive parts if need be, and maps its answers.</summary>
    /// <param name="store">From <see cref="StoreOf"/>.</param>
    /// <param name="tenant">Whose request it is; its <c>storeId</c> is what header and path isolation carry.</param>
    /// <param name="protocol">The protocol that the request was sent in to us, and that <see cref="WriteWork.Stamped"/> is in.</param>
    /// <param name="work">The request's buffers: parts and compressed bodies are made in them. The result has counts (<see cref="StampResult.Accepted"/> is what is sent).</param>
    /// <param name="timeLimit">Most time over all parts: below what senders wait.</param>
    /// <param name="cancellationToken">Ends the forward: our own stop, not the sender's hanging up.</param>
    /// <param name="isTold">Whether the log tells what was not taken; if not, the caller does.</param>
    /// <returns>Never throws for what the store or the network did.</returns>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public async Task<StoreVerdict> SendAsync(
        Store store, Tenant tenant, WriteProtocol protocol, WriteWork work, TimeSpan timeLimit, CancellationToken cancellationToken, bool isTold = true)
    {
        StampResult stamped = work.Result;
        StoreTarget target = TargetAt(store, tenant);
        Forward forward = _pool.Get();
        forward.Time.Begin(timeLimit, cancellationToken);
        try
        {
            VerdictMerge merge = default;
            if (stamped.HasOutput)
            {
                // 1 to 3. The protocol may be found out on the way.
                WriteProtocol leaving = store.Protocol.LeavingFor(protocol);
                if (!await SendPartsAsync(forward, target, tenant, protocol, leaving, work))
                {
                    store.Protocol.Learn(WriteProtocol.V1);
                    store.Metrics.CountRetry();
                    if (!work.HoldsSet)
                    {
                        SnappyBlock.RestoreStamped(work);
                    }

                    await SendPartsAsync(forward, target, tenant, protocol, WriteProtocol.V1, work);
                }

                merge = forward.Merge;
            }

            // 4. One verdict.
            StoreVerdict verdict = merge.Verdict(stamped.Accepted, new ItemCounts(0, 0, stamped.DroppedExemplars));
            if (isTold)
            {
                Tell(store, tenant, verdict);
            }

            if (verdict.Kind != VerdictKind.Retry)
            {
                // 5. Only now: a request that comes again is counted when it does.
                CountLosses(store.Metrics, stamped, stamped.HasOutput ? forward.Parts.Losses : default);
            }

            return verdict;
        }
        finally
        {
            forward.Time.End();
            forward.Parts.End();
            _pool.Return(forward);
        }
    }

    /// <returns>False if the store turned out to lack 2.0: nothing counts that was sent.</returns>
    // Its state is pooled: ForwardBenchmarks.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> SendPartsAsync(
        Forward forward, StoreTarget target, Tenant tenant, WriteProtocol protocol, WriteProtocol leaving, WriteWork work)
    {
        Store store = target.Store;
        forward.Merge = default;
        if (store.CannotSend(work.Result, leaving))
        {
            // Stamped while 2.0 seemed possible. The next time it is refused where the sender is told which series.
            forward.Merge.Add(new PartVerdict(
                PartOutcome.Retry, default, "store-protocol-mismatch", "store turned out to lack 2.0, and the native histograms with custom bounds cannot leave by 1.0; retry"), default);
            return true;
        }

        forward.Parts.Begin(protocol, leaving, store.Outgoing, work);
        while (TryCompressNext(forward.Parts, work, out ItemCounts sent))
        {
            // What waits for the store is small: the large buffers serve other requests meanwhile. What may have to leave once more as 1.0
            // can be had from the output if that is all of it.
            if (forward.Parts.IsLast && (leaving == WriteProtocol.V1 || forward.Parts.IsWhole))
            {
                work.PutBack();
            }

            work.EndTurn();
            bool wasUndecided = store.Protocol.Taken is null;
            StoreReply reply = await store.Client.SendAsync(target, leaving, work.Output.Memory, forward.Time);
            PartVerdict part = ReplyMap.Of(reply, leaving, sent, store, wasUndecided);
            if (part.Outcome == PartOutcome.SendAsV1)
            {
                return false;
            }

            if (reply.Written is not null)
            {
                store.Protocol.Learn(WriteProtocol.V2);
            }

            if (part.Outcome == PartOutcome.Deduplicated)
            {
                store.Metrics.CountDropped(tenant.Name, "ha-deduplicated", sent);
            }

            forward.Merge.Add(part, sent);
            if (part.Outcome == PartOutcome.Retry)
            {
                // The whole request comes again, and what follows must not overtake this part.
                break;
            }
        }

        return true;
    }

    private static bool TryCompressNext(OutgoingParts parts, WriteWork work, out ItemCounts items)
    {
        if (!parts.MoveNext())
        {
            items = default;
            return false;
        }

        items = parts.CurrentItems;
        SnappyBlock.Compress(work, parts.Current);
        return true;
    }

    private static StoreTarget TargetAt(Store store, Tenant tenant) =>
        tenant.Settings<StoreSettings>().Target is { } target && target.Store == store
            ? target
            : throw new ArgumentException($"Tenant {tenant.Name} is not at store {store.Name}.", nameof(store));

    private static void CountLosses(StoreMetrics metrics, StampResult stamped, TranslationLosses losses)
    {
        metrics.CountLost(TranslationLoss.StartTimestamp, losses.StartTimestamps);
        metrics.CountLost(TranslationLoss.Metadata, losses.Metadata + stamped.MetadataDropped(StampReason.MetadataPolicy));
        metrics.CountLost(TranslationLoss.CustomBoundsLayout, losses.CustomBoundsLayouts);
        metrics.CountLost(TranslationLoss.Exemplar, stamped.DroppedExemplars);
        metrics.CountLost(TranslationLoss.UnknownField, losses.UnknownFields + stamped.UnknownFields);
    }

    private void Tell(Store store, Tenant tenant, StoreVerdict verdict)
    {
        switch (verdict.Kind)
        {
            case VerdictKind.Refused:
                foreach (StoreFault fault in verdict.Faults)
                {
                    // Without its text: the store's words may hold label values.
                    LogRefused(store.Name, fault.Reason, fault.Items.Samples, fault.Items.Histograms, fault.Items.Exemplars, tenant.Name);
                }

                break;
            case VerdictKind.Retry:
                store.Trouble.Tell(verdict.Faults[0].Reason, tenant.Name);
                break;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Store {Store} did not take {Samples} samples, {Histograms} histograms, {Exemplars} exemplars of tenant {Tenant}: {Reason}")]
    private partial void LogRefused(string store, string reason, long samples, long histograms, long exemplars, string tenant);

    /// <summary>What one forward in flight works with, besides the request's buffers. Recycled whole.</summary>
    private sealed class Forward(TimeProvider time)
    {
        public ForwardTime Time { get; } = new(time);

        public OutgoingParts Parts { get; } = new();

        public VerdictMerge Merge;
    }

    private sealed class ForwardPolicy(TimeProvider time) : PooledObjectPolicy<Forward>
    {
        public override Forward Create() => new(time);

        public override bool Return(Forward obj) => true;
    }
}
