using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>A list whose memory is kept from body to body and counted.</summary>
internal sealed class ScratchList<T>
    where T : unmanaged
{
    private const int FirstCapacity = 64;

    private readonly ScratchArray<T> _array = new();

    public int Count { get; private set; }

    public long HeldBytes => _array.HeldBytes;

    public ByteBudget Budget
    {
        set => _array.Budget = value;
    }

    public Span<T> Span => _array.Items.AsSpan(0, Count);

    /// <summary>The element at <paramref name="index"/>. The reference is good until the next <see cref="Add"/>.</summary>
    public ref T this[int index] => ref _array.Items.AsSpan(0, Count)[index];

    /// <summary>For indexes from the end.</summary>
    public int Length => Count;

    public int Add(in T item)
    {
        if (Count == _array.Items.Length)
        {
            // Half as much again: the copies stay few, and what is not used stays under a third.
            _array.Ensure(Math.Max(FirstCapacity, Count + (Count / 2)));
        }

        _array.Items[Count] = item;
        return Count++;
    }

    /// <summary>Forgets the elements from <paramref name="count"/> on.</summary>
    public void Truncate(int count) => Count = Math.Min(Count, count);

    public void Clear() => Count = 0;

    public void Trim(int maxBytes)
    {
        Count = 0;
        _array.Trim(maxBytes);
    }
}
