using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Admin;

/// <summary>What operators see and do, and what every caller is told of itself.</summary>
internal static class AdminFeature
{
    /// <summary>Where the routes of operators begin.</summary>
    public const string Prefix = "/admin/v1";

    public static IServiceCollection AddAdmin(this IServiceCollection services)
    {
        services.AddAuditLog();
        services.AddAdminOpenApi();
        services.AddSingleton<OpenApiRoute>();
        services.AddSingleton<WhoAmIRoute>();
        services.AddSingleton<ExplainRoute>();
        services.AddSingleton<PolicyRoutes>();
        services.AddSingleton<IdentityRoutes>();
        services.AddSingleton<RevocationRoutes>();
        services.AddSingleton<PolicyVersionRoutes>();
        services.AddSingleton<AccessRoutes>();
        services.AddSingleton<AccessReviewRoute>();
        services.AddSingleton<ReplicaRoutes>();
        services.AddSingleton<AuditRoutes>();
        services.AddSingleton<PushGroupRoutes>();
        services.AddSingleton<ReplicaPurges>();
        services.AddHostedService(provider => provider.GetRequiredService<ReplicaPurges>());
        return services;
    }

    public static void MapAdmin(this WebApplication app)
    {
        AdminRoutes routes = new(app, app.Services.GetRequiredService<RefusalWriter>(), app.Services.GetRequiredService<AuditLog>(), app.Services.GetRequiredService<CatalogDatabase>());
        app.Services.GetRequiredService<WhoAmIRoute>().AddTo(routes);
        app.Services.GetRequiredService<ExplainRoute>().AddTo(routes);
        app.Services.GetRequiredService<PolicyRoutes>().AddTo(routes);
        app.Services.GetRequiredService<IdentityRoutes>().AddTo(routes);
        app.Services.GetRequiredService<RevocationRoutes>().AddTo(routes);
        app.Services.GetRequiredService<PolicyVersionRoutes>().AddTo(routes);
        app.Services.GetRequiredService<AccessRoutes>().AddTo(routes);
        app.Services.GetRequiredService<AccessReviewRoute>().AddTo(routes);
        app.Services.GetRequiredService<ReplicaRoutes>().AddTo(routes);
        app.Services.GetRequiredService<AuditRoutes>().AddTo(routes);
        app.Services.GetRequiredService<PushGroupRoutes>().AddTo(routes);
        app.Services.GetRequiredService<OpenApiRoute>().AddTo(routes);
        routes.AddOthers(Prefix);
    }
}
