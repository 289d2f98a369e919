namespace RemoteWriteGateway.Forwarding;

/// <summary>Tells why a store takes no requests: at once, then once a minute for each reason as long as it lasts, with how many there were.</summary>
internal sealed partial class StoreTrouble(string store, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long ToldAt, int Since)> _reasons = [];

    /// <param name="reason">Id of the reason.</param>
    /// <param name="tenant">Whose request it was.</param>
    public void Tell(string reason, string tenant)
    {
        int count;
        lock (_gate)
        {
            if (_reasons.TryGetValue(reason, out (long ToldAt, int Since) last) && time.GetElapsedTime(last.ToldAt) < Interval)
            {
                _reasons[reason] = (last.ToldAt, last.Since + 1);
                return;
            }

            count = last.Since + 1;
            _reasons[reason] = (time.GetTimestamp(), 0);
        }

        LogNotTaken(store, count, reason, tenant);
    }

    [LoggerMessage(LogLevel.Warning, "Store {Store} did not take {Requests} requests: {Reason}; they come again (the last one of tenant {Tenant})")]
    private partial void LogNotTaken(string store, int requests, string reason, string tenant);
}
