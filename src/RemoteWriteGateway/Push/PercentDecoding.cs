using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace RemoteWriteGateway.Push;

/// <summary>Undoes percent encoding once: <c>+</c> stays a plus, a wrong escape is a fault and not a text.</summary>
internal static class PercentDecoding
{
    private const int StackBytes = 256;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes a segment of a path.</summary>
    /// <returns>False for a cut or wrong escape, for bytes that are not UTF-8, and for U+0000.</returns>
    public static bool TryDecode(string encoded, [NotNullWhen(true)] out string? text)
    {
        text = encoded.Contains('%', StringComparison.Ordinal) || !Ascii.IsValid(encoded) ? null : encoded;
        if (text is not null)
        {
            return !text.Contains('\0', StringComparison.Ordinal);
        }

        int most = Strict.GetMaxByteCount(encoded.Length);
        byte[]? rented = most > StackBytes ? ArrayPool<byte>.Shared.Rent(most) : null;
        try
        {
            Span<byte> bytes = rented ?? stackalloc byte[StackBytes];
            int length = Decode(encoded, bytes);
            text = length < 0 || bytes[..length].Contains((byte)0) ? null : Strict.GetString(bytes[..length]);
        }
        catch (ArgumentException)
        {
            // Not UTF-8.
            text = null;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        return text is not null;
    }

    /// <summary>Returns the number of bytes, or −1 for a wrong escape.</summary>
    private static int Decode(string encoded, Span<byte> bytes)
    {
        int length = 0;
        ReadOnlySpan<char> rest = encoded;
        while (!rest.IsEmpty)
        {
            int plain = rest.IndexOf('%');
            plain = plain < 0 ? rest.Length : plain;
            length += Strict.GetBytes(rest[..plain], bytes[length..]);
            rest = rest[plain..];
            if (rest.IsEmpty)
            {
                break;
            }

            if (rest.Length < 3 || !char.IsAsciiHexDigit(rest[1]) || !char.IsAsciiHexDigit(rest[2]))
            {
                return -1;
            }

            bytes[length++] = (byte)((FromHex(rest[1]) << 4) | FromHex(rest[2]));
            rest = rest[3..];
        }

        return length;
    }

    private static int FromHex(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
