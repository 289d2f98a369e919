using System.Text;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Benchmarks.PromQL;

/// <summary>
/// The first thing that comes to mind: tokens by a regular expression, a matcher where a selector seems to be. It checks nothing and can
/// be tricked in all the ways that the guide lists; it is here to compare its cost.
/// </summary>
internal static partial class NaiveEnforcer
{
    private static readonly HashSet<string> Keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        "and", "or", "unless", "atan2", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "sum", "avg", "count", "min", "max",
        "topk", "bottomk", "quantile", "start", "end", "inf", "nan",
    };

    public static string Enforce(string query, string matcher)
    {
        List<string> tokens = [.. Tokens().Matches(query).Select(match => match.Value).Where(token => token[0] != '#')];
        StringBuilder output = new(query.Length * 2);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            string next = i + 1 < tokens.Count ? tokens[i + 1] : "";
            output.Append(token).Append(' ');
            if (next == "(" && token.ToUpperInvariant() is "BY" or "WITHOUT" or "ON" or "IGNORING" or "GROUP_LEFT" or "GROUP_RIGHT")
            {
                while (tokens[i] != ")")
                {
                    output.Append(tokens[++i]).Append(' ');
                }
            }
            else if (token == "{")
            {
                while (tokens[i + 1] != "}")
                {
                    output.Append(tokens[++i]);
                }

                output.Append(',').Append(matcher);
            }
            else if (IsName(token) && next is not ("(" or "{"))
            {
                output.Append('{').Append(matcher).Append('}');
            }
        }

        return output.ToString();
    }

    private static bool IsName(string token) => (char.IsAsciiLetter(token[0]) || token[0] is '_' or ':') && !Keywords.Contains(token);

    [GeneratedRegex("""#[^\r\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[a-zA-Z_:][\w:]*|[0-9][\w.]*|[=!]~|[=!<>]=|\S""")]
    private static partial Regex Tokens();
}
