namespace RemoteWriteGateway.Catalog;

/// <summary>What one part of the gateway keeps of the catalog in memory: told when its topic changes, and how fresh it is.</summary>
internal sealed class CatalogSubscription
{
    private long _currentAsOfTicks = -1;

    internal CatalogSubscription(string topic, Func<long, CancellationToken, Task> read)
    {
        Topic = topic;
        Read = read;
    }

    public string Topic { get; }

    /// <summary>
    /// The last time of which it is known that what is kept was what the catalog held: when the catalog was asked, not when it answered.
    /// Null until it has been read once.
    /// </summary>
    public DateTimeOffset? CurrentAsOf => Interlocked.Read(ref _currentAsOfTicks) is >= 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>The topic's revision that was read, null until it has been read once; 0 while nothing has ever been changed.</summary>
    public long? Revision { get; private set; }

    internal Func<long, CancellationToken, Task> Read { get; }

    internal void SetCurrent(long revision, DateTimeOffset asOf)
    {
        Revision = revision;
        Interlocked.Exchange(ref _currentAsOfTicks, asOf.UtcTicks);
    }
}
