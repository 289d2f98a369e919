using System.IO.Hashing;
using System.Security.Cryptography;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Finds items of a list by a hash of their content: open addressing, kept from body to body.</summary>
internal sealed class HashIndex
{
    private const int FirstSlots = 128;

    // Secret, so that no body can be made whose names all collide.
    private static readonly long Seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    // The table, and the one that it grows into: they change places.
    private ScratchArray<ulong> _slots = new();
    private ScratchArray<ulong> _spare = new();
    private int _mask = -1;
    private int _count;

    public long HeldBytes => _slots.HeldBytes + _spare.HeldBytes;

    public ByteBudget Budget
    {
        set => _slots.Budget = _spare.Budget = value;
    }

    public static uint Hash(ReadOnlySpan<byte> bytes) => (uint)XxHash3.HashToUInt64(bytes, Seed);

    /// <summary>The next item that may be the one: its hash is equal, its content is for the caller to compare. −1 if there is none.</summary>
    /// <param name="hash">The wanted one's.</param>
    /// <param name="probe">Begin with 0; the state between calls.</param>
    public int Next(uint hash, ref int probe)
    {
        if (_mask < 0)
        {
            return -1;
        }

        while (true)
        {
            ulong slot = _slots.Items[(hash + (uint)probe) & (uint)_mask];
            if (slot == 0)
            {
                return -1;
            }

            probe++;
            if ((uint)(slot >> 32) == hash)
            {
                return (int)(uint)slot - 1;
            }
        }
    }

    public void Add(uint hash, int item)
    {
        if (_count >= (_mask + 1) / 2)
        {
            Grow();
        }

        Put(((ulong)hash << 32) | (uint)(item + 1));
        _count++;
    }

    public void Clear()
    {
        // Only what was in use is emptied, and only when it is used again: a small body does not pay for a large one before it.
        _mask = -1;
        _count = 0;
    }

    public void Trim(int maxBytes)
    {
        Clear();
        _slots.Trim(maxBytes);
        _spare.Trim(maxBytes);
    }

    private void Grow()
    {
        int old = _mask + 1;
        int size = old == 0 ? FirstSlots : old * 2;
        (_slots, _spare) = (_spare, _slots);
        _slots.Ensure(size);
        _slots.Items.AsSpan(0, size).Clear();
        _mask = size - 1;
        foreach (ulong slot in _spare.Items.AsSpan(0, old))
        {
            if (slot != 0)
            {
                Put(slot);
            }
        }
    }

    private void Put(ulong slot)
    {
        uint at = (uint)(slot >> 32) & (uint)_mask;
        while (_slots.Items[at] != 0)
        {
            at = (at + 1) & (uint)_mask;
        }

        _slots.Items[at] = slot;
    }
}
