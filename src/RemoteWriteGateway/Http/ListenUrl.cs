using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace RemoteWriteGateway.Http;

/// <summary>Where to listen: an address, or all of them, or loopback in both families, and a port (0 takes a free one).</summary>
internal readonly record struct ListenUrl(bool IsTls, IPAddress? Address, int Port)
{
    /// <summary>Whether only this machine can connect.</summary>
    public bool IsLoopback => Address is null || IPAddress.IsLoopback(Address);

    /// <summary>What is wrong with <paramref name="url"/>, or null.</summary>
    public static string? Fault(string? url) => TryParse(url, out _) ? null
        : $"\"{url}\" is not of the form http://ADDRESS:PORT (or https), ADDRESS an IP address, localhost or *, with nothing behind the port";

    /// <exception cref="FormatException"><see cref="Fault"/> says why.</exception>
    public static ListenUrl Parse(string url) => TryParse(url, out ListenUrl parsed) ? parsed : throw new FormatException(Fault(url));

    /// <summary>Makes Kestrel listen here.</summary>
    public void Listen(KestrelServerOptions kestrel, Action<ListenOptions> configure)
    {
        if (ReferenceEquals(Address, IPAddress.IPv6Any))
        {
            // Falls back to IPv4 where the machine has no IPv6.
            kestrel.ListenAnyIP(Port, configure);
        }
        else if (Address is { } address)
        {
            kestrel.Listen(address, Port, configure);
        }
        else if (Port == 0)
        {
            // Kestrel cannot take the same free port in both families at once.
            kestrel.Listen(IPAddress.Loopback, Port, configure);
        }
        else
        {
            kestrel.ListenLocalhost(Port, configure);
        }
    }

    private static bool TryParse(string? url, out ListenUrl parsed)
    {
        parsed = default;
        if (url is null)
        {
            return false;
        }

        bool isTls = url.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (!isTls && !url.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        string authority = url[(isTls ? 8 : 7)..].TrimEnd('/');
        int colon = authority.LastIndexOf(':');
        if (colon <= 0
            || !ushort.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return false;
        }

        string host = authority[..colon];
        IPAddress? address = host switch
        {
            "localhost" => null,
            "*" or "+" => IPAddress.IPv6Any,
            _ when IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? literal) => literal,
            _ => IPAddress.None,
        };
        if (ReferenceEquals(address, IPAddress.None))
        {
            return false;
        }

        parsed = new ListenUrl(isTls, address, port);
        return true;
    }
}
