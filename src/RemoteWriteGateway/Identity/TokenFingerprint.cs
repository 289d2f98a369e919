using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RemoteWriteGateway.Identity;

/// <summary>SHA-256 of a text, as a value: names a token, or a key id of any length, without keeping it.</summary>
internal readonly struct TokenFingerprint : IEquatable<TokenFingerprint>
{
    private const int MaxStackBytes = 4096;

    private readonly Bytes _bytes;

    private TokenFingerprint(ReadOnlySpan<byte> text)
    {
        SHA256.HashData(text, _bytes);
    }

    /// <summary>Hashes the exact characters of a token. Nothing is allocated.</summary>
    /// <returns>False if there are characters outside of ASCII: no token then.</returns>
    public static bool TryOfToken(ReadOnlySpan<char> token, out TokenFingerprint fingerprint)
    {
        byte[]? rented = null;
        Span<byte> bytes = token.Length <= MaxStackBytes
            ? stackalloc byte[MaxStackBytes]
            : (rented = ArrayPool<byte>.Shared.Rent(token.Length));
        bool isAscii = Ascii.FromUtf16(token, bytes, out int length) == OperationStatus.Done;
        fingerprint = isAscii ? new TokenFingerprint(bytes[..length]) : default;

        // The token leaves no copy behind in a buffer that others rent.
        bytes[..length].Clear();
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return isAscii;
    }

    public static TokenFingerprint Of(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>The first half, 16 bytes: what the audit records of a token.</summary>
    public ImmutableArray<byte> FirstHalf() => [.. ((ReadOnlySpan<byte>)_bytes)[..(SHA256.HashSizeInBytes / 2)]];

    public bool Equals(TokenFingerprint other) => ((ReadOnlySpan<byte>)_bytes).SequenceEqual(other._bytes);

    public override bool Equals(object? obj) => obj is TokenFingerprint other && Equals(other);

    /// <summary>Any four bytes do: they are a hash already.</summary>
    public override int GetHashCode() => MemoryMarshal.Read<int>(_bytes);

    [InlineArray(SHA256.HashSizeInBytes)]
    private struct Bytes
    {
        private byte _first;
    }
}
