using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>Sets up Kestrel: two listeners, and every limit on purpose.</summary>
internal sealed partial class Listeners(
    IOptions<HttpOptions> http, IOptions<ManagementOptions> management, ServerCertificate certificate, ILogger<Listeners> logger)
    : IConfigureOptions<KestrelServerOptions>
{
    private static readonly object ManagementMark = new();

    /// <summary>Whether a request came in on the management listener.</summary>
    public static bool IsManagement(HttpContext context) =>
        context.Features.Get<IConnectionItemsFeature>()?.Items.ContainsKey(ManagementMark) == true;

    /// <summary>What to tell if the listeners could not be opened, or null if <paramref name="e"/> is about something else.</summary>
    public static string? BindFault(Exception e, HttpOptions http, ManagementOptions management) =>
        e is SocketException or IOException { InnerException: AddressInUseException or AggregateException }

            // Not every fault says which of the two it was.
            ? $"Http:Url ({http.Url}) or Management:Url ({management.Url}): {e.Message}"
            : null;

    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;

        // 16 KiB tokens and 2 KiB of everything else must reach our own checks, which name the limit; above that it is Kestrel's 431.
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 100;

        // A query in a URL may be long; 414 above.
        kestrel.Limits.MaxRequestLineSize = 64 * 1024;
        kestrel.Limits.MaxConcurrentConnections = http.Value.MaxConnections;
        kestrel.Limits.MaxConcurrentUpgradedConnections = 0;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);

        // A head that is late is Kestrel's 408, which makes Prometheus drop the batch. By then every sender has given up (vmagent the last, after
        // 60 s) and sends it again.
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(65);

        ListenUrl data = ListenUrl.Parse(http.Value.Url);
        data.Listen(kestrel, listen =>
        {
            if (data.IsTls)
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(certificate.AuthenticationOptions),
                });
            }
            else
            {
                listen.Protocols = HttpProtocols.Http1;
            }
        });
        ListenUrl operators = ListenUrl.Parse(management.Value.Url);
        operators.Listen(kestrel, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => MarkAsync(connection, next));
        });

        if (!data.IsTls && !data.IsLoopback)
        {
            LogClearText(http.Value.Url);
        }

        if (!operators.IsLoopback)
        {
            LogOpenManagement(management.Value.Url);
        }
    }

    private static Task MarkAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        connection.Items[ManagementMark] = ManagementMark;
        return next(connection);
    }

    [LoggerMessage(LogLevel.Warning, "Listening on {Url} without TLS: tokens travel in clear unless a proxy in front ends TLS; set Http:CertificateFile and Http:KeyFile")]
    private partial void LogClearText(string url);

    [LoggerMessage(LogLevel.Warning, "The management listener {Url} asks for no token and can be reached from other machines")]
    private partial void LogOpenManagement(string url);
}
