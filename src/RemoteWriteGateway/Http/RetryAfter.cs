using System.Globalization;

namespace RemoteWriteGateway.Http;

/// <summary>The <c>Retry-After</c> header: whole seconds from 1 to 300, on every 429 and 503.</summary>
internal static class RetryAfter
{
    private const int MaxSeconds = 300;
    private const double FirstSeconds = 5;

    /// <summary>The header's value for a refusal, or null if its status has none.</summary>
    /// <param name="refusal">What is answered.</param>
    /// <param name="sender">The request if it is of write or push, where the base grows with the sender's own attempts; else null.</param>
    public static int? Of(Refusal refusal, HttpRequest? sender) => refusal.StatusCode is not (429 or 503)
        ? null
        : refusal.RetryAfterIsExact && refusal.RetryAfter is { } left ? Clamp(left.TotalSeconds)
        : sender is not null ? ForSender(sender)
        : Jittered((refusal.RetryAfter ?? TimeSpan.FromSeconds(FirstSeconds)).TotalSeconds);

    /// <summary>5 s · 2^min(n, 4) with up to 25 % jitter, n from the sender's <c>Retry-Attempt</c> header (absent = 0).</summary>
    public static int ForSender(HttpRequest request)
    {
        string? attempt = request.Headers["Retry-Attempt"];
        _ = uint.TryParse(attempt, NumberStyles.None, CultureInfo.InvariantCulture, out uint n);
        return Jittered(FirstSeconds * (1 << (int)Math.Min(n, 4)));
    }

    /// <summary>Rounded up to whole seconds, from 1 to 300.</summary>
    public static int Clamp(double seconds) => (int)Math.Clamp(Math.Ceiling(seconds), 1, MaxSeconds);

    // Spread, so that senders that were refused together do not come back together. No secret depends on it.
#pragma warning disable CA5394
    private static int Jittered(double seconds) => Clamp(seconds * (1 + (Random.Shared.NextDouble() * 0.25)));
#pragma warning restore CA5394
}
