using System.Net.Sockets;
using System.Text;

namespace RemoteWriteGateway.Tests.Ingest;

/// <summary>A sender that reads while it writes, as Go's does: .NET's client reads an answer only after all was sent.</summary>
internal static class RawSender
{
    /// <summary>Sends a chunked body that does not end, until there is an answer.</summary>
    /// <returns>The answer as it stood on the wire.</returns>
    public static async Task<string> SendEndlessAsync(Uri gateway, string token, CancellationToken cancellationToken)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(gateway.Host, gateway.Port, cancellationToken);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"),
            cancellationToken);
        Task<string> answer = ReadAnswerAsync(stream, cancellationToken);
        byte[] chunk = [.. "4000\r\n"u8, .. new byte[0x4000], .. "\r\n"u8];
        while (!answer.IsCompleted)
        {
            await stream.WriteAsync(chunk, cancellationToken);
        }

        return await answer;
    }

    private static async Task<string> ReadAnswerAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!text.ToString().Contains("(request ", StringComparison.Ordinal))
        {
            int read = await stream.ReadAsync(buffer, cancellationToken);
            if (read == 0)
            {
                break;
            }

            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return text.ToString();
    }
}
