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

    /// <summary>2.0: the stamp's references as they are written.</summary>
    public ScratchArray<byte> StampRefs { get; } = new();

    public ItemGate Items { get; }

    public long HeldBytes => Labels.Scratch.HeldBytes + ExemplarLabels.Scratch.HeldBytes + FastLabels.HeldBytes + StampRefs.HeldBytes + Symbols.HeldBytes;

    public void SetBudget(ByteBudget budget)
    {
        Labels.Scratch.Budget = budget;
        ExemplarLabels.Scratch.Budget = budget;
        FastLabels.Budget = budget;
        StampRefs.Budget = budget;
        Symbols.SetBudget(budget);
    }

    public void Trim(int keepBytes)
    {
        Labels.Scratch.Trim(keepBytes);
        ExemplarLabels.Scratch.Trim(keepBytes);
        FastLabels.Trim(keepBytes);
        StampRefs.Trim(keepBytes);
        Symbols.Trim(keepBytes);
    }
}
