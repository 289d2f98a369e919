using System.Threading.Channels;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>Tells this replica's emitter that a group has something to write, so that it does not wait for its next poll.</summary>
internal sealed class PushWake(TimeProvider time)
{
    private readonly Channel<bool> _signals = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Never waits; many signals are one.</summary>
    public void Signal() => _signals.Writer.TryWrite(true);

    /// <summary>Signals when something is due, which is not later than the minimum gap between two writes of a group.</summary>
    public void Signal(TimeSpan dueIn)
    {
        if (dueIn <= TimeSpan.Zero)
        {
            Signal();
        }
        else
        {
            _ = SignalLaterAsync(dueIn);
        }
    }

    /// <summary>Returns at the next signal, at once if there was one since the last wait.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _signals.Reader.ReadAsync(cancellationToken);

    private async Task SignalLaterAsync(TimeSpan dueIn)
    {
        await Task.Delay(dueIn, time);
        Signal();
    }
}
