using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>Handles a call that is authorized and whose query is read.</summary>
internal delegate Task<AdminAnswer> AdminHandler(AdminCall call);

/// <summary>
/// Maps routes of the admin API, each with the same way through:
/// <list type="number">
/// <item>Nothing is done while it could not be put on record.</item>
/// <item>The query has nothing unknown and nothing twice, and there is no body that nobody reads.</item>
/// <item>The handler decides and changes, and writes nothing. What it changes it puts on record before.</item>
/// <item>The call is on record before its answer.</item>
/// <item>The answer, marked so that nobody keeps it.</item>
/// </list>
/// Token and permission come before, by authorization; errors after, by <see cref="RefusalWriter"/>.
/// </summary>
internal sealed class AdminRoutes(IEndpointRouteBuilder routes, RefusalWriter refusals, AuditLog audit)
{
    private readonly List<AdminRoute> _all = [];

    public void Add(AdminRoute route, AdminHandler handler)
    {
        _all.Add(route);
        Delegate run = (HttpContext http) => RunAsync(http, route, handler);
        RouteHandlerBuilder mapped = routes.MapMethods(route.Path, [route.Method], run)
            .WithMetadata(route, new DialectMetadata(Dialect.Problem), NoBodySizeLimit.Instance)
            .WithName(route.OperationId)
            .WithTags("admin")
            .Audited(AuditEvents.Admin);
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

        try
        {
            // 1.
            AdminAnswer answer = audit.IsAvailable ? await AnswerAsync(http, route, caller, handler) : AuditRefusals.Unavailable;

            // 4.
            AuditScope scope = AdminCall.ScopeOf(http);
            if (answer.Refusal is { } refused)
            {
                scope.Refuse(refused.Reason, refused.StatusCode);
            }

            http.Response.StatusCode = answer.Refusal?.StatusCode ?? route.AnswerStatus;
            await scope.WriteAheadOfAnswerAsync();

            // 5.
            await WriteAsync(http, route, answer);
        }
        catch (AuditUnavailableException) when (!http.Response.HasStarted)
        {
            await refusals.WriteAsync(http, AuditRefusals.Unavailable);
        }
    }

    private static async Task<AdminAnswer> AnswerAsync(HttpContext http, AdminRoute route, Caller caller, AdminHandler handler)
    {
        // 2.
        AdminQuery query = AdminQuery.Read(http.Request.QueryString, route.Query);
        if (query.Refusal is { } refusal)
        {
            return refusal;
        }

        if (route.Body is null && http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true)
        {
            return AdminProblems.BadRequest(JsonShape.WholeBody, "this route takes none");
        }

        // 3.
        return await handler(new AdminCall(http, route, caller, query));
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

        // Made whole before the first byte is sent: what fails on the way is a 500 and not half an answer.
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(answer.Value, route.Answer, AdminJson.Output);
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = json.Length;
        return http.Response.Body.WriteAsync(json, http.RequestAborted).AsTask();
    }
}
