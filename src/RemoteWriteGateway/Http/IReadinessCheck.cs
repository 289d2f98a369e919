namespace RemoteWriteGateway.Http;

/// <summary>One of the things without which every data request would be refused: signing keys, a policy, not draining.</summary>
internal interface IReadinessCheck
{
    /// <summary>Why this replica is not ready, in one line, or null if it is.</summary>
    string? NotReadyBecause { get; }
}
