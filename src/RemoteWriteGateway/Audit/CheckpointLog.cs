using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit;

/// <summary>Checkpoints as they stand in the log, where <c>rwgateway audit verify --checkpoints</c> finds them.</summary>
internal static partial class CheckpointLog
{
    public static void Log(ILogger logger, AuditCheckpoint checkpoint) =>
        LogCheckpoint(logger, checkpoint.Stream, checkpoint.Seq, Convert.ToHexStringLower(checkpoint.Hash), checkpoint.Events);

    [LoggerMessage(LogLevel.Information, "Audit checkpoint: stream {Stream} seq {Seq} hash {Hash} events {Events}")]
    private static partial void LogCheckpoint(ILogger logger, string stream, long seq, string hash, long events);
}
