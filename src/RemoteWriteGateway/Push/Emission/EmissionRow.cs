using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>Which of the two deliveries of a generation is under way: column <c>inflight_step</c>.</summary>
internal enum EmissionStep
{
    /// <summary>A zero for each metric that has started.</summary>
    Zero = 1,

    /// <summary>All series, push and failure time, markers for what is gone.</summary>
    Value = 2,
}

/// <summary>The columns of <c>push_groups</c> that emission reads and changes. All times are milliseconds of the database's clock.</summary>
internal record EmissionRow
{
    public string Tenant { get; init; } = "";

    /// <summary>16 bytes.</summary>
    public byte[] Key { get; init; } = [];

    /// <summary>JSON of the grouping labels.</summary>
    public string Labels { get; init; } = "";

    public GroupState State { get; init; }

    /// <summary>Newest push, 0 = never.</summary>
    public long PushMs { get; init; }

    /// <summary>Newest traced refusal, 0 = never.</summary>
    public long FailMs { get; init; }

    /// <summary>The newest payload, 0 = none yet.</summary>
    public long Generation { get; init; }

    /// <summary>Newest change of any kind.</summary>
    public long ChangedMs { get; init; }

    /// <summary>Oldest change that is not written.</summary>
    public long? DirtySinceMs { get; init; }

    /// <summary>The newest time that any series of the group was given.</summary>
    public long LastSampleMs { get; init; }

    public long? NextEmitMs { get; init; }

    public string? LeaseOwner { get; init; }

    public long LeaseUntilMs { get; init; }

    /// <summary>The payload whose series are open at the store.</summary>
    public long? WrittenGeneration { get; init; }

    /// <summary>The newest payload whose zeros need not be written any more.</summary>
    public long ZeroedGeneration { get; init; }

    /// <summary>Number of the delivery: one more each time that one is fixed.</summary>
    public long Emission { get; init; }

    /// <summary>Null if no delivery is under way; then the other columns of it are null as well.</summary>
    public EmissionStep? InflightStep { get; init; }

    public long? InflightGeneration { get; init; }

    /// <summary>The time of the values.</summary>
    public long? InflightMs { get; init; }

    /// <summary>Zeros are later than this.</summary>
    public long? InflightFloorMs { get; init; }

    /// <summary>Value of <c>push_time_seconds</c>; null if the delivery ends the group.</summary>
    public long? InflightPushMs { get; init; }

    /// <summary>Value of <c>push_failure_time_seconds</c>; null if the delivery ends the group.</summary>
    public long? InflightFailMs { get; init; }

    /// <summary>How often the store has refused the group since it last took it.</summary>
    public int Attempts { get; init; }

    public long? LastWriteMs { get; init; }

    public string? LastWriteError { get; init; }

    /// <summary>Whether the delivery under way ends the group: markers for everything.</summary>
    public bool EndsGroup => InflightStep is not null && InflightPushMs is null;

    /// <summary>Whether it is the first value of its generation that the store gets to see, as far as this row knows.</summary>
    public bool IsNewValue => InflightStep == EmissionStep.Value && InflightGeneration != WrittenGeneration;
}
