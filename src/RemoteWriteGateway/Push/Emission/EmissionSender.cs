using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// Takes a batch to its store and writes down what became of it. The way:
/// (1) the lease must outlive the request, or is renewed; (2) the messages are encoded, and stamped as any write is; (3) they take the road of writes,
/// <see cref="Forwarder"/>; (4) what the store has is acknowledged, and values follow their zeros at once; (5) what it refuses is halved until single
/// groups are left; (6) what it does not answer is given back as it is.
/// </summary>
internal sealed partial class EmissionSender(
    ClaimStore claims,
    EmissionPlan plan,
    Forwarder forwarder,
    WriteWorkPool pool,
    EmissionMetrics metrics,
    UnreadablePayloads unreadable,
    IFailPoints failPoints,
    IOptions<PushOptions> options,
    TimeProvider time,
    ILogger<EmissionSender> logger)
{
    private const int MaxErrorCharacters = 500;

    // What is left of a lease beside the request itself: for the acknowledgement.
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(2);

    private readonly ConcurrentBag<EmissionEncoder> _encoders = [];

    /// <summary>Sends a batch, and what follows from its answers. The store's trouble is no exception; it pauses <paramref name="lane"/>.</summary>
    /// <exception cref="System.Data.Common.DbException">The database is away: whoever holds the leases next repeats the deliveries.</exception>
    public Task SendAsync(EmissionBatch batch, StoreLane lane) => SendAsync(batch, lane, RequestBounds.Default);

    /// <summary>Gives deliveries back that were not sent.</summary>
    public Task ReleaseAsync(IReadOnlyList<Delivery> deliveries) =>
        claims.ChangeAsync(deliveries, static (row, _) => EmissionPlan.Release(row), CancellationToken.None);

    private async Task SendAsync(EmissionBatch batch, StoreLane lane, RequestBounds bounds)
    {
        Sent sent = await SendOnceAsync(batch, bounds);
        switch (sent.Outcome)
        {
            case SentOutcome.Written:
                lane.Succeed();
                await AcknowledgeAsync(sent, lane);
                break;
            case SentOutcome.Refused:
                if (sent.IsFromStore)
                {
                    // It is there, whatever it thinks of this.
                    lane.Succeed();
                }

                await RefusedAsync(sent, lane, bounds);
                break;
            case SentOutcome.Away:
                if (lane.Fail(sent.RetryAfter, sent.IsMisconfigured))
                {
                    LogMisconfigured(lane.Store, sent.Reason);
                }

                CountAll(sent.Batch, "away");
                await ReleaseAsync(sent.Batch.Deliveries);
                break;
            case SentOutcome.Busy:
                // The poll comes soon enough: to claim at once what finds no room would only keep the database busy.
                lane.Yield();
                await ReleaseAsync(sent.Batch.Deliveries);
                break;
        }
    }

    private async Task<Sent> SendOnceAsync(EmissionBatch batch, RequestBounds bounds)
    {
        WriteWork? work = pool.Rent();
        if (work is null)
        {
            return new Sent(batch, SentOutcome.Busy);
        }

        EmissionEncoder encoder = bounds == RequestBounds.Default && _encoders.TryTake(out EmissionEncoder? kept)
            ? kept
            : new EmissionEncoder(options.Value.ClassicBounds, bounds);
        try
        {
            return await SendMessagesAsync(batch, encoder, work);
        }
        catch (ByteBudgetExceededException)
        {
            return new Sent(batch, SentOutcome.Busy);
        }
        finally
        {
            pool.Return(work);
            if (bounds == RequestBounds.Default)
            {
                _encoders.Add(encoder);
            }
        }
    }

    private async Task<Sent> SendMessagesAsync(EmissionBatch batch, EmissionEncoder encoder, WriteWork work)
    {
        EmissionTarget target = batch.Target;
        List<StoreFault> faults = [];

        // 2. Message after message; a group may stand in several.
        using IEnumerator<ItemCounts> messages = encoder.Write(batch.Deliveries, target.TakesNative, work).GetEnumerator();
        while (TryMakeNext(messages, target, work, out (string Reason, string Text)? fault))
        {
            if (fault is { } unmade)
            {
                return new Sent(batch, SentOutcome.Refused) { Reason = unmade.Reason, Text = unmade.Text };
            }

            // 1. Whose lease has run out is another replica's, and with it all that is in this message.
            IReadOnlyList<Delivery> held = await HoldAsync(batch.Deliveries);
            if (held.Count < batch.Deliveries.Count)
            {
                return new Sent(batch with { Deliveries = held }, SentOutcome.Busy);
            }

            batch = batch with { Deliveries = held };
            CountLeftOut(target, work.Result);

            // 3. No token: what has begun is ended, also when the gateway stops.
            StoreVerdict verdict = await forwarder.SendAsync(
                target.Store, target.Tenant, WriteProtocol.V2, work, options.Value.SendTimeout, CancellationToken.None, isTold: false);
            if (verdict.Kind == VerdictKind.Retry)
            {
                target.Store.Trouble.Tell(verdict.Faults[0].Reason, target.Tenant.Name);
                return new Sent(batch, SentOutcome.Away) { Reason = verdict.Faults[0].Reason, RetryAfter = verdict.RetryAfter };
            }

            if (verdict.Kind == VerdictKind.Refused)
            {
                faults.AddRange(verdict.Faults);
                if (!faults.TrueForAll(one => IsWrittenBefore(batch, one)))
                {
                    StoreFault first = faults.First(one => !IsWrittenBefore(batch, one));
                    return new Sent(batch, SentOutcome.Refused) { Reason = first.Reason, Text = first.Text, Items = first.Items };
                }
            }
        }

        foreach ((Delivery unmarked, string fault) in encoder.Unmarked)
        {
            Tell(unmarked, unmarked.Row.WrittenGeneration, UnreadableResult.Unmarked, fault);
        }

        return new Sent(batch, SentOutcome.Written) { Counts = encoder.Counts };
    }

    /// <summary>
    /// Encodes and stamps one message. A group whose payload cannot be read, or that meets a fault of ours, must not keep the others from being
    /// written: it is found and set aside as one that the store refuses.
    /// </summary>
    /// <returns>False after the last one.</returns>
    private bool TryMakeNext(IEnumerator<ItemCounts> messages, EmissionTarget target, WriteWork work, out (string Reason, string Text)? fault)
    {
        fault = null;
        try
        {
            if (!messages.MoveNext())
            {
                return false;
            }

            SeriesStamper.Stamp(WriteProtocol.V2, target.OptionsNow(), time.GetUtcNow().ToUnixTimeMilliseconds(), work);
            fault = work.Result.HasFault ? (work.Result.Fault.Id(), work.Result.FaultText) : null;
        }
        catch (Exception e) when (e is UnreadablePayloadException or ArithmeticException)
        {
            fault = (UnreadablePayloads.Reason, e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            LogUnmade(target.Tenant.Name, e);
            fault = ("internal-error", "the gateway could not write this group; its log says why");
        }

        return true;
    }

    private void Tell(Delivery delivery, long? generation, UnreadableResult result, string fault) =>
        unreadable.Tell(delivery.Row.Tenant, delivery.Row.Key, generation ?? delivery.Row.Generation, result, fault);

    /// <summary>Whether only exemplars are missing from a repeat: the first time has got ahead of them.</summary>
    private static bool IsWrittenBefore(EmissionBatch batch, StoreFault fault) =>
        fault.Items is { Samples: 0, Histograms: 0, Exemplars: > 0 } && batch.Deliveries.Any(static one => one.IsRepeat);

    /// <summary>The deliveries, with leases that outlive a request; without those that are another replica's by now.</summary>
    private async Task<IReadOnlyList<Delivery>> HoldAsync(IReadOnlyList<Delivery> deliveries)
    {
        TimeSpan needed = options.Value.SendTimeout + LeaseMargin;
        if (deliveries.All(one => options.Value.Lease - time.GetElapsedTime(one.LeasedAt) > needed))
        {
            return deliveries;
        }

        IReadOnlyList<Delivery?> renewed = await claims.RenewAsync(deliveries, CancellationToken.None);
        return [.. renewed.OfType<Delivery>()];
    }

    // 4.
    private async Task AcknowledgeAsync(Sent sent, StoreLane lane)
    {
        IReadOnlyList<Delivery> deliveries = sent.Batch.Deliveries;
        await failPoints.ReachAsync(deliveries.Any(IsZero) ? FailPoint.ZeroSent : FailPoint.ValueSent);
        IReadOnlyList<Delivery?> acknowledged = await claims.ChangeAsync(deliveries, plan.Acknowledge, CancellationToken.None);
        CountWritten(sent, acknowledged);
        await FollowAsync(sent.Batch, deliveries, acknowledged, lane);
    }

    // 5.
    private async Task RefusedAsync(Sent sent, StoreLane lane, RequestBounds bounds)
    {
        EmissionBatch batch = sent.Batch;
        if (batch.Deliveries.Count > 1)
        {
            metrics.CountBisect(batch.Target.Store.Name);

            // The store may have kept what it does not mind.
            (EmissionBatch first, EmissionBatch second) = (batch with { Deliveries = [.. batch.Deliveries.Select(static one => one with { IsRepeat = true })] }).Halve();
            await SendAsync(first, lane, bounds);
            if (lane.IsPaused)
            {
                await ReleaseAsync(second.Deliveries);
                return;
            }

            await SendAsync(second, lane, bounds);
            return;
        }

        if (sent.Reason == "store-too-large" && bounds.MaxItems > 1)
        {
            metrics.CountBisect(batch.Target.Store.Name);
            await SendAsync(batch, lane, bounds with { MaxItems = Math.Min(bounds.MaxItems, Math.Max(batch.Deliveries[0].Series, 2)) / 2 });
            return;
        }

        Delivery delivery = batch.Deliveries[0];
        if (sent.Reason == UnreadablePayloads.Reason)
        {
            Tell(delivery, delivery.Row.InflightGeneration, UnreadableResult.Unwritten, sent.Text);
        }

        string text = $"{sent.Reason}: {sent.Text}";
        text = text.Length > MaxErrorCharacters ? text[..MaxErrorCharacters] : text;
        IReadOnlyList<Delivery?> refused = await claims.ChangeAsync(batch.Deliveries, (row, now) => plan.Refuse(row, text, now), CancellationToken.None);
        CountAll(batch, "refused");
        metrics.CountRefused(delivery.Row.Tenant, sent.Reason, Math.Max(1, sent.Items.Total));
        if (IsZero(delivery))
        {
            metrics.CountSkippedZeros(delivery.Row.Tenant);
        }

        batch.Target.Store.Trouble.Tell(sent.Reason, delivery.Row.Tenant);
        await FollowAsync(batch, batch.Deliveries, refused, lane);
    }

    /// <summary>Sends the values of what had its zeros.</summary>
    private async Task FollowAsync(EmissionBatch batch, IReadOnlyList<Delivery> before, IReadOnlyList<Delivery?> after, StoreLane lane)
    {
        List<Delivery> values = [];
        for (int i = 0; i < before.Count; i++)
        {
            if (IsZero(before[i]) && after[i] is { } value)
            {
                values.Add(value with { IsRepeat = false });
            }
        }

        if (values.Count > 0)
        {
            await failPoints.ReachAsync(FailPoint.ZeroAcknowledged);
            await SendAsync(batch with { Deliveries = values }, lane);
        }
    }

    private void CountWritten(Sent sent, IReadOnlyList<Delivery?> acknowledged)
    {
        string store = sent.Batch.Target.Store.Name;
        string tenant = sent.Batch.Target.Tenant.Name;
        CountAll(sent.Batch, "written");
        foreach (Delivery written in acknowledged.OfType<Delivery>())
        {
            // After zeros the value is still to come.
            if (written.LagMs is { } lag && written.Row.InflightStep is null)
            {
                metrics.ObserveLag(store, lag);
            }
        }

        metrics.CountRefused(tenant, "exemplars-after-refusal", sent.Counts.LeftOut);
        metrics.CountSamples(tenant, "zero", sent.Counts.Zeros);
        metrics.CountSamples(tenant, "stale", sent.Counts.Markers);
        metrics.CountSamples(tenant, sent.Batch.Deliveries.All(static one => one.IsRefresh) ? "refresh" : "value", sent.Counts.Values);
    }

    private void CountAll(EmissionBatch batch, string result)
    {
        foreach (Delivery delivery in batch.Deliveries)
        {
            metrics.CountEmission(batch.Target.Store.Name, delivery.Row.InflightStep!.Value, result); // Not null: it was sent.
        }
    }

    /// <summary>What cannot leave for this store though it could be pushed: caps of the store that came later.</summary>
    private void CountLeftOut(EmissionTarget target, StampResult result)
    {
        if (!result.HasRefusals)
        {
            return;
        }

        foreach (StampReason reason in Enum.GetValues<StampReason>())
        {
            metrics.CountRefused(target.Tenant.Name, reason.Id(), result.Refused(reason).Total);
        }
    }

    private static bool IsZero(Delivery delivery) => delivery.Row.InflightStep == EmissionStep.Zero;

    [LoggerMessage(LogLevel.Error, "Push groups are not written to store {Store}: {Reason}. They wait until its address, credentials or protocol are mended")]
    private partial void LogMisconfigured(string store, string reason);

    [LoggerMessage(LogLevel.Error, "A push group of tenant {Tenant} could not be encoded or stamped")]
    private partial void LogUnmade(string tenant, Exception fault);

    private enum SentOutcome
    {
        Written,

        /// <summary>For good.</summary>
        Refused,

        /// <summary>The store, or the way to it, is in trouble.</summary>
        Away,

        /// <summary>This replica has no room, or holds the leases no more.</summary>
        Busy,
    }

    private sealed record Sent(EmissionBatch Batch, SentOutcome Outcome)
    {
        public string Reason { get; init; } = "";

        public string Text { get; init; } = "";

        public ItemCounts Items { get; init; }

        public TimeSpan? RetryAfter { get; init; }

        public EmissionCounts Counts { get; init; }

        public bool IsFromStore => Reason.StartsWith("store-", StringComparison.Ordinal);

        public bool IsMisconfigured => Reason is "store-misconfigured" or "store-auth-failed" or "store-protocol-mismatch";
    }
}
