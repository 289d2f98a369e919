namespace RemoteWriteGateway.Http;

/// <summary>The JSON of the Prometheus HTTP API.</summary>
internal static class PrometheusAnswer
{
    /// <summary>Writes <c>{"status":"error","errorType":…,"error":…}</c>.</summary>
    public static Task WriteErrorAsync(HttpResponse response, int statusCode, string text) =>
        response.WriteAsJsonAsync(new ErrorBody("error", ErrorType(statusCode), text));

    private static string ErrorType(int statusCode) => statusCode switch
    {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        429 or 503 => "unavailable",
        500 => "internal",
        _ => "bad_data",
    };

    private sealed record ErrorBody(string Status, string ErrorType, string Error);
}
