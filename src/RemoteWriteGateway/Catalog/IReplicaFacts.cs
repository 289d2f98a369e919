namespace RemoteWriteGateway.Catalog;

/// <summary>A part of the gateway whose state stands in the register of replicas.</summary>
internal interface IReplicaFacts
{
    /// <summary>Returns <paramref name="facts"/> with its own values in their place. Asked every few seconds; it must not wait for anything.</summary>
    ReplicaFacts AddTo(ReplicaFacts facts);
}

/// <summary>What a replica says about itself.</summary>
internal sealed record ReplicaFacts
{
    /// <summary>Of the policy in force.</summary>
    public string? PolicyVersion { get; init; }

    /// <summary>Of the revocations that it has read, null before the first time.</summary>
    public long? RevocationsRevision { get; init; }

    /// <summary>Of the signing keys: the name of their state.</summary>
    public string KeysState { get; init; } = "Loading";

    /// <summary>When the signing keys were last fetched.</summary>
    public DateTimeOffset? KeysLoadedAt { get; init; }

    /// <summary>Audit records that wait in the spool.</summary>
    public long AuditSpooled { get; init; }
}
