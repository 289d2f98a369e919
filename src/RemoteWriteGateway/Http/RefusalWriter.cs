using System.Globalization;
using Prometheus;

namespace RemoteWriteGateway.Http;

/// <summary>Writes a <see cref="Refusal"/> in the dialect of the route, and tells it once: a log record and a metric.</summary>
internal sealed partial class RefusalWriter(IMetricFactory metrics, IEnumerable<IRefusalObserver> observers, ILogger<RefusalWriter> logger)
{
    private readonly Counter _refusals = metrics.CreateCounter(
        "rwgateway_refusals_total", "Requests refused, by route pattern and reason", ["route", "reason"]);

    /// <summary>Writes the answer. Nothing may have been written before.</summary>
    public Task WriteAsync(HttpContext http, Refusal refusal)
    {
        Endpoint? endpoint = http.GetEndpoint();
        string route = (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "_unknown";
        _refusals.WithLabels(route, refusal.Reason).Inc();
        LogRefused(http.Request.Method, route, refusal.StatusCode, refusal.Reason, http.Connection.RemoteIpAddress, http.TraceIdentifier);
        foreach (IRefusalObserver observer in observers)
        {
            observer.OnRefused(http, refusal);
        }

        foreach (IRefusalObserver observer in endpoint?.Metadata.GetOrderedMetadata<IRefusalObserver>() ?? [])
        {
            observer.OnRefused(http, refusal);
        }

        http.Response.StatusCode = refusal.StatusCode;
        if (refusal.WwwAuthenticate is { } challenge)
        {
            http.Response.Headers.WWWAuthenticate = challenge;
        }

        bool isPlain = Speaks(endpoint) == Dialect.PlainText;
        if (RetryAfter.Of(refusal, isPlain ? http.Request : null) is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        string text = $"{refusal.Reason}: {refusal.Text} (request {http.TraceIdentifier})";
        return Speaks(endpoint) switch
        {
            Dialect.Prometheus => PrometheusAnswer.WriteErrorAsync(http.Response, refusal, text),
            Dialect.Problem => ProblemAnswer.WriteAsync(http.Response, refusal, http.TraceIdentifier),
            _ => PlainAnswer.WriteAsync(http.Response, text),
        };
    }

    private static Dialect Speaks(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<DialectMetadata>()?.Dialect ?? Dialect.PlainText;

    [LoggerMessage(LogLevel.Information, "Refused {Method} {Route} with {StatusCode} {Reason} from {RemoteAddress} (request {RequestId})")]
    private partial void LogRefused(
        string method, string route, int statusCode, string reason, System.Net.IPAddress? remoteAddress, string requestId);
}

/// <summary>Names the dialect of an endpoint.</summary>
internal sealed record DialectMetadata(Dialect Dialect);
