using Snappier;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Snappy in block format, bounded: the stated length is checked before anything is rented or unpacked.</summary>
/// <remarks>Source: "Snappy compressed format description" of the snappy project; a block is a varint of the unpacked length, then elements.</remarks>
public static class SnappyBlock
{
    /// <summary>
    /// A body cannot unpack to more than so many times its own size: the densest element is a copy of 64 bytes in 3.
    /// </summary>
    private const int MaxRatio = 22;

    /// <summary>What the framing format begins with. As a block it would be one of 895 bytes, so that only this check can tell.</summary>
    private static ReadOnlySpan<byte> FramingMagic => [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];

    /// <summary>Unpacks <see cref="WriteWork.Body"/> into <see cref="WriteWork.Decoded"/>.</summary>
    /// <param name="work">Buffers; a fault is set on its result, with reason <c>malformed-snappy</c> or <c>decoded-too-large</c>.</param>
    /// <param name="maxDecodedBytes">Most bytes that the body may unpack to.</param>
    /// <returns>False if the result has a fault; <see cref="WriteWork.Decoded"/> is empty then.</returns>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static bool TryDecompress(WriteWork work, int maxDecodedBytes)
    {
        ReadOnlySpan<byte> body = work.Body.Span;
        work.Decoded.Clear();
        if (body.StartsWith(FramingMagic))
        {
            return Malformed(work, "it is in the framing format; send the block format");
        }

        if (!TryReadLength(body, out uint length))
        {
            return Malformed(work, "it has no valid length in front");
        }

        if (length > maxDecodedBytes)
        {
            work.Result.SetFault(StampReason.DecodedTooLarge, StampText.TooManyBytes("unpacks to", length, maxDecodedBytes, "maxDecodedBytes"));
            return false;
        }

        if (length > (long)body.Length * MaxRatio)
        {
            return Malformed(work, $"{body.Length} bytes cannot unpack to the {length} that it states");
        }

        work.Decoded.Resize((int)length);
        try
        {
            int written = Snappy.Decompress(body, work.Decoded.Array.AsSpan(0, (int)length));
            if (written == (int)length)
            {
                return true;
            }

            work.Decoded.Clear();
            return Malformed(work, $"it states {length} bytes and holds {written}");
        }
        catch (Exception exception) when (exception is InvalidDataException or ArgumentException)
        {
            // ArgumentException: the elements hold more than the stated length.
            work.Decoded.Clear();
            return Malformed(work, $"its elements do not unpack to the {length} bytes that it states");
        }
    }

    /// <summary>Packs <paramref name="message"/> into <paramref name="output"/>, whose contents are replaced.</summary>
    /// <exception cref="ByteBudgetExceededException"><paramref name="output"/> may not grow further; the request can be repeated.</exception>
    public static void Compress(ReadOnlySpan<byte> message, WriteBuffer output)
    {
        int room = Snappy.GetMaxCompressedLength(message.Length);
        output.Resize(room);
        output.Length = Snappy.Compress(message, output.Array.AsSpan(0, room));
    }

    private static bool TryReadLength(ReadOnlySpan<byte> body, out uint length)
    {
        length = 0;
        for (int i = 0; i < 5 && i < body.Length; i++)
        {
            uint part = body[i] & 0x7Fu;
            if (i == 4 && part > 0x0F)
            {
                return false;
            }

            length |= part << (7 * i);
            if (body[i] < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    private static bool Malformed(WriteWork work, string fault)
    {
        work.Result.SetFault(StampReason.MalformedSnappy, $"body is not one snappy block: {fault}");
        return false;
    }
}
