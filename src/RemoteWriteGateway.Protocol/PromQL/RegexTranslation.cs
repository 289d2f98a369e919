using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// Makes of an expression in the syntax of RE2 an anchored one of .NET that matches the same texts, and never backtracks. What the two engines read
/// differently is written anew; what has no counterpart is refused, never guessed.
/// </summary>
internal static class RegexTranslation
{
    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline;

    /// <summary>Translates and compiles.</summary>
    /// <param name="pattern">Without anchors, as in a matcher.</param>
    /// <param name="regex">The compiled expression, or null.</param>
    /// <param name="fault">What is wrong, or empty.</param>
    public static bool TryTranslate(string pattern, out Regex? regex, out string fault)
    {
        regex = null;
        RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(pattern));
        if (!verdict.IsValid)
        {
            fault = verdict.Fault;
            return false;
        }

        StringBuilder text = new("\\A(?:");
        fault = Translate(pattern, text);
        if (fault.Length > 0)
        {
            return false;
        }

        try
        {
            regex = new Regex(text.Append(")\\z").ToString(), Options);
            return true;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            fault = "the regular expression is too large, or of a form that is not known here; write a simpler one";
            return false;
        }
    }

    private static string Translate(string pattern, StringBuilder text)
    {
        for (int i = 0; i < pattern.Length;)
        {
            string fault;
            switch (pattern[i])
            {
                case '\\':
                    fault = Escape(pattern, ref i, text, inClass: false);
                    break;
                case '[':
                    fault = Class(pattern, ref i, text);
                    break;
                case '(' when i + 1 < pattern.Length && pattern[i + 1] == '?':
                    fault = Group(pattern, ref i, text);
                    break;
                case '(':
                    // Nobody asks what a group caught.
                    text.Append("(?:");
                    i++;
                    continue;
                case '^' or '$':
                    // Of the whole text: without a flag they do not mean lines.
                    text.Append(pattern[i] == '^' ? "\\A" : "\\z");
                    i++;
                    continue;
                default:
                    text.Append(pattern[i++]);
                    continue;
            }

            if (fault.Length > 0)
            {
                return fault;
            }
        }

        return "";
    }

    private static string Escape(string pattern, ref int i, StringBuilder text, bool inClass)
    {
        char kind = i + 1 < pattern.Length ? pattern[i + 1] : '\0';
        string? plain = (kind, inClass) switch
        {
            ('d', true) => "0-9",
            ('w', true) => "0-9A-Za-z_",
            ('s', true) => "\\t\\n\\f\\r ",
            ('d', false) => "[0-9]",
            ('D', false) => "[^0-9]",
            ('w', false) => "[0-9A-Za-z_]",
            ('W', false) => "[^0-9A-Za-z_]",
            ('s', false) => "[\\t\\n\\f\\r ]",
            ('S', false) => "[^\\t\\n\\f\\r ]",
            ('A' or 'z', false) => $"\\{kind}",
            ('a' or 'f' or 'n' or 'r' or 't' or 'v', _) => $"\\{kind}",
            _ when char.IsAscii(kind) && !char.IsAsciiLetterOrDigit(kind) && kind != '\0' => $"\\{kind}",
            _ => null,
        };
        if (plain is not null)
        {
            text.Append(plain);
            i += 2;
            return "";
        }

        if (kind == 'x' && i + 3 < pattern.Length
            && byte.TryParse(pattern.AsSpan(i + 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte code) && code < 0x80)
        {
            text.Append(CultureInfo.InvariantCulture, $"\\x{code:x2}");
            i += 4;
            return "";
        }

        return Unknown(pattern.AsSpan(i, Math.Min(2, pattern.Length - i)));
    }

    private static string Class(string pattern, ref int i, StringBuilder text)
    {
        text.Append('[');
        i++;
        if (i < pattern.Length && pattern[i] == '^')
        {
            text.Append('^');
            i++;
        }

        // A bracket in front is one of the characters.
        if (i < pattern.Length && pattern[i] == ']')
        {
            text.Append("\\]");
            i++;
        }

        while (i < pattern.Length && pattern[i] != ']')
        {
            if (pattern[i] == '[')
            {
                if (i + 1 < pattern.Length && pattern[i + 1] == ':')
                {
                    return Unknown("[:");
                }

                // Here it would take a class from a class.
                text.Append("\\[");
                i++;
            }
            else if (pattern[i] == '\\')
            {
                if (Escape(pattern, ref i, text, inClass: true) is { Length: > 0 } fault)
                {
                    return fault;
                }
            }
            else if (char.IsSurrogate(pattern[i]))
            {
                return Unknown("a character above U+FFFF in a class");
            }
            else
            {
                text.Append(pattern[i++]);
            }
        }

        text.Append(']');
        i++;
        return "";
    }

    private static string Group(string pattern, ref int i, StringBuilder text)
    {
        ReadOnlySpan<char> rest = pattern.AsSpan(i);
        foreach (string kept in (ReadOnlySpan<string>)["(?:", "(?i)", "(?i:"])
        {
            if (rest.StartsWith(kept))
            {
                text.Append(kept);
                i += kept.Length;
                return "";
            }
        }

        // A name, which nobody asks for.
        int named = rest.StartsWith("(?P<") ? 4 : rest.StartsWith("(?<") ? 3 : 0;
        int end = named == 0 ? -1 : rest.IndexOf('>');
        if (end < 0)
        {
            return Unknown(rest[..Math.Min(4, rest.Length)]);
        }

        text.Append("(?:");
        i += end + 1;
        return "";
    }

    private static string Unknown(ReadOnlySpan<char> what) => $"the regular expression has {what}, which is not known here; write it in another way";
}
