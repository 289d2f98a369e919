namespace RemoteWriteGateway.Push.Storage;

/// <summary>What becomes of a group's row: the values that a push, a refusal, a deletion or the end of its time give it. Pure.</summary>
internal static class GroupRows
{
    /// <summary>The two bookkeeping series.</summary>
    public const int BookkeepingSeries = 2;

    // A payload that only gets another number of digits does not change the usage row, which all pushes of the tenant would wait for.
    private const int BytesStep = 256;

    /// <summary>The row after a push that is stored.</summary>
    /// <param name="row">As locked.</param>
    /// <param name="request">The push.</param>
    /// <param name="after">The new payload.</param>
    /// <param name="isSame">The payload stays as it is: nothing was pushed but the time.</param>
    /// <param name="nowMs">The database's time.</param>
    /// <param name="gap">Least time between two emissions.</param>
    public static StoredGroup Pushed(StoredGroup row, PushRequest request, PayloadBody after, bool isSame, long nowMs, TimeSpan gap) => Touched(
        row with
        {
            Labels = request.Key.LabelsJson,
            Mode = request.Mode,
            State = GroupState.Live,
            CreatedMs = row.State == GroupState.Deleted ? nowMs : row.CreatedMs,
            PushMs = nowMs,
            PushedBy = request.Caller is { } caller ? System.Text.Json.JsonSerializer.Serialize(caller) : null,
            Series = after.Series + BookkeepingSeries,
            Bytes = BytesOf(row, after),
            TtlMs = request.Ttl is { } ttl ? (long)ttl.TotalMilliseconds : null,
            ExpiresMs = request.Ttl is { } time ? nowMs + (long)time.TotalMilliseconds : null,
            Generation = row.Generation + (isSame ? 0 : 1),
            Attempts = 0,
        },
        nowMs,
        gap);

    /// <summary>The row after a push that was refused for its content. The payload stays, and so does the state of a group whose payload has expired.</summary>
    public static StoredGroup Refused(StoredGroup row, string reason, long nowMs, TimeSpan gap)
    {
        // A deleted group that fails is there again, without a payload.
        bool isNew = row.State == GroupState.Deleted || row.ChangedMs == 0;
        return Touched(
            row with
            {
                State = isNew ? GroupState.Live : row.State,
                PushMs = isNew ? 0 : row.PushMs,
                FailMs = nowMs,
                FailReason = reason,
                Series = isNew ? BookkeepingSeries : row.Series,
                Bytes = isNew ? BytesOf(row, PayloadBody.Empty) : row.Bytes,
            },
            nowMs,
            gap);
    }

    /// <summary>The row after a deletion: nothing is shown any more, and what the store holds is to be marked stale.</summary>
    public static StoredGroup Deleted(StoredGroup row, long nowMs, TimeSpan gap) => Touched(
        row with { State = GroupState.Deleted, Series = 0, Bytes = 0, TtlMs = null, ExpiresMs = null, Generation = row.Generation + 1, Attempts = 0, FailMs = 0, FailReason = null },
        nowMs,
        gap);

    /// <summary>The row of a group whose payload has expired: its bookkeeping goes on for a while.</summary>
    public static StoredGroup Expired(StoredGroup row, long nowMs, PushTimes times) => Touched(
        row with
        {
            State = GroupState.Expired,
            Series = BookkeepingSeries,
            Bytes = BytesOf(row, PayloadBody.Empty),
            ExpiresMs = row.PushMs + (long)times.BookkeepingTtl.TotalMilliseconds,
            Generation = row.Generation + 1,
            Attempts = 0,
        },
        nowMs,
        times.MinGap);

    /// <summary>Whether the store never heard of the group: then a deletion has nothing to tell it, and no row need stay for its times.</summary>
    public static bool IsUnknownToStore(StoredGroup row) => row.WrittenGeneration is null && row.InflightStep is null && row.LastSampleMs == 0;

    private static int BytesOf(StoredGroup row, PayloadBody body) =>
        (body.Length + row.Labels.Length + BytesStep - 1) / BytesStep * BytesStep;

    /// <summary>Something changed that the store is to hear: at once, or when the gap since it last heard from the group is over.</summary>
    private static StoredGroup Touched(StoredGroup row, long nowMs, TimeSpan gap)
    {
        long next = Math.Max(nowMs, (row.LastWriteMs ?? 0) + (long)gap.TotalMilliseconds);
        return row with
        {
            ChangedMs = nowMs,
            DirtySinceMs = row.DirtySinceMs ?? nowMs,
            // Never later than it was due anyway. A clock that was set back must not put it off either.
            NextEmitMs = Math.Min(Math.Min(next, nowMs + (long)gap.TotalMilliseconds), row.NextEmitMs ?? long.MaxValue),
        };
    }
}
