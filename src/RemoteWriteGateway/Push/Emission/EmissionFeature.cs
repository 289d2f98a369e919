using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>Adds what writes groups to their stores.</summary>
internal static class EmissionFeature
{
    /// <summary>Wants section <c>Push</c>, the state of groups, the catalog, forwarding, and the pool of write work.</summary>
    public static IServiceCollection AddPushEmission(this IServiceCollection services)
    {
        services.TryAddSingleton<IFailPoints, NoFailPoints>();
        services.AddSingleton(provider => new EmissionPlan(provider.GetRequiredService<IOptions<PushOptions>>().Value));
        services.AddSingleton<EmissionMetrics>();
        services.AddSingleton<EmissionTargets>();
        services.AddSingleton<ClaimStore>();
        services.AddSingleton<EmissionSender>();
        services.AddHostedService<PushEmitter>();
        services.AddSingleton<EmissionGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<EmissionGauges>());
        return services;
    }
}
