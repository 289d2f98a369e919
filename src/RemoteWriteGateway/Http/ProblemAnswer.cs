namespace RemoteWriteGateway.Http;

/// <summary>problem+json, for the admin API.</summary>
internal static class ProblemAnswer
{
    public static Task WriteAsync(HttpResponse response, Refusal refusal, string requestId) =>
        response.WriteAsJsonAsync(
            new ProblemBody($"urn:rwgateway:problem:{refusal.Reason}", refusal.Text, refusal.StatusCode, refusal.Reason, requestId),
            options: null,
            contentType: "application/problem+json");

    private sealed record ProblemBody(string Type, string Title, int Status, string Reason, string RequestId);
}
