using System.Collections.Immutable;
using System.Text.Json.Serialization;

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

    /// <summary>The <c>errorType</c> of the query API, where the status alone does not tell it.</summary>
    public string? ErrorType { get; init; }

    /// <summary>What the reason means, the same for each of its refusals; null for the reason's id in words. Only problem+json shows it.</summary>
    public string? Title { get; init; }

    /// <summary>Everything that is wrong with what was sent, where it can be named piece by piece. Only problem+json shows it.</summary>
    public ImmutableArray<RefusalError> Errors { get; init; } = [];
}

/// <summary>One thing that is wrong with what was sent.</summary>
/// <param name="Key">Where it is: a member of the body, a parameter, a key of a document.</param>
/// <param name="Message">What is wrong, and what to do. Of the caller's values only those of a document that it may read anyway.</param>
/// <param name="Line">From 1; null where there are no lines.</param>
/// <param name="Column">From 1, in characters; null where there are no lines.</param>
internal sealed record RefusalError(
    string Key,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Line = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Column = null);
