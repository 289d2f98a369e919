using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// The parser: precedence climbing over the tokens, checking types as it goes. Methods return false once <see cref="ParsedQuery.Error"/>
/// is set; nothing is thrown for what a caller may send.
/// </summary>
internal ref partial struct QueryReader
{
    // Levels of binary operators, from the loosest; 0 is no operator.
    private const int LowestLevel = 1;
    private const int PowerLevel = 6;

    // A level of the text is a few frames of the stack; the stack is asked now and then, should a thread have little of it.
    private const int StackCheckInterval = 16;

    private readonly ReadOnlySpan<byte> _text;
    private readonly Span<Token> _tokens;
    private readonly ParsedQuery _query;
    private readonly ParseOptions _options;
    private int _index;
    private int _depth;

    // Where the second argument of an info() begins, if with braces: that selector may be empty.
    private int _infoSelector = -1;

    public QueryReader(ReadOnlySpan<byte> text, ParsedQuery query, ParseOptions options)
    {
        _text = text;
        _tokens = query.WritableTokens;
        _query = query;
        _options = options;
    }

    /// <summary>What an operand is besides its type: some modifiers follow selectors only.</summary>
    private enum Shape : byte
    {
        Other,
        Selector,
        Range,
        Subquery,
    }

    private readonly ref Token Current => ref _tokens[_index];

    /// <summary>The kind behind the current token.</summary>
    private readonly TokenKind Next => _index + 1 < _tokens.Length ? _tokens[_index + 1].Kind : TokenKind.End;

    /// <summary>Reads the whole text.</summary>
    public void Read()
    {
        if (_query.Entry == PromQLEntry.Selector)
        {
            ReadOnlySelector();
            return;
        }

        if (Current.Kind == TokenKind.End)
        {
            _query.Refuse(PromQLError.At(PromQLFault.Invalid, _text, 0, "there is no expression; send one, for example up"));
            return;
        }

        if (ReadExpression(LowestLevel, out Operand operand) && Current.Kind != TokenKind.End)
        {
            Unexpected("after an expression stands an operator or nothing");
        }

        _query.Type = operand.Type;
    }

    private static int LevelOf(TokenKind kind) => kind switch
    {
        TokenKind.Or => 1,
        TokenKind.And or TokenKind.Unless => 2,
        TokenKind.EqualEqual or TokenKind.NotEqual or TokenKind.Less or TokenKind.LessOrEqual or TokenKind.Greater
            or TokenKind.GreaterOrEqual or TokenKind.TrimUpper or TokenKind.TrimLower => 3,
        TokenKind.Add or TokenKind.Subtract => 4,
        TokenKind.Multiply or TokenKind.Divide or TokenKind.Modulo or TokenKind.Atan2 => 5,
        TokenKind.Power => PowerLevel,
        _ => 0,
    };

    private bool ReadExpression(int minLevel, out Operand operand)
    {
        if (!Enter())
        {
            operand = default;
            return false;
        }

        bool isRead = ReadSigned(out operand);
        while (isRead && LevelOf(Current.Kind) is int level && level >= minLevel)
        {
            isRead = ReadBinary(level, ref operand);
        }

        _depth--;
        return isRead;
    }

    private bool ReadSigned(out Operand operand)
    {
        if (Current.Kind is not (TokenKind.Add or TokenKind.Subtract))
        {
            return ReadModified(out operand);
        }

        int sign = _index;
        Take(TokenRole.Sign);
        if (!ReadExpression(PowerLevel, out operand))
        {
            return false;
        }

        if (operand.Type is not (PromQLType.Scalar or PromQLType.Vector))
        {
            return Fail(sign, $"a sign stands before a scalar or an instant vector, not before {operand.Type.WithArticle()}; remove it");
        }

        operand = new Operand(operand.Type, Shape.Other, sign);
        return true;
    }

    private bool ReadPrimary(out Operand operand)
    {
        operand = new Operand(PromQLType.None, Shape.Other, _index);
        switch (Current.Kind)
        {
            case TokenKind.Number:
                operand.Type = PromQLType.Scalar;
                Take(TokenRole.Number);
                return true;
            case TokenKind.Duration:
                operand.Type = PromQLType.Scalar;
                return CheckDuration(out _) && Take(TokenRole.Duration);
            case TokenKind.String:
                operand.Type = PromQLType.String;
                Take(TokenRole.String);
                return true;
            case TokenKind.LeftParen:
                Take(TokenRole.LeftParen);
                bool isRead = ReadExpression(LowestLevel, out Operand inner)
                    && Expect(TokenKind.RightParen, TokenRole.RightParen, "the parenthesis that was opened before is closed with \")\"");
                operand.Type = inner.Type;
                return isRead;
            case TokenKind.Aggregation when Next is TokenKind.LeftParen or TokenKind.By or TokenKind.Without:
                return ReadAggregation(ref operand);
            case TokenKind.Word or (>= TokenKind.Start and <= TokenKind.MaxOf) when Next == TokenKind.LeftParen:
                return ReadCall(ref operand);
            case TokenKind.LeftBrace:
            case TokenKind kind when IsMetricName(kind):
                return ReadSelector(ref operand);
            default:
                return Unexpected("here stands a metric name, a function, an aggregation, a number, a string, or \"(\"");
        }
    }

    /// <summary>Counts a level of the text.</summary>
    private bool Enter()
    {
        _depth++;
        _query.Depth = Math.Max(_query.Depth, _depth);
        if (_depth <= _options.MaxDepth && (_depth % StackCheckInterval != 0 || RuntimeHelpers.TryEnsureSufficientExecutionStack()))
        {
            return true;
        }

        _query.Refuse(PromQLError.At(
            PromQLFault.QueryTooDeep,
            _text,
            Current.Start,
            $"parentheses, calls, signs and operands are nested deeper than {_options.MaxDepth} levels (maxQueryDepth); make the expression flatter"));
        return false;
    }

    /// <summary>Gives the current token its role and goes on. Always true.</summary>
    private bool Take(TokenRole role)
    {
        _tokens[_index++].Role = role;
        return true;
    }

    private bool Expect(TokenKind kind, TokenRole role, string expected) =>
        Current.Kind == kind ? Take(role) : Unexpected(expected);

    /// <summary>Refuses at a token. Always false.</summary>
    private readonly bool Fail(int token, string message)
    {
        _query.Refuse(PromQLError.At(PromQLFault.Invalid, _text, _tokens[token].Start, message));
        return false;
    }

    /// <summary>Refuses the current token. Always false.</summary>
    private readonly bool Unexpected(string expected) => Fail(_index, Current.Kind switch
    {
        TokenKind.Fault => _query.LexicalFault,
        TokenKind.End => $"the text ends too early; {expected}",
        _ => $"unexpected {ErrorText.Quote(Current.Of(_text))}; {expected}",
    });

    private readonly string Quote(int token) => ErrorText.Quote(_tokens[token].Of(_text));

    /// <summary>What has been read of an expression.</summary>
    private struct Operand(PromQLType type, Shape shape, int token)
    {
        public PromQLType Type = type;
        public Shape Shape = shape;

        /// <summary>Whether an offset that is not zero applies.</summary>
        public bool HasOffset;
        public bool HasAt;
        public bool IsAnchored;
        public bool IsSmoothed;

        /// <summary>Index of the first token.</summary>
        public int Token = token;
    }
}
