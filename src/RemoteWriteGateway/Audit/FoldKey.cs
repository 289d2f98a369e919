using System.Collections.Immutable;
using System.Net;
using System.Text.Json;

namespace RemoteWriteGateway.Audit;

/// <summary>What events must have in common to be told in one record.</summary>
internal readonly struct FoldKey(string auditEvent, string outcome) : IEquatable<FoldKey>
{
    public string Event { get; } = auditEvent;

    public string Outcome { get; } = outcome;

    /// <summary>By instance: one for each token.</summary>
    public AuditCaller? Caller { get; init; }

    public string? Tenant { get; init; }

    public ImmutableArray<string> Bindings { get; init; }

    public string? PolicyVersion { get; init; }

    public string? Permission { get; init; }

    public IPAddress? Address { get; init; }

    public string? Route { get; init; }

    public string? Reason { get; init; }

    public int HttpStatus { get; init; }

    /// <summary>It stands for more than one: the table was full.</summary>
    public bool IsCoarse { get; init; }

    /// <summary>What the event has beside: the job of a push, the store of dropped data. Name and value stand in the record's detail.</summary>
    public (string Name, string Value)? Extra { get; init; }

    /// <summary>The record of what was counted under this key.</summary>
    public AuditRecord Record(DateTimeOffset now, in FoldCounts counts, DateTimeOffset firstAt, DateTimeOffset lastAt) => new()
    {
        At = now,
        Event = Event,
        Outcome = Outcome,
        Reason = Reason,
        HttpStatus = HttpStatus == 0 ? null : HttpStatus,
        Caller = Caller,
        Bindings = Bindings,
        PolicyVersion = PolicyVersion,
        Permission = Permission,
        Tenant = Tenant,
        RemoteIp = Address?.ToString(),
        Route = Route,
        Samples = HasAmounts ? counts.Samples : null,
        Series = HasAmounts ? counts.Series : null,
        BodyBytes = HasAmounts ? counts.BodyBytes : null,
        Count = counts.Count,
        FirstAt = firstAt,
        LastAt = lastAt,
        Detail = DetailOf(),
    };

    private bool HasAmounts => Event is AuditEvents.WriteSummary or AuditEvents.PushSummary or AuditEvents.DataDrop;

    public bool Equals(FoldKey other) =>
        ReferenceEquals(Caller, other.Caller)
        && Event == other.Event
        && Tenant == other.Tenant
        && Reason == other.Reason
        && PolicyVersion == other.PolicyVersion
        && Outcome == other.Outcome
        && Permission == other.Permission
        && Route == other.Route
        && HttpStatus == other.HttpStatus
        && IsCoarse == other.IsCoarse
        && Extra == other.Extra
        && (ReferenceEquals(Address, other.Address) || (Address is not null && Address.Equals(other.Address)))
        && (Bindings == other.Bindings
            || (!Bindings.IsDefault && !other.Bindings.IsDefault && Bindings.AsSpan().SequenceEqual(other.Bindings.AsSpan())));

    public override bool Equals(object? obj) => obj is FoldKey other && Equals(other);

    // What tells folds apart in practice; the rest is compared.
    public override int GetHashCode() => HashCode.Combine(Caller, Tenant, Address, Reason, Route, Extra?.Value);

    private string? DetailOf() =>
        Extra is { } extra ? JsonSerializer.Serialize(new Dictionary<string, string> { [extra.Name] = extra.Value })
        : IsCoarse ? """{"coarse":true}"""
        : null;
}
