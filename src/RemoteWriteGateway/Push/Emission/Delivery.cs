using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>One delivery of a group: with the payloads, all that its content depends on.</summary>
/// <param name="Row">A delivery is under way.</param>
/// <param name="Payload">Of <see cref="EmissionRow.InflightGeneration"/>.</param>
/// <param name="Written">Of <see cref="EmissionRow.WrittenGeneration"/>; null if the store holds nothing open, or the same generation, or if it cannot be read: then nothing is marked.</param>
internal sealed record Delivery(EmissionRow Row, PayloadBody Payload, PayloadBody? Written)
{
    /// <summary>The labels that every series of the group has.</summary>
    public GroupingLabels Group => GroupingLabels.Create(GroupKey.Stored(Row.Key, Row.Labels).Labels);

    /// <summary>Whether somebody else left it, or it was sent before: it may have been written.</summary>
    public bool IsRepeat { get; init; }

    /// <summary>When its lease began, as a timestamp of <see cref="TimeProvider"/>.</summary>
    public long LeasedAt { get; init; }

    /// <summary>Nothing has changed since the last one.</summary>
    public bool IsRefresh { get; init; }

    /// <summary>Series of the group, about: how much of a request it takes.</summary>
    public int Series { get; init; }

    /// <summary>Payloads that this one has overtaken: they are never written.</summary>
    public long Coalesced { get; init; }

    /// <summary>Of one that was written: how long the oldest change of it had waited; null if it had none.</summary>
    public long? LagMs { get; init; }
}

/// <summary>How many samples of each kind a delivery has.</summary>
/// <param name="Values">Values.</param>
/// <param name="Zeros">Zeros of what has started.</param>
/// <param name="Markers">Markers of what has ended.</param>
/// <param name="LeftOut">Exemplars that do not go with a value because the store refused the group before.</param>
internal readonly record struct EmissionCounts(long Values, long Zeros, long Markers, long LeftOut = 0)
{
    public static EmissionCounts operator +(EmissionCounts a, EmissionCounts b) =>
        new(a.Values + b.Values, a.Zeros + b.Zeros, a.Markers + b.Markers, a.LeftOut + b.LeftOut);
}
