using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What a probe told.</summary>
internal enum ProbeResult
{
    /// <summary>The answer had the count headers of 2.0.</summary>
    TakesV2,

    /// <summary>An answer without them, which proves nothing: the next real 2.0 request decides.</summary>
    Unclear,

    /// <summary>No answer.</summary>
    NoAnswer,

    /// <summary>No tenant is at the store, and its header or path needs one.</summary>
    NoTenant,
}

/// <summary>
/// Asks stores whether they take 2.0, with a request that holds no series: at start in the background, every hour, and on demand. A
/// probe can only raise a verdict; a store that lost 2.0 says so on a real request. Stores whose protocol is set are left alone.
/// </summary>
internal sealed partial class StoreProber(
    StoreDirectory stores, Func<IReadOnlyList<Tenant>> tenants, TimeProvider time, ILogger<StoreProber> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // Until every store has answered once.
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    /// <summary>One 2.0 request with one symbol, the empty one, and no series, as a snappy block: length 2, a literal of 2 bytes, field 4 of length 0.</summary>
    private static ReadOnlyMemory<byte> Body { get; } = new byte[] { 0x02, 0x04, 0x22, 0x00 };

    /// <summary>Asks <paramref name="store"/> now.</summary>
    public async Task<ProbeResult> ProbeAsync(Store store, CancellationToken cancellationToken)
    {
        if (TargetAt(store) is not { } target)
        {
            return ProbeResult.NoTenant;
        }

        using ForwardTime limit = new(time);
        limit.Begin(TimeLimit, cancellationToken);
        StoreReply reply = await store.Client.ProbeAsync(target, Body, limit);
        limit.End();
        if (reply.Kind != ReplyKind.Answer)
        {
            LogNoAnswer(store.Name);
            return ProbeResult.NoAnswer;
        }

        if (reply.Written is null)
        {
            LogUnclear(store.Name, reply.StatusCode);
            return ProbeResult.Unclear;
        }

        store.Protocol.Learn(WriteProtocol.V2);
        return ProbeResult.TakesV2;
    }

    /// <summary>Asks all stores whose protocol is learned.</summary>
    /// <returns>When to ask again.</returns>
    internal async Task<TimeSpan> ProbeAllAsync(CancellationToken cancellationToken)
    {
        ProbeResult[] results = await Task.WhenAll(
            stores.All.Where(store => store.Protocol.IsLearned).Select(store => ProbeAsync(store, cancellationToken)));
        return results.Contains(ProbeResult.NoAnswer) ? RetryInterval : Interval;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Off the start's own path: the service is ready without it.
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            TimeSpan wait = await ProbeAllAsync(stoppingToken);
            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Any tenant's place: nothing is written, but a header or path without a tenant would be refused.
    private StoreTarget? TargetAt(Store store)
    {
        if (store.Isolation == StoreIsolation.Label)
        {
            return store.TargetOf("");
        }

        foreach (Tenant tenant in tenants())
        {
            if (tenant.Settings<StoreSettings>().Target is { } target && target.Store == store)
            {
                return target;
            }
        }

        return null;
    }

    [LoggerMessage(LogLevel.Debug, "Store {Store} did not answer whether it takes remote write 2.0")]
    private partial void LogNoAnswer(string store);

    [LoggerMessage(LogLevel.Debug, "Store {Store} answered {StatusCode} without counts when asked whether it takes remote write 2.0")]
    private partial void LogUnclear(string store, int statusCode);
}
