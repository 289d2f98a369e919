namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A metrics database that the gateway writes to, and how to read it back.</summary>
internal interface IStore
{
    /// <summary>Where it listens.</summary>
    Uri Url { get; }

    /// <summary>Every sample of the series that a selector names, of the last hour, native histograms included.</summary>
    Task<StoredSeries> ReadAsync(string selector, CancellationToken cancellationToken);

    /// <summary>The same, once it is so many samples: VictoriaMetrics shows what has come a second or two later.</summary>
    /// <exception cref="TimeoutException">They are not there after a generous time.</exception>
    async Task<StoredSeries> ReadOnceThereAsync(string selector, int samples, CancellationToken cancellationToken)
    {
        StoredSeries stored = [];
        await Eventually.TrueAsync(
            async () => (stored = await ReadAsync(selector, cancellationToken)).SampleCount >= samples,
            () => $"{selector} has {stored.SampleCount} samples at {Url}, not {samples}",
            cancellationToken);
        return stored;
    }
}
