namespace RemoteWriteGateway.Http;

/// <summary>Answers what was thrown on the way: a body that could not be read, and our own bugs.</summary>
internal sealed partial class EdgeErrors(RequestDelegate next, RefusalWriter refusals, ILogger<EdgeErrors> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            // Kestrel's word for a body that arrived slower than its minimum rate. It is no verdict on the content.
            Refusal refusal = e.StatusCode == StatusCodes.Status408RequestTimeout
                ? new Refusal("body-too-slow", StatusCodes.Status503ServiceUnavailable, "the body did not arrive in time; retry")
                : new Refusal("bad-request", StatusCodes.Status400BadRequest, "the request could not be read as HTTP");
            await refusals.WriteAsync(http, refusal);
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            // The sender has hung up while we read: nobody is there to be answered.
            http.Abort();
        }
#pragma warning disable CA1031 // The edge: whatever comes here is our bug, and the sender must still be told to send again.
        catch (Exception e) when (!http.Response.HasStarted)
#pragma warning restore CA1031
        {
            LogBug(e, http.TraceIdentifier);
            await refusals.WriteAsync(http, new Refusal("internal-error", StatusCodes.Status500InternalServerError, "internal error; retry"));
        }
    }

    [LoggerMessage(LogLevel.Error, "Request {RequestId} failed by a bug of ours")]
    private partial void LogBug(Exception exception, string requestId);
}
