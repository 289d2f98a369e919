using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>The parts of an error's text that quote the caller.</summary>
internal static class ErrorText
{
    private const int MaxQuotedBytes = 32;
    private const int MaxBytes = 300;

    /// <summary>A piece of the caller's text in quotation marks: 32 bytes at most, control characters escaped.</summary>
    public static string Quote(ReadOnlySpan<byte> text)
    {
        StringBuilder quoted = new("\"");
        int used = 0;
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf8(text, out Rune rune, out int length);
            used += length;
            if (used > MaxQuotedBytes)
            {
                quoted.Append('…');
                break;
            }

            if (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }
            else
            {
                quoted.Append(rune.ToString());
            }

            text = text[length..];
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>A byte where no token begins.</summary>
    /// <param name="text">The text from there on, not empty.</param>
    /// <param name="expected">What stands there, or nothing.</param>
    public static string UnexpectedByte(ReadOnlySpan<byte> text, string expected)
    {
        Rune.DecodeFromUtf8(text, out Rune rune, out int length);
        string found = $"unexpected character {Quote(text[..length])}";
        return expected.Length > 0 ? $"{found}; {expected}"
            : rune.IsAscii ? found + "; remove it, or quote the text that it belongs to"
            : string.Create(CultureInfo.InvariantCulture, $"{found} (U+{rune.Value:X4}); outside strings only ASCII is allowed, so quote it");
    }

    /// <summary>A text of at most 300 bytes.</summary>
    public static string Cut(string text)
    {
        if (Encoding.UTF8.GetByteCount(text) <= MaxBytes)
        {
            return text;
        }

        StringBuilder cut = new();
        int used = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            used += rune.Utf8SequenceLength;
            if (used > MaxBytes - 3)
            {
                break;
            }

            cut.Append(rune.ToString());
        }

        return cut.Append('…').ToString();
    }
}
