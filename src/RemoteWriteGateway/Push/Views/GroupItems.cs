using System.Text.Json;
using System.Text.Json.Serialization;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Views;

/// <summary>Who pushed last.</summary>
internal sealed record PushedBy(Guid? ObjectId, Guid? Client);

/// <summary>A group as <c>/api/v1/groups</c> and <c>/admin/v1/push-groups</c> tell of it.</summary>
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
internal sealed record GroupItem(
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
    string? LastWriteError)
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static GroupItem Of(StoredGroup group, bool withTenant)
    {
        PushCaller? caller = group.ReadCaller();
        return new GroupItem(
            withTenant ? group.Tenant : null,
            group.ReadKey().Spelling.ToDictionary(static label => label.Key, static label => label.Value),
            group.State == GroupState.Live ? "live" : "expired",
            PushModes.Word(group.Mode),
            TimeOf(group.PushMs),
            TimeOf(group.FailMs),
            group.FailReason,
            caller is null ? null : new PushedBy(caller.ObjectId, caller.Client),
            group.Series,
            group.Bytes,
            group.Generation,
            TimeOf(group.ExpiresMs),
            group.DirtySinceMs is null,
            TimeOf(group.LastWriteMs),
            group.LastWriteError);
    }

    private static DateTimeOffset? TimeOf(long? milliseconds) => milliseconds is > 0 and { } set ? DateTimeOffset.FromUnixTimeMilliseconds(set) : null;
}
