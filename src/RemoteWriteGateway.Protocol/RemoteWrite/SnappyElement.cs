namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>One element of a snappy block: a literal, or a copy of bytes that were unpacked before.</summary>
/// <param name="Bytes">Its size in the block.</param>
/// <param name="Unpacked">How many bytes it unpacks to.</param>
/// <param name="Offset">How far back the bytes stand that are copied; null for a literal. 0 is malformed.</param>
/// <param name="IsUsual">Whether it has a form that encoders write for messages of remote write: no length of 3 or 4 bytes, no offset of 4.</param>
internal readonly record struct SnappyElement(long Bytes, long Unpacked, long? Offset, bool IsUsual)
{
    /// <summary>Reads the element at the beginning of <paramref name="elements"/>; false if it is not whole.</summary>
    public static bool TryRead(ReadOnlySpan<byte> elements, out SnappyElement element)
    {
        element = default;
        if (elements.IsEmpty)
        {
            return false;
        }

        int upper = elements[0] >> 2;
        int kind = elements[0] & 3;

        // A copy has an offset of 1, 2 or 4 bytes; a literal of more than 60 bytes a length of 1 to 4.
        int more = kind == 0 ? Math.Max(0, upper - 59) : 1 << (kind - 1);
        if (elements.Length < 1 + more)
        {
            return false;
        }

        long number = ReadLittleEndian(elements.Slice(1, more));
        if (kind == 0)
        {
            long length = more > 0 ? number + 1 : upper + 1;
            element = new SnappyElement(1 + more + length, length, null, more <= 2);
            return element.Bytes <= elements.Length;
        }

        element = kind == 1
            ? new SnappyElement(2, (upper & 7) + 4, ((upper >> 3) * 256) + number, true)
            : new SnappyElement(1 + more, upper + 1, number, kind == 2);
        return true;
    }

    private static long ReadLittleEndian(ReadOnlySpan<byte> bytes)
    {
        long value = 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }

        return value;
    }
}
