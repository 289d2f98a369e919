using System.Globalization;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Prints the upper bound of a classic histogram's bucket as Prometheus 3 prints it in the label <c>le</c>.</summary>
/// <remarks>
/// That is the float format of OpenMetrics: the shortest decimal that reads back as the same double, with an exponent from
/// 1e+06 up and below 1e-04, and <c>.0</c> behind what would look like an integer. Series of one bound must meet under one
/// value, whichever way they came, so the bytes matter.
/// </remarks>
internal static class BucketBound
{
    /// <summary>Most bytes that <see cref="Format"/> writes: sign, 17 digits, point, <c>e-308</c>.</summary>
    public const int MaxLength = 24;

    // Decimal exponents d in d.ddd × 10^d that are written without one.
    private const int MinPlainExponent = -4;
    private const int MaxPlainExponent = 5;

    /// <summary>Writes <paramref name="bound"/> and returns how many bytes it took.</summary>
    /// <param name="bound">Any double.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    public static int Format(double bound, Span<byte> destination)
    {
        if (!double.IsFinite(bound))
        {
            ReadOnlySpan<byte> name = double.IsNaN(bound) ? "NaN"u8 : bound > 0 ? "+Inf"u8 : "-Inf"u8;
            name.CopyTo(destination);
            return name.Length;
        }

        // Minus zero is the same bound as zero and is printed like it.
        if (bound == 0)
        {
            "0.0"u8.CopyTo(destination);
            return 3;
        }

        Span<byte> buffer = stackalloc byte[32];
        ReadOnlySpan<byte> digits = ShortestDigits(Math.Abs(bound), buffer, out int exponent);

        int at = 0;
        if (bound < 0)
        {
            destination[at++] = (byte)'-';
        }

        return exponent is < MinPlainExponent or > MaxPlainExponent
            ? at + WriteScientific(digits, exponent, destination[at..])
            : at + WritePlain(digits, exponent, destination[at..]);
    }

    /// <summary>The shortest digits d1 d2 … that give <paramref name="value"/> = d1.d2… × 10^<paramref name="exponent"/>, without zeros around them.</summary>
    private static ReadOnlySpan<byte> ShortestDigits(double value, Span<byte> buffer, out int exponent)
    {
        // The runtime finds the digits ("0.00012", "120", "1.5E-07"); only where point and exponent stand differs.
        // It is one digit short at some powers of two (2^-25 is one of them), which then read back as another double.
        value.TryFormat(buffer, out int length, default, CultureInfo.InvariantCulture);
        if (double.Parse(buffer[..length], CultureInfo.InvariantCulture) != value)
        {
            value.TryFormat(buffer, out length, "E16", CultureInfo.InvariantCulture);
        }

        Span<byte> mantissa = buffer[..length];
        exponent = 0;
        int e = mantissa.IndexOf((byte)'E');
        if (e >= 0)
        {
            exponent = int.Parse(mantissa[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            mantissa = mantissa[..e];
        }

        int point = mantissa.IndexOf((byte)'.');
        if (point >= 0)
        {
            mantissa[(point + 1)..].CopyTo(mantissa[point..]);
            mantissa = mantissa[..^1];
        }
        else
        {
            point = mantissa.Length;
        }

        ReadOnlySpan<byte> digits = mantissa.TrimStart((byte)'0');
        exponent += point - 1 - (mantissa.Length - digits.Length);
        return digits.TrimEnd((byte)'0');
    }

    private static int WriteScientific(ReadOnlySpan<byte> digits, int exponent, Span<byte> destination)
    {
        int at = 0;
        destination[at++] = digits[0];
        if (digits.Length > 1)
        {
            destination[at++] = (byte)'.';
            digits[1..].CopyTo(destination[at..]);
            at += digits.Length - 1;
        }

        destination[at++] = (byte)'e';
        destination[at++] = (byte)(exponent < 0 ? '-' : '+');

        // Two places at least.
        Math.Abs(exponent).TryFormat(destination[at..], out int written, "00", CultureInfo.InvariantCulture);
        return at + written;
    }

    private static int WritePlain(ReadOnlySpan<byte> digits, int exponent, Span<byte> destination)
    {
        int at = 0;
        if (exponent < 0)
        {
            "0.0000"u8[..(1 - exponent)].CopyTo(destination);
            at = 1 - exponent;
            digits.CopyTo(destination[at..]);
            return at + digits.Length;
        }

        int whole = exponent + 1;
        for (; at < whole; at++)
        {
            destination[at] = at < digits.Length ? digits[at] : (byte)'0';
        }

        destination[at++] = (byte)'.';
        if (digits.Length <= whole)
        {
            destination[at++] = (byte)'0';
            return at;
        }

        digits[whole..].CopyTo(destination[at..]);
        return at + digits.Length - whole;
    }
}
