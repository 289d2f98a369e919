using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What is known of a symbol before any series refers to it.</summary>
[Flags]
internal enum SymbolTraits
{
    None = 0,
    Empty = 1,
    InvalidUtf8 = 2,

    /// <summary>Cannot stand as a metric name: empty, invalid, or too long.</summary>
    BadMetricName = 4,

    /// <summary>Cannot stand as a metadata's help or unit as it is: invalid or too long.</summary>
    BadMetadata = 8,
}

/// <summary>The symbols of a 2.0 request, each classified once, and those that the gateway adds behind them.</summary>
internal sealed class SymbolTable
{
    private readonly ScratchArray<SymbolText> _texts = new();
    private readonly ScratchArray<ulong> _prefixes = new();
    private readonly ScratchArray<uint> _cutRefs = new();
    private readonly ScratchArray<uint> _exportedRefs = new();
    private readonly WriteBuffer _extra = new();
    private byte[] _message = [];
    private StampPlan? _plan;
    private bool _hasCutRefs;
    private bool _hasExportedRefs;
    private uint _nextRef;

    public long HeldBytes => _texts.HeldBytes + _prefixes.HeldBytes + _cutRefs.HeldBytes + _exportedRefs.HeldBytes + _extra.Capacity;

    /// <summary>Symbols that the sender wrote, those beyond the limit included.</summary>
    public int Count { get; private set; }

    /// <summary>Number of the symbol with the tenant label's name: the sender's first one with these bytes, else an added one.</summary>
    public uint StampNameRef { get; private set; }

    /// <summary>Number of the symbol with the tenant label's value.</summary>
    public uint StampValueRef { get; private set; }

    /// <summary>
    /// Of each of the sender's symbols the first bytes, see <see cref="NameOrder"/>; 0 for those that cannot stand as a label
    /// name as they are: empty, invalid, too long, or a label that no writer sets. No good name has the 0.
    /// </summary>
    public ReadOnlySpan<ulong> NamePrefixes => _prefixes.Items.AsSpan(0, Count);

    /// <summary>Number of the sender's first symbol that is <c>__name__</c>, or <see cref="uint.MaxValue"/>.</summary>
    public uint MetricNameRef { get; private set; }

    /// <summary>Bytes of the longest symbol.</summary>
    public int MaxLength { get; private set; }

    /// <summary>Whether a symbol, the first one aside, cannot stand as a label value: empty, invalid, or too long.</summary>
    public bool HasBadValue { get; private set; }

    /// <summary>Whether a symbol, the first one aside, cannot stand as a metric name.</summary>
    public bool HasBadMetricName { get; private set; }

    /// <summary>Whether a symbol cannot stand as a metadata's help or unit.</summary>
    public bool HasBadMetadata { get; private set; }

    /// <summary>Whether the first symbol is the empty string, as it must be.</summary>
    public bool BeginsWithEmpty => Count > 0 && _texts.Items[0].Length == 0;

    /// <summary>Whether a symbol is not UTF-8, so that the sender's symbols cannot leave as they are.</summary>
    public bool HasInvalidUtf8 { get; private set; }

    public void SetBudget(ByteBudget budget)
    {
        _texts.Budget = budget;
        _prefixes.Budget = budget;
        _cutRefs.Budget = budget;
        _exportedRefs.Budget = budget;
        _extra.Budget = budget;
    }

    public void Trim(int keepBytes)
    {
        _texts.Trim(keepBytes);
        _prefixes.Trim(keepBytes);
        _cutRefs.Trim(keepBytes);
        _exportedRefs.Trim(keepBytes);
        _extra.Trim(keepBytes);
    }

    /// <summary>Starts a request.</summary>
    public void Begin(byte[] message, StampPlan plan)
    {
        _message = message;
        _plan = plan;
        _extra.Clear();
        _hasCutRefs = false;
        _hasExportedRefs = false;
        HasInvalidUtf8 = false;
        Count = 0;
        StampNameRef = uint.MaxValue;
        StampValueRef = uint.MaxValue;
        MetricNameRef = uint.MaxValue;
        MaxLength = 0;
        HasBadValue = false;
        HasBadMetricName = false;
        HasBadMetadata = false;
    }

