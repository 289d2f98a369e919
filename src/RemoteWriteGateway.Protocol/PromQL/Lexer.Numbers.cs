namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Numbers and durations.</summary>
internal ref partial struct Lexer
{
    private bool ReadNumberOrDuration()
    {
        int start = _position;
        TokenMarks marks = TokenMarks.None;
        bool isNumber = ScanNumber(ref marks);
        int next = Peek();
        if (isNumber && !IsLetter(next) && !IsDigit(next))
        {
            Token number = new() { Start = start, Length = _position - start, Kind = TokenKind.Number, Marks = marks };
            string? fault = NumberValue.Check(ref number, _text, _query);
            if (fault is not null)
            {
                return Fail(start, fault);
            }

            _query.AddToken(number);
            return true;
        }

        _position = start;
        while (IsLetter(Peek()) || IsDigit(Peek()) || Peek() == '.')
        {
            _position++;
        }

        ReadOnlySpan<byte> text = _text[start.._position];
        if (isNumber && DurationValue.IsWellFormed(text))
        {
            _query.AddToken(new Token { Start = start, Length = text.Length, Kind = TokenKind.Duration });
            return true;
        }

        return Fail(start, $"{ErrorText.Quote(text)} is neither a number nor a duration; a duration has whole numbers with the units "
            + "y w d h m s ms, each once and in this order, such as 1h30m");
    }

    /// <summary>
    /// Passes what Prometheus takes for a number before it converts it. False where it gives up, which is at a repeated or badly placed
    /// dot, exponent mark or underscore.
    /// </summary>
    private bool ScanNumber(ref TokenMarks marks)
    {
        bool isHex = Peek() == '0' && Peek(1) is 'x' or 'X';
        if (isHex)
        {
            _position += Peek(2) == '_' ? 3 : 2;
            marks |= TokenMarks.Hexadecimal;
        }

        bool sawDot = Peek() == '.';
        _position += sawDot ? 1 : 0;
        if (sawDot && isHex)
        {
            return false;
        }

        // One digit alone: behind it an "e" is an exponent mark, also in a hexadecimal number.
        _position += IsDigitOf(isHex, Peek()) ? 1 : 0;
        bool sawExponent = false;
        while (true)
        {
            switch (Peek())
            {
                case '.' when sawDot || isHex:
                    return false;
                case '.':
                    sawDot = true;
                    _position++;
                    if (Peek() is '_' or '.')
                    {
                        return false;
                    }

                    continue;
                case 'e' or 'E' when sawExponent:
                    return false;
                case 'e' or 'E':
                    sawExponent = true;
                    _position += Peek(1) is '+' or '-' ? 2 : 1;
                    if (Peek() is '.' or '_' or 'e' or 'E' or -1)
                    {
                        return false;
                    }

                    continue;
                case '_':
                    marks |= TokenMarks.Rewritten;
                    _position++;
                    if (Peek() is '.' or '_' or 'e' or 'E' or -1)
                    {
                        return false;
                    }

                    continue;
                case int next when IsDigitOf(isHex, next):
                    while (IsDigitOf(isHex, Peek()))
                    {
                        _position++;
                    }

                    continue;
                default:
                    return true;
            }
        }
    }

    private static bool IsDigitOf(bool isHex, int value) => IsDigit(value) || (isHex && StringValue.DigitValue(value) < 16);
}
