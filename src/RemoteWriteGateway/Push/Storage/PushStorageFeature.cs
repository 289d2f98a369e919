using Microsoft.Extensions.DependencyInjection.Extensions;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>Adds the state of push groups.</summary>
internal static class PushStorageFeature
{
    /// <summary>Wants the catalog and <see cref="Prometheus.IMetricFactory"/>; <see cref="PushTimes"/> are the defaults unless others are registered.</summary>
    public static IServiceCollection AddPushStorage(this IServiceCollection services)
    {
        services.AddDeletionStream();
        services.TryAddSingleton(PushTimes.Default);
        services.AddSingleton<PushWake>();
        services.AddSingleton<PushStorageMetrics>();
        services.AddSingleton<UnreadablePayloads>();
        services.AddSingleton<PushTransactions>(provider =>
        {
            CatalogDatabase database = provider.GetRequiredService<CatalogDatabase>();
            PushStorageMetrics metrics = provider.GetRequiredService<PushStorageMetrics>();
            return database.Provider == CatalogProvider.PostgreSql
                ? new PostgreSqlPushTransactions(database, metrics, provider.GetRequiredService<ILogger<PostgreSqlPushTransactions>>())
                : new SqlitePushTransactions(
                    database, metrics, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<SqlitePushTransactions>>());
        });
        services.AddSingleton<PushStore>();
        services.AddSingleton<GroupSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<GroupSweeper>());
        return services;
    }
}
