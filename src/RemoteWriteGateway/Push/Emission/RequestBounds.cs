namespace RemoteWriteGateway.Push.Emission;

/// <summary>How much one request may hold.</summary>
/// <param name="MaxItems">Samples, histograms and exemplars.</param>
/// <param name="MaxBytes">Of the message, not compressed. Requests end a little before it.</param>
internal sealed record RequestBounds(int MaxItems, int MaxBytes)
{
    public static RequestBounds Default { get; } = new(10_000, 2 << 20);
}
