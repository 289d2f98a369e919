using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Audit;

/// <summary>What is recorded of who did what, and where it waits while the catalog is away. Section <c>Audit</c>.</summary>
internal sealed class AuditOptions
{
    public const string Section = "Audit";

    /// <summary>How long allowed writes and pushes of one caller are counted before they become one record. A kill loses at most this much of the counts.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan FoldInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether the text of queries is recorded, cut at 8 KiB. Its SHA-256 always is.</summary>
    public bool RecordQueryText { get; init; } = true;

    /// <summary>Whether writes, too, are refused (503) while the audit cannot be written. Otherwise they go on, and stay counted in memory.</summary>
    public bool StopWrites { get; init; }

    /// <summary>Folder of what waits for the catalog, created if absent. It must outlive the container.</summary>
    [Required]
    public string SpoolDirectory { get; init; } = "data/audit-spool";

    /// <summary>How much may wait there, in bytes, 1 MiB or more. When it is full, reads, pushes and the admin API answer 503.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long SpoolMaxBytes { get; init; } = 1L << 30;

    /// <summary>How many days records are kept before <c>rwgateway audit retain</c> removes them.</summary>
    [Range(1, 36_500)]
    public int RetentionDays { get; init; } = 400;
}

[OptionsValidator]
internal sealed partial class AuditOptionsValidator : IValidateOptions<AuditOptions>;
