using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Functions and aggregations.</summary>
internal ref partial struct QueryReader
{
    private static readonly PromQLFunction Info = PromQLFunctions.Find("info")!; // Not null: it is in the table.

    private bool ReadCall(ref Operand operand)
    {
        int index = PromQLFunctions.IndexOf(Current.Of(_text), _options.LegacyFunctions);
        if (index < 0)
        {
            return FailUnknownFunction();
        }

        Current.Function = (byte)index;
        _query.AddFunction(index);
        PromQLFunction function = PromQLFunctions.All[index];
        Take(TokenRole.Function);
        if (!ReadArguments(function, operand.Token, out int count))
        {
            return false;
        }

        _query.HasBareInfo |= function == Info && count == 1;
        operand.Type = function.Result;
        return true;
    }

    private bool ReadAggregation(ref Operand operand)
    {
        PromQLFunction function = PromQLFunctions.All[Current.Function];
        _query.AddFunction(Current.Function);
        Take(TokenRole.Aggregation);
        bool isGrouped = Current.Kind is TokenKind.By or TokenKind.Without;
        if (isGrouped && !ReadGrouping())
        {
            return false;
        }

        if (Current.Kind != TokenKind.LeftParen)
        {
            return Unexpected($"{function.Name} takes its arguments in parentheses");
        }

        if (!ReadArguments(function, operand.Token, out _))
        {
            return false;
        }

        operand.Type = function.Result;
        return isGrouped || Current.Kind is not (TokenKind.By or TokenKind.Without) || ReadGrouping();
    }

    private bool ReadGrouping()
    {
        Take(TokenRole.Keyword);
        return ReadLabels(out _);
    }

    private bool ReadArguments(PromQLFunction function, int name, out int count)
    {
        count = 0;
        Take(TokenRole.LeftParen);
        while (Current.Kind != TokenKind.RightParen || count > 0)
        {
            if (!ReadArgument(function, count))
            {
                return false;
            }

            count++;
            if (Current.Kind == TokenKind.RightParen)
            {
                break;
            }

            if (Current.Kind != TokenKind.Comma)
            {
                return Unexpected("between arguments stands a comma, behind the last one \")\"");
            }

            if (Next == TokenKind.RightParen)
            {
                return Fail(_index, "no comma may stand behind the last argument; remove it");
            }

            Take(TokenRole.Comma);
        }

        Take(TokenRole.RightParen);
        return (count >= function.MinArguments && (function.MaxArguments < 0 || count <= function.MaxArguments))
            || Fail(name, $"{function.Name}() takes {ArgumentCount(function)}, got {count}");
    }

    private bool ReadArgument(PromQLFunction function, int index)
    {
        int start = _index;
        bool isInfoSelector = function == Info && index == 1;
        if (isInfoSelector && Current.Kind == TokenKind.LeftBrace)
        {
            _infoSelector = start;
        }

        if (!ReadExpression(LowestLevel, out Operand argument))
        {
            return false;
        }

        // Too many arguments are told at the end, whatever types they have.
        if (function.MaxArguments >= 0 && index >= function.MaxArguments)
        {
            return true;
        }

        PromQLType expected = function.ArgumentType(index);
        if (argument.Type != expected)
        {
            return Fail(start, $"{function.Name}() takes {expected.WithArticle()}{Ordinal(function, index)}, "
                + $"got {argument.Type.WithArticle()}{Advice(expected, argument)}");
        }

        return !isInfoSelector || (argument.Shape == Shape.Selector && _tokens[argument.Token].Kind == TokenKind.LeftBrace)
            || Fail(start, "the second argument of info() is matchers in braces without a metric name before them, such as {data=~\".+\"}");
    }

    private readonly string Advice(PromQLType expected, in Operand argument) => (expected, argument.Type) switch
    {
        (PromQLType.Matrix, PromQLType.Vector) when argument.Shape == Shape.Selector && !argument.HasOffset && !argument.HasAt =>
            $"; write {TextOf(argument.Token)}[5m]",
        (PromQLType.Matrix, PromQLType.Vector) => "; put a subquery such as [5m:] behind it",
        (PromQLType.Vector, PromQLType.Matrix) => "; wrap it in a function such as rate() or last_over_time()",
        (PromQLType.Scalar, PromQLType.Vector) => "; wrap it in scalar()",
        (PromQLType.Vector, PromQLType.Scalar) => "; wrap it in vector()",
        _ => "",
    };

    /// <summary>The selector that begins with a token, if it is short; else something that means the same to a reader.</summary>
    private readonly string TextOf(int first)
    {
        ReadOnlySpan<byte> text = _text[_tokens[first].Start.._tokens[_index - 1].EndPosition];
        return text.Length <= 32 && !text.ContainsAnyInRange((byte)0x00, (byte)0x1F) ? Encoding.UTF8.GetString(text) : "selector";
    }

    private static string Ordinal(PromQLFunction function, int index) =>
        function.Arguments.Length == 1 && function.MaxArguments == 1 ? "" : $" as argument {index + 1}";

    private static string ArgumentCount(PromQLFunction function) => (function.MinArguments, function.MaxArguments) switch
    {
        (0, 0) => "no arguments",
        (1, 1) => "1 argument",
        (int min, int max) when min == max => $"{min} arguments",
        (int min, < 0) => $"{min} or more arguments",
        (int min, int max) => $"{min} to {max} arguments",
    };

    private readonly bool FailUnknownFunction()
    {
        string name = Encoding.ASCII.GetString(Current.Of(_text));
        string? other = PromQLFunctions.Find(name.ToLowerInvariant())?.Name;
        return Fail(_index, $"unknown function {ErrorText.Quote(Current.Of(_text))}; "
            + (other is not null && other != name ? $"the names of functions are case-sensitive, so write {other}" : "the functions of Prometheus 3.14 are known, those of MetricsQL are not"));
    }
}
