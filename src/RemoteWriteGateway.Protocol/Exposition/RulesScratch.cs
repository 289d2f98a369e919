using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Working memory of <see cref="ContentRules"/>, and the hashes that it leaves behind.</summary>
internal sealed class RulesScratch
{
    public ScratchList<UInt128> Hashes { get; } = new();

    public HashIndex Seen { get; } = new();

    public SeriesLabels Labels { get; } = new();

    /// <summary>What is hashed of one metric.</summary>
    public WriteBuffer Key { get; } = new();

    public long HeldBytes => Hashes.HeldBytes + Seen.HeldBytes + Labels.HeldBytes + Key.Capacity;

    public void Clear()
    {
        Hashes.Clear();
        Seen.Clear();
        Labels.Clear();
        Key.Clear();
    }

    public void Trim(int maxBytes)
    {
        Hashes.Trim(maxBytes);
        Seen.Trim(maxBytes);
        Labels.Trim(maxBytes);
        Key.Trim(maxBytes);
    }

    public void SetBudget(ByteBudget budget)
    {
        Hashes.Budget = budget;
        Seen.Budget = budget;
        Labels.SetBudget(budget);
        Key.Budget = budget;
    }
}
