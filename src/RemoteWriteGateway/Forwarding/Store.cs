namespace RemoteWriteGateway.Forwarding;

/// <summary>One configured store: what it takes, and the connections to it. One instance each, for the life of the process.</summary>
internal sealed class Store
{
    /// <summary>The name under <c>Stores:</c>.</summary>
    public required string Name { get; init; }
}
