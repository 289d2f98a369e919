using Prometheus;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Counts the bytes that requests in flight hold together.</summary>
/// <param name="max">Most bytes.</param>
/// <param name="gauge">Shows them.</param>
internal sealed class InflightBytes(long max, Gauge gauge) : ByteBudget
{
    private long _taken;

    public override void Take(long bytes)
    {
        long taken = Interlocked.Add(ref _taken, bytes);
        if (taken > max)
        {
            Interlocked.Add(ref _taken, -bytes);
            throw new ByteBudgetExceededException(
                $"Requests in flight hold {taken - bytes} bytes, {bytes} more are over the limit of {max} (see Ingest:MaxInflightBytes).");
        }

        gauge.Inc(bytes);
    }

    public override void GiveBack(long bytes)
    {
        Interlocked.Add(ref _taken, -bytes);
        gauge.Dec(bytes);
    }
}
