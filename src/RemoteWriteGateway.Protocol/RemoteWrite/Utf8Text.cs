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

    /// <summary>Unicode scalars in a valid text, counted no further than to <paramref name="enough"/>.</summary>
    public static int CountCharacters(ReadOnlySpan<byte> text, int enough)
    {
        int characters = 0;
        for (int i = 0; i < text.Length && characters < enough; i++)
        {
            // All bytes but those that continue a character.
            characters += IsContinuation(text[i]) ? 0 : 1;
        }

        return characters;
    }

    private static bool IsContinuation(byte next) => (next & 0xC0) == 0x80;
}
