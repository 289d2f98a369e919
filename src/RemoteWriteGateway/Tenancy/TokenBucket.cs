namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// A rate with a burst, refilled continuously. A request of cost c is admitted iff the level is at least min(c, burst); then c is taken,
/// below zero if need be: what is larger than the burst passes on a full bucket and is paid off afterwards. Thread-safe.
/// </summary>
internal sealed class TokenBucket(TimeProvider time)
{
    private readonly Lock _gate = new();
    private double _level = double.PositiveInfinity; // full, whatever the burst is
    private long _at = time.GetTimestamp();
    private double _rate;
    private double _burst;

    /// <summary>Takes <paramref name="cost"/>, or nothing.</summary>
    /// <param name="cost">What the request costs, more than 0.</param>
    /// <param name="rate">Refill a second, more than 0. It may differ from call to call: replicas that share a limit come and go.</param>
    /// <param name="burst">Most that is there at once.</param>
    /// <returns>Null if it was taken, else how long to wait for it.</returns>
    public TimeSpan? TryTake(double cost, double rate, double burst)
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            _level = Math.Min(burst, _level + (time.GetElapsedTime(_at, now).TotalSeconds * rate));
            _at = now;
            _rate = rate;
            _burst = burst;
            double needed = Math.Min(cost, burst);
            if (_level < needed)
            {
                return TimeSpan.FromSeconds((needed - _level) / rate);
            }

            _level -= cost;
            return null;
        }
    }

    /// <summary>Gives back what was taken for a request that is not to be charged.</summary>
    public void GiveBack(double cost)
    {
        lock (_gate)
        {
            _level += cost;
        }
    }

    /// <summary>Whether it is full again at the rate and burst of the last request: then forgetting it changes nothing.</summary>
    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _level + (time.GetElapsedTime(_at).TotalSeconds * _rate) >= _burst;
            }
        }
    }
}
