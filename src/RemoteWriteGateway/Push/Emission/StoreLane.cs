namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// Deliveries to one store by this replica: at most four requests at a time; none while the store is away, then one to see whether it is back.
/// </summary>
/// <param name="store">Its name.</param>
/// <param name="metrics">Where the pause is shown.</param>
/// <param name="time">The clock of pauses: they have nothing to do with the times of samples.</param>
/// <param name="random">Spreads the replicas' pauses, 0 to 1.</param>
internal sealed class StoreLane(string store, EmissionMetrics metrics, TimeProvider time, Func<double> random)
{
    public const int MaxRequests = 4;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private const double Jitter = 0.25;

    private readonly Lock _gate = new();
    private TimeSpan _pause;
    private long _pausedAt;
    private int _failures;
    private bool _isMisconfigured;
    private bool _isBusy;
    private bool _isWanted;
    private bool _yields;

    public string Store { get; } = store;

    /// <summary>Whether the last request failed, so that the next one only finds out.</summary>
    public bool IsProbing
    {
        get
        {
            lock (_gate)
            {
                return _failures > 0;
            }
        }
    }

    /// <summary>Whether nothing is to be sent now.</summary>
    public bool IsPaused
    {
        get
        {
            lock (_gate)
            {
                return _failures > 0 && time.GetElapsedTime(_pausedAt) < _pause;
            }
        }
    }

    /// <summary>Takes the lane for the batches of one claim; false while it is taken or paused.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_isBusy)
            {
                _isWanted = true;
                return false;
            }

            _isBusy = _failures == 0 || time.GetElapsedTime(_pausedAt) >= _pause;
            return _isBusy;
        }
    }

    /// <summary>This replica had no room for a request: whoever leaves the lane lets the next poll come.</summary>
    public void Yield()
    {
        lock (_gate)
        {
            _yields = true;
        }
    }

    /// <summary>Gives the lane back.</summary>
    /// <param name="hasMore">Whether more is known to be due.</param>
    /// <returns>Whether to go on at once: there is more, or somebody wanted it meanwhile, and there was room.</returns>
    public bool Leave(bool hasMore = false)
    {
        lock (_gate)
        {
            bool goesOn = (hasMore || _isWanted) && !_yields;
            _isBusy = _isWanted = _yields = false;
            return goesOn;
        }
    }

    /// <summary>The store has answered.</summary>
    public void Succeed()
    {
        lock (_gate)
        {
            _failures = 0;
            _isMisconfigured = false;
        }

        metrics.ShowPause(Store, isPaused: false, isMisconfigured: false);
    }

    /// <summary>The store did not take a request for a reason that may pass: pauses it, longer each time, unless it said itself how long.</summary>
    /// <returns>Whether it is <paramref name="isMisconfigured"/> and was not before: somebody has to act, and is to be told once.</returns>
    public bool Fail(TimeSpan? retryAfter, bool isMisconfigured)
    {
        bool isNews;
        lock (_gate)
        {
            isNews = isMisconfigured && !_isMisconfigured;
            _isMisconfigured = isMisconfigured;

            // Requests that were in flight together fail together, and that is one failure.
            if (_failures == 0 || time.GetElapsedTime(_pausedAt) >= _pause)
            {
                double doubled = FirstPause.TotalSeconds * Math.Pow(2, Math.Min(_failures, 16));
                TimeSpan backoff = TimeSpan.FromSeconds(Math.Min(doubled, LongestPause.TotalSeconds) * (1 + (Jitter * ((2 * random()) - 1))));
                _pause = retryAfter ?? backoff;
                _pausedAt = time.GetTimestamp();
                _failures++;
            }
            else if (retryAfter > _pause)
            {
                _pause = retryAfter.Value;
            }
        }

        metrics.ShowPause(Store, isPaused: true, isMisconfigured);
        return isNews;
    }
}
