using System.Text.Encodings.Web;
using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Views;

/// <summary>Makes of a row what is told of a group.</summary>
internal static class GroupItems
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="group">The row, without its body.</param>
    /// <param name="withTenant">Whether it says whose it is.</param>
    public static PushGroupItem Of(StoredGroup group, bool withTenant)
    {
        PushCaller? caller = group.ReadCaller();
        return new PushGroupItem(
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
