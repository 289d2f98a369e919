using System.Buffers.Binary;
using Snappier;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Packs a message that begins as the sender's did: what the sender had packed already is passed on as it is, and only what follows is packed.
/// </summary>
/// <remarks>
/// A stamped 2.0 request begins with the sender's symbols, which are a third to a half of it; a request that nothing was changed in
/// is the sender's altogether (<c>SnappyBenchmarks</c>). An element of a block refers to nothing but bytes before it, so elements of
/// equal beginnings are interchangeable. They are looked at one by one, and those that decoders might read differently are not
/// passed on: the store must unpack what we have looked at.
/// </remarks>
internal static class SnappyReuse
{
    /// <summary>Below so many equal bytes it is not worth a look at the elements.</summary>
    private const int MinUnpackedBytes = 1024;

    private static readonly ShortElement[] ShortElements = ReadShortElements();

    /// <summary>Packs <paramref name="message"/> into <see cref="WriteWork.Packed"/>, if enough of it is as in <see cref="WriteWork.Decoded"/>.</summary>
    /// <returns>False if it is not: nothing was written.</returns>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static bool TryCompress(WriteWork work, ReadOnlySpan<byte> message)
    {
        int equal = message.CommonPrefixLength(work.Decoded.Span);
        if (equal < MinUnpackedBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> body = work.Body.Span;
        int lengthBytes = body.IndexOfAnyInRange((byte)0, (byte)0x7F) + 1;
        Beginning kept = Measure(body[lengthBytes..], equal);
        if (kept.Unpacked < MinUnpackedBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = message[kept.Unpacked..];
        int room = Snappy.GetMaxCompressedLength(rest.Length);
        WriteBuffer output = work.Packed;
        output.Clear();
        output.Reserve(WireWriter.MaxVarintBytes + kept.Bytes + room);
        int position = WireWriter.WriteVarint(output.Array, 0, (uint)message.Length);
        int end = position + kept.Bytes;
        if (!rest.IsEmpty)
        {
            // With its own length in front, which the elements that are kept are written over: they are longer.
            int ownLengthBytes = WireWriter.VarintSize((uint)rest.Length);
            end += Snappy.Compress(rest, output.Array.AsSpan(end - ownLengthBytes, room)) - ownLengthBytes;
        }

        body.Slice(lengthBytes, kept.Bytes).CopyTo(output.Array.AsSpan(position));
        output.Length = end;
        return true;
    }

    /// <summary>Finds the elements that unpack to no more than the first <paramref name="maxUnpacked"/> bytes.</summary>
    private static Beginning Measure(ReadOnlySpan<byte> elements, int maxUnpacked)
    {
        Beginning beginning = PassShort(elements, maxUnpacked, default);
        while (SnappyElement.TryRead(elements[beginning.Bytes..], out SnappyElement element)
            && element.IsUsual
            && element.Offset is not 0 and not < 0
            && !(element.Offset > beginning.Unpacked)
            && beginning.Unpacked + element.Unpacked <= maxUnpacked)
        {
            beginning = PassShort(
                elements, maxUnpacked, new Beginning(beginning.Bytes + (int)element.Bytes, beginning.Unpacked + (int)element.Unpacked));
        }

        return beginning;
    }

    /// <summary>
    /// Goes on over short literals and near copies, which nearly all elements are, as long as they may be kept. Their tags tell all of them but the
    /// offset, so that there is no branch for their kinds, which a processor could not predict. Whatever is otherwise is left to the general way.
    /// </summary>
    private static Beginning PassShort(ReadOnlySpan<byte> elements, int maxUnpacked, Beginning beginning)
    {
        ReadOnlySpan<ShortElement> shorts = ShortElements;
        int position = beginning.Bytes;
        int unpacked = beginning.Unpacked;
        while (position <= elements.Length - sizeof(uint))
        {
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(elements[position..]);
            ShortElement element = shorts[(byte)head];
            uint offset = ((head >> 8) & element.OffsetMask) + element.OffsetBase;
            int end = position + element.Bytes;
            int unpackedEnd = unpacked + element.Unpacked;
            if (offset - 1 >= (uint)unpacked || end > elements.Length || unpackedEnd > maxUnpacked)
            {
                break;
            }

            position = end;
            unpacked = unpackedEnd;
        }

        return new Beginning(position, unpacked);
    }

    /// <summary>What each tag says, if the element is a literal of up to 60 bytes or a copy with an offset of up to two.</summary>
    private static ShortElement[] ReadShortElements()
    {
        var elements = new ShortElement[256];
        for (int tag = 0; tag < elements.Length; tag++)
        {
            int upper = tag >> 2;
            elements[tag] = (tag & 3) switch
            {
                // Anything may stand behind the tag; an offset of 1 is within all but the very first element.
                0 when upper < 60 => new ShortElement((byte)(upper + 2), (byte)(upper + 1), 0, 1),
                1 => new ShortElement(2, (byte)((upper & 7) + 4), 0xFF, (ushort)((upper >> 3) << 8)),
                2 => new ShortElement(3, (byte)(upper + 1), 0xFFFF, 0),

                // An offset of 0 is never taken.
                _ => default,
            };
        }

        return elements;
    }

    /// <summary>An element by its tag: its size, what it unpacks to, in bytes, and how its offset is read from the two bytes behind.</summary>
    private readonly record struct ShortElement(byte Bytes, byte Unpacked, ushort OffsetMask, ushort OffsetBase);

    /// <summary>The first elements of a block: their size in it, and what they unpack to, in bytes.</summary>
    private readonly record struct Beginning(int Bytes, int Unpacked);
}
