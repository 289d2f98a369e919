using System.Buffers;
using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// Tokens of the two text formats, line by line over the body's bytes. The first fault sticks: whoever gets false passes it on, and
/// <see cref="Fault"/> is looked at once, at the end.
/// </summary>
internal ref partial struct LineScanner(ReadOnlySpan<byte> body, bool isOpenMetrics, ExpositionOptions options, MetricFamilies families)
{
    private static readonly SearchValues<byte> Blanks = SearchValues.Create(" \t"u8);
    private static readonly SearchValues<byte> QuoteOrEscape = SearchValues.Create("\"\\"u8);

    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"u8);

    private readonly ReadOnlySpan<byte> _body = body;
    private readonly ExpositionOptions _options = options;
    private readonly MetricFamilies _families = families;
    private int _nextLine;

    /// <summary>The next byte to read.</summary>
    public int Position { get; set; }

    /// <summary>End of the line that is being read, without its line feed.</summary>
    public int End { get; private set; }

    /// <summary>Number of the line, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>The line is the body's last and has no line feed.</summary>
    public bool IsCut { get; private set; }

    public ExpositionFault Fault { get; private set; }

    public readonly bool IsAtEnd => Position >= End;

    /// <summary>The next byte of the line; 0 at its end (a byte that no token holds).</summary>
    public readonly byte Next => Position < End ? _body[Position] : (byte)0;

    /// <summary>Bytes that are left in the line.</summary>
    public readonly ReadOnlySpan<byte> Rest => _body[Position..End];

    /// <summary>Whether lines follow the one that is being read.</summary>
    public readonly bool HasMore => _nextLine < _body.Length;

    public readonly ReadOnlySpan<byte> Text(TextRange range) => _families.Text(range);

    /// <summary>Goes to the next line. False at the end of the body.</summary>
    public bool NextLine()
    {
        if (_nextLine >= _body.Length)
        {
            return false;
        }

        Position = _nextLine;
        int length = _body[Position..].IndexOf((byte)'\n');
        IsCut = length < 0;
        End = IsCut ? _body.Length : Position + length;
        _nextLine = End + 1;
        Line++;
        // Written on Windows; OpenMetrics forbids it and finds it in the next token.
        if (!isOpenMetrics && End > Position && _body[End - 1] == '\r')
        {
            End--;
        }

        return true;
    }

    public void SkipBlanks()
    {
        while (Position < End && _body[Position] is (byte)' ' or (byte)'\t')
        {
            Position++;
        }
    }

    /// <summary>Passes over <paramref name="token"/> if it stands here.</summary>
    public bool TrySkip(ReadOnlySpan<byte> token)
    {
        if (!Rest.StartsWith(token))
        {
            return false;
        }

        Position += token.Length;
        return true;
    }

    /// <summary>What stands up to the next blank or the end of the line; reading goes on behind it. May be empty.</summary>
    public TextRange ReadToken()
    {
        int length = Rest.IndexOfAny(Blanks);
        var token = new TextRange(Position, length < 0 ? End - Position : length);
        Position += token.Length;
        return token;
    }

    /// <summary>The rest of the line.</summary>
    public TextRange ReadRest()
    {
        var rest = new TextRange(Position, End - Position);
        Position = End;
        return rest;
    }

    /// <summary>A name that is not quoted, of a metric (colons allowed) or of a label.</summary>
    public bool TryReadName(bool isMetric, out TextRange name)
    {
        ReadOnlySpan<byte> rest = Rest;
        int length = rest.IndexOfAnyExcept(NameBytes);
        length = length < 0 ? rest.Length : length;
        if (!isMetric && rest[..length].IndexOf((byte)':') is >= 0 and var colon)
        {
            length = colon;
        }

        name = new TextRange(Position, length);
        if (length > 0 && rest[0] is < (byte)'0' or > (byte)'9')
        {
            Position += length;
            return true;
        }

        return Fail(isMetric ? NoMetricName() : $"label name expected, found {Found()}");
    }

    /// <summary>A name in quotes; reading stands at the first of them.</summary>
    public bool TryReadQuotedName(bool isMetric, out TextRange name)
    {
        if (!TryReadQuoted(out name))
        {
            return false;
        }

        ReadOnlySpan<byte> text = Text(name);
        string what = isMetric ? "metric" : "label";
        if (text.IsEmpty)
        {
            return Fail(isMetric ? "no metric name" : "a label name is empty");
        }

        if (!Utf8.IsValid(text) || text.Contains((byte)0))
        {
            return Fail($"the {what} name {ExpositionText.Quoted(text)} is not UTF-8");
        }

        return _options.Utf8Names || NameRules.IsLegacy(text, isMetric)
            || Fail($"the {what} name {ExpositionText.Quoted(text)} may have only letters, digits{(isMetric ? ", colons" : "")} and underscores (push.utf8Names allows others)");
    }

    /// <summary>What stands in quotes, unescaped; reading stands at the first of them.</summary>
    public bool TryReadQuoted(out TextRange text)
    {
        int start = Position + 1;
        int length = _body[start..End].IndexOfAny(QuoteOrEscape);
        text = new TextRange(start, length);
        if (length >= 0 && _body[start + length] == '"')
        {
            Position = start + length + 1;
            return true;
        }

        Position = start;
        return length < 0 ? Fail(IsCut ? "the body ends inside a line" : "the line ends inside quotes") : TryReadEscaped(out text);
    }

    /// <summary>Help: the rest of the line, unescaped.</summary>
    public bool TryReadHelp(out TextRange help)
    {
        if (!Rest.Contains((byte)'\\'))
        {
            help = ReadRest();
        }
        else if (!TryUnescape(End, out help))
        {
            return false;
        }

        return (Utf8.IsValid(Text(help)) && !Text(help).Contains((byte)0)) || Fail("the text of HELP is not UTF-8");
    }

    public bool Fail(string text)
    {
        ExpositionReason reason = isOpenMetrics ? ExpositionReason.MalformedOpenMetrics : ExpositionReason.MalformedText;
        return Fail(new ExpositionFault(reason, $"line {Line}: {text}"));
    }

    public bool Fail(ExpositionFault fault)
    {
        Fault = Fault.IsNone ? fault : Fault;
        return false;
    }

    /// <summary>The next character in quotes, or that there is none.</summary>
    public readonly string Found()
    {
        if (IsAtEnd)
        {
            return "the end of the line";
        }

        int length = 1;
        while (Position + length < End && length < 4 && (_body[Position + length] & 0xC0) == 0x80)
        {
            length++;
        }

        return ExpositionText.Quoted(_body.Slice(Position, length));
    }

    /// <summary>Something must stand where the line has ended.</summary>
    public bool FailAtEnd(string expected) => Fail(IsCut ? "the body ends inside a line" : $"{expected} expected, found the end of the line");

    private readonly string NoMetricName() =>
        IsAtEnd || Next is (byte)'{' or (byte)'}' ? "no metric name" : $"a metric name cannot begin with {Found()}";

    private bool TryReadEscaped(out TextRange text)
    {
        int end = Position;
        while (end < End && _body[end] != '"')
        {
            end += _body[end] == '\\' ? 2 : 1;
        }

        if (end >= End)
        {
            text = default;
            return Fail(IsCut ? "the body ends inside a line" : "the line ends inside quotes");
        }

        if (!TryUnescape(end, out text))
        {
            return false;
        }

        Position = end + 1;
        return true;
    }

    private bool TryUnescape(int end, out TextRange text)
    {
        int copied = _families.Copied.Length;
        text = default;
        while (Position < end)
        {
            int plain = _body[Position..end].IndexOf((byte)'\\');
            plain = plain < 0 ? end - Position : plain;
            _families.Copied.Append(_body.Slice(Position, plain));
            Position += plain;
            if (Position == end)
            {
                break;
            }

            byte escaped = Position + 1 < end ? _body[Position + 1] : (byte)0;
            switch (escaped)
            {
                case (byte)'\\' or (byte)'"':
                    _families.Copied.Append([escaped]);
                    break;
                case (byte)'n':
                    _families.Copied.Append("\n"u8);
                    break;
                case var _ when isOpenMetrics:
                    // Kept as it is, says the specification.
                    _families.Copied.Append("\\"u8);
                    Position--;
                    break;
                default:
                    return Fail($"unknown escape {ExpositionText.Excerpt(_body.Slice(Position, Math.Min(2, end - Position)))}");
            }

            Position += 2;
        }

        text = new TextRange(~copied, _families.Copied.Length - copied);
        return true;
    }
}
