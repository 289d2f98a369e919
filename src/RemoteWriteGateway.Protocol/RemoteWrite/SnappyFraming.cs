using System.Buffers.Binary;
using System.Numerics;
using Snappier;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Snappy in framing format, bounded: chunks of at most 64 KiB, each with the checksum of what it unpacks to.</summary>
/// <remarks>Source: "Snappy framing format description" of the snappy project.</remarks>
public static class SnappyFraming
{
    private const int HeaderBytes = 4;
    private const int ChecksumBytes = 4;
    private const int MaxChunkBytes = 65_536;

    private const byte Compressed = 0x00;
    private const byte Uncompressed = 0x01;
    private const byte FirstSkippable = 0x80;
    private const byte Identifier = 0xFF;

    private static ReadOnlySpan<byte> Magic => [Identifier, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];

    /// <summary>Whether a body begins as the format does.</summary>
    public static bool Begins(ReadOnlySpan<byte> body) => body.StartsWith(Magic);

    /// <summary>Unpacks <see cref="WriteWork.Body"/> into <see cref="WriteWork.Decoded"/>.</summary>
    /// <param name="work">Buffers; a fault is set on its result, with reason <c>malformed-snappy</c> or <c>decoded-too-large</c>.</param>
    /// <param name="maxDecodedBytes">Most bytes that the body may unpack to.</param>
    /// <returns>False if the result has a fault; <see cref="WriteWork.Decoded"/> is empty then.</returns>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static bool TryDecompress(WriteWork work, int maxDecodedBytes)
    {
        ReadOnlySpan<byte> rest = work.Body.Span;
        work.Decoded.Clear();
        string fault = "";
        while (!rest.IsEmpty && fault.Length == 0)
        {
            if (rest.Length < HeaderBytes || (BinaryPrimitives.ReadUInt32LittleEndian(rest) >> 8) is var length && length > rest.Length - HeaderBytes)
            {
                fault = "it ends inside a chunk";
                break;
            }

            fault = Take(rest[0], rest.Slice(HeaderBytes, (int)length), work.Decoded);
            rest = rest[(HeaderBytes + (int)length)..];
            if (work.Decoded.Length > maxDecodedBytes)
            {
                work.Result.SetFault(
                    StampReason.DecodedTooLarge, StampText.TooManyBytes("unpacks to more than", maxDecodedBytes, maxDecodedBytes, "maxDecodedBytes"));
                work.Decoded.Clear();
                return false;
            }
        }

        if (fault.Length > 0)
        {
            work.Decoded.Clear();
            work.Result.SetFault(StampReason.MalformedSnappy, $"body is not snappy in framing format: {fault}");
        }

        return fault.Length == 0;
    }

    private static string Take(byte type, ReadOnlySpan<byte> chunk, WriteBuffer output) => type switch
    {
        Identifier => chunk.SequenceEqual(Magic[HeaderBytes..]) ? "" : "it has a wrong identifier",
        >= FirstSkippable => "",
        Compressed or Uncompressed when chunk.Length < ChecksumBytes => "a chunk has no checksum",
        Compressed => Unpack(chunk[ChecksumBytes..], BinaryPrimitives.ReadUInt32LittleEndian(chunk), output),
        Uncompressed when chunk.Length - ChecksumBytes > MaxChunkBytes => "a chunk is larger than 65536 bytes",
        Uncompressed => Append(chunk[ChecksumBytes..], BinaryPrimitives.ReadUInt32LittleEndian(chunk), output),
        _ => "it has a chunk of an unknown type",
    };

    private static string Append(ReadOnlySpan<byte> plain, uint checksum, WriteBuffer output)
    {
        output.Append(plain);
        return ChecksumOf(plain) == checksum ? "" : "a checksum is wrong";
    }

    private static string Unpack(ReadOnlySpan<byte> block, uint checksum, WriteBuffer output)
    {
        try
        {
            int length = Snappy.GetUncompressedLength(block);
            if (length > MaxChunkBytes)
            {
                return "a chunk unpacks to more than 65536 bytes";
            }

            output.Reserve(length);
            Span<byte> plain = output.Array.AsSpan(output.Length, length);
            if (Snappy.Decompress(block, plain) != length || ChecksumOf(plain) != checksum)
            {
                return "a checksum is wrong";
            }

            output.Length += length;
            return "";
        }
        catch (Exception exception) when (exception is InvalidDataException or ArgumentException)
        {
            return "a chunk is no snappy block";
        }
    }

    /// <summary>CRC-32C, masked as the format asks.</summary>
    private static uint ChecksumOf(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte next in bytes)
        {
            crc = BitOperations.Crc32C(crc, next);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }
}
