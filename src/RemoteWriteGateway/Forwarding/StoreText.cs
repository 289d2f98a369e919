using System.Text;

namespace RemoteWriteGateway.Forwarding;

/// <summary>A store's own words, made fit for our answer.</summary>
internal static class StoreText
{
    /// <summary>Most bytes of a store's text in an answer of ours.</summary>
    public const int MaxBytes = 300;

    /// <summary>Bytes of an answer that are looked at.</summary>
    public const int MaxReadBytes = 8192;

    /// <summary>Decodes <paramref name="bytes"/>, with blanks for control characters, cut at a character boundary to <see cref="MaxBytes"/> bytes.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new(MaxBytes);
        int length = 0;
        while (!bytes.IsEmpty)
        {
            // Bytes that are no UTF-8 come out as U+FFFD: this is a text for people.
            Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed);
            bytes = bytes[consumed..];
            length += rune.Utf8SequenceLength;
            if (length > MaxBytes)
            {
                break;
            }

            text.Append(IsControl(rune) ? " " : rune.ToString());
        }

        return text.ToString().Trim();
    }

    // Line and paragraph separators break lines, and format characters reorder them.
    private static bool IsControl(Rune rune) => Rune.GetUnicodeCategory(rune) is
        System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format or
        System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator;
}
