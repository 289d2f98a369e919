using System.Net.Sockets;
using System.Text;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Requests byte by byte, as no HTTP library would send them.</summary>
internal static class RawRequest
{
    /// <summary>Sends a head and a body on a connection of its own and reads until the gateway closes it.</summary>
    /// <param name="gateway">The listener.</param>
    /// <param name="head">Request line and headers, with any line ends, without <c>Host</c>, <c>Connection</c> and the empty line.</param>
    /// <param name="body">As announced by the head, or less.</param>
    public static async Task<HttpResponseMessage> SendAsync(Uri gateway, string head, byte[]? body = null)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using var socket = new TcpClient();
        await socket.ConnectAsync(gateway.Host, gateway.Port, cancel);
        NetworkStream stream = socket.GetStream();
        string text = head.ReplaceLineEndings("\r\n").TrimEnd() + "\r\nHost: gateway\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync((byte[])[.. Encoding.UTF8.GetBytes(text), .. body ?? []], cancel);
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer, cancel);
        return Read(answer.ToArray());
    }

    private static HttpResponseMessage Read(byte[] bytes)
    {
        int end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        string[] lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        var answer = new HttpResponseMessage((System.Net.HttpStatusCode)int.Parse(lines[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture))
        {
            Content = new ByteArrayContent(bytes[(end + 4)..]),
        };
        foreach (string[] header in lines.Skip(1).Select(line => line.Split(": ", 2)))
        {
            if (!answer.Headers.TryAddWithoutValidation(header[0], header[1]))
            {
                answer.Content.Headers.TryAddWithoutValidation(header[0], header[1]);
            }
        }

        return answer;
    }
}
