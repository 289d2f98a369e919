using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Push.Views;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>The Pushgateway's API: groups of metrics that are pushed, kept in the catalog, and written to the tenant's store.</summary>
internal static class PushFeature
{
    /// <summary>The methods of a group's path.</summary>
    public static readonly string[] GroupMethods = ["DELETE", "OPTIONS", "POST", "PUT"];

    public static IServiceCollection AddPush(this IServiceCollection services)
    {
        services.AddSection<PushOptions, PushOptionsValidator>(PushOptions.Section);
        services.AddSingleton<ITenantSettingsReader, PushSettingsReader>();
        services.AddSingleton(provider =>
        {
            PushOptions options = provider.GetRequiredService<IOptions<PushOptions>>().Value;
            return new PushTimes(options.MinGap, options.BookkeepingTtl, options.IdempotencyTtl);
        });
        services.AddPushStorage();
        services.AddPushEmission();
        services.AddSingleton<ObjectPool<MetricFamilies>>(_ =>
            new DefaultObjectPool<MetricFamilies>(new DefaultPooledObjectPolicy<MetricFamilies>(), maximumRetained: 64));
        services.AddSingleton<PushRouter>();
        services.AddSingleton<PushTenants>();
        services.AddSingleton<PushGate>();
        services.AddSingleton<PushMetrics>();
        services.AddSingleton<RefusedPushes>();
        services.AddSingleton<PushEndpoint>();
        services.AddSingleton<PushReads>();
        services.AddSingleton<GroupsJson>();
        services.AddSingleton<Scrape>();
        services.AddSingleton<GroupRoutes>();
        services.AddSingleton<FindPushGroups>(provider => provider.GetRequiredService<GroupRoutes>().FindAsync);
        services.AddSingleton<PushStatus>();
        services.AddSingleton<PushUsageGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<PushUsageGauges>());
        return services;
    }

    /// <summary>Chooses the endpoint of requests of ours by their raw target. It comes before routing, which chooses that of all others.</summary>
    public static void UsePushTargets(this WebApplication app)
    {
        var router = app.Services.GetRequiredService<PushRouter>();
        app.Use((http, next) =>
        {
            router.Route(http);
            return next(http);
        });
    }

    public static void MapPush(this WebApplication app)
    {
        MapGroup(app);
        MapViews(app);
        MapGroups(app);
        MapOthers(app);
    }

    private static void MapGroup(WebApplication app)
    {
        const string Pattern = "/metrics/job/{**labels}";
        var endpoint = app.Services.GetRequiredService<PushEndpoint>();
        var refused = app.Services.GetRequiredService<RefusedPushes>();
        Map(app, Pattern, new PushRoute(PushArea.Group, "PUT", "POST"), endpoint.PushAsync)
            .RequirePermission(Permissions.MetricsPush)
            .Audited(AuditEvents.PushSummary)
            .WithMetadata(refused);
        Map(app, Pattern, new PushRoute(PushArea.Group, "DELETE"), endpoint.DeleteAsync)
            .RequirePermission(Permissions.MetricsPush)
            .Audited(AuditEvents.PushDelete)
            .WithMetadata(refused);
        Map(app, Pattern, new PushRoute(PushArea.Group, "OPTIONS"), static http =>
            {
                http.Response.Headers.Allow = string.Join(", ", GroupMethods);
                http.Response.ContentLength = 0;
                return Task.CompletedTask;
            })
            .AllowAnonymous();
        Map(app, Pattern, new PushRoute(PushArea.Group), endpoint.RefuseMethodAsync)
            .RequirePermission(Permissions.MetricsPush)
            .WithMetadata(refused);
    }

    private static void MapViews(WebApplication app)
    {
        var scrape = app.Services.GetRequiredService<Scrape>();
        var groups = app.Services.GetRequiredService<GroupsJson>();
        var status = app.Services.GetRequiredService<PushStatus>();
        Map(app, "/metrics", new PushRoute(PushArea.Metrics, "GET", "HEAD"), scrape.HandleAsync)
            .RequireOneOf(Permissions.MetricsPush, Permissions.MetricsRead);
        RefuseOthers(app, "/metrics", PushArea.Metrics, "GET", "OPTIONS");
        Map(app, "/metrics", new PushRoute(PushArea.Metrics, "OPTIONS"), static http =>
            {
                http.Response.Headers.Allow = "GET, OPTIONS";
                http.Response.ContentLength = 0;
                return Task.CompletedTask;
            })
            .AllowAnonymous();
        Map(app, "/api/v1/metrics", new PushRoute(PushArea.GroupsWithMetrics, "GET"), groups.HandleAsync)
            .RequireOneOf(Permissions.MetricsPush, Permissions.MetricsRead);
        RefuseOthers(app, "/api/v1/metrics", PushArea.GroupsWithMetrics, "GET", "OPTIONS");
        Map(app, "/api/v1/status", new PushRoute(PushArea.Status, "GET"), status.HandleAsync)
            .RequireOneOf(Permissions.MetricsPush, Permissions.MetricsRead);
        RefuseOthers(app, "/api/v1/status", PushArea.Status, "GET", "OPTIONS");
    }

    private static void MapGroups(WebApplication app)
    {
        var groups = app.Services.GetRequiredService<GroupRoutes>();
        Map(app, "/api/v1/groups", new PushRoute(PushArea.Groups, "GET"), groups.ListAsync)
            .RequireOneOf(Permissions.MetricsPush, Permissions.MetricsRead);
        Map(app, "/api/v1/groups", new PushRoute(PushArea.Groups, "DELETE"), groups.DeleteAsync)
            .RequirePermission(Permissions.MetricsDelete)
            .Audited(AuditEvents.PushDelete);
        RefuseOthers(app, "/api/v1/groups", PushArea.Groups, "DELETE", "GET", "OPTIONS");

        const string Wipe = "/api/v1/admin/wipe";
        if (app.Services.GetRequiredService<IOptions<PushOptions>>().Value.AllowWipe)
        {
            Map(app, Wipe, new PushRoute(PushArea.Wipe, "PUT"), groups.WipeAsync)
                .RequirePermission(Permissions.MetricsDelete)
                .Audited(AuditEvents.PushDelete);
            RefuseOthers(app, Wipe, PushArea.Wipe, "OPTIONS", "PUT");
        }
        else
        {
            Map(app, Wipe, new PushRoute(PushArea.Wipe), static http =>
                    http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(http, UnknownRoutes.NotFound))
                .RequireValidToken();
        }
    }

    private static void MapOthers(WebApplication app)
    {
        var reads = app.Services.GetRequiredService<PushReads>();
        foreach ((PushArea area, string pattern) in ((PushArea, string)[])
            [
                (PushArea.Preflight, "/api/v1/{**rest}"), (PushArea.GroupsWithMetrics, "/api/v1/metrics"), (PushArea.Status, "/api/v1/status"),
                (PushArea.Groups, "/api/v1/groups"), (PushArea.Wipe, "/api/v1/admin/wipe"),
            ])
        {
            Map(app, pattern, new PushRoute(area, "OPTIONS"), http =>
                {
                    reads.SetHeaders(http.Response);
                    http.Response.ContentLength = 0;
                    return Task.CompletedTask;
                })
                .AllowAnonymous();
        }

        Map(app, "/-/quit", new PushRoute(PushArea.Quit, "PUT", "POST"), static http => http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(
                http, new Refusal("lifecycle-disabled", StatusCodes.Status403Forbidden, "the gateway is not stopped by a request; stop its process")))
            .AllowAnonymous();
        Map(app, "/-/quit", new PushRoute(PushArea.Quit), static http => UnknownRoutes.RefuseMethodAsync(http, "POST", "PUT")).AllowAnonymous();
        Map(app, "/-/healthy", new PushRoute(PushArea.Healthy, "GET", "HEAD"), static http => Health.Healthy().ExecuteAsync(http)).AllowAnonymous();
        Map(app, "/-/ready", new PushRoute(PushArea.Ready, "GET", "HEAD"), static http =>
                Health.Ready(http.RequestServices.GetServices<IReadinessCheck>()).ExecuteAsync(http))
            .AllowAnonymous();
        Map(app, "/", new PushRoute(PushArea.Page, "GET", "HEAD"), PushPage.WriteAsync).AllowAnonymous();
    }

    private static void RefuseOthers(WebApplication app, string pattern, PushArea area, params string[] allowed) =>
        Map(app, pattern, new PushRoute(area), http => UnknownRoutes.RefuseMethodAsync(http, allowed)).RequireValidToken();

    /// <summary>Maps an endpoint that <see cref="PushRouter"/> alone chooses: the pattern is its name in metrics and records.</summary>
    private static IEndpointConventionBuilder Map(WebApplication app, string pattern, PushRoute route, RequestDelegate handler) =>
        app.Map(pattern, handler).WithMetadata(route, new SuppressMatchingMetadata(), NoBodySizeLimit.Instance);
}
