using System.Collections.Frozen;

namespace EntraEmulator.Faults;

/// <summary>Which endpoints are out of order.</summary>
internal sealed class FaultSwitch
{
    /// <summary>How late a slow answer is: later than the gateway waits for an unknown key, earlier than it gives a fetch up.</summary>
    public static readonly TimeSpan SlowDelay = TimeSpan.FromSeconds(3);

    private readonly Lock _change = new();
    private volatile State _state = new(FrozenDictionary<EmulatedEndpoint, Fault>.Empty);

    /// <summary>The fault of an endpoint.</summary>
    public Fault this[EmulatedEndpoint endpoint] => _state.Faults.GetValueOrDefault(endpoint);

    /// <summary>Changes the faults of some endpoints and lets hanging requests look again.</summary>
    public void Set(IReadOnlyDictionary<EmulatedEndpoint, Fault> faults)
    {
        lock (_change)
        {
            Dictionary<EmulatedEndpoint, Fault> next = new(_state.Faults);
            foreach ((EmulatedEndpoint endpoint, Fault fault) in faults)
            {
                next[endpoint] = fault;
            }

            Replace(next);
        }
    }

    /// <summary>Puts everything in order.</summary>
    public void Reset()
    {
        lock (_change)
        {
            Replace(new Dictionary<EmulatedEndpoint, Fault>());
        }
    }

    /// <summary>Waits while an endpoint hangs.</summary>
    /// <exception cref="OperationCanceledException">The client hung up, or the emulator stops.</exception>
    public async Task WaitWhileHangingAsync(EmulatedEndpoint endpoint, CancellationToken cancellation)
    {
        for (State state = _state; state.Faults.GetValueOrDefault(endpoint) == Fault.Hang; state = _state)
        {
            await state.Replaced.Task.WaitAsync(cancellation);
        }
    }

    private void Replace(Dictionary<EmulatedEndpoint, Fault> faults)
    {
        State last = _state;
        _state = new State(faults.ToFrozenDictionary());
        last.Replaced.SetResult();
    }

    private sealed record State(FrozenDictionary<EmulatedEndpoint, Fault> Faults)
    {
        public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
