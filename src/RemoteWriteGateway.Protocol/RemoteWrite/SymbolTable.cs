using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What is known of a symbol before any series refers to it. A series whose labels meet none of the "bad" ones needs no look at their bytes.</summary>
[Flags]
internal enum SymbolTraits : uint
{
    None = 0,
    InvalidUtf8 = 1,

    /// <summary>Cannot stand as a label name as it is: empty, invalid, too long, or a label that no writer sets.</summary>
    BadName = 2,

    /// <summary>Cannot stand as a label value as it is: empty, invalid, or too long.</summary>
    BadValue = 4,

    /// <summary>Cannot stand as a metric name: empty, invalid, or too long.</summary>
    BadMetricName = 8,

    /// <summary>The name <c>__name__</c>.</summary>
    NameOfMetric = 16,

    /// <summary>Cannot stand as a metadata's help or unit as it is: invalid or too long.</summary>
    BadMetadata = 32,
}

/// <summary>The symbols of a 2.0 request, each classified once, and those that the gateway adds behind them.</summary>
internal sealed class SymbolTable
{
    private static readonly ulong MetricNamePrefix = NameOrder.Prefix("__name__"u8);

    private readonly ScratchArray<int> _starts = new();
    private readonly ScratchArray<ulong> _prefixes = new();
    private readonly ScratchArray<ulong> _traits = new();
    private readonly ScratchArray<uint> _cutRefs = new();
    private readonly ScratchArray<uint> _exportedRefs = new();
    private readonly WriteBuffer _extra = new();
    private byte[] _message = [];
    private StampPlan? _plan;
    private bool _hasCutRefs;
    private bool _hasExportedRefs;
    private uint _nextRef;

    public long HeldBytes => _starts.HeldBytes + _prefixes.HeldBytes + _traits.HeldBytes + _cutRefs.HeldBytes + _exportedRefs.HeldBytes + _extra.Capacity;

    /// <summary>Symbols that the sender wrote, those beyond the limit included.</summary>
    public int Count { get; private set; }

    /// <summary>Number of the symbol with the tenant label's name: the sender's first one with these bytes, else an added one.</summary>
    public uint StampNameRef { get; private set; }

    /// <summary>Number of the symbol with the tenant label's value.</summary>
    public uint StampValueRef { get; private set; }

    /// <summary>First bytes of the sender's symbols, see <see cref="NameOrder"/>.</summary>
    public ReadOnlySpan<ulong> Prefixes => _prefixes.Items;

    /// <summary>Of each of the sender's symbols the length (upper half) and the <see cref="SymbolTraits"/> (lower half).</summary>
    public ReadOnlySpan<ulong> LengthsAndTraits => _traits.Items;

    /// <summary>Whether the first symbol is the empty string, as it must be.</summary>
    public bool BeginsWithEmpty => Count > 0 && _traits.Items[0] >> 32 == 0;

    /// <summary>Whether a symbol is not UTF-8, so that the sender's symbols cannot leave as they are.</summary>
    public bool HasInvalidUtf8 { get; private set; }

    public void SetBudget(ByteBudget budget)
    {
        _starts.Budget = budget;
        _prefixes.Budget = budget;
        _traits.Budget = budget;
        _cutRefs.Budget = budget;
        _exportedRefs.Budget = budget;
        _extra.Budget = budget;
    }

    public void Trim(int keepBytes)
    {
        _starts.Trim(keepBytes);
        _prefixes.Trim(keepBytes);
        _traits.Trim(keepBytes);
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
    }

    /// <summary>Takes the sender's next symbol. Beyond the limit symbols are only counted: the request is refused.</summary>
    public void Add(WireRange range)
    {
        int index = Count++;
        if (index >= Plan.Options.MaxSymbolsPerRequest)
        {
            return;
        }

        if (index >= _starts.Items.Length)
        {
            Grow(index);
        }

        ulong prefix = NameOrder.Prefix(_message, range.Start, range.Length);
        _starts.Items[index] = range.Start;
        _prefixes.Items[index] = prefix;
        _traits.Items[index] = ((ulong)(uint)range.Length << 32) | (uint)Classify(index, range, prefix);
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
    public WireRange Range(uint reference) => new(_starts.Items[reference], (int)(_traits.Items[reference] >> 32));

    public SymbolTraits Traits(uint reference) => (SymbolTraits)(uint)_traits.Items[reference];

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

    private void Grow(int index)
    {
        // Doubled, not by a quarter: how many there are is known only at the end, and the limit bounds it.
        _starts.Ensure(Math.Min(Math.Max(2 * index, 64), Math.Max(Plan.Options.MaxSymbolsPerRequest, index + 1)));
        _prefixes.Ensure(_starts.Items.Length);
        _traits.Ensure(_starts.Items.Length);
    }

    private SymbolTraits Classify(int index, WireRange range, ulong prefix)
    {
        ReadOnlySpan<byte> symbol = _message.AsSpan(range.Start, range.Length);
        if (symbol.IsEmpty)
        {
            return SymbolTraits.BadName | SymbolTraits.BadValue | SymbolTraits.BadMetricName;
        }

        if (!Utf8.IsValid(symbol))
        {
            HasInvalidUtf8 = true;
            return SymbolTraits.InvalidUtf8 | SymbolTraits.BadName | SymbolTraits.BadValue | SymbolTraits.BadMetricName | SymbolTraits.BadMetadata;
        }

        if (symbol.SequenceEqual(Plan.TenantValue) && StampValueRef == uint.MaxValue)
        {
            StampValueRef = (uint)index;
        }

        SymbolTraits traits = ClassifyLength(symbol);
        if (Plan.Filter.MayHold(prefix))
        {
            traits |= ClassifySpecial(index, symbol);
        }

        if (!Plan.AllowsLabelName(symbol))
        {
            traits |= SymbolTraits.BadName;
        }

        if (!Plan.AllowsMetricName(symbol))
        {
            traits |= SymbolTraits.BadMetricName;
        }

        return prefix == MetricNamePrefix && symbol.Length == 8 ? traits | SymbolTraits.NameOfMetric : traits;
    }

    private SymbolTraits ClassifyLength(ReadOnlySpan<byte> symbol)
    {
        StampOptions options = Plan.Options;
        return (symbol.Length > options.MaxLabelNameBytes ? SymbolTraits.BadName : SymbolTraits.None)
            | (symbol.Length > options.MaxLabelValueBytes ? SymbolTraits.BadValue : SymbolTraits.None)
            | (symbol.Length > options.MaxMetricNameBytes ? SymbolTraits.BadMetricName : SymbolTraits.None)
            | (symbol.Length > options.MaxMetadataBytes ? SymbolTraits.BadMetadata : SymbolTraits.None);
    }

    private SymbolTraits ClassifySpecial(int index, ReadOnlySpan<byte> symbol)
    {
        if (Plan.IsTenantLabel(symbol))
        {
            // The first one is used; each one, first or later, is a label that no writer sets.
            StampNameRef = Math.Min(StampNameRef, (uint)index);
            return SymbolTraits.BadName;
        }

        return Plan.IsReserved(symbol) ? SymbolTraits.BadName : SymbolTraits.None;
    }
}
