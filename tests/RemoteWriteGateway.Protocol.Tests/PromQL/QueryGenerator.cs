using System.Globalization;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>A valid expression as the generator made it.</summary>
/// <param name="Text">In a random spelling: case, quotes, escapes, number forms, blanks, comments.</param>
/// <param name="Selectors">How many selectors the generator put into it.</param>
internal sealed record GeneratedQuery(string Text, int Selectors);

/// <summary>
/// Makes valid expressions from the grammar. It knows nothing of the parser but the table of functions, and counts the selectors that it
/// writes, so that no selector can be overlooked twice in the same way.
/// </summary>
/// <param name="random">Seeded by the test.</param>
/// <param name="functions">Functions and aggregations to use.</param>
/// <param name="withNewest">Whether to use what Prometheus has only since 3.6: the peer of the end-to-end tests lacks it.</param>
internal sealed partial class QueryGenerator(Random random, IReadOnlyList<PromQLFunction> functions, bool withNewest)
{
    private const int MaxDepth = 5;

    private static readonly string[] Labels = ["job", "instance", "le", "On", "by", "group_left", "bool", "_x", "tenant", "start", "offset", "atan2", "fill"];
    private static readonly string[] Metrics =
    [
        "up", "lift_floor", "vault_balance", "http:requests:rate5m", ":", "a:b", "sum", "COUNT", "by", "Offset", "without", "and", "or", "unless",
        "start", "end", "step", "range", "limitk", "anchored", "fill", "default", "prefix", "with", "if", "limit", "keep_metric_names", "union",
        "rate", "time", "x", "topk", "group", "_", "smoothed", "min_of",
    ];

    private static readonly string[] Values =
    [
        "api", "", "a b", "é", "日本", "quote\"", "back\\slash", "tab\t", "line\nfeed", "#", "{}", "`tick`", "it's", "\u0001", "\u007f", "a,b}", "\r", "[x]",
    ];

    private static readonly string[] Patterns =
    [
        "a|b", "api.*", "(a|b)+", "[a-z]{2,3}", "\\d+", "a\\.b", "(?i:x)y", "x+?", "^a$", "\\w\\b", "[^\\s]", "\\x41", "\\pL+", "[[:alpha:]]x", "a{,2}", "\\Qa.b\\E",
    ];

    private readonly List<string> _tokens = [];
    private int _selectors;

    /// <summary>The metrics that it selects.</summary>
    public static IReadOnlyList<string> MetricNames => Metrics;

    public GeneratedQuery Next()
    {
        _tokens.Clear();
        _selectors = 0;
        switch (random.Next(10))
        {
            case 0:
                Scalar(0);
                break;
            case 1:
                Matrix(0);
                break;
            default:
                Vector(0);
                break;
        }

        return new GeneratedQuery(TokenText.Join(_tokens, random), _selectors);
    }

    /// <summary>A subquery with an offset, for the durations in it.</summary>
    public string NextSubquery()
    {
        _tokens.Clear();
        Add("up", "[");
        Duration(positive: true);
        Add(":");
        Duration(positive: true);
        Add("]", Cased("offset"));
        Duration(positive: false);
        return TokenText.Join(_tokens, random);
    }

    private void Vector(int depth)
    {
        switch (depth >= MaxDepth ? 0 : random.Next(12))
        {
            case <= 3:
                Selector();
                Modifiers();
                break;
            case <= 6:
                Call(PromQLType.Vector, depth);
                break;
            case 7:
                Aggregation(depth);
                break;
            case <= 9:
                VectorOperation(depth);
                break;
            case 10:
                Parenthesized(() => Vector(depth + 1));
                break;
            default:
                // What a sign stands before is put in parentheses, or a power behind it would become part of it.
                Add(Pick("-", "+"));
                Parenthesized(() => Vector(depth + 1));
                break;
        }
    }

    private void Scalar(int depth)
    {
        switch (depth >= MaxDepth ? random.Next(2) : random.Next(8))
        {
            case <= 2:
                Number();
                break;
            case 3:
                Call(PromQLType.Scalar, depth);
                break;
            case 4:
                Parenthesized(() => Scalar(depth + 1));
                break;
            case 5:
                Add(Pick("-", "+", "-"));
                Number();
                break;
            default:
                Parenthesized(() => Scalar(depth + 1));
                if (random.Next(4) == 0)
                {
                    Add(Pick("==", "!=", "<", "<=", ">", ">="), Cased("bool"));
                }
                else
                {
                    Add(Pick("+", "-", "*", "/", "%", "^", Cased("atan2")));
                }

                Parenthesized(() => Scalar(depth + 1));
                break;
        }
    }

    private void Matrix(int depth)
    {
        if (depth < MaxDepth && random.Next(3) == 0)
        {
            Parenthesized(() => Vector(depth + 1));
            Add("[");
            Duration(positive: true);
            Add(":");
            if (random.Next(2) == 0)
            {
                Duration(positive: true);
            }

            Add("]");
        }
        else
        {
            Selector();
            Add("[");
            Duration(positive: true);
            Add("]");
            if (withNewest && random.Next(6) == 0)
            {
                Add(Cased(Pick("anchored", "smoothed")));
            }
        }

        Modifiers();
    }

    private void Argument(PromQLType type, int depth)
    {
        switch (type)
        {
            case PromQLType.Scalar:
                Scalar(depth);
                break;
            case PromQLType.Matrix:
                Matrix(depth);
                break;
            case PromQLType.String:
                Add(Quoted(Pick(Values)));
                break;
            default:
                Vector(depth);
                break;
        }
    }

