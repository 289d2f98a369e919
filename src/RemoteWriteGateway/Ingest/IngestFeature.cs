using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Ingest;

/// <summary>Remote write: the routes of senders.</summary>
internal static class IngestFeature
{
    private static readonly string[] Paths = ["/api/v1/write", "/api/v1/push", "/api/v1/receive"];
    private static readonly TimeSpan BodyRateGrace = TimeSpan.FromSeconds(5);

    public static IServiceCollection AddIngest(this IServiceCollection services)
    {
        services.AddSection<IngestOptions, IngestOptionsValidator>(IngestOptions.Section);
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<IngestOptions>>((kestrel, ingest) =>
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(ingest.Value.MinBodyBytesPerSecond, BodyRateGrace));
        services.AddSingleton<ITenantSettingsReader, WriteSettingsReader>();
        services.AddSingleton<TenantStamping>();
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton(provider =>
        {
            IngestOptions bounds = provider.GetRequiredService<IOptions<IngestOptions>>().Value;
            return new WriteWorkPool(bounds.MaxInflightRequests, bounds.MaxInflightBytes, provider.GetRequiredService<IMetricFactory>());
        });
        services.AddSingleton<WriteTargets>();
        services.AddHostedService<TenantPreparation>();
        services.AddSingleton<WriteEndpoint>();
        services.AddSingleton<RefusedWrites>();
        return services;
    }

    public static void MapIngest(this WebApplication app)
    {
        var endpoint = app.Services.GetRequiredService<WriteEndpoint>();
        var refused = app.Services.GetRequiredService<RefusedWrites>();
        foreach (string path in Paths)
        {
            foreach (string prefix in (ReadOnlySpan<string>)["", "/tenants/{tenant}"])
            {
                app.MapPost(prefix + path, endpoint.HandleAsync)
                    .RequirePermission(Permissions.MetricsWrite)
                    .Audited(AuditEvents.WriteSummary)
                    .WithMetadata(refused, NoBodySizeLimit.Instance, StaleRevocationsSuffice.Instance);

                // Of the same path and any other method. It comes after the token and before the tenant.
                app.Map(prefix + path, static http => UnknownRoutes.RefuseMethodAsync(http, HttpMethods.Post)).RequireValidToken().WithMetadata(refused);
            }
        }
    }
}
