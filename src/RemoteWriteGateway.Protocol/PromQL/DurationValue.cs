namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Durations such as <c>1h30m</c>.</summary>
internal static class DurationValue
{
    private const int Units = 7;

    // In nanoseconds, from the largest to the smallest: y w d h m s ms. A year has 365 days.
    private static readonly ulong[] Nanoseconds =
    [
        365UL * 86_400_000_000_000, 7UL * 86_400_000_000_000, 86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000,
    ];

    /// <summary>Whether a text has whole numbers with units, the units in order and each at most once.</summary>
    public static bool IsWellFormed(ReadOnlySpan<byte> text) => Read(text, out _, out _);

    /// <summary>The seconds of a well-formed duration; false if they are more than 2⁶³ − 1 nanoseconds, about 292 years.</summary>
    public static bool TryGetSeconds(ReadOnlySpan<byte> text, out double seconds)
    {
        bool isWellFormed = Read(text, out ulong nanoseconds, out bool isTooLarge);
        seconds = nanoseconds / 1e9;
        return isWellFormed && !isTooLarge;
    }

    private static bool Read(ReadOnlySpan<byte> text, out ulong nanoseconds, out bool isTooLarge)
    {
        UInt128 sum = 0;
        int unit = -1;
        isTooLarge = false;
        nanoseconds = 0;
        for (int i = 0; i < text.Length;)
        {
            ulong number = 0;
            int first = i;
            for (; i < text.Length && Lexer.IsDigit(text[i]); i++)
            {
                // Far beyond any duration; what follows only has to be well-formed.
                number = number > 1_000_000_000_000_000_000 ? number : (number * 10) + (ulong)(text[i] - '0');
            }

            int next = i == first ? Units : UnitAt(text[i..]);
            if (next <= unit || next == Units)
            {
                return false;
            }

            unit = next;
            i += next == Units - 1 ? 2 : 1;
            sum += (UInt128)number * Nanoseconds[next];
            isTooLarge |= sum > long.MaxValue;
        }

        nanoseconds = isTooLarge ? 0 : (ulong)sum;
        return unit >= 0;
    }

    /// <summary>Index of the unit that a text begins with, <see cref="Units"/> if it is none.</summary>
    private static int UnitAt(ReadOnlySpan<byte> text) => text switch
    {
        [(byte)'m', (byte)'s', ..] => 6,
        [(byte)'y', ..] => 0,
        [(byte)'w', ..] => 1,
        [(byte)'d', ..] => 2,
        [(byte)'h', ..] => 3,
        [(byte)'m', ..] => 4,
        [(byte)'s', ..] => 5,
        _ => Units,
    };
}
