namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What the making of outgoing messages needs beside the message itself. Part of a <see cref="WriteWork"/>, counted in its budget.</summary>
internal sealed class PartScratch(WriteWork work)
{
    /// <summary>Where each symbol's field begins in the stamped request, and behind the last one where they end.</summary>
    public ScratchArray<int> SymbolStarts { get; } = new();

    /// <summary>The number in the message of each symbol of the request; 0 if it is not in there.</summary>
    public ScratchArray<int> SymbolNumbers { get; } = new();

    /// <summary>The number in the request of each symbol of the message.</summary>
    public ScratchArray<int> MessageSymbols { get; } = new();

    /// <summary>The symbol fields of the message.</summary>
    public WriteBuffer SymbolFields { get; } = new();

    /// <summary>Encoded labels of the classic series that a histogram with custom bounds becomes.</summary>
    public WriteBuffer ClassicLabels { get; } = new();

    /// <summary>Upper bounds of a histogram with custom bounds.</summary>
    public ScratchArray<double> Bounds { get; } = new();

    /// <summary>For each of the bounds: how many observations are not above it.</summary>
    public ScratchArray<double> CumulativeCounts { get; } = new();

    /// <summary>Spans and buckets of that histogram as they stand in the message: counts, or the bits of floating point ones.</summary>
    public ScratchArray<BucketSpan> Spans { get; } = new();

    public ScratchArray<long> Buckets { get; } = new();

    /// <summary>Families whose metadata was written, and the hash table that finds them by name.</summary>
    public ScratchArray<MetadataFamily> Families { get; } = new();

    public ScratchArray<int> FamilySlots { get; } = new();

    public StampedSymbols Symbols => field ??= new StampedSymbols(work);

    public ClassicSeries Classic => field ??= new ClassicSeries(this);

    /// <summary>The three ways to make a message, each made when it is first gone.</summary>
    public CopiedMessage Copied => field ??= new CopiedMessage(work);

    public SplitMessage Split => field ??= new SplitMessage(work);

    public TranslatedMessage Translated => field ??= new TranslatedMessage(work);

    public long HeldBytes =>
        SymbolStarts.HeldBytes + SymbolNumbers.HeldBytes + MessageSymbols.HeldBytes + SymbolFields.Capacity + ClassicLabels.Capacity
        + Bounds.HeldBytes + Buckets.HeldBytes + CumulativeCounts.HeldBytes + Spans.HeldBytes + Families.HeldBytes + FamilySlots.HeldBytes;

    public void SetBudget(ByteBudget budget)
    {
        SymbolStarts.Budget = budget;
        SymbolNumbers.Budget = budget;
        MessageSymbols.Budget = budget;
        SymbolFields.Budget = budget;
        ClassicLabels.Budget = budget;
        Bounds.Budget = budget;
        Buckets.Budget = budget;
        CumulativeCounts.Budget = budget;
        Spans.Budget = budget;
        Families.Budget = budget;
        FamilySlots.Budget = budget;
    }

    public void Trim(int keepBytes)
    {
        SymbolStarts.Trim(keepBytes);
        SymbolNumbers.Trim(keepBytes);
        MessageSymbols.Trim(keepBytes);
        SymbolFields.Trim(keepBytes);
        ClassicLabels.Trim(keepBytes);
        Bounds.Trim(keepBytes);
        Buckets.Trim(keepBytes);
        CumulativeCounts.Trim(keepBytes);
        Spans.Trim(keepBytes);
        Families.Trim(keepBytes);
        FamilySlots.Trim(keepBytes);
    }

    /// <summary>Forgets the labels of the request before.</summary>
    public void Clear()
    {
        SymbolFields.Clear();
        ClassicLabels.Clear();
    }
}
