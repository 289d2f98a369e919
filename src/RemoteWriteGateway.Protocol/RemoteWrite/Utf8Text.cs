namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What is asked of UTF-8 text that is never decoded.</summary>
internal static class Utf8Text
{
    /// <summary>The first bytes of a valid text, <paramref name="maxBytes"/> at most, without cutting a character in two.</summary>
    public static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text, int maxBytes)
    {
        if (text.Length <= maxBytes)
        {
            return text;
        }

        int end = maxBytes;
        while (end > 0 && IsContinuation(text[end]))
        {
            end--;
        }

        return text[..end];
    }

    /// <summary>Unicode scalars in a valid text: all bytes but those that continue a character.</summary>
    public static int CountCharacters(ReadOnlySpan<byte> text)
    {
        int characters = 0;
        foreach (byte next in text)
        {
            characters += IsContinuation(next) ? 0 : 1;
        }

        return characters;
    }

    private static bool IsContinuation(byte next) => (next & 0xC0) == 0x80;
}
