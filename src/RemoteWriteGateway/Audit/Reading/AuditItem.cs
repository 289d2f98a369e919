using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>A record as it is told in JSON, by the admin API and by the command line: what is null is left out.</summary>
internal sealed record AuditItem
{
    public required Guid Id { get; init; }

    public required DateTimeOffset Ts { get; init; }

    public required string Event { get; init; }

    public required string Outcome { get; init; }

    public string? Reason { get; init; }

    public int? HttpStatus { get; init; }

    public AuditSubject? Subject { get; init; }

    public AuditActor? Actor { get; init; }

    public AuditToken? Token { get; init; }

    public ImmutableArray<string>? Roles { get; init; }

    public ImmutableArray<string>? Scopes { get; init; }

    public ImmutableArray<Guid>? GroupsMatched { get; init; }

    public bool? GroupsUnknown { get; init; }

    public ImmutableArray<string>? Bindings { get; init; }

    public string? PolicyVersion { get; init; }

    public string? Permission { get; init; }

    /// <summary>One or several.</summary>
    public ImmutableArray<string>? Tenants { get; init; }

    public ImmutableArray<string>? TenantsRequested { get; init; }

    public string? RemoteIp { get; init; }

    public string? UserAgent { get; init; }

    public string? RequestId { get; init; }

    public string? TraceParent { get; init; }

    public string? Method { get; init; }

    public string? Route { get; init; }

    public AuditItemQuery? Query { get; init; }

    public double? DurationMs { get; init; }

    public long? ResultSeries { get; init; }

    public long? ResultBytes { get; init; }

    public long? Samples { get; init; }

    public long? Series { get; init; }

    public long? BodyBytes { get; init; }

    public required long Count { get; init; }

    public DateTimeOffset? FirstTs { get; init; }

    public DateTimeOffset? LastTs { get; init; }

    public JsonElement? Detail { get; init; }

    /// <summary>It is also about tenants that may not be seen; what concerns them is left out.</summary>
    public bool? Narrowed { get; init; }

    public string? Stream { get; init; }

    public long? Seq { get; init; }

    public string? Hash { get; init; }

    public string? PrevHash { get; init; }

    /// <param name="seen">The record.</param>
    /// <param name="withChain">Whether its place in the chain is told.</param>
    public static AuditItem Of(SeenRecord seen, bool withChain)
    {
        (ChainedRecord chained, bool isNarrowed) = seen;
        AuditRecord record = chained.Record;
        AuditCaller? caller = record.Caller;
        return new AuditItem
        {
            Id = record.Id,
            Ts = record.At,
            Event = record.Event,
            Outcome = record.Outcome,
            Reason = record.Reason,
            HttpStatus = record.HttpStatus,
            Subject = caller is null ? null : new AuditSubject(caller.ObjectId, caller.Kind, caller.Name, caller.Directory),
            Actor = caller is null ? null : new AuditActor(caller.Client, caller.ClientAuth, caller.AgentParent),
            Token = caller is null ? null : new AuditToken(caller.TokenId, caller.KeyId, caller.TokenVersion, caller.IssuedAt, caller.ExpiresAt),
            Roles = Items(caller?.Roles ?? default),
            Scopes = Items(caller?.Scopes ?? default),
            GroupsMatched = Items(record.GroupsMatched),
            GroupsUnknown = caller?.GroupsUnknown,
            Bindings = Items(record.Bindings),
            PolicyVersion = record.PolicyVersion,
            Permission = record.Permission,
            Tenants = record.Tenant is { } tenant && !isNarrowed ? [tenant] : Items(record.Tenants),
            TenantsRequested = Items(record.TenantsRequested),
            RemoteIp = record.RemoteIp,
            UserAgent = record.UserAgent,
            RequestId = record.RequestId,
            TraceParent = record.TraceParent,
            Method = record.Method,
            Route = record.Route,
            Query = AuditItemQuery.Of(record),
            DurationMs = record.DurationUs / 1000.0,
            ResultSeries = record.ResultSeries,
            ResultBytes = record.ResultBytes,
            Samples = record.Samples,
            Series = record.Series,
            BodyBytes = record.BodyBytes,
            Count = record.Count,
            FirstTs = record.FirstAt,
            LastTs = record.LastAt,
            Detail = record.Detail is { } detail ? JsonSerializer.Deserialize<JsonElement>(detail) : null,
            Narrowed = isNarrowed ? true : null,
            Stream = withChain ? chained.Stream : null,
            Seq = withChain ? chained.Seq : null,
            Hash = withChain ? Convert.ToHexStringLower(chained.Hash) : null,
            PrevHash = withChain ? Convert.ToHexStringLower(chained.PrevHash) : null,
        };
    }

    private static ImmutableArray<T>? Items<T>(ImmutableArray<T> items) => items.IsDefault ? null : items;
}

internal sealed record AuditSubject(Guid ObjectId, string Kind, string? Name, Guid Directory);

internal sealed record AuditActor(Guid Client, string ClientAuth, string? Parent);

internal sealed record AuditToken(string? Id, string KeyId, string Version, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt);

internal sealed record AuditItemQuery(string? Text, string? Sha256, DateTimeOffset? Start, DateTimeOffset? End, long? StepMs)
{
    public static AuditItemQuery? Of(AuditRecord record) => record is { QueryText: null, QuerySha256.IsDefault: true, QueryStart: null, QueryEnd: null }
        ? null
        : new AuditItemQuery(
            record.QueryText,
            record.QuerySha256.IsDefault ? null : Convert.ToHexStringLower(record.QuerySha256.AsSpan()),
            record.QueryStart,
            record.QueryEnd,
            record.QueryStepMs);
}

/// <summary>How items are written: camel case, without nulls, one object a line.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuditItem))]
internal sealed partial class AuditJson : JsonSerializerContext;
