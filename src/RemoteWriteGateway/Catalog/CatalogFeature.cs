using Azure.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Catalog;

/// <summary>Adds the catalog: what replicas share, and what outlives them.</summary>
internal static class CatalogFeature
{
    /// <summary>
    /// For the service. Wants <see cref="Prometheus.IMetricFactory"/>. It is to be added before everything that uses the catalog at start:
    /// hosted services start in the order in which they were added, and their subscriptions of <see cref="CatalogChanges"/> made in
    /// constructors or <see cref="IHostedLifecycleService.StartingAsync"/> are read before the listeners open.
    /// </summary>
    public static IServiceCollection AddCatalog(this IServiceCollection services)
    {
        services.AddCatalogDatabase(isExclusive: true);
        services.AddSingleton(provider => ReplicaIdentity.Of(provider.GetRequiredService<IOptions<CatalogOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<CatalogMetrics>();
        services.AddSingleton<CatalogChanges>();
        services.AddHostedService(provider => provider.GetRequiredService<CatalogChanges>());
        services.AddSingleton<ReplicaRegister>();
        services.AddHostedService(provider => provider.GetRequiredService<ReplicaRegister>());
        return services;
    }

    /// <summary>The database alone, for commands.</summary>
    /// <param name="services">Wants configuration and logging.</param>
    /// <param name="isExclusive">Whether a SQLite file is kept from other gateways; see <see cref="SqliteDatabase"/>.</param>
    public static IServiceCollection AddCatalogDatabase(this IServiceCollection services, bool isExclusive)
    {
        services.AddSection<CatalogOptions, CatalogOptionsValidator>(CatalogOptions.Section);
        services.AddCredential();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<CatalogDatabase>(provider =>
        {
            CatalogOptions options = provider.GetRequiredService<IOptions<CatalogOptions>>().Value;
            return options.Provider == CatalogProvider.Sqlite
                ? new SqliteDatabase(options, isExclusive)
                : new PostgreSqlDatabase(options, provider.GetRequiredService<TokenCredential>);
        });
        services.AddSingleton(provider => new CatalogMigrator(
            provider.GetRequiredService<CatalogDatabase>(),
            CatalogMigration.All,
            $"{ReplicaIdentity.ProgramVersion} on {Environment.MachineName}",
            provider.GetRequiredService<ILogger<CatalogMigrator>>()));
        return services;
    }
}
