using System.Net;

namespace RemoteWriteGateway.Audit;

/// <summary>How many refusals get a record of their own: so many a second by address and reason, and in all. The rest is folded.</summary>
internal sealed class RefusalRate(TimeProvider time)
{
    public const int MaxPerAddressAndReason = 50;
    public const int MaxInAll = 500;

    private readonly Lock _gate = new();
    private readonly Dictionary<(IPAddress? Address, string Reason), int> _counts = [];
    private long _second;
    private int _inAll;

    /// <summary>Takes a place of the current second.</summary>
    public bool TryTake(IPAddress? address, string reason)
    {
        long second = time.GetUtcNow().ToUnixTimeSeconds();
        lock (_gate)
        {
            if (second != _second)
            {
                _second = second;
                _inAll = 0;
                _counts.Clear();
            }

            // At most as many keys as places in all.
            if (_inAll == MaxInAll || (_counts.TryGetValue((address, reason), out int count) && count == MaxPerAddressAndReason))
            {
                return false;
            }

            _counts[(address, reason)] = count + 1;
            _inAll++;
            return true;
        }
    }
}