    /// <summary>Lets go of the message, whose buffer may be let go itself.</summary>
    public void Forget() => _message = [];

    /// <summary>Takes the sender's next symbol. Beyond the limit symbols are only counted: the request is refused.</summary>
    public void Add(WireRange range)
    {
        int index = Count++;
        if (index >= _texts.Items.Length && !TryGrow(index))
        {
            return;
        }

        ulong prefix = range.Length > 0 ? NameOrder.ShortPrefix(_message, range.Start, range.Length) : 0;
        // Most symbols are nothing special, and that is seen without a look at their bytes.
        bool isPlain = (uint)(range.Length - 1) < (uint)Plan.MaxPlainSymbolBytes && !Plan.SymbolFilter.MayHold(prefix)
            && FastBytes.IsAscii(_message, range.Start, range.Length);
        SymbolTraits traits = isPlain ? SymbolTraits.None : Classify(index, range, ref prefix);
        _texts.Items[index] = new SymbolText(range.Start, range.Length, traits);
        _prefixes.Items[index] = prefix;
        MaxLength = Math.Max(MaxLength, range.Length);
    }

    /// <summary>Call once all of the sender's symbols are known: those of the stamp that are not among them are added.</summary>
    public void AddStamp()
    {
        _nextRef = (uint)Count;
        if (!Plan.Options.Stamp)
        {
            return;
        }

        StampNameRef = StampNameRef == uint.MaxValue ? AddExtra(Plan.TenantName) : StampNameRef;
        StampValueRef = StampValueRef == uint.MaxValue ? AddExtra(Plan.TenantValue) : StampValueRef;
    }

    /// <summary>Where a symbol of the sender is in the request.</summary>
    public WireRange Range(uint reference) => new(_texts.Items[reference].Start, _texts.Items[reference].Length);

    public SymbolTraits Traits(uint reference) => _texts.Items[reference].Traits;

    /// <summary>The symbol with the name <see cref="StampPlan.ExportedName"/> of <paramref name="depth"/>; added when first asked for.</summary>
    public uint ExportedRef(int depth)
    {
        ref uint reference = ref Known(_exportedRefs, Plan.ExportedNameCount, ref _hasExportedRefs)[depth];
        if (reference == 0)
        {
            WireRange name = Plan.ExportedName(depth);
            reference = AddExtra(Plan.Texts.AsSpan(name.Start, name.Length));
        }

        return reference;
    }

    /// <summary>A symbol with the first <paramref name="maxBytes"/> bytes of another one, cut at a character boundary; added when first asked for.</summary>
    public uint CutRef(uint original, int maxBytes)
    {
        ref uint reference = ref Known(_cutRefs, Count, ref _hasCutRefs)[(int)original];
        if (reference == 0)
        {
            WireRange range = Range(original);
            reference = AddExtra(Utf8Text.Cut(_message.AsSpan(range.Start, range.Length), maxBytes));
        }

        return reference;
    }

    /// <summary>Writes the sender's symbols anew. Those that are not UTF-8 leave empty: nothing that is passed on refers to them.</summary>
    public void WriteOwn(WriteBuffer output)
    {
        for (uint i = 0; i < Count; i++)
        {
            WireRange range = Range(i);
            bool isValid = (Traits(i) & SymbolTraits.InvalidUtf8) == 0;
            output.AppendBytes(V2Tags.Symbols, isValid ? _message.AsSpan(range.Start, range.Length) : default);
        }
    }

    /// <summary>The symbols that were added, encoded as fields of the request; they belong right behind the sender's.</summary>
    public ReadOnlySpan<byte> Extra => _extra.Span;

    private StampPlan Plan => _plan!; // Set by Begin, before any symbol.

