namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Everything that one write request in flight works with: its buffers and its result. One object per request in flight,
/// recycled whole; not thread-safe. Buffers keep their size from request to request, so that a steady stream of requests
/// allocates nothing.
/// </summary>
/// <param name="sets">Who lends the large buffers; without it they are this object's own for good.</param>
/// <remarks>
/// The way of the bytes: <see cref="Body"/> (compressed, as received) → <see cref="Decoded"/> → <see cref="Stamped"/> →
/// <see cref="Part"/> (only if translated or split) → <see cref="Output"/> (compressed, as sent). All between the first and the last are in a
/// <see cref="WorkingSet"/>, which is there once it is asked for, and may be put back when the output is made: <see cref="PutBack"/>.
/// </remarks>
public sealed class WriteWork(IWorkingSets? sets = null)
{
    private ByteBudget _budget = ByteBudget.Unlimited;
    private WorkingSet? _set;
    private bool _hasTurn;

    /// <summary>The request's body as it came, compressed.</summary>
    public WriteBuffer Body { get; } = new();

    /// <summary>The body after decompression: the sender's message.</summary>
    public WriteBuffer Decoded => Set.Decoded;

    /// <summary>The message with the tenant's label on every series, in the sender's protocol. Written by <see cref="SeriesStamper"/>.</summary>
    public WriteBuffer Stamped => Set.Stamped;

    /// <summary>One outgoing message where it differs from <see cref="Stamped"/>: translated, or a part of a split request.</summary>
    public WriteBuffer Part => Set.Part;

    /// <summary>One outgoing body, compressed.</summary>
    public WriteBuffer Output { get; } = new();

    /// <summary>What <see cref="OutgoingParts"/> needs beside <see cref="Part"/>.</summary>
    internal PartScratch PartScratch => field ??= new PartScratch(this);

    /// <summary>What stamping found. Valid until <see cref="Reset"/>.</summary>
    public StampResult Result { get; } = new();

    /// <summary>Where the output is packed.</summary>
    internal WriteBuffer Packed => Set.Packed;

    /// <summary>Working memory of stamping.</summary>
    internal StampScratch Scratch => Set.Scratch;

    /// <summary>Whether the large buffers, with their contents, are here.</summary>
    public bool HoldsSet => _set is not null;

    /// <summary>Bytes of capacity that all buffers and scratch hold together.</summary>
    public long HeldBytes => (long)Body.Capacity + Output.Capacity + PartScratch.HeldBytes + (_set?.HeldBytes ?? 0);

    /// <summary>Who counts the bytes of the request in flight, for what it works with beside these buffers.</summary>
    public ByteBudget Budget => _budget;

    private WorkingSet Set => _set ?? TakeSet();

    /// <summary>Starts a request: what the buffers hold already, and all that they grow by, is taken from <paramref name="budget"/>.</summary>
    /// <exception cref="ByteBudgetExceededException">Not even what the buffers hold is left; nothing was taken.</exception>
    public void Begin(ByteBudget budget)
    {
        budget.Take(HeldBytes);
        SetBudget(budget);
    }

    /// <summary>Waits until a processor is free for this request. Whoever has a turn waits for nobody else before <see cref="EndTurn"/> or <see cref="PutBack"/>.</summary>
    public async ValueTask WaitForTurnAsync()
    {
        if (sets is not null && !_hasTurn)
        {
            await sets.WaitForTurnAsync();
            _hasTurn = true;
        }
    }

    /// <summary>Lets others work, if this one had a turn; the buffers stay.</summary>
    public void EndTurn()
    {
        if (_hasTurn)
        {
            _hasTurn = false;
            sets!.EndTurn(); // Not null: it gave the turn.
        }
    }

    /// <summary>
    /// Puts the large buffers back, and ends the turn, before the request is over; <see cref="Body"/>, <see cref="Output"/> and <see cref="Result"/> stay. Who asks for
    /// one of the others after that gets an empty one.
    /// </summary>
    public void PutBack()
    {
        EndTurn();
        if (_set is not { } set || sets is null)
        {
            return;
        }

        set.Trim(sets.KeepBytes);
        _budget.GiveBack(set.HeldBytes);
        set.SetBudget(ByteBudget.Unlimited);
        _set = null;
        sets.TakeBack(set);
    }

    /// <summary>Ends a request: contents are forgotten, buffers larger than <paramref name="keepBytes"/> each are let go, and the budget gets all back.</summary>
    public void End(int keepBytes)
    {
        Reset();
        PutBack();
        Body.Trim(keepBytes);
        Output.Trim(keepBytes);
        PartScratch.Trim(keepBytes);
        _set?.Trim(keepBytes);
        _budget.GiveBack(HeldBytes);
        SetBudget(ByteBudget.Unlimited);
    }

    /// <summary>Forgets the contents: one tenant's labels must not show up in another's request.</summary>
    public void Reset()
    {
        Body.Clear();
        Output.Clear();
        PartScratch.Clear();
        Result.Reset();
        _set?.Clear();
    }

    private WorkingSet TakeSet()
    {
        WorkingSet set = sets?.Lend() ?? new WorkingSet();
        try
        {
            _budget.Take(set.HeldBytes);
        }
        catch (ByteBudgetExceededException)
        {
            // It is as large as other requests needed it. What this one needs may be left.
            sets?.TakeBack(set);
            set = new WorkingSet();
        }

        set.SetBudget(_budget);
        _set = set;
        return set;
    }

    private void SetBudget(ByteBudget budget)
    {
        _budget = budget;
        Body.Budget = budget;
        Output.Budget = budget;
        PartScratch.SetBudget(budget);
        _set?.SetBudget(budget);
    }
}
