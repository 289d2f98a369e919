using System.Buffers;
using System.Globalization;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Numbers as Prometheus' text formats have them: what Go's <c>strconv</c> reads and prints.</summary>
public static class NumberText
{
    /// <summary>Most bytes that <see cref="Format"/> writes.</summary>
    public const int MaxLength = BucketBound.MaxLength;

    /// <summary>The not-a-number that text means: a quiet one, positive, as Go has it. .NET's own has the sign bit set.</summary>
    public const ulong NaNBits = 0x7FF8000000000001;

    private const int MaxExactDigits = 15;

    private static readonly SearchValues<byte> NumberBytes = SearchValues.Create("0123456789.+-eE"u8);

    /// <summary>Reads a decimal number, with sign, fraction and exponent, or <c>inf</c>, <c>infinity</c> (with sign) or <c>nan</c> (without), in any case.</summary>
    /// <param name="text">All of it is the number: no blanks, no hexadecimal, no separators.</param>
    /// <param name="bits">The bits of the nearest double.</param>
    /// <returns>False also for what is beyond the largest double.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, out ulong bits)
    {
        if (text.Length is > 0 and <= MaxExactDigits && TryParseDigits(text, out ulong whole))
        {
            bits = BitConverter.DoubleToUInt64Bits(whole);
            return true;
        }

        bits = 0;
        if (text.IsEmpty)
        {
            return false;
        }

        if (text.ContainsAnyExcept(NumberBytes))
        {
            return TryParseWord(text, out bits);
        }

        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!double.TryParse(text, Styles, CultureInfo.InvariantCulture, out double value) || double.IsInfinity(value))
        {
            return false;
        }

        bits = BitConverter.DoubleToUInt64Bits(value);
        return true;
    }

    /// <summary>Writes the shortest decimal that reads back as the same double, with an exponent from 1e+06 up and below 1e-04.</summary>
    /// <param name="value">Any double.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <returns>How many bytes it took.</returns>
    public static int Format(double value, Span<byte> destination)
    {
        if (value == 0)
        {
            ReadOnlySpan<byte> zero = double.IsNegative(value) ? "-0"u8 : "0"u8;
            zero.CopyTo(destination);
            return zero.Length;
        }

        // A bound is printed the same way, but for ".0" behind what looks like an integer.
        int length = BucketBound.Format(value, destination);
        return destination[..length].EndsWith(".0"u8) ? length - 2 : length;
    }

    /// <summary>Writes a bound (<c>le</c>, <c>quantile</c>) as Prometheus 3 has it: with <c>.0</c> behind what looks like an integer.</summary>
    /// <param name="bound">Any double.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <returns>How many bytes it took.</returns>
    public static int FormatBound(double bound, Span<byte> destination) => BucketBound.Format(bound, destination);

    private static bool TryParseDigits(ReadOnlySpan<byte> text, out ulong whole)
    {
        whole = 0;
        foreach (byte next in text)
        {
            uint digit = (uint)next - '0';
            if (digit > 9)
            {
                return false;
            }

            whole = (whole * 10) + digit;
        }

        return true;
    }

    private static bool TryParseWord(ReadOnlySpan<byte> text, out ulong bits)
    {
        bool isSigned = text[0] is (byte)'+' or (byte)'-';
        ReadOnlySpan<byte> word = isSigned ? text[1..] : text;
        if (Is(word, "inf"u8) || Is(word, "infinity"u8))
        {
            bits = BitConverter.DoubleToUInt64Bits(text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity);
            return true;
        }

        bits = NaNBits;
        return !isSigned && Is(word, "nan"u8);
    }

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => System.Text.Ascii.EqualsIgnoreCase(text, word);
}
