using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Requests byte by byte, as no HTTP library would send them.</summary>
internal static class RawRequest
{
    /// <summary>Sends a head and a body on a connection of its own and reads one answer, or until the gateway closes it.</summary>
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
        var answer = new List<byte>();
        byte[] buffer = new byte[4096];
        while (!IsWhole(answer))
        {
            int read = await stream.ReadAsync(buffer, cancel);
            if (read == 0)
            {
                break;
            }

            answer.AddRange(buffer.AsSpan(0, read));
        }

        return Read([.. answer]);
    }

    private static bool IsWhole(List<byte> answer)
    {
        string text = Encoding.Latin1.GetString([.. answer]);
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Match length = Regex.Match(text, "\r\nContent-Length: ([0-9]+)\r\n", RegexOptions.IgnoreCase);
        return end >= 0 && length.Success && text.Length >= end + 4 + int.Parse(length.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static byte[] Unchunk(ReadOnlySpan<byte> chunks)
    {
        var body = new List<byte>();
        while (true)
        {
            int line = chunks.IndexOf("\r\n"u8);
            int length = int.Parse(Encoding.ASCII.GetString(chunks[..line]), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0)
            {
                return [.. body];
            }

            body.AddRange(chunks.Slice(line + 2, length));
            chunks = chunks[(line + 2 + length + 2)..];
        }
    }

    private static HttpResponseMessage Read(byte[] bytes)
    {
        int end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        string[] lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        var answer = new HttpResponseMessage((System.Net.HttpStatusCode)int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture))
        {
            Content = new ByteArrayContent(lines.Contains("Transfer-Encoding: chunked", StringComparer.OrdinalIgnoreCase) ? Unchunk(bytes.AsSpan(end + 4)) : bytes[(end + 4)..]),
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
