using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// The order of label names: as unsigned bytes of UTF-8, never by culture and never as UTF-16. The first eight bytes are
/// compared as one number; only names that agree in these are compared as a whole.
/// </summary>
internal static class NameOrder
{
    /// <summary>The first eight bytes as a big-endian number, filled up with zeros. A smaller number is a smaller name; equal numbers say nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Prefix(ReadOnlySpan<byte> name) =>
        name.Length >= 8 ? BinaryPrimitives.ReadUInt64BigEndian(name) : PrefixOfFew(name);

    /// <summary>Like <see cref="Prefix(ReadOnlySpan{byte})"/> for a name behind which eight more bytes can be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ShortPrefix(ReadOnlySpan<byte> bytes, int start, int length)
    {
        // Without a branch, for names of all lengths alternate. In two shifts, for one by 64 would be none.
        int missing = 8 - length;
        int half = 4 * (missing & ~(missing >> 31));
        return BinaryPrimitives.ReadUInt64BigEndian(bytes.Slice(start, 8)) & (ulong.MaxValue << half << half);
    }

    private static ulong PrefixOfFew(ReadOnlySpan<byte> name)
    {
        ulong prefix = 0;
        for (int i = 0; i < name.Length; i++)
        {
            prefix |= (ulong)name[i] << (56 - (8 * i));
        }

        return prefix;
    }
}
