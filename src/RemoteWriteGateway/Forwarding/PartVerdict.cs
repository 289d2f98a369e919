using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What is to be made of the store's answer to one part of a request.</summary>
internal enum PartOutcome
{
    /// <summary>The store has it all.</summary>
    Written,

    /// <summary>The store has it all in another replica's words: it deduplicated.</summary>
    Deduplicated,

    /// <summary>The store has said no to some of it or all of it, for good.</summary>
    Refused,

    /// <summary>Nothing is decided; the whole request can be sent again later.</summary>
    Retry,

    /// <summary>The store lacks 2.0: the whole request goes again as 1.0.</summary>
    SendAsV1,
}

/// <summary>One answer of a store, mapped.</summary>
/// <param name="Outcome">What to make of it.</param>
/// <param name="Written">Items of the part that the store confirmed.</param>
/// <param name="Reason">Id of the reason of <see cref="PartOutcome.Refused"/> and <see cref="PartOutcome.Retry"/>.</param>
/// <param name="Text">Text for the sender, with <paramref name="Reason"/>.</param>
internal readonly record struct PartVerdict(PartOutcome Outcome, ItemCounts Written, string Reason = "", string Text = "")
{
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The store limits this very tenant.</summary>
    public bool TenantIsLimited { get; init; }
}
