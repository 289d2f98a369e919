using System.Text.Json;

namespace RemoteWriteGateway.Http;

/// <summary>The JSON of the Prometheus HTTP API.</summary>
internal static class PrometheusAnswer
{
    /// <summary>Writes <c>{"status":"error","errorType":…,"error":…}</c>.</summary>
    public static Task WriteErrorAsync(HttpResponse response, Refusal refusal, string text) =>
        response.WriteAsJsonAsync(new ErrorBody("error", refusal.ErrorType ?? ErrorType(refusal.StatusCode), text), null as JsonSerializerOptions, "application/json");

    private static string ErrorType(int statusCode) => statusCode switch
    {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        422 => "execution",
        429 or 502 or 503 => "unavailable",
        500 => "internal",
        504 => "timeout",
        _ => "bad_data",
    };

    private sealed record ErrorBody(string Status, string ErrorType, string Error);
}
