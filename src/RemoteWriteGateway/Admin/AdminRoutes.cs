using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>Handles a call that is authorized and whose query is read.</summary>
internal delegate Task<AdminAnswer> AdminHandler(AdminCall call);

/// <summary>
/// Maps routes of the admin API, each with the same way through:
/// <list type="number">
/// <item>The query: nothing unknown, nothing twice.</item>
/// <item>The handler, which decides and changes, and writes nothing.</item>
/// <item>The answer, marked so that nobody keeps it.</item>
/// </list>
/// Token and permission come before, by authorization; errors after, by <see cref="RefusalWriter"/>.
/// </summary>
internal sealed class AdminRoutes(IEndpointRouteBuilder routes, RefusalWriter refusals)
{
    private readonly List<AdminRoute> _all = [];

    public void Add(AdminRoute route, AdminHandler handler)
    {
        _all.Add(route);
        Delegate run = (HttpContext http) => RunAsync(http, route, handler);
        RouteHandlerBuilder mapped = routes.MapMethods(route.Path, [route.Method], run)
            .WithMetadata(route, new DialectMetadata(Dialect.Problem), NoBodySizeLimit.Instance)
            .WithName(route.OperationId);
        _ = route.Permission is not { } permission ? mapped.RequireValidToken()
            : route.Choice is { } choice ? mapped.RequirePermission(permission, choice)
            : mapped.RequirePermission(permission);
    }

    /// <summary>Maps what is left: other methods of the same paths, and other paths under <paramref name="prefix"/>. Called last.</summary>
    public void AddOthers(string prefix)
    {
        foreach (IGrouping<string, AdminRoute> path in _all.GroupBy(route => route.Path, StringComparer.Ordinal))
        {
            string[] allowed = [.. path.Select(route => route.Method).Order(StringComparer.Ordinal)];
            routes.Map(path.Key, http => UnknownRoutes.RefuseMethodAsync(http, allowed))
                .RequireValidToken()
                .WithMetadata(new DialectMetadata(Dialect.Problem))
                .ExcludeFromDescription();
        }

        routes.Map(prefix + "/{**path}", http => refusals.WriteAsync(http, UnknownRoutes.NotFound))
            .RequireValidToken()
            .WithMetadata(new DialectMetadata(Dialect.Problem))
            .ExcludeFromDescription();
    }

    private async Task RunAsync(HttpContext http, AdminRoute route, AdminHandler handler)
    {
        Caller caller = CallerPrincipal.Of(http) ?? throw new InvalidOperationException("The route lets in who has no token.");

        // 1.
        AdminQuery query = AdminQuery.Read(http.Request.QueryString, route.Query);
        AdminAnswer answer = query.Refusal is { } refusal
            ? refusal

            // 2.
            : await handler(new AdminCall(http, route, caller, query));

        // 3.
        await WriteAsync(http, route, answer);
    }

    private Task WriteAsync(HttpContext http, AdminRoute route, AdminAnswer answer)
    {
        if (answer.Refusal is { } refusal)
        {
            return refusals.WriteAsync(http, refusal);
        }

        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (answer.Stream is { } stream)
        {
            return stream(http);
        }

        http.Response.StatusCode = route.AnswerStatus;
        http.Response.Headers.Location = answer.Location;
        return http.Response.WriteAsJsonAsync(answer.Value, route.Answer, AdminJson.Options, contentType: "application/json; charset=utf-8", http.RequestAborted);
    }
}
