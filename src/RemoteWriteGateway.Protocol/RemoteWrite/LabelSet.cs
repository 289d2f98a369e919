namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// The labels of one series, or of one exemplar, while it is being settled which of them leave and in what order.
/// One object per request in flight; cleared for each series.
/// </summary>
internal sealed partial class LabelSet
{
    // Beyond so few entries an insertion sort meets hostile label sets in quadratic time.
    private const int MaxInsertionSort = 24;

    private readonly ScratchArray<LabelEntry> _scratch = new();
    private readonly Comparison<LabelEntry> _compare;
    private byte[] _message = [];
    private StampPlan? _plan;
    private int _removedTenant;
    private int _removedReserved;
    private int _removedEmpty;

    public LabelSet()
    {
        // Kept: a delegate made for each sort would be garbage for each series.
        _compare = (a, b) => Compare(a, b);
    }

    public ScratchArray<LabelEntry> Scratch => _scratch;

    /// <summary>Labels added, those beyond what is kept included.</summary>
    public int RawCount { get; private set; }

    /// <summary>Labels kept: all of them, unless there are more than <see cref="StampPlan.MaxKeptLabels"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of all names and values.</summary>
    public long TextBytes
    {
        get
        {
            long bytes = 0;
            foreach (ref readonly LabelEntry entry in Entries)
            {
                bytes += (long)entry.NameLength + entry.ValueLength;
            }

            return bytes;
        }
    }

    public ReadOnlySpan<LabelEntry> Entries => _scratch.Items.AsSpan(0, Count);

    /// <summary>Starts a request.</summary>
    public void Begin(byte[] message, StampPlan plan)
    {
        _message = message;
        _plan = plan;
        _scratch.Ensure(Math.Min(plan.MaxKeptLabels, 64) + 2);
        Clear();
    }

    /// <summary>Lets go of the message, whose buffer may be let go itself.</summary>
    public void Forget() => _message = [];

    /// <summary>Starts a series.</summary>
    public void Clear()
    {
        RawCount = 0;
        Count = 0;
        _removedTenant = 0;
        _removedReserved = 0;
        _removedEmpty = 0;
    }

    /// <summary>Whether one more label is kept. Further ones are only counted: such a series is refused unseen.</summary>
    public bool HasRoom => RawCount <= Plan.MaxKeptLabels;

    /// <summary>Counts a label that was sent.</summary>
    public void CountRaw() => RawCount++;

    /// <summary>Keeps a label that was counted.</summary>
    public void Keep(WireRange name, WireRange value, uint nameRef, uint valueRef)
    {
        // One place more than is used: the stamp goes there.
        LabelEntry[] entries = _scratch.Ensure(Count + 2);
        entries[Count++] = new LabelEntry
        {
            NameStart = name.Start,
            NameLength = name.Length,
            ValueStart = value.Start,
            ValueLength = value.Length,
            NameRef = nameRef,
            ValueRef = valueRef,
            NamePrefix = NameOrder.Prefix(_message.AsSpan(name.Start, name.Length)),
        };
    }

    public ReadOnlySpan<byte> Name(in LabelEntry entry) => Text(entry.NameStart, entry.NameLength);

    public ReadOnlySpan<byte> Value(in LabelEntry entry) => Text(entry.ValueStart, entry.ValueLength);

    /// <summary>The name of a series' metric; empty if there is none.</summary>
    public ReadOnlySpan<byte> MetricName()
    {
        int index = IndexOf("__name__"u8);
        return index < 0 ? default : Value(Entries[index]);
    }

    /// <summary>Counts what was removed, once the series is known to leave.</summary>
    public void CountRemoved(StampResult result)
    {
        result.RemovedTenantLabels += _removedTenant;
        result.RemovedReservedLabels += _removedReserved;
        result.RemovedEmptyLabels += _removedEmpty;
    }

    /// <summary>
    /// The last look before a series is written: names strictly ascend, and the tenant label is there once with our value
    /// (or not at all where none is put on).
    /// </summary>
    /// <exception cref="InvalidOperationException">They do not: a bug of ours, and the request must not leave.</exception>
    public void AssertStamped()
    {
        int stamps = 0;
        for (int i = 0; i < Count; i++)
        {
            ref readonly LabelEntry entry = ref Entries[i];
            if (i > 0 && Name(Entries[i - 1]).SequenceCompareTo(Name(entry)) >= 0)
            {
                throw new InvalidOperationException("A stamped series would leave with labels out of order or twice.");
            }

            if (Plan.IsTenantLabel(Name(entry)))
            {
                stamps++;
                if (!Value(entry).SequenceEqual(Plan.TenantValue))
                {
                    throw new InvalidOperationException("A series would leave with another tenant's label.");
                }
            }
        }

        if (stamps != (Plan.Options.Stamp ? 1 : 0))
        {
            throw new InvalidOperationException("A series would leave without the tenant's label, or with it where none belongs.");
        }
    }

    private StampPlan Plan => _plan!; // Set by Begin, before any series.

    private void Insert(LabelEntry entry)
    {
        LabelEntry[] entries = _scratch.Ensure(Count + 2);
        int index = Count++;
        for (; index > 0 && Compare(entries[index - 1], entry) > 0; index--)
        {
            entries[index] = entries[index - 1];
        }

        entries[index] = entry;
    }

    private void Sort()
    {
        Span<LabelEntry> entries = _scratch.Items.AsSpan(0, Count);
        if (entries.Length > MaxInsertionSort)
        {
            entries.Sort(_compare);
            return;
        }

        for (int i = 1; i < entries.Length; i++)
        {
            if (Compare(entries[i - 1], entries[i]) <= 0)
            {
                continue;
            }

            LabelEntry moving = entries[i];
            int index = i;
            for (; index > 0 && Compare(entries[index - 1], moving) > 0; index--)
            {
                entries[index] = entries[index - 1];
            }

            entries[index] = moving;
        }
    }

    private int Compare(in LabelEntry a, in LabelEntry b) =>
        a.NamePrefix != b.NamePrefix ? a.NamePrefix.CompareTo(b.NamePrefix) : Name(a).SequenceCompareTo(Name(b));

    private int IndexOf(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Name(Entries[i]).SequenceEqual(name))
            {
                return i;
            }
        }

        return -1;
    }

    private ReadOnlySpan<byte> Text(int start, int length) =>
        start >= 0 ? _message.AsSpan(start, length) : Plan.Texts.AsSpan(~start, length);
}
