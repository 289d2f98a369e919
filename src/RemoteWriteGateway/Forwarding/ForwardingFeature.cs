using Azure.Core;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>To the stores: section <c>Stores</c>, a tenant's <c>store</c> and <c>storeId</c>.</summary>
internal static partial class ForwardingFeature
{
    /// <summary>Needs <see cref="IMetricFactory"/>, <see cref="TimeProvider"/>, <see cref="PolicySource"/>, configuration and logging.</summary>
    public static IServiceCollection AddForwarding(this IServiceCollection services)
    {
        services.AddKnownSection(StoresOptions.Section);
        services.AddOptionsWithValidateOnStart<StoresOptions, StoresOptionsValidator>();
        services.AddSingleton<IConfigureOptions<StoresOptions>, StoresOptionsReader>();
        services.AddCredential();

        services.AddSingleton<ForwardMetrics>();
        services.AddSingleton(provider => new StoreDirectory(provider.GetRequiredService<IOptions<StoresOptions>>().Value.Stores
            .Select(store => Create(store.Key, store.Value, provider))));
        services.AddSingleton<ITenantSettingsReader, StoreSettingsReader>();
        services.AddSingleton<Forwarder>();
        services.AddSingleton(provider => new StoreProber(
            provider.GetRequiredService<StoreDirectory>(),
            () => provider.GetRequiredService<PolicySource>().Current.Tenants,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<StoreProber>>()));
        services.AddHostedService(provider => provider.GetRequiredService<StoreProber>());
        return services;
    }

    private static Store Create(string name, StoreOptions options, IServiceProvider services)
    {
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        ILogger<Store> logger = services.GetRequiredService<ILogger<Store>>();
        StorePreset preset = StorePreset.Of(options.Kind!.Value); // Validated: a store without a kind stops the start.
        if (options.Auth.Kind != StoreAuthKind.None && new Uri(options.Url!) is { Scheme: "http", IsLoopback: false })
        {
            LogInClear(logger, name);
        }

        StoreMetrics metrics = services.GetRequiredService<ForwardMetrics>().Of(name);
        IStoreCredentials? credentials = Credentials(name, options.Auth, preset, services);
        return new Store(
            name,
            options,
            new StoreClient(options, new StoreTransport(name, options.Tls, options.MaxConnections, time, logger), credentials, metrics, time),
            new StoreProtocol(name, options.Protocol ?? preset.Protocol, metrics, logger),
            new StoreTrouble(name, time, logger),
            metrics,
            StoreReadOptionsFaults.IsEnabled(options.Kind.Value, options) ? ReadSide(name, options, preset, credentials, services) : null);
    }

    private static StoreReadSide ReadSide(
        string name, StoreOptions options, StorePreset preset, IStoreCredentials? credentials, IServiceProvider services)
    {
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        ILogger<Store> logger = services.GetRequiredService<ILogger<Store>>();
        StoreReadOptions read = options.Read;
        bool isByHeader = (read.Isolation ?? preset.ReadIsolation ?? options.Isolation ?? preset.Isolation) == StoreIsolation.Header;
        StoreReadClient client = new(
            new StoreTransport(name, read.Tls ?? options.Tls, options.MaxConnections, time, logger),
            read.Auth is null ? credentials : Credentials(name, read.Auth, preset, services),
            isByHeader ? read.Header ?? options.Header ?? preset.Header : null,
            options.Headers);
        return new StoreReadSide(options, services.GetRequiredService<IOptions<TenancyOptions>>().Value.Label, client);
    }

    private static IStoreCredentials? Credentials(string name, StoreAuthOptions auth, StorePreset preset, IServiceProvider services)
    {
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        ILogger<Store> logger = services.GetRequiredService<ILogger<Store>>();
        return auth.Kind switch
        {
            StoreAuthKind.Basic => FileCredentials.Basic(name, auth.UsernameFile!, auth.PasswordFile!, time, logger),
            StoreAuthKind.BearerFile => FileCredentials.Bearer(name, auth.TokenFile!, time, logger),
            StoreAuthKind.Entra => new EntraCredentials(
                name, services.GetRequiredService<TokenCredential>(), auth.Scope ?? preset.Scope!, time, logger),
            _ => null,
        };
    }

    [LoggerMessage(LogLevel.Warning, "Credentials for store {Store} travel in clear: its Url is http and not on this machine")]
    private static partial void LogInClear(ILogger logger, string store);
}
