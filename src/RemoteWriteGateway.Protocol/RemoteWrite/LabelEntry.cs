namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>One label of the series that is being read: where its bytes are, and in 2.0 the references to write.</summary>
/// <remarks>
/// A start that is not negative is a position in the request; a negative one is the complement of a position in
/// <see cref="StampPlan.Texts"/>, for names and values that the gateway puts on.
/// </remarks>
internal struct LabelEntry
{
    public int NameStart;
    public int NameLength;
    public int ValueStart;
    public int ValueLength;

    /// <summary>2.0: number of the name's symbol, or <see cref="ExportedFlag"/> and the depth of an exported name.</summary>
    public uint NameRef;

    /// <summary>2.0: number of the value's symbol.</summary>
    public uint ValueRef;

    public ulong NamePrefix;

    /// <summary>Marks <see cref="NameRef"/> as the depth for <see cref="StampPlan.ExportedName"/>: its symbol is added when first needed.</summary>
    public const uint ExportedFlag = 0x8000_0000;
}

/// <summary>What is wrong with a series' labels. The default value says that nothing is.</summary>
/// <param name="Reason">The refusal.</param>
/// <param name="Entry">Index of the label at fault in its <see cref="LabelSet"/>, or −1.</param>
/// <param name="Actual">What was found, where a number says it.</param>
/// <param name="Limit">What is allowed.</param>
internal readonly record struct LabelFault(StampReason Reason, int Entry = -1, long Actual = 0, long Limit = 0)
{
    public bool IsNone => Reason == StampReason.None;
}
