using System.Net;
using System.Security.Cryptography.X509Certificates;
using EntraEmulator.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EntraEmulator.Tls;

/// <summary>Opens what the options say.</summary>
internal static class Listeners
{
    /// <summary>Listens; the certificate is made here, so that an emulator hosted without sockets touches no disk.</summary>
    /// <param name="kestrel">The server that starts.</param>
    /// <param name="options">Valid options.</param>
    public static void ListenAt(this KestrelServerOptions kestrel, EmulatorOptions options)
    {
        if (options.Https.Length > 0)
        {
            TimeProvider time = kestrel.ApplicationServices.GetRequiredService<TimeProvider>();
            X509Certificate2 certificate = DevelopmentCertificates.Prepare(options.DataDirectory, options.TlsNames, time.GetUtcNow());
            Listen(kestrel, options.Https, listener => listener.UseHttps(certificate));
        }

        if (options.Http.Length > 0)
        {
            Listen(kestrel, options.Http, _ => { });
        }
    }

    private static void Listen(KestrelServerOptions kestrel, string url, Action<ListenOptions> configure)
    {
        Uri uri = new(url);
        if (IPAddress.TryParse(uri.IdnHost, out IPAddress? address))
        {
            kestrel.Listen(address, uri.Port, configure);
        }
        else
        {
            kestrel.ListenLocalhost(uri.Port, configure); // The validator lets no other name pass.
        }
    }
}
