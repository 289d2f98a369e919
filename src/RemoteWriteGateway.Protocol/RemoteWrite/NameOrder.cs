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
        name.Length >= 8 ? BinaryPrimitives.ReadUInt64BigEndian(name) : ShortPrefix(name);

    /// <summary>Like <see cref="Prefix(ReadOnlySpan{byte})"/> for a name behind which at least eight more bytes can be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Prefix(ReadOnlySpan<byte> bytes, int start, int length)
    {
        ulong eight = BinaryPrimitives.ReadUInt64BigEndian(bytes[start..]);
        return length >= 8 ? eight : eight & ~(ulong.MaxValue >> (8 * length));
    }

    private static ulong ShortPrefix(ReadOnlySpan<byte> name)
    {
        ulong prefix = 0;
        for (int i = 0; i < name.Length; i++)
        {
            prefix |= (ulong)name[i] << (56 - (8 * i));
        }

        return prefix;
    }
}
