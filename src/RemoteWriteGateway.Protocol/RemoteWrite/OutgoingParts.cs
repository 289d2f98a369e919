namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Yields the messages, in order, that a stamped request leaves as: the request itself where nothing is to be changed, its
/// translation from 2.0 to 1.0, or consecutive parts of either that are no larger than the store takes.
/// </summary>
/// <remarks>Reads <see cref="WriteWork.Stamped"/>, which <see cref="SeriesStamper"/> wrote and which is trusted to be well formed.</remarks>
public sealed class OutgoingParts
{
    /// <summary>Starts at the request's beginning.</summary>
    /// <param name="from">The protocol of <see cref="WriteWork.Stamped"/>.</param>
    /// <param name="to">The protocol to leave in: the same one, or 1.0.</param>
    /// <param name="options">What the store takes.</param>
    /// <param name="work">The request; <see cref="WriteWork.Part"/> is overwritten.</param>
    public void Begin(WriteProtocol from, WriteProtocol to, OutgoingOptions options, WriteWork work) =>
        throw new NotImplementedException();

    /// <summary>Goes to the next message. False if there is none left.</summary>
    public bool MoveNext() => throw new NotImplementedException();

    /// <summary>The message, not compressed, in the protocol to leave in; valid until the next call.</summary>
    public ReadOnlySpan<byte> Current => throw new NotImplementedException();

    /// <summary>Items of the sender that are in <see cref="Current"/>: an expanded histogram counts as one histogram.</summary>
    public ItemCounts CurrentItems => throw new NotImplementedException();

    /// <summary>What was left out in all messages so far.</summary>
    public TranslationLosses Losses => throw new NotImplementedException();
}
