using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Texts of tokens in random spelling.</summary>
internal static class TokenText
{
    /// <summary>Joins tokens with blanks, comments or nothing between them.</summary>
    public static string Join(IReadOnlyList<string> tokens, Random random)
    {
        StringBuilder text = new();
        bool isInBrackets = false;
        foreach (string token in tokens)
        {
            bool mustPart = text.Length > 0 && IsWordPart(text[^1]) && IsWordPart(token[0]);
            string blank = random.Next(12) switch
            {
                0 => "\n",
                1 => "\t ",
                2 => "\r\n",
                3 when !isInBrackets => " # comment with } \" and `\n",
                4 when !isInBrackets => "#\r",
                <= 8 => " ",
                _ => "",
            };
            text.Append(mustPart && blank.Length == 0 ? " " : blank).Append(token);
            isInBrackets = token == "[" || (isInBrackets && token != "]");
        }

        return text.ToString();
    }

    /// <summary>A string in one of the three quotes, with or without escapes.</summary>
    public static string Quote(string value, Random random)
    {
        int kind = random.Next(3);
        if (kind == 2 && !value.Contains('`', StringComparison.Ordinal))
        {
            return "`" + value + "`";
        }

        char quote = kind == 0 ? '"' : '\'';
        StringBuilder text = new();
        text.Append(quote);
        foreach (Rune rune in value.EnumerateRunes())
        {
            int style = random.Next(12);
            string plain = rune.Value switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\\' => "\\\\",
                _ when rune.Value == quote => "\\" + quote,
                _ => rune.ToString(),
            };
            text.Append(style switch
            {
                0 => string.Create(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
                1 when rune.IsBmp => string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}"),
                2 => string.Concat(Encoding.UTF8.GetBytes(rune.ToString()).Select(one => string.Create(CultureInfo.InvariantCulture, $"\\x{one:x2}"))),
                3 => string.Concat(Encoding.UTF8.GetBytes(rune.ToString()).Select(one => "\\" + Convert.ToString(one, 8).PadLeft(3, '0'))),
                _ => plain,
            });
        }

        return text.Append(quote).ToString();
    }

    private static bool IsWordPart(char one) => char.IsAsciiLetterOrDigit(one) || one is '_' or ':' or '.';
}
