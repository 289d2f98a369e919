using System.Collections.Immutable;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>Which records are asked for; a condition that is null is not asked. All of them must hold.</summary>
internal sealed record AuditFilter
{
    /// <summary>The first moment.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The first moment that is not asked for any more.</summary>
    public DateTimeOffset? To { get; init; }

    public string? Event { get; init; }

    public string? Outcome { get; init; }

    public string? Reason { get; init; }

    /// <summary>Object id of the subject.</summary>
    public Guid? Subject { get; init; }

    public Guid? Client { get; init; }

    /// <summary>The record's tenant, or one of its tenants.</summary>
    public string? Tenant { get; init; }

    public string? Permission { get; init; }

    public string? RequestId { get; init; }

    public string? PolicyVersion { get; init; }
}

/// <summary>Of which tenants somebody may see the records.</summary>
internal sealed class AuditReach
{
    private readonly HashSet<string> _tenants;

    private AuditReach(IEnumerable<string> tenants, bool isAll)
    {
        Tenants = [.. tenants];
        _tenants = new HashSet<string>(Tenants, StringComparer.Ordinal);
        IsAll = isAll;
    }

    /// <summary>Every record, also those without a tenant.</summary>
    public static AuditReach All { get; } = new([], isAll: true);

    public bool IsAll { get; }

    public ImmutableArray<string> Tenants { get; }

    /// <summary>The records of these tenants, and none without a tenant.</summary>
    public static AuditReach Of(IEnumerable<string> tenants) => new(tenants, isAll: false);

    /// <summary>
    /// What may be seen of a record: all of it, or, of one that is also about other tenants, neither their names nor what was asked of them.
    /// Null if it is about none of these tenants.
    /// </summary>
    public SeenRecord? See(ChainedRecord chained)
    {
        AuditRecord record = chained.Record;
        if (IsAll)
        {
            return new SeenRecord(chained, IsNarrowed: false);
        }

        ImmutableArray<string> about = record.Tenant is { } tenant ? [tenant] : record.Tenants.IsDefault ? [] : record.Tenants;
        ImmutableArray<string> seen = [.. about.Where(_tenants.Contains)];
        if (seen.IsEmpty)
        {
            return null;
        }

        ImmutableArray<string> requested = record.TenantsRequested.IsDefault ? [] : record.TenantsRequested;
        if (seen.Length == about.Length && requested.All(_tenants.Contains))
        {
            return new SeenRecord(chained, IsNarrowed: false);
        }

        AuditRecord narrowed = record with
        {
            Tenants = seen,
            TenantsRequested = requested.IsEmpty ? record.TenantsRequested : [.. requested.Where(_tenants.Contains)],
            QueryText = null,
            QuerySha256 = default,
            Detail = null,
            ResultBytes = null,
            ResultSeries = null,
        };
        return new SeenRecord(chained with { Record = narrowed }, IsNarrowed: true);
    }
}

/// <summary>A record as somebody may see it.</summary>
/// <param name="Chained">The record at its place.</param>
/// <param name="IsNarrowed">Whether something of it is left out, so that its hash cannot be found from what is shown.</param>
internal readonly record struct SeenRecord(ChainedRecord Chained, bool IsNarrowed);
