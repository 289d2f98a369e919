using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What came back for one request to a store.</summary>
internal enum ReplyKind
{
    /// <summary>The store answered.</summary>
    Answer,

    /// <summary>No connection: nothing was sent.</summary>
    NotConnected,

    /// <summary>The connection broke before the answer; the request may have been carried out.</summary>
    Broken,

    /// <summary>No answer in time; the request may have been carried out.</summary>
    TimedOut,

    /// <summary>The gateway has no credentials, or no usable TLS files: nothing was sent.</summary>
    NoCredentials,

    /// <summary>The gateway is stopping.</summary>
    Stopped,
}

/// <summary>One answer of a store, read as far as it matters.</summary>
internal readonly record struct StoreReply(ReplyKind Kind)
{
    /// <summary>0 without an answer.</summary>
    public int StatusCode { get; init; }

    /// <summary>What the answer was given, if it did not come in time.</summary>
    public TimeSpan Limit { get; init; }

    /// <summary>The counts of 2.0, or null if the answer has none of their headers; a missing one among others is 0.</summary>
    public ItemCounts? Written { get; init; }

    /// <summary>The store's words, bounded and harmless to print; empty on success. May hold label values: never for logs.</summary>
    public string Text { get; init; } = "";

    /// <summary>Whether the text says that the content can never be stored, whatever the status.</summary>
    public bool IsContentFault { get; init; }

    /// <summary>The store's <c>Retry-After</c>, 1 to 300 s.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public bool IsSuccess => Kind == ReplyKind.Answer && StatusCode is >= 200 and < 300;
}
