namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>The value of a string token, and how a value is written.</summary>
internal static class StringValue
{
    /// <summary>The bytes that a valid string token means.</summary>
    /// <param name="token">The token's text, quotes included.</param>
    /// <param name="scratch">At least as long as <paramref name="token"/>; used if there are escapes.</param>
    /// <returns>A part of <paramref name="token"/> or of <paramref name="scratch"/>.</returns>
    public static ReadOnlySpan<byte> Decode(ReadOnlySpan<byte> token, Span<byte> scratch)
    {
        ReadOnlySpan<byte> content = token[1..^1];
        int first = token[0] == '`' ? -1 : content.IndexOf((byte)'\\');
        if (first < 0)
        {
            return content;
        }

        content[..first].CopyTo(scratch);
        int written = first;
        for (int i = first; i < content.Length;)
        {
            if (content[i] == '\\')
            {
                i += DecodeEscape(content[i..], scratch, ref written);
            }
            else
            {
                scratch[written++] = content[i++];
            }
        }

        return scratch[..written];
    }

    /// <summary>Writes a value as a string in double quotes.</summary>
    /// <param name="value">UTF-8 without NUL.</param>
    /// <param name="output">At least four times as long, and two bytes.</param>
    /// <returns>The number of bytes written.</returns>
    public static int Encode(ReadOnlySpan<byte> value, Span<byte> output)
    {
        output[0] = (byte)'"';
        int written = 1;
        for (int i = 0; i < value.Length; i++)
        {
            byte next = value[i];
            if (next is >= 0x20 and not ((byte)'"' or (byte)'\\' or 0x7F or 0xEF))
            {
                output[written++] = next;
                continue;
            }

            ReadOnlySpan<byte> escape = next switch
            {
                (byte)'"' => "\\\""u8,
                (byte)'\\' => "\\\\"u8,
                (byte)'\n' => "\\n"u8,
                (byte)'\r' => "\\r"u8,
                (byte)'\t' => "\\t"u8,
                // Raw, it would be refused.
                0xEF when value[i..].StartsWith("\uFFFD"u8) => "\\ufffd"u8,
                0xEF => [],
                _ => "\\x"u8,
            };
            escape.CopyTo(output[written..]);
            written += escape.Length;
            if (next == 0xEF)
            {
                if (escape.IsEmpty)
                {
                    output[written++] = next;
                }
                else
                {
                    i += 2;
                }
            }
            else if (escape[1] == 'x')
            {
                output[written++] = Digit(next >> 4);
                output[written++] = Digit(next & 15);
            }
        }

        output[written] = (byte)'"';
        return written + 1;
    }

    /// <summary>The number that <paramref name="count"/> digits at <paramref name="start"/> are; −1 if they are not there or others.</summary>
    public static long Digits(ReadOnlySpan<byte> text, int start, int count, int radix)
    {
        if (start + count > text.Length)
        {
            return -1;
        }

        long value = 0;
        foreach (byte next in text.Slice(start, count))
        {
            int digit = DigitValue(next);
            if (digit >= radix)
            {
                return -1;
            }

            value = (value * radix) + digit;
        }

        return value;
    }

    /// <summary>Value of a hexadecimal digit, 16 for everything else.</summary>
    public static int DigitValue(int value) => value switch
    {
        >= '0' and <= '9' => value - '0',
        >= 'a' and <= 'f' => value - 'a' + 10,
        >= 'A' and <= 'F' => value - 'A' + 10,
        _ => 16,
    };

    /// <summary>Decodes the escape at the beginning of <paramref name="text"/> and returns its length.</summary>
    private static int DecodeEscape(ReadOnlySpan<byte> text, Span<byte> output, ref int written)
    {
        byte kind = text[1];
        switch (kind)
        {
            case >= (byte)'0' and <= (byte)'7':
                output[written++] = (byte)Digits(text, 1, 3, 8);
                return 4;
            case (byte)'x':
                output[written++] = (byte)Digits(text, 2, 2, 16);
                return 4;
            case (byte)'u' or (byte)'U':
                int digits = kind == 'u' ? 4 : 8;
                written += new System.Text.Rune((uint)Digits(text, 2, digits, 16)).EncodeToUtf8(output[written..]);
                return 2 + digits;
            default:
                output[written++] = kind switch
                {
                    (byte)'a' => 0x07,
                    (byte)'b' => 0x08,
                    (byte)'f' => 0x0C,
                    (byte)'n' => 0x0A,
                    (byte)'r' => 0x0D,
                    (byte)'t' => 0x09,
                    (byte)'v' => 0x0B,
                    _ => kind,
                };
                return 2;
        }
    }

    private static byte Digit(int value) => (byte)(value < 10 ? '0' + value : 'a' + value - 10);
}
