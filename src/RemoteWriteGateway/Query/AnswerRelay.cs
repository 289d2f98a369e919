using System.Buffers;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>Passes a store's answer on as it comes, and never holds more than one piece of it.</summary>
internal static class AnswerRelay
{
    private const int PieceBytes = 64 << 10;

    /// <summary>Sets what every answer to a reader has; every header of the store is dropped.</summary>
    public static void SetHead(HttpResponse response, string contentType)
    {
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = contentType;
    }

    /// <summary>Relays a JSON answer.</summary>
    /// <returns>A refusal if nothing was sent yet; afterwards the connection is aborted when the store breaks off.</returns>
    public static async Task<Refusal?> RelayJsonAsync(ReadContext read, StoreAnswer answer)
    {
        if (answer.MediaType != "application/json")
        {
            return ReadRefusals.StoreInvalid("it is not JSON");
        }

        if (answer.Encoding is not null && (answer.Encoding != "gzip" || !read.AcceptsGzip))
        {
            return ReadRefusals.StoreInvalid("its coding was not asked for");
        }

        long max = read.Scope.Limits.MaxResponseBytes;
        if (max > 0 && answer.Response.Content.Headers.ContentLength > max)
        {
            return ReadRefusals.TooLarge("maxResponseBytes", max);
        }

        HttpResponse response = read.Http.Response;
        SetHead(response, "application/json");
        response.Headers.Vary = "Accept-Encoding";
        if (answer.Encoding is not null)
        {
            response.Headers.ContentEncoding = answer.Encoding;
        }

        response.ContentLength = answer.Response.Content.Headers.ContentLength;
        return await CopyAsync(read, answer, max);
    }

    private static async Task<Refusal?> CopyAsync(ReadContext read, StoreAnswer answer, long max)
    {
        byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            await using Stream body = await answer.OpenAsync();
            while (true)
            {
                int length = await body.ReadAsync(piece.AsMemory(0, PieceBytes), answer.NextPiece());
                if (length == 0)
                {
                    return null;
                }

                read.Record.NoteFirstByte();
                read.Record.ResultBytes += length;
                if (max > 0 && read.Record.ResultBytes > max)
                {
                    return Abort(read, ReadRefusals.TooLarge("maxResponseBytes", max));
                }

                if (length == read.Http.Response.ContentLength)
                {
                    // A small answer leaves with its head, in one packet, when the request is over.
                    read.Http.Response.BodyWriter.Write(piece.AsSpan(0, length));
                    return null;
                }

                await read.Http.Response.Body.WriteAsync(piece.AsMemory(0, length), read.Gone);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            return Abort(read, StoreReader.OfBrokenBody(answer, e is OperationCanceledException));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>Ends an answer that cannot be ended well: never cleanly, or the client would take it for whole.</summary>
    public static Refusal Abort(ReadContext read, Refusal refusal)
    {
        if (read.Http.Response.HasStarted)
        {
            read.Record.IsAborted = true;
            read.Http.Abort();
        }

        return refusal;
    }
}
