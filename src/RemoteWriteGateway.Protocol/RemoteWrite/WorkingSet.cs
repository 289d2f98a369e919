namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// The large buffers of a <see cref="WriteWork"/>: what a request needs while it is unpacked, stamped and packed, and neither while its body
/// arrives nor while the store answers. They are some twenty times as large as what is received and sent, so a few sets serve all requests in flight.
/// </summary>
/// <remarks>One owner at a time; not thread-safe. Contents and budget are its owner's.</remarks>
public sealed class WorkingSet
{
    internal WriteBuffer Decoded { get; } = new();

    internal WriteBuffer Stamped { get; } = new();

    internal WriteBuffer Part { get; } = new();

    /// <summary>Room to pack a message in: more than it takes in the end, which only the packer can tell.</summary>
    internal WriteBuffer Packed { get; } = new();

    internal StampScratch Scratch { get; } = new();

    /// <summary>Bytes of capacity.</summary>
    public long HeldBytes => (long)Decoded.Capacity + Stamped.Capacity + Part.Capacity + Packed.Capacity + Scratch.HeldBytes;

    internal void SetBudget(ByteBudget budget)
    {
        Decoded.Budget = budget;
        Stamped.Budget = budget;
        Part.Budget = budget;
        Packed.Budget = budget;
        Scratch.SetBudget(budget);
    }

    /// <summary>Forgets the contents: one tenant's labels must not show up in another's request.</summary>
    internal void Clear()
    {
        Decoded.Clear();
        Stamped.Clear();
        Part.Clear();
        Packed.Clear();
    }

    /// <summary>Forgets the contents, and lets go of each buffer that is larger than <paramref name="keepBytes"/>.</summary>
    internal void Trim(int keepBytes)
    {
        Decoded.Trim(keepBytes);
        Stamped.Trim(keepBytes);
        Part.Trim(keepBytes);
        Packed.Trim(keepBytes);
        Scratch.Trim(keepBytes);
    }
}

/// <summary>Lends working sets to requests in flight, and turns to work with them. Thread-safe.</summary>
public interface IWorkingSets
{
    /// <summary>Waits for a turn. There are as many as processors: more requests at work at once would not be done sooner, and need more sets.</summary>
    Task WaitForTurnAsync();

    /// <summary>Ends a turn.</summary>
    void EndTurn();

    /// <summary>Buffers of a set that are larger, in bytes, are let go before it comes back.</summary>
    int KeepBytes { get; }

    /// <summary>A set that nobody else has, without contents; counted by whoever gets it.</summary>
    WorkingSet Lend();

    /// <summary>Takes back what <see cref="Lend"/> gave, without contents.</summary>
    void TakeBack(WorkingSet lent);
}
