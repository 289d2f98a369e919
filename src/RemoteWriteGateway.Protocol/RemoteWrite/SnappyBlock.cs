using System.Buffers;
using System.Security.Cryptography;
using Snappier;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Snappy in block format, bounded: the stated length is checked before anything is rented or unpacked.</summary>
/// <remarks>Source: "Snappy compressed format description" of the snappy project: a block is a varint of the unpacked length, then elements.</remarks>
public static class SnappyBlock
{
    /// <summary>
    /// A body cannot unpack to more than so many times its own size: the densest element is a copy of 64 bytes in 3.
    /// </summary>
    private const int MaxRatio = 22;

    private const int MaxLengthBytes = 5;

    /// <summary>A literal of eight bytes: the tag has the length, less one, in its upper six bits.</summary>
    private const byte LiteralOfEight = (8 - 1) << 2;

    private static readonly byte[] Random = RandomNumberGenerator.GetBytes(8);

    /// <summary>What <see cref="SentinelElements"/> unpack to.</summary>
    private static readonly byte[] Sentinel = [.. Random, .. Random];

    /// <summary>Eight random bytes, and a copy of the eight bytes before: length, less four, and offset.</summary>
    private static readonly byte[] SentinelElements = [LiteralOfEight, .. Random, ((8 - 4) << 2) | 1, 8];

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

        if (TryUnpack(work, (int)length))
        {
            return true;
        }

        work.Decoded.Clear();
        return Malformed(work, $"its elements do not unpack to the {length} bytes that it states");
    }

    /// <summary>Packs <paramref name="message"/> into <paramref name="output"/>, whose contents are replaced.</summary>
    /// <exception cref="ByteBudgetExceededException"><paramref name="output"/> may not grow further; the request can be repeated.</exception>
    public static void Compress(ReadOnlySpan<byte> message, WriteBuffer output)
    {
        int room = Snappy.GetMaxCompressedLength(message.Length);
        output.Resize(room);
        output.Length = Snappy.Compress(message, output.Array.AsSpan(0, room));
    }

    /// <summary>
    /// Packs an outgoing message of <paramref name="work"/> into its <see cref="WriteWork.Output"/>, whose contents are replaced. As far as
    /// the message begins like <see cref="WriteWork.Decoded"/> what the sender packed is passed on, see <see cref="SnappyReuse"/>.
    /// </summary>
    /// <remarks>
    /// It is copied there: packing needs room for more than the message, and the output is held until the store has answered. What can hardly be packed is
    /// not: room and output of a large request together would be more than its tenant's limits are checked against.
    /// </remarks>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static void Compress(WriteWork work, ReadOnlySpan<byte> message)
    {
        if (!SnappyReuse.TryCompress(work, message))
        {
            Compress(message, work.Packed);
        }

        WriteBuffer packed = work.Packed;
        if (packed.Length > packed.Capacity / 2)
        {
            packed.SwapWith(work.Output);
        }
        else
        {
            work.Output.Clear();
            work.Output.Append(packed.Span);
        }
    }

    /// <summary>Unpacks what <see cref="Compress(WriteWork, ReadOnlySpan{byte})"/> has made of <see cref="WriteWork.Stamped"/>, into it again.</summary>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static void RestoreStamped(WriteWork work)
    {
        work.Stamped.Clear();
        Unpack(work.Output, work.Stamped);
    }

    /// <summary>
    /// Unpacks a block behind what is in <paramref name="unpacked"/>. Through its writer: into a span Snappier unpacks only by way of an array from the process'
    /// shared pool, which no budget counts, and which it copies from and clears.
    /// </summary>
    private static void Unpack(WriteBuffer packed, WriteBuffer unpacked) => Snappy.Decompress(new ReadOnlySequence<byte>(packed.Memory), unpacked);

    /// <summary>Unpacks a body that states <paramref name="length"/> bytes; false if it holds more or less.</summary>
    /// <remarks>
    /// Snappier stops at the stated length and does not say whether elements are left over, nor whether the last one was
    /// whole. So a sentinel is put behind the body, as elements that the length covers: it comes out behind the message if
    /// the body's own elements end where they should. It is random, so that no sender can write it, and its second half is a
    /// copy, so that it does not come out of a literal that ends too late. Only one of those gets past it, the one that has
    /// taken in the first half; its tag is then the message's last byte, and the elements are counted one by one.
    /// </remarks>
    private static bool TryUnpack(WriteWork work, int length)
    {
        WriteBuffer body = work.Body;
        WriteBuffer decoded = work.Decoded;
        decoded.Reserve(length + Sentinel.Length);
        Span<byte> stated = stackalloc byte[MaxLengthBytes];
        int statedBytes = body.Span[..Math.Min(body.Length, MaxLengthBytes)].IndexOfAnyInRange((byte)0, (byte)0x7F) + 1;
        body.Span[..statedBytes].CopyTo(stated);
        int raisedBytes = Math.Max(statedBytes, WireWriter.VarintSize((uint)(length + Sentinel.Length)));
        bool isWidened = raisedBytes > statedBytes;
        if (isWidened)
        {
            body.Insert(0, [0]);
        }

        WriteLength(body.Array.AsSpan(0, raisedBytes), (uint)(length + Sentinel.Length));
        body.Append(SentinelElements);
        bool isWhole;
        try
        {
            Unpack(body, decoded);
            isWhole = decoded.Length == length + Sentinel.Length && decoded.Span[length..].SequenceEqual(Sentinel);
        }
        catch (Exception exception) when (exception is InvalidDataException or ArgumentException)
        {
            isWhole = false;
        }
        finally
        {
            // The body is given back as it came.
            body.Length -= SentinelElements.Length;
            if (isWidened)
            {
                body.Array.AsSpan(1, body.Length - 1).CopyTo(body.Array);
                body.Length--;
            }

            stated[..statedBytes].CopyTo(body.Array);
        }

        decoded.Length = length;
        bool isDoubtful = isWhole && length > 0 && decoded.Array[length - 1] == LiteralOfEight;
        return isDoubtful ? ElementsComeTo(body.Span[statedBytes..], length) : isWhole;
    }

    /// <summary>Whether the elements of a block are all whole and unpack to <paramref name="length"/> bytes together.</summary>
    private static bool ElementsComeTo(ReadOnlySpan<byte> elements, long length)
    {
        while (SnappyElement.TryRead(elements, out SnappyElement element))
        {
            length -= element.Unpacked;
            elements = elements[(int)element.Bytes..];
        }

        return elements.IsEmpty && length == 0;
    }

    /// <summary>Writes a varint of exactly as many bytes as there are, padded if need be.</summary>
    private static void WriteLength(Span<byte> to, uint length)
    {
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = (byte)(((length >> (7 * i)) & 0x7F) | (i < to.Length - 1 ? 0x80u : 0));
        }
    }

    private static bool TryReadLength(ReadOnlySpan<byte> body, out uint length)
    {
        length = 0;
        for (int i = 0; i < MaxLengthBytes && i < body.Length; i++)
        {
            uint part = body[i] & 0x7Fu;
            if (i == MaxLengthBytes - 1 && part > 0x0F)
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
