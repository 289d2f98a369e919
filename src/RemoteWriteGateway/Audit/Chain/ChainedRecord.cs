namespace RemoteWriteGateway.Audit.Chain;

/// <summary>A record at its place in a stream, as it is stored.</summary>
/// <param name="Record">The columns, within their caps.</param>
/// <param name="Stream">One run of one process: <c>&lt;replica name&gt;/&lt;uuid&gt;</c>.</param>
/// <param name="Seq">From 1, without gaps.</param>
/// <param name="PrevHash">The hash of the record before; 32 zero bytes before the first.</param>
/// <param name="Hash">SHA-256 over <paramref name="PrevHash"/> and the canonical form of the columns.</param>
internal sealed record ChainedRecord(AuditRecord Record, string Stream, long Seq, byte[] PrevHash, byte[] Hash)
{
    /// <summary>What a hash covers and how: column <c>chain_format</c>. New columns mean another number.</summary>
    public const int Format = 1;
}
