namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A metrics database that the gateway writes to, and how to read it back.</summary>
internal interface IStore
{
    /// <summary>Where it listens.</summary>
    Uri Url { get; }

    /// <summary>Every sample of the series that a selector names, of the last hour, native histograms included.</summary>
    Task<StoredSeries> ReadAsync(string selector, CancellationToken cancellationToken);
}
