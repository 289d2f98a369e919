using System.Collections.Immutable;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What became of a request at its store: the store's own verdict, mapped.</summary>
internal enum VerdictKind
{
    /// <summary>The store has it all.</summary>
    Written,

    /// <summary>The store refused it, or some of it, for good: 400.</summary>
    Refused,

    /// <summary>It can be sent again later: 503, or 429 if the store limits this very tenant.</summary>
    Retry,
}

/// <summary>Something that the store, or the way to it, said no to.</summary>
/// <param name="Reason">Id of the reason, <c>store-…</c>.</param>
/// <param name="Text">What happened, for the sender: never the store's URL.</param>
/// <param name="Items">The items that it concerns.</param>
internal sealed record StoreFault(string Reason, string Text, ItemCounts Items);

/// <summary>The outcome of one request, over all parts that it left in.</summary>
/// <param name="Kind">The class of the answer.</param>
/// <param name="Written">
/// Items that count as written: confirmed by the store, or left out by policy; with <see cref="VerdictKind.Retry"/> those that were
/// confirmed before. Items accepted = written + those of the faults, for each kind.
/// </param>
/// <param name="Faults">Empty if <see cref="VerdictKind.Written"/>; exactly one if <see cref="VerdictKind.Retry"/>.</param>
internal sealed record StoreVerdict(VerdictKind Kind, ItemCounts Written, ImmutableArray<StoreFault> Faults)
{
    /// <summary>The store's own <c>Retry-After</c>, if it gave one.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The store limits this very tenant (isolation by header or path): the answer has the tenant's <c>limitStatus</c> instead of 503.</summary>
    public bool TenantIsLimited { get; init; }
}
