using System.Collections.Immutable;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>A record that is not what it was.</summary>
/// <param name="Stream">Its stream.</param>
/// <param name="Seq">Its number.</param>
/// <param name="Id">Its id; null if it is only known from elsewhere.</param>
/// <param name="At">Its time, as it says.</param>
/// <param name="What">What does not hold.</param>
internal sealed record AuditBreak(string Stream, long Seq, Guid? Id, DateTimeOffset? At, string What);

/// <summary>Records that are missing, the first and the last of them.</summary>
internal sealed record AuditGap(string Stream, long FromSeq, long ToSeq);

/// <summary>A stream without its end.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="LastSeq">Its last record.</param>
internal sealed record AuditOpenStream(string Stream, long LastSeq);

/// <summary>A removal of old records, as it is on record: what it names is not missed, so whoever verifies should know it.</summary>
/// <param name="At">When.</param>
/// <param name="Stream">The stream of the command that removed.</param>
/// <param name="Before">Records before this time.</param>
/// <param name="Rows">How many.</param>
internal sealed record AuditRetention(DateTimeOffset At, string Stream, DateTimeOffset Before, long Rows);

/// <summary>What a walk through the chains has found.</summary>
internal sealed record AuditVerification
{
    public required long Streams { get; init; }

    public required long Records { get; init; }

    public required long Checkpoints { get; init; }

    /// <summary>The first of each stream.</summary>
    public required ImmutableArray<AuditBreak> Breaks { get; init; }

    public required ImmutableArray<AuditGap> Gaps { get; init; }

    /// <summary>Streams of runs that ended without closing theirs: what a kill took with it, at most the last moments, is not known.</summary>
    public required ImmutableArray<AuditOpenStream> Unclosed { get; init; }

    /// <summary>Streams of runs that are alive.</summary>
    public required ImmutableArray<AuditOpenStream> Running { get; init; }

    public required ImmutableArray<AuditRetention> Retentions { get; init; }

    /// <summary>Nothing was changed, and nothing is missing that was written.</summary>
    public bool Intact => Breaks.IsEmpty && Gaps.IsEmpty;
}
