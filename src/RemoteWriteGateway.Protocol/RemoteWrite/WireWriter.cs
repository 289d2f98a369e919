using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Writes protobuf primitives, always in their shortest form. All methods return the position behind what they wrote.</summary>
internal static class WireWriter
{
    /// <summary>Most bytes that a varint has.</summary>
    public const int MaxVarintBytes = 10;

    /// <summary>Bytes of the longest length: one of 32 bits.</summary>
    private const int MaxLengthBytes = 5;

    /// <summary>Bytes that <paramref name="value"/> takes as a varint: 1 to 10.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int VarintSize(ulong value) =>
        // ⌈bits / 7⌉ without a division: (bits · 9 + 64) / 64 is equal to it for 1 to 64 bits.
        (((64 - BitOperations.LeadingZeroCount(value | 1)) * 9) + 64) >> 6;

    /// <summary>Bytes that a string or message of <paramref name="length"/> bytes takes with its one-byte tag and its length.</summary>
    public static int FieldSize(int length) => 1 + VarintSize((uint)length) + length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WriteVarint(Span<byte> to, int position, ulong value)
    {
        while (value >= 0x80)
        {
            to[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        to[position++] = (byte)value;
        return position;
    }

    public static int WriteFixed64(Span<byte> to, int position, ulong bits)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(to[position..], bits);
        return position + 8;
    }

    /// <summary>A string, or a message that is already encoded: tag, length, contents.</summary>
    public static int WriteBytes(Span<byte> to, int position, byte tag, ReadOnlySpan<byte> contents)
    {
        to[position++] = tag;
        position = WriteVarint(to, position, (uint)contents.Length);
        contents.CopyTo(to[position..]);
        return position + contents.Length;
    }

    /// <summary>Appends a string, or a message that is already encoded: tag, length, contents.</summary>
    public static void AppendBytes(this WriteBuffer buffer, byte tag, ReadOnlySpan<byte> contents)
    {
        buffer.Reserve(1 + MaxVarintBytes + contents.Length);
        buffer.Length = WriteBytes(buffer.Array, buffer.Length, tag, contents);
    }

    /// <summary>Appends a varint field: tag, value.</summary>
    public static void AppendVarint(this WriteBuffer buffer, byte tag, ulong value)
    {
        buffer.Reserve(1 + MaxVarintBytes);
        buffer.Array[buffer.Length] = tag;
        buffer.Length = WriteVarint(buffer.Array, buffer.Length + 1, value);
    }

    /// <summary>Appends a field of eight bytes: tag, bits.</summary>
    public static void AppendFixed64(this WriteBuffer buffer, byte tag, ulong bits)
    {
        buffer.Reserve(1 + 8);
        buffer.Array[buffer.Length] = tag;
        buffer.Length = WriteFixed64(buffer.Array, buffer.Length + 1, bits);
    }

    /// <summary>Begins a nested message whose length is not known yet. Give the result to <see cref="EndMessage"/>.</summary>
    public static int BeginMessage(this WriteBuffer buffer, byte tag)
    {
        buffer.Reserve(1 + MaxLengthBytes);
        buffer.Array[buffer.Length] = tag;
        buffer.Length += 1 + MaxLengthBytes;
        return buffer.Length;
    }

    /// <summary>Ends the message that <see cref="BeginMessage"/> began: its contents move up to a length of the shortest form.</summary>
    public static void EndMessage(this WriteBuffer buffer, int start)
    {
        int length = buffer.Length - start;
        int contents = WriteVarint(buffer.Array, start - MaxLengthBytes, (uint)length);
        buffer.Array.AsSpan(start, length).CopyTo(buffer.Array.AsSpan(contents));
        buffer.Length = contents + length;
    }

    /// <summary>Takes back a message that was begun, tag and contents.</summary>
    public static void AbandonMessage(this WriteBuffer buffer, int start) => buffer.Length = start - MaxLengthBytes - 1;
}
