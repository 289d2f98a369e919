using Microsoft.AspNetCore.Authorization;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Stops the start if a mapped route does not say who may call it: exactly one of <c>RequirePermission</c>,
/// <c>RequireValidToken</c> and <c>AllowAnonymous</c>. Runs when the pipeline is built, so before anything listens.
/// </summary>
internal sealed class RouteCheck : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        Check(app.ApplicationServices.GetRequiredService<EndpointDataSource>().Endpoints);
    };

    /// <exception cref="InvalidOperationException">Names every route that says nothing, or too much.</exception>
    private static void Check(IEnumerable<Endpoint> endpoints)
    {
        string[] wrong = [.. endpoints.Where(endpoint => Says(endpoint) != 1).Select(NameOf)];
        if (wrong.Length > 0)
        {
            throw new InvalidOperationException(
                "Each route needs exactly one of RequirePermission, RequireValidToken and AllowAnonymous; not so: " + string.Join(", ", wrong));
        }
    }

    private static int Says(Endpoint endpoint) =>
        endpoint.Metadata.GetOrderedMetadata<PermissionRequirement>().Count
        + endpoint.Metadata.GetOrderedMetadata<ValidTokenRequirement>().Count
        + (endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null ? 0 : 1);

    private static string NameOf(Endpoint endpoint)
    {
        string methods = string.Join('|', endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["*"]);
        return $"{methods} {(endpoint as RouteEndpoint)?.RoutePattern.RawText ?? endpoint.DisplayName ?? "?"}";
    }
}
