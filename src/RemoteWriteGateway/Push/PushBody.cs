using System.IO.Compression;
using System.Security.Cryptography;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Push;

/// <summary>Reads and unpacks the body of a push, bounded by the tenant's limits.</summary>
internal static class PushBody
{
    private const int SentinelBytes = 16;

    private static readonly byte[] Sentinel = RandomNumberGenerator.GetBytes(SentinelBytes);

    /// <summary>A gzip member that unpacks to <see cref="Sentinel"/>.</summary>
    private static readonly byte[] SentinelMember = Pack(Sentinel);

    /// <summary>Reads the whole body into <see cref="WriteWork.Body"/>.</summary>
    /// <exception cref="BadHttpRequestException">The body is slower than the minimum rate, is not framed as HTTP says, or breaks off.</exception>
    /// <exception cref="ByteBudgetExceededException">The bytes that all requests may hold are used up.</exception>
    public static async ValueTask<Refusal?> ReadAsync(HttpRequest request, WriteWork work, int maxBytes)
    {
        if (await BodyReader.TryReadAsync(request, work.Body, maxBytes))
        {
            return null;
        }

        string size = request.ContentLength is { } length ? $"{length}" : $"more than {maxBytes}";
        return Bad("body-too-large", $"the body has {size} bytes, limit {maxBytes}; push less at once or raise maxBodyBytes");
    }

    /// <summary>Unpacks <see cref="WriteWork.Body"/>.</summary>
    /// <param name="work">The body, which stays as it is, and the room for what it unpacks to.</param>
    /// <param name="encoding">A known one.</param>
    /// <param name="maxBytes">Most bytes that it may unpack to.</param>
    /// <param name="unpacked">The content: valid until <paramref name="work"/> is given back.</param>
    /// <exception cref="ByteBudgetExceededException">The bytes that all requests may hold are used up.</exception>
    public static Refusal? Unpack(WriteWork work, PushEncoding encoding, int maxBytes, out ReadOnlyMemory<byte> unpacked)
    {
        // An empty body is an empty push, whatever the headers say.
        if (encoding == PushEncoding.None || work.Body.Length == 0)
        {
            unpacked = work.Body.Memory;
            return unpacked.Length > maxBytes ? TooLarge(maxBytes) : null;
        }

        Refusal? refusal = encoding == PushEncoding.Gzip ? UnpackGzip(work, maxBytes) : UnpackSnappy(work, maxBytes);
        unpacked = work.Decoded.Memory;
        return refusal;
    }

    /// <remarks>
    /// .NET's stream takes a body that was cut off for its end, and leaves out what stands behind the last member. So one more member of
    /// random bytes is put behind: only if all before it is whole they come out, and last.
    /// </remarks>
    private static Refusal? UnpackGzip(WriteWork work, int maxBytes)
    {
        int length = work.Body.Length;
        work.Body.Append(SentinelMember);
        try
        {
            using var packed = new MemoryStream(work.Body.Array, 0, work.Body.Length, writable: false);
            using var stream = new GZipStream(packed, CompressionMode.Decompress);
            int read;
            do
            {
                read = stream.Read(work.Decoded.GetSpan(4096));
                work.Decoded.Advance(read);
                if (work.Decoded.Length > maxBytes + SentinelBytes)
                {
                    return TooLarge(maxBytes);
                }
            }
            while (read > 0);

            if (!work.Decoded.Span.EndsWith(Sentinel))
            {
                return Bad("malformed-gzip", "the body is not whole gzip: it is cut off, or something stands behind its end");
            }

            work.Decoded.Length -= SentinelBytes;
            return null;
        }
        catch (InvalidDataException)
        {
            return Bad("malformed-gzip", "the body is not gzip; send it as it is without Content-Encoding, or packed as the header says");
        }
        finally
        {
            work.Body.Length = length;
        }
    }

    private static Refusal? UnpackSnappy(WriteWork work, int maxBytes)
    {
        bool isWhole = SnappyFraming.Begins(work.Body.Span) ? SnappyFraming.TryDecompress(work, maxBytes) : SnappyBlock.TryDecompress(work, maxBytes);
        return isWhole ? null : Bad(work.Result.Fault.Id(), work.Result.FaultText);
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var stream = new GZipStream(packed, CompressionLevel.NoCompression, leaveOpen: true))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    private static Refusal TooLarge(int maxBytes) =>
        Bad("decoded-too-large", $"the body unpacks to more than {maxBytes} bytes, limit {maxBytes}; push less at once or raise maxDecodedBytes");

    private static Refusal Bad(string reason, string text) => new(reason, StatusCodes.Status400BadRequest, text);
}