    /// <summary>References found earlier in this request, by index; 0 where none was. Cleared when first used by a request.</summary>
    private static Span<uint> Known(ScratchArray<uint> references, int count, ref bool isUsed)
    {
        if (!isUsed)
        {
            references.Ensure(count).AsSpan(0, count).Clear();
            isUsed = true;
        }

        return references.Items;
    }

    private uint AddExtra(ReadOnlySpan<byte> symbol)
    {
        _extra.AppendBytes(V2Tags.Symbols, symbol);
        return _nextRef++;
    }

    /// <summary>Makes room for a symbol more, or says that there are too many.</summary>
    private bool TryGrow(int index)
    {
        int limit = Plan.Options.MaxSymbolsPerRequest;
        if (index >= limit)
        {
            return false;
        }

        // Doubled, not by a quarter: how many there are is known only at the end, and the limit bounds it.
        _texts.Ensure(Math.Min(Math.Max(2 * index, 64), limit));
        _prefixes.Ensure(_texts.Items.Length);
        return true;
    }

    private SymbolTraits Classify(int index, WireRange range, ref ulong prefix)
    {
        ReadOnlySpan<byte> symbol = _message.AsSpan(range.Start, range.Length);
        SymbolTraits traits = ClassifyText(symbol);
        HasBadMetadata |= (traits & SymbolTraits.BadMetadata) != 0;
        HasInvalidUtf8 |= (traits & SymbolTraits.InvalidUtf8) != 0;
        // The first one is always empty, and no common series refers to it.
        HasBadMetricName |= (traits & SymbolTraits.BadMetricName) != 0 && index > 0;
        bool isUnusable = (traits & (SymbolTraits.Empty | SymbolTraits.InvalidUtf8)) != 0;
        HasBadValue |= index > 0 && (isUnusable || symbol.Length > Plan.Options.MaxLabelValueBytes);
        if (isUnusable)
        {
            prefix = 0;
            return traits;
        }

        if (StampValueRef == uint.MaxValue && symbol.SequenceEqual(Plan.TenantValue))
        {
            StampValueRef = (uint)index;
        }

        if (MetricNameRef == uint.MaxValue && symbol.SequenceEqual("__name__"u8))
        {
            MetricNameRef = (uint)index;
        }

        if (IsSpecial(index, symbol, prefix) || symbol.Length > Plan.Options.MaxLabelNameBytes || !Plan.AllowsLabelName(symbol))
        {
            prefix = 0;
        }

        return traits;
    }

    private SymbolTraits ClassifyText(ReadOnlySpan<byte> symbol)
    {
        if (symbol.IsEmpty)
        {
            return SymbolTraits.Empty | SymbolTraits.BadMetricName;
        }

        if (!Utf8.IsValid(symbol))
        {
            return SymbolTraits.InvalidUtf8 | SymbolTraits.BadMetricName | SymbolTraits.BadMetadata;
        }

        bool isBadMetricName = symbol.Length > Plan.Options.MaxMetricNameBytes || !Plan.AllowsMetricName(symbol);
        return (isBadMetricName ? SymbolTraits.BadMetricName : SymbolTraits.None)
            | (symbol.Length > Plan.Options.MaxMetadataBytes ? SymbolTraits.BadMetadata : SymbolTraits.None);
    }

    /// <summary>Whether this is a label that no writer sets; notes the first symbol that is the tenant label's name.</summary>
    private bool IsSpecial(int index, ReadOnlySpan<byte> symbol, ulong prefix)
    {
        if (!Plan.Filter.MayHold(prefix))
        {
            return false;
        }

        if (Plan.IsTenantLabel(symbol))
        {
            StampNameRef = Math.Min(StampNameRef, (uint)index);
            return true;
        }

        return Plan.IsReserved(symbol);
    }

    /// <summary>Where a symbol is, and what is known of it.</summary>
    private readonly record struct SymbolText(int Start, int Length, SymbolTraits Traits);
}
