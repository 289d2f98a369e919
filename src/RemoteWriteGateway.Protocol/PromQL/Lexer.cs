using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Cuts a text into tokens. What a store's lexer might read in another way is refused.</summary>
/// <remarks>
/// The tokens go to <see cref="ParsedQuery"/>. A lexical fault becomes a <see cref="TokenKind.Fault"/> token, so that the parser, which
/// reads from the left, tells whichever fault comes first in the text.
/// </remarks>
internal ref partial struct Lexer
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly ParsedQuery _query;
    private int _position;
    private Where _where;

    // Prometheus lets a bracket begin with an expression without a literal before a colon only once a bracket has held a literal.
    private bool _sawDurationLiteral;

    private Lexer(ReadOnlySpan<byte> text, ParsedQuery query)
    {
        _text = text;
        _query = query;
    }

    private enum Where : byte
    {
        Outside,
        InBraces,

        /// <summary>In brackets before the first number or duration: no comments there.</summary>
        InBrackets,

        /// <summary>In brackets behind a number or duration.</summary>
        InBracketsLater,
    }

    /// <summary>Fills <see cref="ParsedQuery.Tokens"/>: everything up to an <see cref="TokenKind.End"/>, with a <see cref="TokenKind.Fault"/> before it if there is one.</summary>
    public static void Read(ReadOnlySpan<byte> text, ParsedQuery query)
    {
        Lexer lexer = new(text, query);
        if (!Utf8.IsValid(text) || text.Contains((byte)0))
        {
            lexer.FaultAtBadBytes();
        }
        else
        {
            while (lexer.SkipBlanks() && lexer.ReadToken())
            {
            }
        }

        query.AddToken(new Token { Start = text.Length, Kind = TokenKind.End });
    }

    public static bool IsDigit(int value) => (uint)(value - '0') <= 9;

    public static bool IsLetter(int value) => (uint)((value | 0x20) - 'a') <= 'z' - 'a' || value == '_';

    private readonly int Peek(int ahead = 0) => (uint)(_position + ahead) < (uint)_text.Length ? _text[_position + ahead] : -1;

    /// <summary>Passes blanks and comments. False at the end of the text.</summary>
    private bool SkipBlanks()
    {
        while (_position < _text.Length)
        {
            byte next = _text[_position];
            if (next is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r')
            {
                _position++;
            }
            else if (next == '#' && _where != Where.InBrackets)
            {
                int length = _text[_position..].IndexOfAny((byte)'\n', (byte)'\r');
                _position = length < 0 ? _text.Length : _position + length;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads one token. False if the lexer can go no further.</summary>
    private bool ReadToken()
    {
        int next = Peek();
        if (next is '"' or '\'')
        {
            return _where == Where.InBrackets ? Unexpected() : ReadQuoted((byte)next);
        }

        if (next == '`')
        {
            return _where == Where.InBrackets ? Unexpected() : ReadRaw();
        }

        if (_where == Where.InBraces)
        {
            return ReadInBraces(next);
        }

        if (IsDigit(next) || (next == '.' && IsDigit(Peek(1))))
        {
            if (_where != Where.Outside)
            {
                _where = Where.InBracketsLater;
                _sawDurationLiteral = true;
            }

            return ReadNumberOrDuration();
        }

        if (IsLetter(next) || next == ':')
        {
            return _where == Where.Outside ? ReadWord() : ReadInBrackets(next);
        }

        return ReadOperator(next);
    }

    private bool ReadWord()
    {
        int start = _position;
        bool hasColon = false;
        int next;
        while (IsLetter(next = Peek()) || IsDigit(next) || next == ':')
        {
            hasColon |= next == ':';
            _position++;
        }

        Token token = new() { Start = start, Length = _position - start, Kind = hasColon ? TokenKind.MetricWord : TokenKind.Word };
        if (!hasColon && Keywords.TryFind(token.Of(_text), out Keywords.Keyword keyword))
        {
            token.Kind = keyword.Kind;
            token.Marks = TokenMarks.Reserved;
            token.Function = keyword.Function >= 0 ? (byte)keyword.Function : (byte)0;
        }

        _query.AddToken(token);
        return true;
    }

    private bool ReadInBrackets(int next)
    {
        if (next == ':')
        {
            return _where == Where.InBrackets && !_sawDurationLiteral
                ? Fail(_position, "the range before \":\" holds no number or duration; write one, for example [5m:1m]")
                : Add(TokenKind.Colon, 1);
        }

        int start = _position;
        while (IsLetter(Peek()))
        {
            _position++;
        }

        ReadOnlySpan<byte> word = _text[start.._position];
        if (Keywords.TryFind(word, out Keywords.Keyword keyword)
            && keyword.Kind is TokenKind.Step or TokenKind.Range or TokenKind.MinOf or TokenKind.MaxOf)
        {
            _query.AddToken(new Token { Start = start, Length = word.Length, Kind = keyword.Kind, Marks = TokenMarks.Reserved });
            return true;
        }

        return Fail(start, $"{ErrorText.Quote(word)} is no duration; in brackets stand durations as 5m or 1h30m, step(), range(), min_of() and max_of()");
    }

    private bool ReadInBraces(int next)
    {
        int start = _position;
        if (IsLetter(next))
        {
            int later;
            while (IsLetter(later = Peek()) || IsDigit(later))
            {
                _position++;
            }

            _query.AddToken(new Token { Start = start, Length = _position - start, Kind = TokenKind.Word });
            return true;
        }

        switch (next, Peek(1))
        {
            case ('=', '~'):
                return Add(TokenKind.MatchRegex, 2);
            case ('=', _):
                return Add(TokenKind.Equal, 1);
            case ('!', '~'):
                return Add(TokenKind.NotMatchRegex, 2);
            case ('!', '='):
                return Add(TokenKind.NotEqual, 2);
            case (',', _):
                return Add(TokenKind.Comma, 1);
            case ('}', _):
                _where = Where.Outside;
                return Add(TokenKind.RightBrace, 1);
            default:
                return Unexpected();
        }
    }

    private bool ReadOperator(int next)
    {
        int second = Peek(1);
        (TokenKind kind, int length) = next switch
        {
            '(' => (TokenKind.LeftParen, 1),
            ')' => (TokenKind.RightParen, 1),
            ',' => (TokenKind.Comma, 1),
            '+' => (TokenKind.Add, 1),
            '-' => (TokenKind.Subtract, 1),
            '*' => (TokenKind.Multiply, 1),
            '/' => (TokenKind.Divide, 1),
            '%' => (TokenKind.Modulo, 1),
            '^' => (TokenKind.Power, 1),
            ']' when _where != Where.Outside => (TokenKind.RightBracket, 1),
            '[' when _where == Where.Outside => (TokenKind.LeftBracket, 1),
            _ when _where != Where.Outside => (TokenKind.Fault, 0),
            '{' => (TokenKind.LeftBrace, 1),
            '@' => (TokenKind.At, 1),
            '=' when second == '=' => (TokenKind.EqualEqual, 2),
            '!' when second == '=' => (TokenKind.NotEqual, 2),
            '<' when second == '=' => (TokenKind.LessOrEqual, 2),
            '<' when second == '/' => (TokenKind.TrimUpper, 2),
            '<' => (TokenKind.Less, 1),
            '>' when second == '=' => (TokenKind.GreaterOrEqual, 2),
            '>' when second == '/' => (TokenKind.TrimLower, 2),
            '>' => (TokenKind.Greater, 1),
            _ => (TokenKind.Fault, 0),
        };
        _where = kind switch
        {
            TokenKind.LeftBracket => Where.InBrackets,
            TokenKind.RightBracket => Where.Outside,
            TokenKind.LeftBrace => Where.InBraces,
            _ => _where,
        };
        return kind == TokenKind.Fault ? Unexpected() : Add(kind, length);
    }

    private bool Add(TokenKind kind, int length)
    {
        _query.AddToken(new Token { Start = _position, Length = length, Kind = kind });
        _position += length;
        return true;
    }

    private bool Fail(int position, string text)
    {
        _query.SetLexicalFault(text);
        _query.AddToken(new Token { Start = position, Kind = TokenKind.Fault });
        return false;
    }

    private bool Unexpected() => Fail(_position, ErrorText.UnexpectedByte(_text[_position..], _where switch
    {
        Where.InBraces => "inside braces stand matchers such as job=\"api\", with commas between them",
        Where.Outside => "",
        _ => "inside brackets stand durations, such as [5m] or [1h:5m]",
    }));

    private void FaultAtBadBytes()
    {
        int position = 0;
        while (position < _text.Length
            && System.Text.Rune.DecodeFromUtf8(_text[position..], out System.Text.Rune rune, out int length) == System.Buffers.OperationStatus.Done
            && rune.Value != 0)
        {
            position += length;
        }

        _position = position;
        Fail(position, _text[position] == 0
            ? "a NUL byte; remove it"
            : $"byte 0x{_text[position]:x2} is not valid UTF-8; send the text as UTF-8");
    }
}
