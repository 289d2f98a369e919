using System.Buffers.Text;
using System.Globalization;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What a number token is worth, and how it is written.</summary>
internal static class NumberValue
{
    // So many decimal digits stay below the largest double and need no look at their value.
    private const int HarmlessDigits = 300;

    /// <summary>Checks a number as Prometheus converts it, and marks how it is to be written.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public static string? Check(ref Token token, ReadOnlySpan<byte> text, ParsedQuery query)
    {
        ReadOnlySpan<byte> number = token.Of(text);
        if ((token.Marks & TokenMarks.Hexadecimal) != 0)
        {
            return TryReadInteger(number[2..], 16, out _)
                ? null
                : $"{ErrorText.Quote(number)} is no hexadecimal integer from 0x0 to 0x7fffffffffffffff";
        }

        if (number is [(byte)'0', >= (byte)'0' and <= (byte)'9' or (byte)'_', ..])
        {
            token.Marks |= TokenMarks.Rewritten;

            // An integer that begins with 0 and fits as an octal one is octal; 08 is decimal, and so is one that is too large.
            if (TryReadInteger(number[1..], 8, out _))
            {
                token.Marks |= TokenMarks.Octal;
                return null;
            }
        }

        int exponent = number.IndexOfAny((byte)'e', (byte)'E');
        if (!Lexer.IsDigit(number[^1]) && number[^1] != '.')
        {
            return $"{ErrorText.Quote(number)} ends where a digit must follow";
        }

        if (exponent < 0 && number.Length <= HarmlessDigits)
        {
            return null;
        }

        return !TryReadDecimal(token, text, query, out double value) ? $"{ErrorText.Quote(number)} is no number; an exponent has whole digits only"
            : double.IsFinite(value) ? null
            : $"{ErrorText.Quote(number)} is larger than a number can be (1.8e308)";
    }

    /// <summary>The value of a checked number token, <c>inf</c> and <c>nan</c> included.</summary>
    public static double Of(in Token token, ReadOnlySpan<byte> text, ParsedQuery query)
    {
        ReadOnlySpan<byte> number = token.Of(text);
        if (!Lexer.IsDigit(number[0]) && number[0] != '.')
        {
            return (number[0] | 0x20) == 'i' ? double.PositiveInfinity : double.NaN;
        }

        if (TryReadMarkedInteger(token, number, out long integer))
        {
            return integer;
        }

        return TryReadDecimal(token, text, query, out double value)
            ? value
            : throw new InvalidOperationException("A number that was found valid cannot be read.");
    }

    /// <summary>Writes a checked number token: in decimal, without underscores and leading zeros. Returns the number of bytes, the token's and two at most.</summary>
    public static int Write(in Token token, ReadOnlySpan<byte> text, Span<byte> output)
    {
        ReadOnlySpan<byte> number = token.Of(text);
        if (!Lexer.IsDigit(number[0]) && number[0] != '.')
        {
            ReadOnlySpan<byte> word = (number[0] | 0x20) == 'i' ? "Inf"u8 : "NaN"u8;
            word.CopyTo(output);
            return word.Length;
        }

        if (TryReadMarkedInteger(token, number, out long value))
        {
            Utf8Formatter.TryFormat(value, output, out int length);
            return length;
        }

        if ((token.Marks & TokenMarks.Rewritten) == 0)
        {
            number.CopyTo(output);
            return number.Length;
        }

        int written = 0;
        for (int i = 0; i < number.Length; i++)
        {
            // A leading zero stays if no digit follows.
            bool isLeadingZero = number[i] == '0' && written == 0 && i + 1 < number.Length && (Lexer.IsDigit(number[i + 1]) || number[i + 1] == '_');
            if (number[i] != '_' && !isLeadingZero)
            {
                output[written++] = number[i];
            }
        }

        return written;
    }

    private static bool TryReadMarkedInteger(in Token token, ReadOnlySpan<byte> number, out long value)
    {
        value = 0;
        return (token.Marks & TokenMarks.Hexadecimal) != 0 ? TryReadInteger(number[2..], 16, out value)
            : (token.Marks & TokenMarks.Octal) != 0 && TryReadInteger(number[1..], 8, out value);
    }

    /// <summary>Reads digits with underscores before and between them. False if there are other bytes or no digit, or past 2⁶³ − 1.</summary>
    private static bool TryReadInteger(ReadOnlySpan<byte> digits, int radix, out long value)
    {
        value = 0;
        bool isDigit = false;
        foreach (byte next in digits)
        {
            isDigit = next != '_';
            if (!isDigit)
            {
                continue;
            }

            int digit = StringValue.DigitValue(next);
            if (digit >= radix || value > (long.MaxValue - digit) / radix)
            {
                return false;
            }

            value = (value * radix) + digit;
        }

        return isDigit;
    }

    private static bool TryReadDecimal(in Token token, ReadOnlySpan<byte> text, ParsedQuery query, out double value)
    {
        ReadOnlySpan<byte> number = token.Of(text);
        if ((token.Marks & TokenMarks.Rewritten) != 0)
        {
            Span<byte> plain = query.Scratch(number.Length + 2);
            number = plain[..Write(token with { Marks = TokenMarks.Rewritten }, text, plain)];
        }

        return double.TryParse(number, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value);
    }
}
