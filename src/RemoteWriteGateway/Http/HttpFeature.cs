using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Prometheus;

namespace RemoteWriteGateway.Http;

/// <summary>What all endpoints share: listeners, request ids, errors at the edge, health, draining, self metrics.</summary>
internal static class HttpFeature
{
    public static IServiceCollection AddHttp(this IServiceCollection services)
    {
        services.AddSection<HttpOptions, HttpOptionsValidator>(HttpOptions.Section);
        services.AddSection<ManagementOptions, ManagementOptionsValidator>(ManagementOptions.Section);

        // A registry of its own for each host, so that two hosts in one process do not share counts.
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        services.AddSingleton(registry);
        services.AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(registry));

        services.AddSingleton<ServerCertificate>().AddHostedService(provider => provider.GetRequiredService<ServerCertificate>());
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>, Listeners>();
        services.AddSingleton<Drain>().AddHostedService(provider => provider.GetRequiredService<Drain>());
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<Drain>());
        services.AddSingleton<IMemoryPoolFactory<byte>, ReceivePoolFactory>();

        // A request goes on where its bytes were received. That thread is one of the pool already, so nothing of the transport waits for
        // it; handing over costs a wake-up for each piece of a body.
        services.Configure<SocketTransportOptions>(static sockets => sockets.UnsafePreferInlineScheduling = true);
        services.AddSingleton<RefusalWriter>();
        services.AddOptions<HostOptions>().Configure<IOptions<HttpOptions>>((host, http) =>
            host.ShutdownTimeout = http.Value.DrainDelay + http.Value.DrainTimeout);
        services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<HttpOptions>>(TrustKnownProxies);

        // At Debug it quotes the header that it could not read, which may be the one with the token.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.Warning));
        return services;
    }

    /// <summary>The first middlewares, in their order. Behind them every request of the data listener has its peer's address and an id.</summary>
    public static void UseHttp(this WebApplication app)
    {
        app.UseManagement();
        app.UseForwardedHeaders();
        app.UseRequestIds();
    }

    /// <summary>From here on whatever is thrown gets a status and a text.</summary>
    public static void UseEdgeErrors(this WebApplication app) => app.UseMiddleware<EdgeErrors>();

    private static void TrustKnownProxies(ForwardedHeadersOptions forwarded, IOptions<HttpOptions> http)
    {
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (string proxy in http.Value.KnownProxies)
        {
            forwarded.KnownProxies.Add(IPAddress.Parse(proxy));
        }

        foreach (string network in http.Value.KnownIPNetworks)
        {
            forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(network));
        }

        // With nobody to believe the middleware must not believe everybody.
        forwarded.ForwardedHeaders = http.Value.KnownProxies.Count + http.Value.KnownIPNetworks.Count == 0
            ? ForwardedHeaders.None
            : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
    }
}
