using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// Which protocol a store takes: fixed by its options, or learned. Learned means: undecided at first, for no success proves
/// 2.0 (some stores answer it to bodies that they do not read), until an answer with count headers, or one without, tells.
/// A verdict holds until another answer says otherwise.
/// </summary>
internal sealed partial class StoreProtocol
{
    private readonly string _store;
    private readonly StoreMetrics _metrics;
    private readonly ILogger _logger;
    private int _taken;

    public StoreProtocol(string store, StoreProtocolRule rule, StoreMetrics metrics, ILogger logger)
    {
        _store = store;
        _metrics = metrics;
        _logger = logger;
        IsLearned = rule == StoreProtocolRule.Auto;
        _taken = rule switch { StoreProtocolRule.V1 => (int)WriteProtocol.V1, StoreProtocolRule.V2 => (int)WriteProtocol.V2, _ => 0 };
        metrics.ShowProtocol(Taken);
    }

    /// <summary>Whether answers change the verdict.</summary>
    public bool IsLearned { get; }

    /// <summary>The highest protocol that the store takes; null while undecided.</summary>
    public WriteProtocol? Taken => Volatile.Read(ref _taken) switch { 0 => null, int taken => (WriteProtocol)taken };

    /// <summary>The protocol that a request leaves in: its sender's own, or 1.0 where the store lacks 2.0. Undecided tries 2.0.</summary>
    public WriteProtocol LeavingFor(WriteProtocol sender) =>
        sender == WriteProtocol.V2 && Taken != WriteProtocol.V1 ? WriteProtocol.V2 : WriteProtocol.V1;

    /// <summary>Takes note of what an answer told. Nothing happens if the verdict is fixed, or the same.</summary>
    public void Learn(WriteProtocol taken)
    {
        if (!IsLearned || Taken == taken)
        {
            return;
        }

        int before = Interlocked.Exchange(ref _taken, (int)taken);
        if (before != (int)taken)
        {
            _metrics.CountProtocolChange();
            _metrics.ShowProtocol(taken);
            LogLearned(_store, taken == WriteProtocol.V1 ? "1.0" : "2.0");
        }
    }

    [LoggerMessage(LogLevel.Information, "Store {Store} takes remote write {Protocol}")]
    private partial void LogLearned(string store, string protocol);
}
