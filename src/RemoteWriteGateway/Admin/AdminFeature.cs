using RemoteWriteGateway.Audit;
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
        services.AddSingleton<ReplicaPurges>();
        services.AddHostedService(provider => provider.GetRequiredService<ReplicaPurges>());
        return services;
    }

    public static void MapAdmin(this WebApplication app)
    {
        AdminRoutes routes = new(app, app.Services.GetRequiredService<RefusalWriter>(), app.Services.GetRequiredService<AuditLog>());
        app.Services.GetRequiredService<WhoAmIRoute>().AddTo(routes);
        app.Services.GetRequiredService<ExplainRoute>().AddTo(routes);
        app.Services.GetRequiredService<PolicyRoutes>().AddTo(routes);
        app.Services.GetRequiredService<IdentityRoutes>().AddTo(routes);
        app.Services.GetRequiredService<OpenApiRoute>().AddTo(routes);
        routes.AddOthers(Prefix);
    }
}
