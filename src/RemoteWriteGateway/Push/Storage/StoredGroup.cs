using System.Text.Json;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>Column <c>state</c>.</summary>
internal enum GroupState
{
    Live = 0,
    Expired = 1,
    Deleted = 2,
}

/// <summary>A row of <c>push_groups</c>, column by column. Times are milliseconds since 1970.</summary>
internal sealed record StoredGroup
{
    public string Tenant { get; init; } = "";

    public byte[] Key { get; init; } = [];

    /// <summary>JSON; see <see cref="GroupKey"/>.</summary>
    public string Labels { get; init; } = "";

    public PushMode Mode { get; init; }

    public GroupState State { get; init; }

    public long CreatedMs { get; init; }

    /// <summary>0: no push has succeeded yet.</summary>
    public long PushMs { get; init; }

    /// <summary>0: none has failed.</summary>
    public long FailMs { get; init; }

    /// <summary>The id of the reason.</summary>
    public string? FailReason { get; init; }

    public string? PushedBy { get; init; }

    public int Series { get; init; }

    public int Bytes { get; init; }

    public long? TtlMs { get; init; }

    public long? ExpiresMs { get; init; }

    /// <summary>0: no payload yet.</summary>
    public long Generation { get; init; }

    public long ChangedMs { get; init; }

    public long? DirtySinceMs { get; init; }

    public long LastSampleMs { get; init; }

    public long? NextEmitMs { get; init; }

    public string? LeaseOwner { get; init; }

    public long LeaseUntilMs { get; init; }

    public long? WrittenGeneration { get; init; }

    public long ZeroedGeneration { get; init; }

    public long Emission { get; init; }

    /// <summary>1 zero, 2 value.</summary>
    public int? InflightStep { get; init; }

    public long? InflightGeneration { get; init; }

    public long? InflightMs { get; init; }

    public long? InflightFloorMs { get; init; }

    public long? InflightPushMs { get; init; }

    public long? InflightFailMs { get; init; }

    public int Attempts { get; init; }

    public long? LastWriteMs { get; init; }

    public string? LastWriteError { get; init; }

    /// <summary>The newest payload as stored, with the queries that say so; null if it is empty.</summary>
    public byte[]? Body { get; init; }

    public GroupKey ReadKey() => GroupKey.Stored(Key, Labels);

    public PushCaller? ReadCaller() => PushedBy is { } json ? JsonSerializer.Deserialize<PushCaller>(json) : null;

    /// <summary>The newest payload, unpacked.</summary>
    public PayloadBody ReadBody() => Body is { } body ? PayloadBody.Parse(body) : PayloadBody.Empty;
}
