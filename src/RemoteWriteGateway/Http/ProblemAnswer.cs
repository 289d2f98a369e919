using System.Collections.Immutable;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RemoteWriteGateway.Http;

/// <summary>problem+json (RFC 9457), for the admin API.</summary>
internal static class ProblemAnswer
{
    public const string MediaType = "application/problem+json";

    /// <summary>Most errors of one answer; the detail says how many there are.</summary>
    public const int MaxErrors = 100;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        // For terminals: quotes stay quotes. No browser takes it for a page: the type is JSON and must not be guessed.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Task WriteAsync(HttpResponse response, Refusal refusal, string requestId)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        return response.WriteAsJsonAsync(Of(refusal, requestId), Json, MediaType);
    }

    internal static Problem Of(Refusal refusal, string requestId)
    {
        int errors = refusal.Errors.Length;
        return new Problem(
            $"urn:rwgateway:problem:{refusal.Reason}",
            refusal.Title ?? InWords(refusal.Reason),
            refusal.StatusCode,
            errors > MaxErrors ? string.Create(CultureInfo.InvariantCulture, $"{refusal.Text}; the first {MaxErrors} of {errors} are listed") : refusal.Text,
            refusal.Reason,
            requestId,
            errors == 0 ? null : errors > MaxErrors ? refusal.Errors[..MaxErrors] : refusal.Errors);
    }

    /// <summary>An id such as <c>permission-denied</c> as a title.</summary>
    private static string InWords(string reason) => char.ToUpperInvariant(reason[0]) + reason[1..].Replace('-', ' ');
}

/// <summary>An error of the admin API.</summary>
/// <param name="Type"><c>urn:rwgateway:problem:</c> and the reason.</param>
/// <param name="Title">What the reason means, the same for each answer with it.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What happened, and what to do.</param>
/// <param name="Reason">The reason's id: the same in answers, metrics, logs and audit.</param>
/// <param name="RequestId">The id of the request in the gateway's log and audit.</param>
/// <param name="Errors">Everything that is wrong with what was sent, at most 100; absent where nothing can be named.</param>
internal sealed record Problem(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Reason,
    string RequestId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ImmutableArray<RefusalError>? Errors);
