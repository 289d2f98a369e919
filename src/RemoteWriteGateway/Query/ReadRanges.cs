using System.Globalization;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>Limits that depend on the request's times.</summary>
internal static class ReadRanges
{
    /// <summary>Checks the times of a read, either of which may be absent: that is the end of time on its side.</summary>
    public static Refusal? Check(ReadContext read, long? startMs, long? endMs)
    {
        if (startMs is { } start && endMs is { } end && end < start)
        {
            return ReadRefusals.Invalid("end", "it is before start");
        }

        if (read.MaxRange == TimeSpan.Zero)
        {
            return null;
        }

        long max = (long)read.MaxRange.TotalMilliseconds;
        if (startMs is null || endMs is null)
        {
            return ReadRefusals.Bad("range-too-long", Text($"without start and end this is about all time, limit {ParameterValues.Seconds(max)} s (maxRange); name both"));
        }

        Int128 range = (Int128)endMs.Value - startMs.Value;
        return range <= max
            ? null
            : ReadRefusals.Bad("range-too-long", Text($"the range is {range / 1000} s, limit {ParameterValues.Seconds(max)} s (maxRange); ask for a shorter one"));
    }

    /// <summary>Checks the steps of a range query.</summary>
    public static Refusal? CheckStep(ReadContext read, long startMs, long endMs, long stepMs)
    {
        ReadLimits limits = read.Scope.Limits;
        if (stepMs < limits.MinStep.TotalMilliseconds)
        {
            return ReadRefusals.Bad(
                "step-too-small",
                Text($"the step is {ParameterValues.Seconds(stepMs)} s, at least {limits.MinStep.TotalSeconds} s is allowed (minStep); ask for a larger one"));
        }

        Int128 points = ((Int128)endMs - startMs) / stepMs;
        return points <= limits.MaxPoints
            ? null
            : ReadRefusals.Bad(
                "too-many-points", Text($"the range has {points} steps, limit {limits.MaxPoints} (maxPoints); ask for a larger step or a shorter range"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
