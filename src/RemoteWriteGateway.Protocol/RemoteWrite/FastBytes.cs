using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What the fast ways do with short runs of bytes. All of it relies on <see cref="WriteBuffer.Slack"/>: a few bytes more are read or written than asked for, and never used.</summary>
/// <remarks><c>StampBenchmarks</c> pays for it: most names, values and runs of references are shorter than a call is long.</remarks>
internal static class FastBytes
{
    private const int Block = 32;

    /// <summary>Copies <paramref name="length"/> bytes; up to 64 of them by one move of fixed size, whatever the length, so that no branch depends on it.</summary>
    /// <returns>The position behind the copy.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Copy(ReadOnlySpan<byte> from, int start, int length, Span<byte> to, int position)
    {
        if (length <= 2 * Block)
        {
            from.Slice(start, 2 * Block).CopyTo(to.Slice(position, 2 * Block));
        }
        else
        {
            from.Slice(start, length).CopyTo(to[position..]);
        }

        return position + length;
    }

    /// <summary>Copies <paramref name="length"/> bytes, most often 32 at most.</summary>
    /// <returns>The position behind the copy.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CopyShort(ReadOnlySpan<byte> from, int start, int length, Span<byte> to, int position)
    {
        if (length > Block)
        {
            return Copy(from, start, length, to, position);
        }

        from.Slice(start, Block).CopyTo(to.Slice(position, Block));
        return position + length;
    }

    /// <summary>Whether all bytes are ASCII.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAscii(ReadOnlySpan<byte> bytes, int start, int length)
    {
        if (length <= Block)
        {
            uint high = Vector256.Create(bytes.Slice(start, Block)).ExtractMostSignificantBits();
            return (high & (uint)((1UL << length) - 1)) == 0;
        }

        return AreManyAscii(bytes.Slice(start, length));
    }

    /// <summary>For more than 32 bytes. <see cref="Ascii.IsValid(ReadOnlySpan{byte})"/> does the same, in twice the time for the few hundred bytes of a series.</summary>
    private static bool AreManyAscii(ReadOnlySpan<byte> bytes)
    {
        // The last block reaches back over the one before it, so that none is read in part.
        Vector256<byte> seen = Vector256.Create(bytes.Slice(bytes.Length - Block, Block));
        while (bytes.Length > Block)
        {
            seen |= Vector256.Create(bytes[..Block]);
            bytes = bytes[Block..];
        }

        return seen.ExtractMostSignificantBits() == 0;
    }
}
