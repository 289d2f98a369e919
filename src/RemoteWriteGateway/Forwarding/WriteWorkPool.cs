using System.Diagnostics.CodeAnalysis;
using Prometheus;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// The requests in flight, writes and pushes together: at most so many, and at most so many bytes in their buffers. What they
/// work with is recycled whole, so that a steady stream of requests allocates nothing; their large buffers serve one after the other.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A request that outlives the service still ends its turn; nobody asks for the semaphore's wait handle.")]
internal sealed class WriteWorkPool : IWorkingSets
{
    private readonly int _maxRequests;
    private readonly long _maxIdleBytes;
    private readonly InflightBytes _budget;
    private readonly Gauge _requestsGauge;
    private readonly SemaphoreSlim _turns = new(Environment.ProcessorCount);
    private readonly Lock _gate = new();

    // The last one back is the first one out: the others' memory stays cold and can go.
    private readonly Stack<WriteWork> _idle = new();
    private readonly Stack<WorkingSet> _idleSets = new();
    private long _idleBytes;
    private int _requests;

    /// <param name="maxRequests">Most requests at the same time.</param>
    /// <param name="maxBytes">Most bytes that their buffers hold together. Idle ones hold a quarter of it at most.</param>
    /// <param name="metrics">Where the two gauges are shown.</param>
    public WriteWorkPool(int maxRequests, long maxBytes, IMetricFactory metrics)
    {
        _maxRequests = maxRequests;
        _maxIdleBytes = maxBytes / 4;
        _requestsGauge = metrics.CreateGauge("rwgateway_ingest_inflight_requests", "Requests being handled");
        _budget = new InflightBytes(maxBytes, metrics.CreateGauge("rwgateway_ingest_inflight_bytes", "Bytes rented for requests being handled"));
    }

    /// <summary>A buffer that grew beyond this for one large request is let go after it. Bytes.</summary>
    public int KeepBytes => 4 << 20;

    /// <summary>
    /// Something to handle a request with, or null while a bound is reached (<c>too-many-inflight</c>). Its buffers throw
    /// <see cref="ByteBudgetExceededException"/> when they would grow past the bytes of all. It comes back by <see cref="Return"/>.
    /// </summary>
    public WriteWork? Rent()
    {
        WriteWork work;
        lock (_gate)
        {
            if (_requests >= _maxRequests)
            {
                return null;
            }

            _requests++;
            if (_idle.TryPop(out WriteWork? idle))
            {
                _idleBytes -= idle.HeldBytes;
            }

            work = idle ?? new WriteWork(this);
        }

        try
        {
            work.Begin(_budget);
        }
        catch (ByteBudgetExceededException)
        {
            Keep(work);
            return null;
        }

        _requestsGauge.Inc();
        return work;
    }

    /// <summary>Takes back what <see cref="Rent"/> gave. Nothing of it may be used any more.</summary>
    public void Return(WriteWork work)
    {
        work.End(KeepBytes);
        Keep(work);

        // Last: who sees no request in flight may count on its buffers being there for the next one.
        _requestsGauge.Dec();
    }

    Task IWorkingSets.WaitForTurnAsync() => _turns.WaitAsync();

    void IWorkingSets.EndTurn() => _turns.Release();

    WorkingSet IWorkingSets.Lend()
    {
        lock (_gate)
        {
            if (_idleSets.TryPop(out WorkingSet? idle))
            {
                _idleBytes -= idle.HeldBytes;
            }

            return idle ?? new WorkingSet();
        }
    }

    void IWorkingSets.TakeBack(WorkingSet lent)
    {
        lock (_gate)
        {
            // A set is worth more than what only held a body: each one serves many requests, and is dearer to make anew.
            while (_idleBytes + lent.HeldBytes > _maxIdleBytes && _idle.TryPop(out WriteWork? work))
            {
                _idleBytes -= work.HeldBytes;
            }

            if (_idleBytes + lent.HeldBytes <= _maxIdleBytes)
            {
                _idleSets.Push(lent);
                _idleBytes += lent.HeldBytes;
            }
        }
    }

    private void Keep(WriteWork work)
    {
        lock (_gate)
        {
            _requests--;
            if (_idleBytes + work.HeldBytes <= _maxIdleBytes)
            {
                _idle.Push(work);
                _idleBytes += work.HeldBytes;
            }
        }
    }
}
