using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Http;

/// <summary>Reads a request's body into one buffer, counted while it is read.</summary>
internal static class BodyReader
{
    // A stated length is only believed so far: the rest of the room is made as bytes arrive.
    private const int FirstReserve = 1 << 20;

    /// <summary>Reads the whole body. Bodies may come chunked and without a length.</summary>
    /// <returns>False if it is longer than <paramref name="maxBytes"/>: what was read is in <paramref name="body"/>, the rest is not read.</returns>
    /// <exception cref="BadHttpRequestException">The body is slower than the minimum rate, is not framed as HTTP says, or breaks off.</exception>
    /// <exception cref="ByteBudgetExceededException">The bytes that all requests may hold are used up.</exception>
    public static async ValueTask<bool> TryReadAsync(HttpRequest request, WriteBuffer body, int maxBytes)
    {
        if (request.ContentLength is { } length)
        {
            if (length > maxBytes)
            {
                return false;
            }

            body.Reserve((int)Math.Min(length, FirstReserve));
        }

        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult read = await ReadAsync(request);
            if (read.Buffer.Length > maxBytes - body.Length)
            {
                reader.AdvanceTo(read.Buffer.End);
                return false;
            }

            try
            {
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    body.Append(segment.Span);
                }
            }
            finally
            {
                // Also if the bytes of all are used up: Kestrel reads the rest, or breaks the connection, and the sender never sees the answer.
                reader.AdvanceTo(read.Buffer.End);
            }

            if (read.IsCompleted)
            {
                return true;
            }
        }
    }

    /// <summary>Reads on. Without a token: a read ends with the connection, and one that was cancelled Kestrel logs as an error.</summary>
    private static async ValueTask<ReadResult> ReadAsync(HttpRequest request)
    {
        try
        {
            return await request.BodyReader.ReadAsync();
        }
        catch (Exception e) when (e is ConnectionResetException or OperationCanceledException)
        {
            // Nobody is there any more. Told so, Kestrel does not try to read the rest, which it would log as an error, too.
            request.HttpContext.Abort();
            throw new BadHttpRequestException("The connection broke.", e);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            // Kestrel's words for a stream that was reset, and for a chunk's size that does not fit a number.
            throw new BadHttpRequestException("The body broke off.", e);
        }
    }
}
