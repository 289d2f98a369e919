namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Metadata of a metric family: where its name stands in the request, its type, and the symbols of help and unit.</summary>
internal readonly record struct MetadataFamily(int Hash, WireRange Name, ulong Type, uint Help, uint Unit)
{
    public bool SaysTheSame(in MetadataFamily other) => Type == other.Type && Help == other.Help && Unit == other.Unit;
}

/// <summary>The families whose metadata is in the messages of a request already. The latest ones can be taken back.</summary>
internal sealed class MetadataFamilies(WriteWork work)
{
    private readonly PartScratch _scratch = work.PartScratch;
    private int _slots;

    public int Count { get; private set; }

    public void Clear()
    {
        Count = 0;
        _slots = 256;
        _scratch.FamilySlots.Ensure(_slots).AsSpan(0, _slots).Clear();
    }

    /// <summary>Enters a family, unless it is there.</summary>
    /// <param name="name">Where its name stands.</param>
    /// <param name="type">Number of the type, the same in both protocols.</param>
    /// <param name="help">Symbol of the help text.</param>
    /// <param name="unit">Symbol of the unit.</param>
    /// <param name="isSame">Whether the family that is there says the same.</param>
    /// <returns>False if it was there.</returns>
    public bool TryAdd(WireRange name, ulong type, uint help, uint unit, out bool isSame)
    {
        ReadOnlySpan<byte> text = TextOf(name);

        // Seeded per process: a writer chooses the names and must not be able to make them collide.
        var hash = default(HashCode);
        hash.AddBytes(text);
        var family = new MetadataFamily(hash.ToHashCode(), name, type, help, unit);

        if (Count * 2 >= _slots)
        {
            Grow();
        }

        ref int slot = ref FindSlot(family.Hash, text);
        if (slot != 0)
        {
            isSame = _scratch.Families.Items[slot - 1].SaysTheSame(family);
            return false;
        }

        _scratch.Families.Ensure(Count + 1)[Count++] = family;
        slot = Count;
        isSame = true;
        return true;
    }

    /// <summary>Forgets the families that were entered after the first <paramref name="count"/>.</summary>
    public void TakeBackTo(int count)
    {
        while (Count > count)
        {
            // The latest entry ends its chain: no later one can have been pushed past its slot.
            MetadataFamily last = _scratch.Families.Items[Count - 1];
            FindSlot(last.Hash, TextOf(last.Name)) = 0;
            Count--;
        }
    }

    private ReadOnlySpan<byte> TextOf(WireRange name) => work.Stamped.Span.Slice(name.Start, name.Length);

    /// <summary>The slot that holds the family's number plus one, or the empty one where it belongs.</summary>
    private ref int FindSlot(int hash, ReadOnlySpan<byte> name)
    {
        Span<int> slots = _scratch.FamilySlots.Items.AsSpan(0, _slots);
        int at = hash & (_slots - 1);
        while (slots[at] != 0)
        {
            MetadataFamily family = _scratch.Families.Items[slots[at] - 1];
            if (family.Hash == hash && TextOf(family.Name).SequenceEqual(name))
            {
                break;
            }

            at = (at + 1) & (_slots - 1);
        }

        return ref slots[at];
    }

    private void Grow()
    {
        _slots *= 4;
        _scratch.FamilySlots.Ensure(_slots).AsSpan(0, _slots).Clear();
        for (int i = 0; i < Count; i++)
        {
            MetadataFamily family = _scratch.Families.Items[i];
            FindSlot(family.Hash, TextOf(family.Name)) = i + 1;
        }
    }
}
