using System.Globalization;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Numbers with a unit: durations and sizes. One number, one unit, nothing between them.</summary>
internal static class Quantity
{
    public const string DurationExamples = "30s, 10m, 1h or 2d";
    public const string SizeExamples = "1048576, 512KiB, 16MiB or 1GiB";

    private static readonly (string Unit, long Ticks)[] DurationUnits =
    [
        ("ms", TimeSpan.TicksPerMillisecond), ("s", TimeSpan.TicksPerSecond), ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour), ("d", TimeSpan.TicksPerDay),
    ];

    private static readonly (string Unit, long Bytes)[] SizeUnits = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("", 1)];

    /// <summary><c>500ms</c>, <c>30s</c>, <c>10m</c>, <c>1h</c>, <c>2d</c>; a lone <c>0</c> needs no unit.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        bool isGood = TryParse(text, DurationUnits, out long ticks) || TryParse(text, [("", 0)], out ticks) && text == "0";
        duration = isGood ? TimeSpan.FromTicks(ticks) : default;
        return isGood;
    }

    /// <summary>Bytes as a number, or with one of the units KiB, MiB and GiB. <c>16MB</c> is refused: it means two things.</summary>
    public static bool TryParseSize(string text, out long bytes) => TryParse(text, SizeUnits, out bytes);

    /// <summary>Digits and nothing else.</summary>
    public static bool TryParseNumber(string text, out long number) => TryParse(text, [("", 1)], out number);

    /// <summary>As <see cref="TryParseDuration"/> reads it, in the largest unit that needs no fraction.</summary>
    public static string Show(TimeSpan duration)
    {
        foreach ((string unit, long ticks) in DurationUnits.Reverse())
        {
            if (duration.Ticks % ticks == 0 && duration.Ticks >= ticks)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.####}{(duration == TimeSpan.Zero ? "" : "ms")}");
    }

    private static bool TryParse(string text, ReadOnlySpan<(string Unit, long Factor)> units, out long value)
    {
        value = 0;
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> unit = digits < 0 ? "" : text.AsSpan(digits);
        foreach ((string one, long factor) in units)
        {
            if (unit.SequenceEqual(one))
            {
                return long.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    && TryMultiply(number, factor, out value);
            }
        }

        return false;
    }

    private static bool TryMultiply(long number, long factor, out long product)
    {
        bool fits = Math.BigMul(number, factor, out product) == 0 && product >= 0;
        product = fits ? product : 0;
        return fits;
    }
}
