using Microsoft.AspNetCore.Authorization;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Adds the policy and the authorization by it.</summary>
internal static class TenancyFeature
{
    /// <summary>
    /// Adds the policy file and what decides by it. Wants the catalog, <see cref="EntraDirectory"/>, <see cref="Challenges"/> and
    /// <see cref="RefusalWriter"/>; takes every registered <see cref="ITenantSettingsReader"/>.
    /// </summary>
    public static IServiceCollection AddTenancy(this IServiceCollection services)
    {
        services.AddSection<PolicyOptions, PolicyOptionsValidator>(PolicyOptions.Section);
        services.AddSection<TenancyOptions, TenancyOptionsValidator>(TenancyOptions.Section);
        services.AddSection<RevocationOptions, RevocationOptionsValidator>(RevocationOptions.Section);

        services.AddAuditLog();
        services.AddSingleton(provider => new PolicyLoader(
            provider.GetServices<ITenantSettingsReader>(), provider.GetRequiredService<EntraDirectory>().Id));
        services.AddSingleton<PolicyMetrics>();
        services.AddSingleton<PolicySource>();
        services.AddHostedService(provider => provider.GetRequiredService<PolicySource>());
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<PolicySource>());
        services.AddSingleton<IReplicaFacts>(provider => provider.GetRequiredService<PolicySource>());

        services.AddSingleton<RevocationStore>();
        services.AddSingleton<CatalogRevocations>();
        services.AddHostedService(provider => provider.GetRequiredService<CatalogRevocations>());
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<CatalogRevocations>());
        services.AddSingleton<IReplicaFacts>(provider => provider.GetRequiredService<CatalogRevocations>());

        services.AddSingleton<PolicyVersionStore>();
        services.AddSingleton<PolicyArchive>();
        services.AddSingleton<PolicyHistory>();
        services.AddHostedService(provider => provider.GetRequiredService<PolicyHistory>());

        services.AddSingleton<TenancyRefusals>();
        services.AddSingleton<IAuthorizationHandler, AccessHandler>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, RefusalResultHandler>();
        services.AddSingleton<IStartupFilter, RouteCheck>();
        services.AddAuthorization(authorization =>
        {
            authorization.DefaultPolicy = new AuthorizationPolicyBuilder().AddRequirements(ValidTokenRequirement.Instance).Build();
            authorization.FallbackPolicy = authorization.DefaultPolicy;
        });

        // Refusals are told once, by us, with their reason.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Authorization", LogLevel.Warning));
        return services;
    }
}
