namespace RemoteWriteGateway.Http;

/// <summary>What is mapped nowhere: 404 with a valid token; without one the fallback policy answers 401, so that nobody can probe for routes.</summary>
internal static class UnknownRoutes
{
    public static readonly Refusal NotFound = new("not-found", StatusCodes.Status404NotFound, "there is nothing at this path");

    public static IEndpointConventionBuilder MapUnknown(this IEndpointRouteBuilder routes) => routes.Map("/{**path}", static http =>
        http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(http, NotFound));

    /// <summary>Answers a known path with a method that it does not take.</summary>
    /// <param name="http">The request.</param>
    /// <param name="allowed">The methods that it takes, in the order in which they are named.</param>
    public static Task RefuseMethodAsync(HttpContext http, params ReadOnlySpan<string> allowed)
    {
        string methods = string.Join(", ", allowed);
        http.Response.Headers.Allow = methods;
        return http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(
            http, new Refusal("method-not-allowed", StatusCodes.Status405MethodNotAllowed, $"this path takes {methods} only"));
    }
}
