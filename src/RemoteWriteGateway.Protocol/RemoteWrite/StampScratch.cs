namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Working memory of <see cref="SeriesStamper"/>, kept from request to request with the buffers of <see cref="WriteWork"/>.</summary>
internal sealed class StampScratch
{
    public StampScratch() => Items = new ItemGate(Labels, ExemplarLabels);

    /// <summary>Labels of the series that is being read.</summary>
    public LabelSet Labels { get; } = new();

    /// <summary>Labels of the exemplar that is being read.</summary>
    public LabelSet ExemplarLabels { get; } = new();

    /// <summary>2.0: symbols of the request.</summary>
    public SymbolTable Symbols { get; } = new();

    /// <summary>1.0: labels of the series that the fast way sorts.</summary>
    public ScratchArray<FastLabel> FastLabels { get; } = new();

    /// <summary>1.0: labels of the series that it sorted last.</summary>
    public ScratchArray<FastLabel> KnownLabels { get; } = new();

    /// <summary>1.0: the order that it found for those.</summary>
    public ScratchArray<byte> KnownOrder { get; } = new();

    /// <summary>1.0: the same as runs of labels to copy.</summary>
    public ScratchArray<LabelRun> KnownRuns { get; } = new();

    /// <summary>2.0: the stamp's references as they are written.</summary>
    public ScratchArray<byte> StampRefs { get; } = new();

    public ItemGate Items { get; }

    public long HeldBytes => Labels.Scratch.HeldBytes + ExemplarLabels.Scratch.HeldBytes + FastLabels.HeldBytes + KnownLabels.HeldBytes + KnownOrder.HeldBytes + KnownRuns.HeldBytes + StampRefs.HeldBytes + Symbols.HeldBytes;

    public void SetBudget(ByteBudget budget)
    {
        Labels.Scratch.Budget = budget;
        ExemplarLabels.Scratch.Budget = budget;
        FastLabels.Budget = budget;
        KnownLabels.Budget = budget;
        KnownOrder.Budget = budget;
        KnownRuns.Budget = budget;
        StampRefs.Budget = budget;
        Symbols.SetBudget(budget);
    }

    public void Trim(int keepBytes)
    {
        Labels.Forget();
        ExemplarLabels.Forget();
        Symbols.Forget();
        Labels.Scratch.Trim(keepBytes);
        ExemplarLabels.Scratch.Trim(keepBytes);
        FastLabels.Trim(keepBytes);
        KnownLabels.Trim(keepBytes);
        KnownOrder.Trim(keepBytes);
        KnownRuns.Trim(keepBytes);
        StampRefs.Trim(keepBytes);
        Symbols.Trim(keepBytes);
    }
}
