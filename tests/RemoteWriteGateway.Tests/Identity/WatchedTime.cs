using Microsoft.Extensions.Time.Testing;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Time that stands still until it is told to move, and says who waits for it: so a test moves it after the wait has begun, never before.</summary>
internal sealed class WatchedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly Lock _gate = new();
    private readonly List<Waiter> _waiters = [];

    /// <summary>Completes when <paramref name="count"/> timers of this length have been set from now on. To be called before what sets them.</summary>
    public Task TimersAsync(TimeSpan dueTime, int count = 1)
    {
        Waiter waiter = new(dueTime, count);
        lock (_gate)
        {
            _waiters.Add(waiter);
        }

        return waiter.Done.Task;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        lock (_gate)
        {
            foreach (Waiter waiter in _waiters.Where(waiter => waiter.DueTime == dueTime && --waiter.Left == 0).ToArray())
            {
                _waiters.Remove(waiter);
                waiter.Done.SetResult();
            }
        }

        return timer;
    }

    private sealed class Waiter(TimeSpan dueTime, int count)
    {
        public TimeSpan DueTime => dueTime;

        public int Left { get; set; } = count;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
