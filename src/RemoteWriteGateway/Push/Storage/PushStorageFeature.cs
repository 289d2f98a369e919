namespace RemoteWriteGateway.Push.Storage;

/// <summary>Adds the state of push groups.</summary>
internal static class PushStorageFeature
{
    /// <summary>Wants the catalog, <see cref="Prometheus.IMetricFactory"/> and <see cref="PushTimes"/>.</summary>
    public static IServiceCollection AddPushStorage(this IServiceCollection services)
    {
        services.AddSingleton<PushWake>();
        services.AddSingleton<PushStore>();
        return services;
    }
}
