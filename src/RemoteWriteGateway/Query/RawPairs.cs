using System.Text.Unicode;

namespace RemoteWriteGateway.Query;

/// <summary>Takes pairs of a query string or form apart, one after the other. What stores would read differently is a fault.</summary>
/// <remarks>
/// Split at <c>&amp;</c>, empty pieces skipped, the first <c>=</c> separates, <c>+</c> is a blank, escapes are undone once. A bad or cut
/// escape, a raw <c>;</c>, bytes that are not UTF-8, NUL: a fault.
/// </remarks>
internal ref struct RawPairs(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;

    /// <summary>The next piece: its name and value, still encoded.</summary>
    public bool TryNext(out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        while (!_rest.IsEmpty)
        {
            int end = _rest.IndexOf((byte)'&');
            ReadOnlySpan<byte> piece = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? [] : _rest[(end + 1)..];
            if (!piece.IsEmpty)
            {
                int equals = piece.IndexOf((byte)'=');
                name = equals < 0 ? piece : piece[..equals];
                value = equals < 0 ? [] : piece[(equals + 1)..];
                return true;
            }
        }

        name = value = [];
        return false;
    }

    /// <summary>Undoes the encoding of a name or value.</summary>
    /// <param name="encoded">As it came.</param>
    /// <param name="output">At least as long as <paramref name="encoded"/>.</param>
    /// <param name="written">Bytes in <paramref name="output"/>.</param>
    /// <returns>False if it cannot be read in one way only.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, Span<byte> output, out int written)
    {
        written = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            byte next = encoded[i];
            switch (next)
            {
                case (byte)'%':
                    if (i + 2 >= encoded.Length || !TryHex(encoded[i + 1], encoded[i + 2], out next) || next == 0)
                    {
                        return false;
                    }

                    i += 2;
                    break;
                case (byte)'+':
                    next = (byte)' ';
                    break;
                case (byte)';' or 0:
                    return false;
            }

            output[written++] = next;
        }

        return Utf8.IsValid(output[..written]);
    }

    private static bool TryHex(byte high, byte low, out byte value)
    {
        int upper = HexOf(high);
        int lower = HexOf(low);
        value = (byte)((upper << 4) | lower);
        return (upper | lower) >= 0;
    }

    private static int HexOf(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };
}
