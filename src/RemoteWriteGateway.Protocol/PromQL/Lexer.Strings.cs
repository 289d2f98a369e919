namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Strings: <c>"…"</c>, <c>'…'</c> and raw ones in backticks.</summary>
internal ref partial struct Lexer
{
    private const byte ReplacementLead = 0xEF;

    private static ReadOnlySpan<byte> Replacement => [0xEF, 0xBF, 0xBD];

    private bool ReadRaw()
    {
        int start = _position;
        int length = _text[(start + 1)..].IndexOf((byte)'`');
        if (length < 0)
        {
            return Fail(start, "the string has no end; close it with a backtick");
        }

        ReadOnlySpan<byte> content = _text.Slice(start + 1, length);
        int replacement = content.IndexOf(Replacement);
        if (replacement >= 0)
        {
            return FailAtReplacement(start + 1 + replacement);
        }

        _position = start + length + 2;
        AddString(start, TokenMarks.Rewritten);
        return true;
    }

    private bool ReadQuoted(byte quote)
    {
        int start = _position++;
        TokenMarks marks = quote == '"' ? TokenMarks.None : TokenMarks.Rewritten;
        while (_position < _text.Length)
        {
            byte next = _text[_position];
            if (next == quote)
            {
                _position++;
                return CheckDecoded(start, marks) && AddString(start, marks);
            }

            if (next == '\\')
            {
                marks |= TokenMarks.Escaped | TokenMarks.Rewritten;
                if (!ReadEscape(quote))
                {
                    return false;
                }

                continue;
            }

            if (next == '\n')
            {
                return Fail(start, "the string has no end on its line; close it, and write a line feed as \\n");
            }

            if (next == ReplacementLead && _text[_position..].StartsWith(Replacement))
            {
                return FailAtReplacement(_position);
            }

            if (next is < 0x20 or 0x7F)
            {
                marks |= TokenMarks.Rewritten;
            }

            _position++;
        }

        return Fail(start, $"the string has no end; close it with {(char)quote}");
    }

    /// <summary>Passes one escape sequence, which begins at the current position.</summary>
    private bool ReadEscape(byte quote)
    {
        int start = _position;
        int next = Peek(1);
        (int digits, int radix) = next switch
        {
            'a' or 'b' or 'f' or 'n' or 'r' or 't' or 'v' or '\\' => (0, 0),
            _ when next == quote => (0, 0),
            >= '0' and <= '7' => (3, 8),
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            _ => (-1, 0),
        };
        if (digits < 0)
        {
            return Fail(start, $"unknown escape sequence {ErrorText.Quote(_text.Slice(start, Math.Min(2, _text.Length - start)))}; "
                + $"a backslash is written \\\\, and in a string of {(char)quote} only that quote is escaped");
        }

        int first = radix == 16 ? start + 2 : start + 1;
        _position = digits == 0 ? start + 2 : first + digits;
        if (digits == 0)
        {
            return true;
        }

        // Eight digits of 16 do not fit into an int.
        long value = StringValue.Digits(_text, first, digits, radix);
        bool isValid = value > 0 && value <= (digits >= 4 ? 0x10FFFF : 255) && value is not (>= 0xD800 and <= 0xDFFF);
        return isValid || Fail(start, value == 0
            ? "a NUL character in a string; remove it"
            : $"escape sequence {ErrorText.Quote(_text[start..Math.Min(first + digits, _text.Length)])} "
                + $"needs {digits} {(radix == 8 ? "octal" : "hexadecimal")} digits of a {(digits >= 4 ? "Unicode character" : "byte")}");
    }

    /// <summary>Escaped bytes may come to something that is no text.</summary>
    private bool CheckDecoded(int start, TokenMarks marks)
    {
        if ((marks & TokenMarks.Escaped) == 0)
        {
            return true;
        }

        ReadOnlySpan<byte> value = StringValue.Decode(_text[start.._position], _query.Scratch(_position - start));
        return System.Text.Unicode.Utf8.IsValid(value)
            || Fail(start, "the string's escaped bytes are not valid UTF-8; write characters beyond ASCII as they are, or as \\u0000");
    }

    private bool AddString(int start, TokenMarks marks)
    {
        Token token = new() { Start = start, Length = _position - start, Kind = TokenKind.String, Marks = marks };
        if ((marks & TokenMarks.Rewritten) != 0)
        {
            // A control character takes four bytes as \x00; nothing takes more than four times its own.
            _query.ExtraBytes += 3L * token.Length;
        }

        _query.AddToken(token);
        return true;
    }

    private bool FailAtReplacement(int position) =>
        Fail(position, "the replacement character U+FFFD, which stands for text that was damaged before; to mean it, write \\ufffd");
}
