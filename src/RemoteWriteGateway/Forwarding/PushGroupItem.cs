using System.Text.Json.Serialization;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Who pushed last.</summary>
/// <param name="ObjectId">Of the user or service principal.</param>
/// <param name="Client">Client id of the app that presented the token.</param>
internal sealed record PushedBy(Guid? ObjectId, Guid? Client);

/// <summary>
/// A push group as <c>/api/v1/groups</c> and <c>/admin/v1/push-groups</c> tell of it. It stands here because <c>Push</c> fills it and
/// <c>Admin</c> shows it, and the two do not use each other.
/// </summary>
/// <param name="Tenant">Whose; absent where there is only one.</param>
/// <param name="Labels">Of the group, in their newest spelling.</param>
/// <param name="State"><c>live</c>, or <c>expired</c>: the payload is gone, push and failure time go on.</param>
/// <param name="Mode"><c>replace</c> or <c>sum</c>.</param>
/// <param name="PushedAt">The last push that succeeded, or null.</param>
/// <param name="FailedAt">The last push that was refused for its content, or null.</param>
/// <param name="FailReason">Why; the reason's id.</param>
/// <param name="PushedBy">Who pushed last, or null.</param>
/// <param name="Series">As the store counts them.</param>
/// <param name="Bytes">Of the payload.</param>
/// <param name="Generation">How many payloads there were.</param>
/// <param name="ExpiresAt">When the payload goes without another push, or null.</param>
/// <param name="Written">Whether the store has the newest state.</param>
/// <param name="LastWrittenAt">When the store last took something of it, or null.</param>
/// <param name="LastWriteError">Why the store refused the newest state, or null.</param>
internal sealed record PushGroupItem(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Tenant,
    IReadOnlyDictionary<string, string> Labels,
    string State,
    string Mode,
    DateTimeOffset? PushedAt,
    DateTimeOffset? FailedAt,
    string? FailReason,
    PushedBy? PushedBy,
    int Series,
    int Bytes,
    long Generation,
    DateTimeOffset? ExpiresAt,
    bool Written,
    DateTimeOffset? LastWrittenAt,
    string? LastWriteError);

/// <summary>Finds push groups in the order of tenant and key.</summary>
/// <param name="tenant">Whose; null for everybody's.</param>
/// <param name="after">Tenant and key of the last group of the page before, or null.</param>
/// <param name="limit">Most groups.</param>
/// <param name="cancellationToken">At any time.</param>
/// <returns>Each with its key.</returns>
internal delegate Task<IReadOnlyList<(byte[] Key, PushGroupItem Item)>> FindPushGroups(
    string? tenant, (string Tenant, byte[] Key)? after, int limit, CancellationToken cancellationToken);
