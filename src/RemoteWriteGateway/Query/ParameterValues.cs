using System.Buffers;
using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Query;

/// <summary>Times, durations and numbers of parameters, as Prometheus reads them, and as we write them.</summary>
internal static class ParameterValues
{
    /// <summary>The two ends of time as Prometheus' own clients write them, in milliseconds.</summary>
    private const long MinTimeMs = -9_223_309_901_257_974_000;
    private const long MaxTimeMs = 9_223_309_901_257_974_000;

    private static readonly SearchValues<byte> Decimal = SearchValues.Create("0123456789+-.eE"u8);

    private static readonly (string Unit, long Ms)[] Units =
        [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

    /// <summary>Decimal seconds, RFC 3339 with an offset, or one of the two boundary times; in milliseconds since 1970.</summary>
    public static bool TryTime(ReadOnlySpan<byte> text, out long ms)
    {
        if (TrySeconds(text, out ms))
        {
            return true;
        }

        if (text.SequenceEqual("-292273086-05-16T16:47:06Z"u8) || text.SequenceEqual("292277025-08-18T07:12:54.999999999Z"u8))
        {
            ms = text[0] == '-' ? MinTimeMs : MaxTimeMs;
            return true;
        }

        return TryRfc3339(text, out ms);
    }

    /// <summary>Decimal seconds, or a duration such as <c>1h30m</c>; in milliseconds.</summary>
    public static bool TryDuration(ReadOnlySpan<byte> text, out long ms) => TrySeconds(text, out ms) || TryUnits(text, out ms);

    public static bool TryNumber(ReadOnlySpan<byte> text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>Seconds with three decimals at most.</summary>
    public static string Seconds(long ms)
    {
        (long seconds, long rest) = Math.DivRem(Math.Abs(ms), 1000);
        string sign = ms < 0 ? "-" : "";
        return rest == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{sign}{seconds}")
            : string.Create(CultureInfo.InvariantCulture, $"{sign}{seconds}.{rest:000}").TrimEnd('0');
    }

    /// <summary>As a point in time for the audit, at the ends of what can be shown if it is beyond them.</summary>
    public static DateTimeOffset ToTime(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(
        Math.Clamp(ms, DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    // Sign, digits, fraction, exponent: no hexadecimal, no NaN, no infinity, no blanks.
    private static bool TrySeconds(ReadOnlySpan<byte> text, out long ms)
    {
        ms = 0;
        if (text.IsEmpty || text.ContainsAnyExcept(Decimal)
            || !double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double seconds)
            || Math.Abs(seconds) > MaxTimeMs / 1000)
        {
            return false;
        }

        // The whole part apart: a product would lose it for times far away.
        double whole = Math.Truncate(seconds);
        ms = ((long)whole * 1000) + (long)Math.Round((seconds - whole) * 1000, MidpointRounding.AwayFromZero);
        return true;
    }

    private static bool TryUnits(ReadOnlySpan<byte> text, out long ms)
    {
        ms = 0;
        int unit = 0;
        while (!text.IsEmpty)
        {
            int digits = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            if (digits <= 0 || !long.TryParse(text[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            {
                return false;
            }

            text = text[digits..];
            int letters = text.IndexOfAnyInRange((byte)'0', (byte)'9');
            ReadOnlySpan<byte> word = letters < 0 ? text : text[..letters];
            while (unit < Units.Length && !Ascii.Equals(word, Units[unit].Unit))
            {
                unit++;
            }

            if (unit == Units.Length || number > long.MaxValue / 1_000_000 / Units[unit].Ms)
            {
                return false;
            }

            ms += number * Units[unit++].Ms;
            text = text[word.Length..];
        }

        // As many nanoseconds as 64 bits hold.
        return ms <= long.MaxValue / 1_000_000;
    }

    private static bool TryRfc3339(ReadOnlySpan<byte> text, out long ms)
    {
        ms = 0;
        if (text.Length is < 20 or > 40 || !Ascii.IsValid(text) || (text[^1] != 'Z' && text[^6] is not ((byte)'+' or (byte)'-')))
        {
            return false;
        }

        // More digits than can be told apart in milliseconds are legal.
        string whole = Encoding.ASCII.GetString(text);
        int dot = whole.IndexOf('.', StringComparison.Ordinal);
        int end = dot < 0 ? -1 : whole.AsSpan(dot + 1).IndexOfAnyExceptInRange('0', '9') + dot + 1;
        if (dot >= 0 && end - dot > 8)
        {
            whole = whole[..(dot + 8)] + whole[end..];
        }

        if (!DateTimeOffset.TryParseExact(
            whole, ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"], CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time))
        {
            return false;
        }

        ms = time.ToUnixTimeMilliseconds();
        return true;
    }
}
