using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Tells in a few instructions that a label name is certainly none of some special ones: a set of 64 bits, to one of which
/// each name is mapped by its first eight bytes, without regard to letter case.
/// </summary>
/// <remarks>Pays in <c>StampBenchmarks</c>: every label of every series is asked, almost none is special.</remarks>
internal readonly record struct NameFilter(ulong Bits)
{
    // 2^64 divided by the golden ratio: spreads the first letters over the upper six bits.
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    // Lower-case letters differ from upper-case ones by the bit that is missing here.
    private const ulong IgnoreCase = 0xDFDF_DFDF_DFDF_DFDF;

    public static NameFilter Of(IEnumerable<byte[]> names) =>
        new(names.Aggregate(0UL, static (bits, name) => bits | Bit(NameOrder.Prefix(name))));

    /// <summary>False if the name with this <see cref="NameOrder.Prefix(ReadOnlySpan{byte})"/> is none of the special ones in any letter case.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayHold(ulong prefix) => (Bits & Bit(prefix)) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bit(ulong prefix) => 1UL << (int)(((prefix & IgnoreCase) * Multiplier) >> 58);
}
