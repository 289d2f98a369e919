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
        bool isRead = StoreReadOptionsFaults.IsEnabled(options.Kind.Value, options);
        if (TravelsInClear(options.Auth, options.Url) || (isRead && TravelsInClear(options.Read.Auth ?? options.Auth, options.Read.Url)))
        {
            LogInClear(logger, name);
        }

        StoreMetrics metrics = services.GetRequiredService<ForwardMetrics>().Of(name);
        IStoreCredentials? credentials = Credentials(name, options.Auth, options.Auth.Scope ?? preset.Scope, services);
        return new Store(
            name,
            options,
            new StoreClient(options, new StoreTransport(name, options.Tls, options.MaxConnections, time, logger), credentials, metrics, time),
            new StoreProtocol(name, options.Protocol ?? preset.Protocol, metrics, logger),
            new StoreTrouble(name, time, logger),
            metrics,
            isRead ? ReadSide(name, options, preset, credentials, services) : null);
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
            ReadCredentials(name, options, preset, credentials, services),
            isByHeader ? read.Header ?? options.Header ?? preset.Header : null,
            options.Headers);
        return new StoreReadSide(options, services.GetRequiredService<IOptions<TenancyOptions>>().Value.Label, client);
    }

    /// <summary>Those of writes, unless reads have their own, or a token that must be for something else.</summary>
    private static IStoreCredentials? ReadCredentials(
        string name, StoreOptions options, StorePreset preset, IStoreCredentials? ofWrites, IServiceProvider services) => options.Read.Auth switch
        {
            { } own => Credentials(name, own, own.Scope ?? preset.ReadScope ?? preset.Scope, services),
            null when options.Auth.Kind == StoreAuthKind.Entra && preset.ReadScope is not null => Credentials(name, options.Auth, preset.ReadScope, services),
            null => ofWrites,
        };

    private static bool TravelsInClear(StoreAuthOptions auth, string? url) =>
        auth.Kind != StoreAuthKind.None && url is not null && new Uri(url) is { Scheme: "http", IsLoopback: false };

    private static IStoreCredentials? Credentials(string name, StoreAuthOptions auth, string? scope, IServiceProvider services)
    {
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        ILogger<Store> logger = services.GetRequiredService<ILogger<Store>>();
        return auth.Kind switch
        {
            StoreAuthKind.Basic => FileCredentials.Basic(name, auth.UsernameFile!, auth.PasswordFile!, time, logger),
            StoreAuthKind.BearerFile => FileCredentials.Bearer(name, auth.TokenFile!, time, logger),
            StoreAuthKind.Entra => new EntraCredentials(
                name, services.GetRequiredService<TokenCredential>(), scope!, time, logger),
            _ => null,
        };
    }

    [LoggerMessage(LogLevel.Warning, "Credentials for store {Store} travel in clear: its Url, or that of its reads, is http and not on this machine")]
    private static partial void LogInClear(ILogger logger, string store);
}
