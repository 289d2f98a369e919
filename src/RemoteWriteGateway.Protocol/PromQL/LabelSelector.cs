using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>How a matcher compares.</summary>
public enum MatcherOperator
{
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

/// <summary>One matcher of a selector, ready to be asked. Regular expressions are anchored and take time in proportion to the value.</summary>
public sealed class LabelMatcher
{
    private readonly Regex? _regex;

    internal LabelMatcher(string label, MatcherOperator comparison, string value, Regex? regex)
    {
        Label = label;
        Operator = comparison;
        Value = value;
        _regex = regex;
    }

    public string Label { get; }

    public MatcherOperator Operator { get; }

    public string Value { get; }

    /// <summary>Whether a label with this value matches; an absent one has the empty value.</summary>
    public bool Matches(string value) => Operator switch
    {
        MatcherOperator.Equal => value == Value,
        MatcherOperator.NotEqual => value != Value,
        MatcherOperator.Matches => _regex!.IsMatch(value), // Not null with these operators.
        _ => !_regex!.IsMatch(value),
    };
}

/// <summary>
/// A selector over labels, such as <c>{job=~"nightly-.*", instance=""}</c>, that the gateway answers itself: the syntax of PromQL, without a
/// metric's name. Immutable and thread-safe.
/// </summary>
public sealed class LabelSelector
{
    /// <summary>Longest regular expression: what it costs to run grows with its length, and here no store runs it.</summary>
    public const int MaxPatternLength = 1024;

    private LabelSelector(ImmutableArray<LabelMatcher> matchers) => Matchers = matchers;

    public ImmutableArray<LabelMatcher> Matchers { get; }

    /// <summary>Reads one.</summary>
    /// <param name="text">For example <c>{job="nightly"}</c>.</param>
    /// <param name="selector">What was read, or null.</param>
    /// <param name="fault">What is wrong, or empty. It quotes the text.</param>
    public static bool TryRead(string text, out LabelSelector? selector, out string fault)
    {
        selector = null;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        ParsedQuery query = new();
        if (!PromQLParser.TryParse(bytes, PromQLEntry.Selector, ParseOptions.Default, query))
        {
            fault = query.Error.ToString();
            return false;
        }

        ImmutableArray<LabelMatcher>.Builder matchers = ImmutableArray.CreateBuilder<LabelMatcher>();
        fault = Read(query, bytes, matchers);
        selector = fault.Length == 0 ? new LabelSelector(matchers.ToImmutable()) : null;
        return selector is not null;
    }

    /// <summary>Whether these labels match.</summary>
    /// <param name="labels">Names and values, each name once.</param>
    public bool Matches(IReadOnlyList<KeyValuePair<string, string>> labels)
    {
        foreach (LabelMatcher matcher in Matchers)
        {
            string value = "";
            foreach ((string name, string held) in labels)
            {
                if (name == matcher.Label)
                {
                    value = held;
                    break;
                }
            }

            if (!matcher.Matches(value))
            {
                return false;
            }
        }

        return true;
    }

    private static string Read(ParsedQuery query, ReadOnlySpan<byte> text, ImmutableArray<LabelMatcher>.Builder matchers)
    {
        string label = "";
        MatcherOperator comparison = default;
        foreach (ref readonly Token token in query.Tokens)
        {
            switch (token.Role)
            {
                case TokenRole.MetricName or TokenRole.QuotedMetricName:
                    return "a group has labels and no metric name; write matchers in braces, such as {job=\"nightly\"}";
                case TokenRole.MatcherLabel:
                    label = ValueOf(token, text);
                    if (label == "__name__")
                    {
                        return "a group has no label __name__";
                    }

                    break;
                case TokenRole.MatcherOperator:
                    comparison = token.Kind switch
                    {
                        TokenKind.Equal => MatcherOperator.Equal,
                        TokenKind.NotEqual => MatcherOperator.NotEqual,
                        TokenKind.MatchRegex => MatcherOperator.Matches,
                        _ => MatcherOperator.MatchesNot,
                    };
                    break;
                case TokenRole.MatcherValue:
                    string value = ValueOf(token, text);
                    Regex? regex = null;
                    if (comparison is MatcherOperator.Matches or MatcherOperator.MatchesNot && value.Length > MaxPatternLength)
                    {
                        return FormattableString.Invariant($"a regular expression has {value.Length} characters, limit {MaxPatternLength}; use several selectors");
                    }

                    if (comparison is MatcherOperator.Matches or MatcherOperator.MatchesNot
                        && !RegexTranslation.TryTranslate(value, out regex, out string fault))
                    {
                        return fault;
                    }

                    matchers.Add(new LabelMatcher(label, comparison, value, regex));
                    break;
                default:
                    break;
            }
        }

        return "";
    }

    private static string ValueOf(in Token token, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> bytes = token.Of(text);
        return Encoding.UTF8.GetString(token.Kind == TokenKind.String ? StringValue.Decode(bytes, new byte[bytes.Length]) : bytes);
    }
}
