using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Classes and escapes.</summary>
internal ref partial struct RegexReader
{
    private const string UnclosedClass = "a \"[\" is not closed";
    private const string BadEscape = "an escape sequence that RE2 does not know; a backslash stands before punctuation, or is written twice";

    private static readonly string[] PosixClasses =
    [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit",
    ];

    private void ReadClass()
    {
        _position++;
        _position += ByteAt(_position) == '^' ? 1 : 0;
        bool isFirst = true;
        while (_fault.Length == 0 && (isFirst || ByteAt(_position) != ']'))
        {
            isFirst = false;
            if (_position >= _pattern.Length)
            {
                Fail(UnclosedClass);
            }
            else if (!TryReadPosixClass() && !TryReadSharedClass())
            {
                ReadClassRange();
            }
        }

        AddPart(matchesEmpty: false, length: 1);
    }

    private bool TryReadPosixClass()
    {
        ReadOnlySpan<byte> rest = _pattern[_position..];
        int length = rest.StartsWith("[:"u8) ? rest[2..].IndexOf(":]"u8) : -1;
        if (length < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> name = rest.Slice(2, length);
        name = name.StartsWith("^"u8) ? name[1..] : name;
        bool isKnown = false;
        foreach (string known in PosixClasses)
        {
            isKnown |= Ascii.Equals(name, known);
        }

        _position += length + 4;
        if (!isKnown)
        {
            Fail("unknown class in [: and :]; there are alpha, digit, alnum, upper, lower, space, punct and others");
        }

        return true;
    }

    /// <summary>Reads <c>\d</c> and its like, <c>\pL</c> and <c>\p{…}</c>, which stand inside and outside of brackets.</summary>
    private bool TryReadSharedClass()
    {
        if (ByteAt(_position) != '\\')
        {
            return false;
        }

        switch (ByteAt(_position + 1))
        {
            case 'd' or 'D' or 's' or 'S' or 'w' or 'W':
                _position += 2;
                return true;
            case 'p' or 'P':
                ReadUnicodeClass();
                return true;
            default:
                return false;
        }
    }

    private void ReadUnicodeClass()
    {
        int name = _position + 2;
        if (ByteAt(name) == '{')
        {
            int length = _pattern[name..].IndexOf((byte)'}');
            ReadOnlySpan<byte> inner = length < 0 ? [] : _pattern.Slice(name + 1, length - 1);
            _position = name + length + 1;
            if (inner.IsEmpty || inner.SequenceEqual("^"u8))
            {
                Fail("\\p{…} names no class of characters");
            }

            return;
        }

        // One letter is a general category.
        _position = name + 1;
        if (ByteAt(name) is not ('C' or 'L' or 'M' or 'N' or 'P' or 'S' or 'Z'))
        {
            Fail("\\p is followed by one of C L M N P S Z or by a name in braces");
        }
    }

    private void ReadClassRange()
    {
        int low = ReadClassCharacter();
        if (ByteAt(_position) == '-' && ByteAt(_position + 1) is not (']' or -1))
        {
            _position++;
            if (ReadClassCharacter() < low)
            {
                Fail("a range in brackets runs backwards");
            }
        }
    }

    private int ReadClassCharacter()
    {
        if (ByteAt(_position) == '\\')
        {
            return ReadEscapedCharacter();
        }

        if (_position >= _pattern.Length)
        {
            Fail(UnclosedClass);
            return int.MaxValue;
        }

        Rune.DecodeFromUtf8(_pattern[_position..], out Rune rune, out int length);
        _position += length;
        return rune.Value;
    }

    private void ReadEscape()
    {
        switch (ByteAt(_position + 1))
        {
            case 'A' or 'z' or 'B':
                AddPart(matchesEmpty: true, length: 2);
                break;
            case 'b':
                // There is no word, so no boundary of one, in an empty text.
                AddPart(matchesEmpty: false, length: 2);
                break;
            case 'Q':
                ReadQuotedText();
                break;
            default:
                if (!TryReadSharedClass())
                {
                    ReadEscapedCharacter();
                }

                AddPart(matchesEmpty: false, length: 0);
                break;
        }
    }

    /// <summary>Reads <c>\Q…\E</c>; the end may be missing. A repetition behind it applies to the last character.</summary>
    private void ReadQuotedText()
    {
        ReadOnlySpan<byte> rest = _pattern[(_position + 2)..];
        int length = rest.IndexOf("\\E"u8);
        bool isEmpty = length == 0 || rest.IsEmpty;
        _position = length < 0 ? _pattern.Length : _position + 4 + length;
        if (!isEmpty)
        {
            // Two parts, since a repetition takes the last character only and the others stay.
            ReadOnlySpan<byte> text = length < 0 ? rest : rest[..length];
            Rune.DecodeLastFromUtf8(text, out _, out int last);
            if (last < text.Length)
            {
                Group.Add(matchesEmpty: false, repeats: 1);
            }

            Group.Add(matchesEmpty: false, repeats: 1);
        }
    }

    /// <summary>Reads a backslash and what it protects, and returns the character.</summary>
    private int ReadEscapedCharacter()
    {
        int next = ByteAt(_position + 1);
        switch (next)
        {
            case -1:
                _position++;
                return FailEscape("the expression ends with a backslash; write it twice");
            case >= '1' and <= '7' when ByteAt(_position + 2) is >= '0' and <= '7':
            case '0':
                return ReadOctal();
            case 'x':
                return ReadHexadecimal();
            case 'a' or 'f' or 'n' or 'r' or 't' or 'v':
                _position += 2;
                return next switch { 'a' => 7, 'f' => 12, 'n' => 10, 'r' => 13, 't' => 9, _ => 11 };
            case < 0x80 when next == '_' || (!Lexer.IsLetter(next) && !Lexer.IsDigit(next)):
                _position += 2;
                return next;
            default:
                return FailEscape(BadEscape);
        }
    }

    private int ReadOctal()
    {
        int value = 0;
        _position++;
        for (int i = 0; i < 3 && ByteAt(_position) is >= '0' and <= '7'; i++)
        {
            value = (value * 8) + ByteAt(_position++) - '0';
        }

        return value;
    }

    private int ReadHexadecimal()
    {
        int position = _position + 2;
        bool isBraced = ByteAt(position) == '{';
        position += isBraced ? 1 : 0;
        int value = 0;
        int digits = 0;
        while (value <= 0x10FFFF && (isBraced || digits < 2) && StringValue.DigitValue(ByteAt(position)) is int digit and < 16)
        {
            value = (value * 16) + digit;
            digits++;
            position++;
        }

        bool isComplete = isBraced ? digits > 0 && ByteAt(position) == '}' : digits == 2;
        if (!isComplete || value > 0x10FFFF)
        {
            return FailEscape("behind \\x stand two hexadecimal digits, or a character's number in braces");
        }

        _position = position + (isBraced ? 1 : 0);
        return value;
    }

    private int FailEscape(string fault)
    {
        Fail(fault);
        _position = _pattern.Length;
        return int.MaxValue;
    }
}
