namespace RemoteWriteGateway.Http;

/// <summary>A "no" to a request, in no dialect yet. A status is a promise about retrying: 4xx is a definite verdict, 503 means "not known now".</summary>
/// <param name="Reason">The reason's id: the same in answers, metrics, logs and audit.</param>
/// <param name="StatusCode">HTTP status of the answer, the same in all dialects.</param>
/// <param name="Text">What happened, actual value and limit, what to do. Constants and our own configuration, never the caller's values.</param>
internal sealed record Refusal(string Reason, int StatusCode, string Text)
{
    /// <summary>Value of the <c>WWW-Authenticate</c> header, or null for none.</summary>
    public string? WwwAuthenticate { get; init; }

    /// <summary>Base of the <c>Retry-After</c> header: the dialect rounds to whole seconds, adds its jitter, and may replace it. On every 429 and 503.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether <see cref="RetryAfter"/> is an exact time that is left (sent as it is), not a base for backing off.</summary>
    public bool RetryAfterIsExact { get; init; }
}
