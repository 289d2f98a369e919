using System.Buffers.Binary;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// What is delivered next, at which times, and what an answer of the store makes of the row. Pure: columns and the time in, columns out, so that
/// whoever finds a delivery under way knows all of it. Times of a group's series strictly rise, whatever the clock does.
/// </summary>
/// <param name="options">Refresh, gap, backlog.</param>
internal sealed class EmissionPlan(PushOptions options)
{
    private readonly long _refreshMs = (long)options.Refresh.TotalMilliseconds;
    private readonly long _minGapMs = (long)options.MinGap.TotalMilliseconds;
    private readonly long _backlogMs = (long)options.BacklogAge.TotalMilliseconds;

    /// <summary>
    /// Whether a delivery must be fixed for this row, so that its payload has to be looked at: there is none under way, or it has become so old
    /// that stores would refuse it.
    /// </summary>
    public bool IsToFix(EmissionRow row, long nowMs) => row.InflightStep is null || nowMs - row.InflightMs > _backlogMs;

    /// <summary>Whether the zeros of the newest generation are still to be written, if it has any.</summary>
    public static bool MayNeedZeros(EmissionRow row) =>
        row.InflightStep is null && row.State == GroupState.Live && row.ZeroedGeneration < row.Generation && row.WrittenGeneration != row.Generation;

    /// <summary>Fixes the next delivery. One that is under way stays as it is, until it is too old: then it is fixed anew at now, same generation and step.</summary>
    /// <param name="row">As it stands, locked.</param>
    /// <param name="hasStarts">Whether a metric of the newest generation has started (<see cref="MayNeedZeros"/>).</param>
    /// <param name="nowMs">The database's time, read after the row was locked.</param>
    public EmissionRow Fix(EmissionRow row, bool hasStarts, long nowMs)
    {
        if (row.InflightStep is { } step)
        {
            return IsToFix(row, nowMs) ? At(row, step, nowMs) : row;
        }

        bool isChanged = row.DirtySinceMs is not null && row.Attempts == 0 && nowMs - row.ChangedMs <= _backlogMs;
        bool ends = row.State == GroupState.Deleted;
        EmissionRow next = row with
        {
            InflightGeneration = row.Generation,
            InflightPushMs = ends ? null : row.PushMs,
            InflightFailMs = ends ? null : row.FailMs,
        };
        return At(next, hasStarts && MayNeedZeros(row) ? EmissionStep.Zero : EmissionStep.Value, isChanged ? row.ChangedMs : nowMs);
    }

    /// <summary>The store has the delivery: after zeros the value at the same time is fixed, after a value the row rests until the next one.</summary>
    /// <param name="row">As it stands, locked; a delivery is under way.</param>
    /// <param name="nowMs">The database's time.</param>
    public EmissionRow Acknowledge(EmissionRow row, long nowMs) => row.InflightStep == EmissionStep.Zero ? AfterZero(row) : AfterValue(row, nowMs);

    /// <summary>The store will never take the delivery. Zeros are skipped; a value waits for the next refresh, still to be written; an end counts as done.</summary>
    /// <param name="row">As it stands, locked; a delivery is under way.</param>
    /// <param name="error">What the store said, for whoever pushed.</param>
    /// <param name="nowMs">The database's time.</param>
    public EmissionRow Refuse(EmissionRow row, string error, long nowMs)
    {
        if (row.InflightStep == EmissionStep.Zero)
        {
            return AfterZero(row);
        }

        if (row.EndsGroup)
        {
            return AfterValue(row, nowMs);
        }

        return Rested(row) with
        {
            LastWriteError = error,
            Attempts = row.Attempts + 1,
            DirtySinceMs = row.DirtySinceMs ?? row.ChangedMs,
            NextEmitMs = row.Generation != row.InflightGeneration ? nowMs + _minGapMs : NextRefresh(row.Key, nowMs),
        };
    }

    /// <summary>Leaves a row alone until the next refresh whose delivery cannot be made here: what is under way stays as it is.</summary>
    public EmissionRow Postpone(EmissionRow row, string error, long nowMs) =>
        Release(row) with { LastWriteError = error, NextEmitMs = NextRefresh(row.Key, nowMs) };

    /// <summary>
    /// Forgets a delivery under way whose payload cannot be read, as a newer state has taken its place: that one is fixed next. Its times are later than
    /// those of what may have been written.
    /// </summary>
    public static EmissionRow GiveUp(EmissionRow row, long nowMs) => Rested(row) with { NextEmitMs = nowMs };

    /// <summary>Gives the row back with its delivery as it is: whoever comes next repeats it.</summary>
    public static EmissionRow Release(EmissionRow row) => row with { LeaseOwner = null, LeaseUntilMs = 0 };

    /// <summary>The next time of a group's refreshes after <paramref name="nowMs"/>: groups are spread over the interval by their keys.</summary>
    public long NextRefresh(ReadOnlySpan<byte> key, long nowMs)
    {
        long phase = (long)(BinaryPrimitives.ReadUInt64BigEndian(key) % (ulong)_refreshMs);
        long since = (nowMs - phase) % _refreshMs;
        return nowMs - (since < 0 ? since + _refreshMs : since) + _refreshMs;
    }

    private static EmissionRow At(EmissionRow row, EmissionStep step, long baseMs)
    {
        // Zeros stand before the values, and both after everything that was written before.
        long last = row.LastSampleMs;
        long at = Math.Max(baseMs, step == EmissionStep.Zero ? last + 2 : last + 1);
        return row with
        {
            Emission = row.Emission + 1,
            InflightStep = step,
            InflightMs = at,
            InflightFloorMs = step == EmissionStep.Zero ? last : null,
            LastSampleMs = step == EmissionStep.Zero ? at - 1 : at,
        };
    }

    // The value's time was kept free: the zeros end one millisecond before it.
    private static EmissionRow AfterZero(EmissionRow row) => row with
    {
        ZeroedGeneration = row.InflightGeneration ?? row.ZeroedGeneration,
        Emission = row.Emission + 1,
        InflightStep = EmissionStep.Value,
        InflightFloorMs = null,
        LastSampleMs = row.InflightMs ?? row.LastSampleMs,
    };

    private EmissionRow AfterValue(EmissionRow row, long nowMs)
    {
        bool hasMoved = row.Generation != row.InflightGeneration
            || (row.EndsGroup ? row.State != GroupState.Deleted : row.PushMs != row.InflightPushMs || row.FailMs != row.InflightFailMs || row.State == GroupState.Deleted);
        bool isLate = nowMs - row.InflightMs > _refreshMs;
        return Rested(row) with
        {
            WrittenGeneration = row.EndsGroup ? null : row.InflightGeneration,
            Attempts = 0,
            LastWriteMs = nowMs,
            LastWriteError = null,
            DirtySinceMs = hasMoved ? row.ChangedMs : null,
            NextEmitMs = hasMoved ? nowMs + _minGapMs
                : row.EndsGroup ? null
                : isLate ? nowMs
                : NextRefresh(row.Key, nowMs),
        };
    }

    private static EmissionRow Rested(EmissionRow row) => Release(row) with
    {
        InflightStep = null,
        InflightGeneration = null,
        InflightMs = null,
        InflightFloorMs = null,
        InflightPushMs = null,
        InflightFailMs = null,
    };
}
