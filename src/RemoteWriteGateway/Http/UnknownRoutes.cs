namespace RemoteWriteGateway.Http;

/// <summary>What is mapped nowhere: 404 with a valid token; without one the fallback policy answers 401, so that nobody can probe for routes.</summary>
internal static class UnknownRoutes
{
    public static IEndpointConventionBuilder MapUnknown(this IEndpointRouteBuilder routes) => routes.Map("/{**path}", static http =>
        http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(
            http, new Refusal("not-found", StatusCodes.Status404NotFound, "there is nothing at this path")));
}
