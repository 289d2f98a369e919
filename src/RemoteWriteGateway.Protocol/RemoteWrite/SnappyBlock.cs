namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Snappy in block format, bounded: the stated length is checked before anything is rented or unpacked.</summary>
public static class SnappyBlock
{
    /// <summary>Unpacks <see cref="WriteWork.Body"/> into <see cref="WriteWork.Decoded"/>.</summary>
    /// <param name="work">Buffers; a fault is set on its result, with reason <c>malformed-snappy</c> or <c>decoded-too-large</c>.</param>
    /// <param name="maxDecodedBytes">Most bytes that the body may unpack to.</param>
    /// <returns>False if the result has a fault.</returns>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static bool TryDecompress(WriteWork work, int maxDecodedBytes) => throw new NotImplementedException();

    /// <summary>Packs <paramref name="message"/> into <paramref name="output"/>, whose contents are replaced.</summary>
    public static void Compress(ReadOnlySpan<byte> message, WriteBuffer output) => throw new NotImplementedException();
}
