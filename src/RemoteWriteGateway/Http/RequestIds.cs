namespace RemoteWriteGateway.Http;

/// <summary>Gives each request an id of ours, a UUIDv7, answered as <c>X-Request-Id</c>. What a client sends there is ignored.</summary>
internal static class RequestIds
{
    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        string id = Guid.CreateVersion7().ToString();
        http.TraceIdentifier = id;
        http.Response.Headers["X-Request-Id"] = id;
        return next(http);
    });
}
