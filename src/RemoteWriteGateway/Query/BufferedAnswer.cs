using System.Buffers;
using System.IO.Compression;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>A store's answer, read whole into pooled pieces: it is looked at before its first byte leaves.</summary>
internal sealed class BufferedAnswer : IDisposable
{
    private const int PieceBytes = 64 << 10;

    private readonly List<(byte[] Array, int Length)> _pieces = [];

    private BufferedAnswer()
    {
    }

    public long Length { get; private set; }

    /// <summary>All of it; valid until this is disposed.</summary>
    public ReadOnlySequence<byte> Bytes
    {
        get
        {
            if (_pieces.Count == 0)
            {
                return ReadOnlySequence<byte>.Empty;
            }

            Segment first = new(_pieces[0].Array.AsMemory(0, _pieces[0].Length), null);
            Segment last = first;
            foreach ((byte[] array, int length) in _pieces.Skip(1))
            {
                last = new Segment(array.AsMemory(0, length), last);
            }

            return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
        }
    }

    /// <summary>Reads it. A store that compresses though it was not asked to is decoded, gzip only, under the same limit.</summary>
    /// <param name="answer">The answer; left open.</param>
    /// <param name="maxBytes">Most bytes, decoded.</param>
    /// <param name="limitKey">What the limit is called.</param>
    /// <returns>The answer, or a refusal.</returns>
    public static async Task<(BufferedAnswer? Body, Refusal? Refusal)> ReadAsync(StoreAnswer answer, long maxBytes, string limitKey) =>
        answer.Encoding is null or "gzip"
            ? await ReadAsync(answer, maxBytes, limitKey, unpack: answer.Encoding is not null)
            : (null, ReadRefusals.StoreInvalid("its coding is unknown"));

    /// <summary>Reads it as it is packed, by whatever coding.</summary>
    public static Task<(BufferedAnswer? Body, Refusal? Refusal)> ReadPackedAsync(StoreAnswer answer, long maxBytes, string limitKey) =>
        ReadAsync(answer, maxBytes, limitKey, unpack: false);

    private static async Task<(BufferedAnswer? Body, Refusal? Refusal)> ReadAsync(StoreAnswer answer, long maxBytes, string limitKey, bool unpack)
    {
        BufferedAnswer body = new();
        bool isDone = false;
        try
        {
            await using Stream raw = await answer.OpenAsync();
            await using Stream stream = !unpack ? raw : new GZipStream(raw, CompressionMode.Decompress, leaveOpen: true);
            while (true)
            {
                int read = await body.FillAsync(stream, answer.NextPiece());
                if (read == 0)
                {
                    isDone = true;
                    return (body, null);
                }

                if (body.Length > maxBytes)
                {
                    return (null, ReadRefusals.TooLarge(limitKey, maxBytes));
                }
            }
        }
        catch (InvalidDataException)
        {
            return (null, ReadRefusals.StoreInvalid("it is not the gzip that it says"));
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            return (null, StoreReader.OfBrokenBody(answer, e is OperationCanceledException));
        }
        finally
        {
            if (!isDone)
            {
                body.Dispose();
            }
        }
    }

    /// <summary>Sends it as it came.</summary>
    public async Task WriteToAsync(ReadContext read)
    {
        read.Http.Response.ContentLength = Length;
        read.Record.NoteFirstByte();
        foreach ((byte[] array, int length) in _pieces)
        {
            await read.Http.Response.Body.WriteAsync(array.AsMemory(0, length), read.Gone);
            read.Record.ResultBytes += length;
        }
    }

    public void Dispose()
    {
        foreach ((byte[] array, _) in _pieces)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        _pieces.Clear();
    }

    private async ValueTask<int> FillAsync(Stream stream, CancellationToken cancellationToken)
    {
        if (_pieces.Count == 0 || _pieces[^1].Length == _pieces[^1].Array.Length)
        {
            _pieces.Add((ArrayPool<byte>.Shared.Rent(PieceBytes), 0));
        }

        (byte[] array, int length) = _pieces[^1];
        int read = await stream.ReadAsync(array.AsMemory(length), cancellationToken);
        _pieces[^1] = (array, length + read);
        Length += read;
        return read;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
