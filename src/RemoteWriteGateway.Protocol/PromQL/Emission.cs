using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>The writing of one text. The output is known to be large enough.</summary>
internal ref struct Emission
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly ReadOnlySpan<Token> _tokens;
    private readonly ReadOnlySpan<SelectorMark> _selectors;
    private readonly ParsedQuery _query;
    private readonly ReadOnlySpan<byte> _matcher;
    private readonly Span<byte> _output;
    private bool _wantsBlank;

    public Emission(ReadOnlySpan<byte> text, ParsedQuery query, TenantMatcher? matcher, Span<byte> output)
    {
        _text = text;
        _tokens = query.Tokens;
        _selectors = query.Selectors;
        _query = query;
        _matcher = matcher is null ? [] : matcher.Utf8;
        _output = output;
    }

    public int Written { get; private set; }

    public int Selectors { get; private set; }

    public void WriteAll()
    {
        for (int i = 0; _tokens[i].Kind != TokenKind.End;)
        {
            if (Selectors < _selectors.Length && _selectors[Selectors].First == i)
            {
                WriteSelector(_selectors[Selectors++]);
                i = _selectors[Selectors - 1].Last + 1;
            }
            else
            {
                WriteToken(i++);
            }
        }
    }

    private void WriteSelector(SelectorMark selector)
    {
        WriteBlank();
        bool isFirst = true;
        if (selector.Name >= 0 && (_tokens[selector.Name].Marks & TokenMarks.Reserved) == 0)
        {
            Write(_tokens[selector.Name].Of(_text));
            Write((byte)'{');
        }
        else
        {
            Write((byte)'{');
            if (selector.Name >= 0)
            {
                Write("__name__=\""u8);
                Write(_tokens[selector.Name].Of(_text));
                Write((byte)'"');
                isFirst = false;
            }
        }

        for (int i = selector.LeftBrace + 1; i < selector.RightBrace; i++)
        {
            WriteMatcherToken(i, ref isFirst);
        }

        if (!_matcher.IsEmpty)
        {
            WriteMatcherComma(ref isFirst);
            Write(_matcher);
        }

        Write((byte)'}');
    }

    private void WriteMatcherToken(int index, ref bool isFirst)
    {
        ref readonly Token token = ref _tokens[index];
        switch (token.Role)
        {
            case TokenRole.MatcherLabel:
                WriteMatcherComma(ref isFirst);
                WriteLabel(token, inList: false);
                break;
            case TokenRole.QuotedMetricName:
                WriteMatcherComma(ref isFirst);
                Write("__name__="u8);
                WriteString(token);
                break;
            case TokenRole.MatcherOperator:
                Write(token.Of(_text));
                break;
            case TokenRole.MatcherValue:
                WriteString(token);
                break;
            case TokenRole.MatcherComma:
                // Commas are written before each matcher but the first, ours included.
                break;
            default:
                throw Strange(token);
        }
    }

    private void WriteMatcherComma(ref bool isFirst)
    {
        if (!isFirst)
        {
            Write((byte)',');
        }

        isFirst = false;
    }

    private void WriteToken(int index)
    {
        ref readonly Token token = ref _tokens[index];
        switch (token.Role)
        {
            case TokenRole.Operator or TokenRole.Keyword:
                WriteBlankBefore();
                WriteLower(token.Of(_text));
                _wantsBlank = true;
                break;
            case TokenRole.Fill:
                WriteBlankBefore();
                WriteLower(token.Of(_text));
                break;
            case TokenRole.Function or TokenRole.Aggregation:
                WriteBlank();
                Write(PromQLFunctions.All[token.Function].Utf8Name);
                break;
            case TokenRole.Preprocessor:
                WriteBlank();
                WriteLower(token.Of(_text));
                break;
            case TokenRole.Number:
                WriteBlank();
                Written += NumberValue.Write(token, _text, _output[Written..]);
                break;
            case TokenRole.String:
                WriteBlank();
                WriteString(token);
                break;
            case TokenRole.GroupingLabel:
                WriteBlank();
                WriteLabel(token, inList: true);
                break;
            case TokenRole.Duration or TokenRole.Sign or TokenRole.LeftParen or TokenRole.LeftBracket or TokenRole.ListStart:
                WriteBlank();
                Write(token.Of(_text));
                break;
            case TokenRole.RightParen or TokenRole.RightBracket or TokenRole.Colon:
                _wantsBlank = false;
                Write(token.Of(_text));
                break;
            case TokenRole.ListEnd or TokenRole.Comma:
                _wantsBlank = false;
                Write(token.Of(_text));
                _wantsBlank = true;
                break;
            case TokenRole.TrailingComma:
                break;
            default:
                throw Strange(token);
        }
    }

    private void WriteLabel(in Token token, bool inList)
    {
        ReadOnlySpan<byte> name = token.Of(_text);
        if (token.Kind == TokenKind.String)
        {
            name = StringValue.Decode(name, _query.Scratch(name.Length));
        }

        if (inList ? LabelSyntax.IsBareInList(name) : LabelSyntax.IsBare(name))
        {
            Write(name);
        }
        else
        {
            Written += StringValue.Encode(name, _output[Written..]);
        }
    }

    private void WriteString(in Token token)
    {
        ReadOnlySpan<byte> text = token.Of(_text);
        if ((token.Marks & TokenMarks.Rewritten) == 0)
        {
            Write(text);
        }
        else
        {
            Written += StringValue.Encode(StringValue.Decode(text, _query.Scratch(text.Length)), _output[Written..]);
        }
    }

    private void WriteLower(ReadOnlySpan<byte> word)
    {
        Ascii.ToLower(word, _output[Written..], out int written);
        Written += written;
    }

    /// <summary>Writes the blank that the token before asked for.</summary>
    private void WriteBlank()
    {
        if (_wantsBlank)
        {
            Write((byte)' ');
            _wantsBlank = false;
        }
    }

    /// <summary>Writes a blank before a token that wants one, unless it is the first.</summary>
    private void WriteBlankBefore()
    {
        _wantsBlank = Written > 0;
        WriteBlank();
    }

    private void Write(byte one) => _output[Written++] = one;

    private void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output[Written..]);
        Written += bytes.Length;
    }

    private static InvalidOperationException Strange(in Token token) =>
        new($"A token of kind {token.Kind} has the role {token.Role} where it cannot be written.");
}
