using System.Buffers;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Walks one regular expression, with the open groups on a stack of its own.</summary>
internal ref partial struct RegexReader
{
    private readonly ReadOnlySpan<byte> _pattern;
    private readonly Span<RegexGroup> _groups;
    private int _position;
    private int _depth;
    private string _fault = "";
    private bool _isTooDeep;

    public RegexReader(ReadOnlySpan<byte> pattern, Span<RegexGroup> groups)
    {
        _pattern = pattern;
        _groups = groups;
        _groups[0] = RegexGroup.New;
    }

    /// <summary>The bytes that mean something else than themselves.</summary>
    public static SearchValues<byte> SpecialBytes { get; } = SearchValues.Create("\\.+*?()|[]{}^$"u8);

    private readonly ref RegexGroup Group => ref _groups[_depth];

    public RegexVerdict Read()
    {
        bool wasRepeat = false;
        while (_position < _pattern.Length && _fault.Length == 0)
        {
            wasRepeat = ReadPart(wasRepeat);
        }

        if (_fault.Length == 0 && _depth > 0)
        {
            Fail("a \"(\" is not closed");
        }

        Group.EndAlternative();
        return new RegexVerdict(_fault, Group.AnyAlternative, _isTooDeep);
    }

    /// <summary>Reads one part and says whether it was a repetition, which no other may follow.</summary>
    private bool ReadPart(bool wasRepeat)
    {
        switch (_pattern[_position])
        {
            case (byte)'(':
                ReadGroupStart();
                return false;
            case (byte)')':
                ReadGroupEnd();
                return false;
            case (byte)'|':
                Group.EndAlternative();
                _position++;
                return false;
            case (byte)'^' or (byte)'$':
                AddPart(matchesEmpty: true, length: 1);
                return false;
            case (byte)'.':
                AddPart(matchesEmpty: false, length: 1);
                return false;
            case (byte)'[':
                ReadClass();
                return false;
            case (byte)'*' or (byte)'+' or (byte)'?':
                bool isPlus = _pattern[_position++] == '+';
                Repeat(isPlus ? 1 : 0, factor: 1, wasRepeat);
                return true;
            case (byte)'{' when TryReadCount(out int min, out int max):
                RepeatCounted(min, max, wasRepeat);
                return true;
            case (byte)'\\':
                ReadEscape();
                return false;
            default:
                AddPart(matchesEmpty: false, length: 1);
                SkipContinuation();
                return false;
        }
    }

    private void AddPart(bool matchesEmpty, int length)
    {
        _position += length;
        Group.Add(matchesEmpty, repeats: 1);
    }

    /// <summary>Passes the rest of a character of several bytes, so that a repetition applies to all of it.</summary>
    private void SkipContinuation()
    {
        while (_position < _pattern.Length && (_pattern[_position] & 0xC0) == 0x80)
        {
            _position++;
        }
    }

    private void ReadGroupStart()
    {
        if (_position + 1 < _pattern.Length && _pattern[_position + 1] == '?')
        {
            ReadExtendedGroup();
            return;
        }

        _position++;
        OpenGroup();
    }

    private void OpenGroup()
    {
        if (_depth == RegexSyntax.MaxDepth)
        {
            _isTooDeep = true;
            Fail($"groups are nested deeper than {RegexSyntax.MaxDepth} levels");
            return;
        }

        _groups[++_depth] = RegexGroup.New;
    }

    private void ReadGroupEnd()
    {
        if (_depth == 0)
        {
            Fail("a \")\" has no \"(\" before it");
            return;
        }

        Group.EndAlternative();
        RegexGroup ended = Group;
        _depth--;
        _position++;
        Group.Add(ended.AnyAlternative, Math.Max(1, ended.Repeats));
    }

    /// <summary>Reads <c>(?:</c>, <c>(?flags:</c>, <c>(?flags)</c>, <c>(?P&lt;name&gt;</c> and <c>(?&lt;name&gt;</c>.</summary>
    private void ReadExtendedGroup()
    {
        ReadOnlySpan<byte> rest = _pattern[_position..];
        int name = rest.StartsWith("(?P<"u8) ? 4 : rest.StartsWith("(?<"u8) ? 3 : 0;
        if (name > 0)
        {
            int length = rest[name..].IndexOf((byte)'>');
            bool isName = length > 0 && IsName(rest.Slice(name, length));
            _position += name + length + 1;
            if (isName)
            {
                OpenGroup();
            }
            else
            {
                Fail("a group's name has letters, digits and \"_\" only; look-behind is not supported");
            }

            return;
        }

        _position += 2;
        bool isNegated = false;
        bool sawFlag = false;
        while (_position < _pattern.Length)
        {
            byte next = _pattern[_position++];
            if (next is (byte)'i' or (byte)'m' or (byte)'s' or (byte)'U')
            {
                sawFlag = true;
            }
            else if (next == '-' && !isNegated)
            {
                isNegated = true;
                sawFlag = false;
            }
            else if (next is (byte)':' or (byte)')' && (sawFlag || !isNegated))
            {
                if (next == ':')
                {
                    OpenGroup();
                }

                return;
            }
            else
            {
                break;
            }
        }

        Fail("behind \"(?\" stand flags of imsU, \":\" or a name; look-around is not supported");
    }

    private static bool IsName(ReadOnlySpan<byte> name)
    {
        foreach (byte next in name)
        {
            if (!Lexer.IsLetter(next) && !Lexer.IsDigit(next))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c>. False if it is something else, which then is literal text.</summary>
    /// <param name="min">−1 if it is too large a number.</param>
    /// <param name="max">−1 if there is no bound.</param>
    private bool TryReadCount(out int min, out int max)
    {
        int position = _position + 1;
        max = -1;
        if (!TryReadInteger(ref position, out min))
        {
            return false;
        }

        if (ByteAt(position) != ',')
        {
            max = min;
        }
        else if (ByteAt(++position) != '}')
        {
            if (!TryReadInteger(ref position, out max))
            {
                return false;
            }

            min = max < 0 ? -1 : min;
        }

        if (ByteAt(position) != '}')
        {
            return false;
        }

        _position = position + 1;
        return true;
    }

    private readonly bool TryReadInteger(ref int position, out int value)
    {
        int start = position;
        value = 0;
        while (Lexer.IsDigit(ByteAt(position)))
        {
            value = value is < 0 or >= 100_000_000 ? -1 : (value * 10) + (ByteAt(position) - '0');
            position++;
        }

        return position > start && (_pattern[start] != '0' || position == start + 1);
    }

    private void RepeatCounted(int min, int max, bool wasRepeat)
    {
        if (min < 0 || min > RegexSyntax.MaxRepeats || max > RegexSyntax.MaxRepeats || (max >= 0 && min > max))
        {
            Fail($"a repeat count is at most {RegexSyntax.MaxRepeats}, and its first number not larger than its second");
            return;
        }

        Repeat(min, max < 0 ? Math.Max(1, min) : max, wasRepeat);
    }

    private void Repeat(int min, int factor, bool wasRepeat)
    {
        _position += ByteAt(_position) == '?' ? 1 : 0;
        if (wasRepeat)
        {
            Fail("a repetition stands behind a repetition; put the first one in a group");
        }
        else if (!Group.HasLast)
        {
            Fail("a repetition has nothing before it to repeat");
        }
        else if ((long)Group.LastRepeats * factor > RegexSyntax.MaxRepeats)
        {
            Fail($"counts within counts repeat more than {RegexSyntax.MaxRepeats} times");
        }
        else
        {
            Group.Last |= min == 0;
            Group.LastRepeats *= factor;
        }
    }

    private readonly int ByteAt(int position) => position < _pattern.Length ? _pattern[position] : -1;

    private void Fail(string fault)
    {
        if (_fault.Length == 0)
        {
            _fault = fault;
        }
    }
}
