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
        Beginning beginning = default;
        while (SnappyElement.TryRead(elements[beginning.Bytes..], out SnappyElement element)
            && element.IsUsual
            && element.Offset is not 0 and not < 0
            && !(element.Offset > beginning.Unpacked)
            && beginning.Unpacked + element.Unpacked <= maxUnpacked)
        {
            beginning = new Beginning(beginning.Bytes + (int)element.Bytes, beginning.Unpacked + (int)element.Unpacked);
        }

        return beginning;
    }

    /// <summary>The first elements of a block: their size in it, and what they unpack to, in bytes.</summary>
    private readonly record struct Beginning(int Bytes, int Unpacked);
}
