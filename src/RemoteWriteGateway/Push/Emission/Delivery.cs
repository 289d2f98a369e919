using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>A group's payload, unpacked for writing.</summary>
/// <param name="Families">Its metrics.</param>
/// <param name="HasStarted">Of each metric whether its counting has begun with this generation (the start bit).</param>
internal sealed record EmissionPayload(MetricFamilies Families, IReadOnlyList<bool> HasStarted)
{
    /// <summary>A group without metrics.</summary>
    public static EmissionPayload Empty { get; } = new(new MetricFamilies(), []);
}

/// <summary>How many samples of each kind a delivery has.</summary>
internal readonly record struct EmissionCounts(long Values, long Zeros, long Markers)
{
    public static EmissionCounts operator +(EmissionCounts a, EmissionCounts b) => new(a.Values + b.Values, a.Zeros + b.Zeros, a.Markers + b.Markers);
}

/// <summary>One delivery of a group: with the payloads, all that its content depends on.</summary>
/// <param name="Row">A delivery is under way.</param>
/// <param name="Group">The grouping labels, empty ones left out.</param>
/// <param name="Payload">Of <see cref="EmissionRow.InflightGeneration"/>.</param>
/// <param name="Written">Of <see cref="EmissionRow.WrittenGeneration"/>; null if the store holds nothing open, or the same generation.</param>
internal sealed record Delivery(EmissionRow Row, GroupingLabels Group, EmissionPayload Payload, EmissionPayload? Written);
