using System.Buffers;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// A growing byte buffer with one owner, kept from request to request. Behind its contents there are always
/// <see cref="Slack"/> spare bytes, so that short copies and 8-byte loads need no bounds test of their own.
/// </summary>
public sealed class WriteBuffer : IBufferWriter<byte>
{
    /// <summary>Spare bytes behind the contents: a read or write of up to so many bytes at <see cref="Length"/> stays inside <see cref="Array"/>.</summary>
    public const int Slack = 64;

    private static readonly long MaxCapacity = System.Array.MaxLength;

    private byte[] _array = [];

    /// <summary>Who counts the capacity. Swapped only while the buffer is empty of capacity or its owner settles the difference.</summary>
    internal ByteBudget Budget { get; set; } = ByteBudget.Unlimited;

    /// <summary>The bytes behind the buffer, at least <see cref="Length"/> + <see cref="Slack"/> long once anything was reserved. Changes on growth.</summary>
    public byte[] Array => _array;

    /// <summary>Bytes of content.</summary>
    public int Length { get; set; }

    /// <summary>Bytes allocated, slack included.</summary>
    public int Capacity => _array.Length;

    public ReadOnlySpan<byte> Span => _array.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _array.AsMemory(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Makes room for <paramref name="bytes"/> more bytes of content behind <see cref="Length"/>; the contents stay.</summary>
    /// <exception cref="ByteBudgetExceededException">The budget of all requests is used up.</exception>
    public void Reserve(int bytes)
    {
        long needed = (long)Length + bytes + Slack;
        if (needed > _array.Length)
        {
            Grow(needed);
        }
    }

    /// <summary>Like <see cref="Reserve"/> for an empty buffer of <paramref name="length"/> bytes: old contents are not kept.</summary>
    /// <exception cref="ByteBudgetExceededException">The budget of all requests is used up.</exception>
    public void Resize(int length)
    {
        Length = 0;
        Reserve(length);
        Length = length;
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_array.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>Puts <paramref name="bytes"/> at <paramref name="position"/>; what stands there and behind moves up.</summary>
    internal void Insert(int position, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        Reserve(bytes.Length);
        _array.AsSpan(position, Length - position).CopyTo(_array.AsSpan(position + bytes.Length));
        bytes.CopyTo(_array.AsSpan(position));
        Length += bytes.Length;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _array.Length - Slack - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _array.AsMemory(Length, _array.Length - Slack - Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _array.AsSpan(Length, _array.Length - Slack - Length);
    }

    /// <summary>Gives the contents, and the array with them, to <paramref name="other"/>, and takes its. Both are counted by the same budget.</summary>
    internal void SwapWith(WriteBuffer other)
    {
        (_array, other._array) = (other._array, _array);
        (Length, other.Length) = (other.Length, Length);
    }

    /// <summary>Lets go of the array if it is larger than <paramref name="maxCapacity"/>, so that one large request does not stay in memory for ever.</summary>
    internal void Trim(int maxCapacity)
    {
        Length = 0;
        if (_array.Length > maxCapacity)
        {
            Budget.GiveBack(_array.Length);
            _array = [];
        }
    }

    private void Grow(long needed)
    {
        // By a quarter, so that a slowly growing buffer is not copied each time and a large one does not double.
        long capacity = Math.Min(Math.Max(needed, _array.Length + (_array.Length / 4L)), MaxCapacity);
        if (needed > capacity)
        {
            throw new ByteBudgetExceededException($"A buffer of {needed} bytes is larger than an array can be.");
        }

        Budget.Take(capacity - _array.Length);
        byte[] grown = GC.AllocateUninitializedArray<byte>((int)capacity);
        _array.AsSpan(0, Length).CopyTo(grown);
        _array = grown;
    }
}
