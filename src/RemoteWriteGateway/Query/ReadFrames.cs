using System.Buffers;
using System.Buffers.Binary;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteRead;

namespace RemoteWriteGateway.Query;

/// <summary>Relays a streamed remote read: a frame leaves when all of it was read and looked at, so one at a time is held.</summary>
/// <remarks>A frame is the message's length as a varint, its CRC-32C as four bytes, big-endian, and the message.</remarks>
internal static class ReadFrames
{
    public const string ContentType = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

    private const int MaxFrameBytes = 32 << 20;
    private const int MaxLengthBytes = 5;
    private const int ChecksumBytes = 4;

    public static async Task<Refusal?> RelayAsync(ReadContext read, StoreAnswer answer, ReadAnswerCheck check, int queries, StoreQuestions questions)
    {
        byte[] frame = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            await using Stream body = await answer.OpenAsync();
            AnswerRelay.SetHead(read.Http.Response, ContentType);
            while (true)
            {
                (int head, int length) = await ReadLengthAsync(body, answer, frame);
                if (head == 0)
                {
                    // An answer without any series has no frame.
                    return null;
                }

                if (length is < 0 or > MaxFrameBytes)
                {
                    return AnswerRelay.Abort(read, ReadRefusals.StoreInvalid("a frame has no valid length"));
                }

                int whole = head + ChecksumBytes + length;
                frame = Grow(frame, head, whole);
                await ReadAllAsync(body, answer, frame.AsMemory(head, whole - head));
                if (Look(read, frame.AsSpan(head, whole - head), check, queries, questions) is { } bad)
                {
                    return AnswerRelay.Abort(read, bad);
                }

                read.Record.NoteFirstByte();
                read.Record.ResultBytes += whole;
                await read.Http.Response.Body.WriteAsync(frame.AsMemory(0, whole), read.Gone);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            return AnswerRelay.Abort(read, StoreReader.OfBrokenBody(answer, e is OperationCanceledException));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    private static Refusal? Look(ReadContext read, ReadOnlySpan<byte> sumAndMessage, ReadAnswerCheck check, int queries, StoreQuestions questions)
    {
        ReadOnlySpan<byte> message = sumAndMessage[ChecksumBytes..];
        if (BinaryPrimitives.ReadUInt32BigEndian(sumAndMessage) != ReadAnswerCheck.Crc32C(message))
        {
            return ReadRefusals.StoreInvalid("a frame has a wrong checksum");
        }

        ReadAnswerVerdict verdict = check.LookAtFrame(message, queries, out long series);
        read.Record.ResultSeries = (read.Record.ResultSeries ?? 0) + series;
        return verdict switch
        {
            ReadAnswerVerdict.Good => null,
            ReadAnswerVerdict.Violation => questions.Violation(read),
            _ => ReadRefusals.StoreInvalid("a frame is no answer to a remote read"),
        };
    }

    /// <summary>Reads the length, byte by byte as it says itself where it ends.</summary>
    /// <returns>How many bytes it has, 0 at the end of the stream; and the length, −1 if it is none.</returns>
    private static async ValueTask<(int Head, int Length)> ReadLengthAsync(Stream body, StoreAnswer answer, byte[] frame)
    {
        ulong length = 0;
        for (int i = 0; i < MaxLengthBytes; i++)
        {
            if (await body.ReadAsync(frame.AsMemory(i, 1), answer.NextPiece()) == 0)
            {
                return i == 0 ? (0, 0) : throw new IOException("The stream ends within a frame.");
            }

            length |= (ulong)(frame[i] & 0x7F) << (7 * i);
            if (frame[i] < 0x80)
            {
                return (i + 1, length <= MaxFrameBytes ? (int)length : -1);
            }
        }

        return (MaxLengthBytes, -1);
    }

    private static async ValueTask ReadAllAsync(Stream body, StoreAnswer answer, Memory<byte> to)
    {
        while (!to.IsEmpty)
        {
            int length = await body.ReadAsync(to, answer.NextPiece());
            if (length == 0)
            {
                throw new IOException("The stream ends within a frame.");
            }

            to = to[length..];
        }
    }

    private static byte[] Grow(byte[] frame, int kept, int needed)
    {
        if (frame.Length >= needed)
        {
            return frame;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(needed);
        frame.AsSpan(0, kept).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(frame);
        return larger;
    }
}
