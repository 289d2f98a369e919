using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Audit;

/// <summary>Who did what: one record for each decision that somebody may ask about.</summary>
internal static class AuditFeature
{
    /// <summary>Adds the log and its writer, which takes records to the catalog, or to the spool while that is away.</summary>
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddSection<AuditOptions, AuditOptionsValidator>(AuditOptions.Section);
        services.AddDeletionStream();
        services.AddHostedService(provider => provider.GetRequiredService<DeletionStream>());
        services.AddSingleton(provider =>
        {
            AuditOptions options = provider.GetRequiredService<IOptions<AuditOptions>>().Value;
            return new AuditSpool(options.SpoolDirectory, options.SpoolMaxBytes);
        });
        services.AddSingleton<AuditSearch>();
        services.AddSingleton<AuditVerifier>();
        services.AddSingleton<KnownCallers>();
        services.AddSingleton<AccessUses>();
        services.AddSingleton<AuditStart>();
        services.AddSingleton<AuditStore>();
        services.AddSingleton<IReplicaFacts>(provider => provider.GetRequiredService<AuditStore>());
        services.AddSingleton<AuditWriter>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditWriter>());
        services.AddSingleton<IRefusalObserver, AuditedRefusals>();
        services.AddSingleton<ObjectPool<AuditScope>>(provider => new DefaultObjectPool<AuditScope>(
            new AuditScopePolicy(provider.GetRequiredService<AuditLog>(), provider.GetRequiredService<TimeProvider>()), maximumRetained: 1024));
        return services;
    }

    /// <summary>Adds the log alone, for parts of the gateway that put events on record, in hosts that may have no writer.</summary>
    public static IServiceCollection AddAuditLog(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<AuditLog>();
        return services;
    }

    /// <summary>Adds what puts deletions on record in their own transactions, without what is done each minute and at the stop. Wants the catalog and <see cref="Prometheus.IMetricFactory"/>.</summary>
    public static IServiceCollection AddDeletionStream(this IServiceCollection services)
    {
        services.AddAuditLog();
        services.TryAddSingleton<AuditMetrics>();
        services.TryAddSingleton(provider => AuditTable.Of(provider.GetRequiredService<CatalogDatabase>()));
        services.TryAddSingleton<AuditPartitions>();
        services.TryAddSingleton<DeletionStream>();
        return services;
    }

    /// <summary>From here on each request has its <see cref="AuditScope"/>: behind the request's id, before whatever may refuse it.</summary>
    public static void UseAudit(this WebApplication app) => app.UseMiddleware<AuditMiddleware>();
}
