using System.Net;
using System.Net.Sockets;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>
/// Ports for programs that want to be told one. They are taken from below the range that the system gives to outgoing connections,
/// else one could be gone between its choice and the program's start.
/// </summary>
internal static class FreePorts
{
    private const int First = 20_000;
    private const int Count = 12_000;

    // Two test runs at once should not march through the same numbers.
    private static int _next = Random.Shared.Next(Count);

    /// <summary>A port that nothing listens on, given to nobody else in this process.</summary>
    public static int Take()
    {
        for (int attempt = 0; attempt < Count; attempt++)
        {
            int port = First + (int)((uint)Interlocked.Increment(ref _next) % Count);
            if (IsFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"no port between {First} and {First + Count} is free");
    }

    private static bool IsFree(int port)
    {
        TcpListener listener = new(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        finally
        {
            listener.Stop();
        }
    }
}
