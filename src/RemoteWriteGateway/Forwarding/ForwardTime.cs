namespace RemoteWriteGateway.Forwarding;

/// <summary>How long one forward may take, as a token that each request to the store is given. Reused from forward to forward; not thread-safe.</summary>
internal sealed class ForwardTime(TimeProvider time) : IDisposable
{
    private CancellationTokenSource _source = new(Timeout.InfiniteTimeSpan, time);
    private CancellationTokenRegistration _registration;
    private CancellationToken _stop;
    private long _begun;
    private TimeSpan _limit;

    /// <summary>Whether it is our own stop, not the time, that ended it.</summary>
    public bool IsStopped => _stop.IsCancellationRequested;

    /// <summary>What the current answer was given.</summary>
    public TimeSpan AnswerLimit { get; private set; }

    /// <param name="limit">Most time for the forward as a whole.</param>
    /// <param name="stop">Ends it before.</param>
    public void Begin(TimeSpan limit, CancellationToken stop)
    {
        _begun = time.GetTimestamp();
        _limit = limit;
        _stop = stop;
        _registration = stop.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    /// <summary>Starts the time of one answer: the smaller of <paramref name="timeout"/> and what is left of the whole.</summary>
    public CancellationToken BeginAnswer(TimeSpan timeout)
    {
        TimeSpan left = _limit - time.GetElapsedTime(_begun);
        if (left <= TimeSpan.Zero)
        {
            _source.Cancel();
        }
        else if (!_source.IsCancellationRequested)
        {
            AnswerLimit = left < timeout ? left : timeout;
            _source.CancelAfter(AnswerLimit);
        }

        return _source.Token;
    }

    public void End()
    {
        _registration.Dispose();
        if (!_source.TryReset())
        {
            _source.Dispose();
            _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        }
    }

    public void Dispose() => _source.Dispose();
}
