using Microsoft.Extensions.ObjectPool;
using Prometheus;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>The Prometheus HTTP API, each read kept to the tenants that its token grants.</summary>
internal static class QueryFeature
{
    private static readonly string[] Prefixes = ["", "/tenants/{tenant}"];

    // What shows configuration, status or everybody's names, and what writes. All below is refused by name; the rest is unknown.
    private static readonly string[] Refused =
    [
        "/federate", "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/targets/relabel_steps", "/api/v1/scrape_pools", "/api/v1/scrape_pools/config",
        "/api/v1/alertmanagers", "/api/v1/status/{**rest}", "/api/v1/notifications", "/api/v1/notifications/live", "/api/v1/features",
        "/api/v1/openapi.yaml", "/api/v1/format_query", "/api/v1/parse_query", "/api/v1/search/{**rest}", "/api/v1/admin/{**rest}", "/api/v1/otlp/{**rest}",
        "/api/v1/stores", "/api/v1/query_explain", "/api/v1/query_range_explain", "/api/v1/export", "/api/v1/export/{**rest}", "/api/v1/import",
        "/api/v1/import/{**rest}", "/api/v1/series/count", "/api/v1/notifiers", "/api/v1/cardinality/{**rest}", "/api/v1/user_limits",
        "/api/v1/rules/{**rest}",
    ];

    public static IServiceCollection AddQuery(this IServiceCollection services)
    {
        services.AddSection<QueryOptions, QueryOptionsValidator>(QueryOptions.Section);
        services.AddSingleton<ITenantSettingsReader, ReadLimitsReader>();
        services.AddSingleton<MatcherPolicy, ExactTargetPolicy>();
        services.AddSingleton(provider => new QueryMetrics(provider.GetRequiredService<IMetricFactory>(), provider.GetRequiredService<StoreDirectory>()));
        services.AddSingleton<ObjectPool<ReadWork>>(_ => new DefaultObjectPool<ReadWork>(new DefaultPooledObjectPolicy<ReadWork>(), maximumRetained: 256));
        services.AddSingleton<ReadScopes>();
        services.AddSingleton<QueryGate>();
        services.AddSingleton<ReadRepeats>();
        services.AddSingleton<StoreReader>();
        services.AddSingleton<StoreProofs>().AddHostedService(provider => provider.GetRequiredService<StoreProofs>());
        services.AddSingleton<StoreQuestions>();
        services.AddSingleton<RuleSource>();
        services.AddSingleton<ExpressionReads>();
        services.AddSingleton<SelectorReads>();
        services.AddSingleton<BuildInfoReads>();
        services.AddSingleton<MetadataReads>();
        services.AddSingleton<RuleReads>();
        services.AddSingleton<RemoteReads>();
        services.AddSingleton<QueryEndpoint>();
        services.AddSingleton<RefusedReads>();
        return services;
    }

    public static void MapQuery(this WebApplication app)
    {
        var endpoint = app.Services.GetRequiredService<QueryEndpoint>();
        var refused = app.Services.GetRequiredService<RefusedReads>();
        foreach (string prefix in Prefixes)
        {
            foreach (ReadRoute route in ReadRoute.All)
            {
                IReadHandler handler = HandlerOf(route.Api, app.Services);
                app.MapMethods(prefix + route.Path, route.Methods, http => endpoint.HandleAsync(http, route, handler))
                    .RequirePermission(Permissions.MetricsRead)
                    .Audited(AuditEvents.Query)
                    .WithMetadata(new ExactTarget(route.Path), new DialectMetadata(route.IsRemoteRead ? Dialect.PlainText : Dialect.Prometheus), refused);

                // Of the same path and any other method. It comes after the token and before the tenants.
                app.Map(prefix + route.Path, http => endpoint.RefuseMethodAsync(http, route))
                    .RequireValidToken()
                    .Audited(AuditEvents.Query)
                    .WithMetadata(new ExactTarget(route.Path), new DialectMetadata(Dialect.Prometheus), refused);
                app.MapMethods(prefix + route.Path, ["OPTIONS"], Preflight).AllowAnonymous().WithMetadata(new ExactTarget(route.Path));
            }

            foreach (string path in Refused)
            {
                app.Map(prefix + path, static http => http.RequestServices.GetRequiredService<RefusalWriter>().WriteAsync(http, ReadRefusals.Endpoint))
                    .RequireValidToken()
                    .Audited(AuditEvents.Query)
                    .WithMetadata(new DialectMetadata(Dialect.Prometheus), refused);
                app.MapMethods(prefix + path, ["OPTIONS"], Preflight).AllowAnonymous();
            }
        }
    }

    private static void Preflight(HttpContext http) => ReadHeaders.Set(http.Response);

    private static IReadHandler HandlerOf(ReadApi api, IServiceProvider services) => api switch
    {
        ReadApi.Query or ReadApi.QueryRange or ReadApi.Exemplars => services.GetRequiredService<ExpressionReads>(),
        ReadApi.Series or ReadApi.Labels or ReadApi.LabelValues => services.GetRequiredService<SelectorReads>(),
        ReadApi.Metadata => services.GetRequiredService<MetadataReads>(),
        ReadApi.BuildInfo => services.GetRequiredService<BuildInfoReads>(),
        ReadApi.Rules or ReadApi.Alerts => services.GetRequiredService<RuleReads>(),
        ReadApi.RemoteRead => services.GetRequiredService<RemoteReads>(),
        _ => throw new ArgumentOutOfRangeException(nameof(api), api, "No handler answers it."),
    };
}

/// <summary>Counts the reads that were refused before their handler: by identity, policy, method. All refusals get the headers of reads.</summary>
internal sealed class RefusedReads(QueryMetrics metrics) : IRefusalObserver
{
    public void OnRefused(HttpContext http, Refusal refusal)
    {
        ReadHeaders.Set(http.Response);
        if (http.Features.Get<ReadRecord>() is null
            && http.GetEndpoint()?.Metadata.GetMetadata<ExactTarget>() is { } exact
            && ReadRoute.All.FirstOrDefault(route => route.Path == exact.Path) is { } route)
        {
            metrics.Count(route, refusal.StatusCode, refusal.Reason, TimeSpan.Zero, 0, 0);
        }
    }
}
