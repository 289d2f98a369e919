using System.Collections.Immutable;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// What is on record about one event: plain columns of <c>audit_events</c>, in their order, without those that the chain adds
/// (stream, seq, hashes). It knows no caller and no tenant but by their columns. Never a token, a secret, a header but the two named, or
/// a label value of samples.
/// </summary>
/// <remarks>An array that is <c>default</c> is null. Text is cut to its cap, and times to microseconds, before anything is hashed.</remarks>
internal sealed record AuditRecord
{
    /// <summary>When it happened; of a fold, when it was taken down.</summary>
    public required DateTimeOffset At { get; init; }

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>One of <see cref="AuditEvents"/>.</summary>
    public required string Event { get; init; }

    /// <summary>One of <see cref="AuditOutcomes"/>.</summary>
    public required string Outcome { get; init; }

    /// <summary>The reason's id, the same as in answers and metrics.</summary>
    public string? Reason { get; init; }

    public int? HttpStatus { get; init; }

    /// <summary>Who called, as far as that is validated.</summary>
    public AuditCaller? Caller { get; init; }

    /// <summary>Object ids of the caller's groups that a binding asked for.</summary>
    public ImmutableArray<Guid> GroupsMatched { get; init; }

    public ImmutableArray<string> Bindings { get; init; }

    public string? PolicyVersion { get; init; }

    public string? Permission { get; init; }

    /// <summary>The tenant, when it is exactly one.</summary>
    public string? Tenant { get; init; }

    /// <summary>The tenants, when they are several.</summary>
    public ImmutableArray<string> Tenants { get; init; }

    public ImmutableArray<string> TenantsRequested { get; init; }

    public string? RemoteIp { get; init; }

    public string? UserAgent { get; init; }

    public string? RequestId { get; init; }

    public string? TraceParent { get; init; }

    public string? Method { get; init; }

    /// <summary>The pattern that the route was mapped with, never the target.</summary>
    public string? Route { get; init; }

    public string? QueryText { get; init; }

    /// <summary>SHA-256 of the whole text, whatever was cut.</summary>
    public ImmutableArray<byte> QuerySha256 { get; init; }

    public DateTimeOffset? QueryStart { get; init; }

    public DateTimeOffset? QueryEnd { get; init; }

    public long? QueryStepMs { get; init; }

    public long? DurationUs { get; init; }

    public long? ResultSeries { get; init; }

    public long? ResultBytes { get; init; }

    /// <summary>Samples and histograms.</summary>
    public long? Samples { get; init; }

    public long? Series { get; init; }

    public long? BodyBytes { get; init; }

    /// <summary>How many events the record stands for.</summary>
    public long Count { get; init; } = 1;

    /// <summary>When the first and the last of a fold happened.</summary>
    public DateTimeOffset? FirstAt { get; init; }

    public DateTimeOffset? LastAt { get; init; }

    /// <summary>What is only told of this event: a JSON object.</summary>
    public string? Detail { get; init; }
}