    private void Call(PromQLType result, int depth)
    {
        PromQLFunction function = Pick([.. functions.Where(one => one.Result == result && !one.IsAggregation)]);
        int count = random.Next(function.MinArguments, (function.MaxArguments < 0 ? function.MinArguments + 2 : function.MaxArguments) + 1);
        Add(function.Name, "(");
        for (int i = 0; i < count; i++)
        {
            if (i > 0)
            {
                Add(",");
            }

            if (function.Name == "info" && i == 1)
            {
                Braces(mustReject: false, withName: false);
            }
            else
            {
                Argument(function.Arguments[Math.Min(i, function.Arguments.Length - 1)], depth + 1);
            }
        }

        Add(")");
    }

    private void Aggregation(int depth)
    {
        PromQLFunction function = Pick([.. functions.Where(one => one.IsAggregation)]);
        Add(Cased(function.Name));
        int modifier = random.Next(3);
        if (modifier == 0)
        {
            Grouping(Cased(Pick("by", "without")));
        }

        Add("(");
        for (int i = 0; i < function.Arguments.Length; i++)
        {
            if (i > 0)
            {
                Add(",");
            }

            Argument(function.Arguments[i], depth + 1);
        }

        Add(")");
        if (modifier == 1)
        {
            Grouping(Cased(Pick("by", "without")));
        }
    }

    private void VectorOperation(int depth)
    {
        bool isSet = random.Next(4) == 0;
        bool isMixed = !isSet && random.Next(3) == 0;
        Parenthesized(() => Argument(isMixed ? PromQLType.Scalar : PromQLType.Vector, depth + 1));
        if (isSet)
        {
            Add(Cased(Pick("and", "or", "unless")));
        }
        else if (random.Next(3) == 0)
        {
            Add(withNewest && random.Next(5) == 0 ? Pick("</", ">/") : Pick("==", "!=", "<", "<=", ">", ">="));
            if (random.Next(2) == 0 && _tokens[^1] is not ("</" or ">/"))
            {
                Add(Cased("bool"));
            }
        }
        else
        {
            Add(Pick("+", "-", "*", "/", "%", "^", Cased("atan2")));
        }

        if (!isMixed && random.Next(2) == 0)
        {
            Matching(isSet);
        }

        Parenthesized(() => Vector(depth + 1));
    }

    private void Matching(bool isSet)
    {
        bool isGrouped = !isSet && random.Next(2) == 0;
        Grouping(Cased(Pick("on", "ignoring")), isGrouped ? ["l1", "l2"] : null);
        if (isGrouped)
        {
            // Always with a list: the operand behind begins with a parenthesis, which would be read as one.
            Grouping(Cased(Pick("group_left", "group_right")), ["l3", "l4"]);
        }

        if (!isSet && withNewest && random.Next(4) == 0)
        {
            Add(Cased(Pick("fill", "fill_left", "fill_right")), "(", Pick("0", "-1", "5m"), ")");
        }
    }

    private void Grouping(string keyword, string[]? labels = null)
    {
        Add(keyword, "(");
        int count = random.Next(4);
        for (int i = 0; i < count; i++)
        {
            string label = Pick(labels ?? Labels);
            Add(random.Next(4) == 0 ? Quoted(random.Next(2) == 0 ? label : labels is null ? Pick("without", "inf", "a b", "é") : label) : label);
            if (i + 1 < count || random.Next(4) == 0)
            {
                Add(",");
            }
        }

        Add(")");
    }

    private void Selector()
    {
        if (random.Next(3) == 0)
        {
            Braces(mustReject: true, withName: true);
            return;
        }

        _selectors++;
        Add(Pick(Metrics));
        if (random.Next(2) == 0)
        {
            _selectors--;
            Braces(mustReject: false, withName: false);
        }
    }

    private void Braces(bool mustReject, bool withName)
    {
        _selectors++;
        Add("{");
        int count = random.Next(mustReject ? 1 : 0, 4);
        for (int i = 0; i < count; i++)
        {
            if (mustReject && i == 0 && withName && random.Next(2) == 0)
            {
                Add(Quoted(Pick(Metrics)));
            }
            else if (mustReject && i == 0)
            {
                Add(Label(), "!=", Quoted(""));
            }
            else
            {
                bool isRegex = random.Next(2) == 0;
                Add(Label(), isRegex ? Pick("=~", "!~") : Pick("=", "!="), Quoted(isRegex ? Pick(Patterns) : Pick(Values)));
            }

            if (i + 1 < count || random.Next(4) == 0)
            {
                Add(",");
            }
        }

        Add("}");
    }

    private string Label() => random.Next(4) == 0 ? Quoted(Pick(Pick(Labels), "zone.id", "é", "a\"b")) : Pick(Labels);

    private void Number() => Add(Pick(
        "0", "1", "42", "0x1F", "017", "08", "1_000", "1e3", "1.5e-3", ".5", "5.", "0.25", "1E+2", "Inf", "nAn", "5m", "1h30m", "0x_1", "007e1", "9223372036854775807",
        random.Next(1_000_000).ToString(CultureInfo.InvariantCulture)));

    private void Parenthesized(Action inner)
    {
        Add("(");
        inner();
        Add(")");
    }

    private string Cased(string word) => random.Next(3) switch
    {
        0 => word.ToUpperInvariant(),
        1 => string.Concat(word.Select(one => random.Next(2) == 0 ? char.ToUpperInvariant(one) : one)),
        _ => word,
    };

    private string Quoted(string value) => TokenText.Quote(value, random);

    private void Add(params ReadOnlySpan<string> tokens)
    {
        foreach (string token in tokens)
        {
            if (token.Length > 0)
            {
                _tokens.Add(token);
            }
        }
    }

    private T Pick<T>(params T[] of) => of[random.Next(of.Length)];
}
