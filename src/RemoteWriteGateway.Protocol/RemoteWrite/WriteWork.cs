namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Everything that one write request in flight works with: its buffers and its result. One object per request in flight,
/// recycled whole; not thread-safe. Buffers keep their size from request to request, so that a steady stream of requests
/// allocates nothing.
/// </summary>
/// <remarks>
/// The way of the bytes: <see cref="Body"/> (compressed, as received) → <see cref="Decoded"/> → <see cref="Stamped"/> →
/// <see cref="Part"/> (only if translated or split) → <see cref="Output"/> (compressed, as sent).
/// </remarks>
public sealed class WriteWork
{
    private ByteBudget _budget = ByteBudget.Unlimited;

    /// <summary>The request's body as it came, compressed.</summary>
    public WriteBuffer Body { get; } = new();

    /// <summary>The body after decompression: the sender's message.</summary>
    public WriteBuffer Decoded { get; } = new();

    /// <summary>The message with the tenant's label on every series, in the sender's protocol. Written by <see cref="SeriesStamper"/>.</summary>
    public WriteBuffer Stamped { get; } = new();

    /// <summary>One outgoing message where it differs from <see cref="Stamped"/>: translated, or a part of a split request.</summary>
    public WriteBuffer Part { get; } = new();

    /// <summary>One outgoing body, compressed.</summary>
    public WriteBuffer Output { get; } = new();

    /// <summary>What <see cref="OutgoingParts"/> needs beside <see cref="Part"/>.</summary>
    internal PartScratch PartScratch => field ??= new PartScratch(this);

    /// <summary>What stamping found. Valid until <see cref="Reset"/>.</summary>
    public StampResult Result { get; } = new();

    /// <summary>Working memory of stamping.</summary>
    internal StampScratch Scratch { get; } = new();

    /// <summary>Bytes of capacity that all buffers and scratch hold together.</summary>
    public long HeldBytes =>
        (long)Body.Capacity + Decoded.Capacity + Stamped.Capacity + Part.Capacity + Output.Capacity
        + Scratch.HeldBytes + PartScratch.HeldBytes;

    /// <summary>Who counts the bytes of the request in flight, for what it works with beside these buffers.</summary>
    public ByteBudget Budget => _budget;

    /// <summary>Starts a request: what the buffers hold already, and all that they grow by, is taken from <paramref name="budget"/>.</summary>
    /// <exception cref="ByteBudgetExceededException">Not even what the buffers hold is left; nothing was taken.</exception>
    public void Begin(ByteBudget budget)
    {
        budget.Take(HeldBytes);
        SetBudget(budget);
    }

    /// <summary>Ends a request: contents are forgotten, buffers larger than <paramref name="keepBytes"/> each are let go, and the budget gets all back.</summary>
    public void End(int keepBytes)
    {
        Reset();
        Body.Trim(keepBytes);
        Decoded.Trim(keepBytes);
        Stamped.Trim(keepBytes);
        Part.Trim(keepBytes);
        Output.Trim(keepBytes);
        PartScratch.Trim(keepBytes);
        Scratch.Trim(keepBytes);
        _budget.GiveBack(HeldBytes);
        SetBudget(ByteBudget.Unlimited);
    }

    /// <summary>Forgets the contents: one tenant's labels must not show up in another's request.</summary>
    public void Reset()
    {
        Body.Clear();
        Decoded.Clear();
        Stamped.Clear();
        Part.Clear();
        Output.Clear();
        PartScratch.Clear();
        Result.Reset();
    }

    private void SetBudget(ByteBudget budget)
    {
        _budget = budget;
        Body.Budget = budget;
        Decoded.Budget = budget;
        Stamped.Budget = budget;
        Part.Budget = budget;
        Output.Budget = budget;
        PartScratch.SetBudget(budget);
        Scratch.SetBudget(budget);
    }
}
