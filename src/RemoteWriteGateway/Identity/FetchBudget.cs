namespace RemoteWriteGateway.Identity;

/// <summary>
/// How many fetches unknown key ids may cause: five at once, so that one bogus token does not close the door to a real new key, then one
/// for each interval. Not safe for concurrent use.
/// </summary>
internal sealed class FetchBudget(TimeSpan interval, TimeProvider time)
{
    public const int Capacity = 5;

    private int _left = Capacity;

    /// <summary>The timestamp from which the next refill is counted; meaningless while the budget is full.</summary>
    private long _refilledAt;

    /// <summary>Takes one.</summary>
    /// <param name="untilRefill">If there is none: the time until there is one again.</param>
    public bool TryTake(out TimeSpan untilRefill)
    {
        long now = time.GetTimestamp();
        if (_left == Capacity)
        {
            _refilledAt = now;
        }

        TimeSpan elapsed = time.GetElapsedTime(_refilledAt, now);
        long refills = elapsed.Ticks / interval.Ticks;
        if (refills > 0)
        {
            _left = (int)Math.Min(Capacity, _left + refills);
            elapsed -= interval * refills;
            _refilledAt = now - (long)(elapsed.TotalSeconds * time.TimestampFrequency);
        }

        untilRefill = interval - elapsed;
        if (_left == 0)
        {
            return false;
        }

        _left--;
        return true;
    }
}
