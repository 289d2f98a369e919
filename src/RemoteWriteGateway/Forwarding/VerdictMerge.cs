using System.Collections.Immutable;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// The outcome of a request over the parts that it left in: a retryable part makes the whole come again, else a refused one
/// makes it a refusal with true counts. For each kind of item <c>sent = written + refused</c>.
/// </summary>
internal struct VerdictMerge
{
    private ItemCounts _written;
    private ImmutableArray<StoreFault> _faults;
    private PartVerdict? _retry;

    /// <summary>Adds the outcome of a part of <paramref name="sent"/> items.</summary>
    public void Add(in PartVerdict part, ItemCounts sent)
    {
        _written += part.Written;
        if (part.Outcome == PartOutcome.Retry)
        {
            _retry = part;
        }
        else if (part.Outcome == PartOutcome.Refused)
        {
            AddFault(new StoreFault(part.Reason, part.Text, sent - part.Written));
        }
    }

    /// <param name="accepted">All items of the request that stamping accepted.</param>
    /// <param name="leftOut">Those of them that were left out by policy: they count as written, unless the request comes again.</param>
    public readonly StoreVerdict Verdict(ItemCounts accepted, ItemCounts leftOut)
    {
        if (_retry is { } retry)
        {
            return new StoreVerdict(VerdictKind.Retry, _written, [new StoreFault(retry.Reason, retry.Text, accepted - _written)])
            {
                RetryAfter = retry.RetryAfter,
                TenantIsLimited = retry.TenantIsLimited,
            };
        }

        return _faults.IsDefaultOrEmpty
            ? new StoreVerdict(VerdictKind.Written, accepted, [])
            : new StoreVerdict(VerdictKind.Refused, _written + leftOut, _faults);
    }

    // One line a reason: the parts of one request are refused for the same one as a rule.
    private void AddFault(StoreFault fault)
    {
        _faults = _faults.IsDefault ? [] : _faults;
        for (int i = 0; i < _faults.Length; i++)
        {
            if (_faults[i].Reason == fault.Reason)
            {
                _faults = _faults.SetItem(i, _faults[i] with { Items = _faults[i].Items + fault.Items });
                return;
            }
        }

        _faults = _faults.Add(fault);
    }
}
