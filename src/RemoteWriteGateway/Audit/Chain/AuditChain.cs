using System.Buffers;
using System.Security.Cryptography;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>One stream under way: gives records their numbers and hashes. One writer at a time.</summary>
/// <param name="stream">The stream.</param>
/// <param name="end">Where it goes on; null for a new one.</param>
internal sealed class AuditChain(string stream, ChainPosition? end = null)
{
    private const int InitialBytes = 4096;

    private readonly ArrayBufferWriter<byte> _buffer = new(InitialBytes);

    public string Stream => stream;

    /// <summary>Where the chain stands: the last number and its hash.</summary>
    public ChainPosition Position { get; private set; } = end ?? ChainPosition.Begin;

    /// <summary>Brings a record within its caps and appends it.</summary>
    public ChainedRecord Append(AuditRecord record)
    {
        AuditRecord stored = RecordCaps.Apply(record);
        long seq = Position.Seq + 1;
        byte[] hash = Hash(_buffer, stored, stream, seq, Position.Hash);
        ChainedRecord chained = new(stored, stream, seq, Position.Hash, hash);
        Position = new ChainPosition(seq, hash);
        return chained;
    }

    /// <summary>Takes back what was appended since <paramref name="position"/> and is stored nowhere.</summary>
    public void Rewind(ChainPosition position) => Position = position;

    /// <summary>The hash that a stored record must have.</summary>
    public static byte[] HashOf(ChainedRecord record) =>
        Hash(new ArrayBufferWriter<byte>(InitialBytes), record.Record, record.Stream, record.Seq, record.PrevHash);

    private static byte[] Hash(ArrayBufferWriter<byte> buffer, AuditRecord record, string stream, long seq, byte[] prevHash)
    {
        buffer.ResetWrittenCount();
        buffer.Write(prevHash);
        CanonicalForm form = new(buffer);
        AuditColumns.WriteHashed(record, stream, seq, ref form);
        return SHA256.HashData(buffer.WrittenSpan);
    }
}

/// <summary>A place in a stream: the number of a record and its hash.</summary>
internal sealed record ChainPosition(long Seq, byte[] Hash)
{
    /// <summary>Before the first record.</summary>
    public static readonly ChainPosition Begin = new(0, new byte[SHA256.HashSizeInBytes]);
}
