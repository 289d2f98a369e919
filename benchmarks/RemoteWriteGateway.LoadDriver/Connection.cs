using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>
/// One keep-alive HTTP/1.1 connection that sends prepared requests and reads the answers, blocking. It exists because a general
/// client costs about as much CPU as what is measured here; it speaks no TLS.
/// </summary>
internal sealed class Connection(Uri target) : IDisposable
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private Socket? _socket;

    /// <summary>Sends one request and reads its answer to the end.</summary>
    /// <returns>The status, and the first characters of the body if the status is not 2xx.</returns>
    /// <exception cref="SocketException">The connection could not be made or broke; the next call makes a new one.</exception>
    /// <exception cref="InvalidDataException">The answer is not HTTP/1.1 as understood here.</exception>
    public (int Status, string? Error) Exchange(ReadOnlySpan<byte> request)
    {
        try
        {
            _socket ??= Connect();
            while (!request.IsEmpty)
            {
                request = request[_socket.Send(request)..];
            }

            return ReadAnswer(_socket);
        }
        catch
        {
            _socket?.Dispose();
            _socket = null;
            throw;
        }
    }

    public void Dispose() => _socket?.Dispose();

    private Socket Connect()
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        socket.Connect(new DnsEndPoint(target.Host, target.Port));
        return socket;
    }

    private (int Status, string? Error) ReadAnswer(Socket socket)
    {
        int filled = 0;
        int headEnd;
        while ((headEnd = _buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            filled += Receive(socket, filled);
        }

        string head = Encoding.ASCII.GetString(_buffer, 0, headEnd);
        int status = int.Parse(head.AsSpan(9, 3));
        int bodyStart = headEnd + 4;
        if (HeaderValue(head, "Transfer-Encoding") is not null)
        {
            // Only the end of a chunked answer matters here, and the texts of refusals hold no line breaks like it.
            while (!_buffer.AsSpan(bodyStart, filled - bodyStart).EndsWith("0\r\n\r\n"u8))
            {
                filled += Receive(socket, filled);
            }
        }
        else
        {
            int length = HeaderValue(head, "Content-Length") is string text ? int.Parse(text) : 0;
            while (filled - bodyStart < length)
            {
                filled += Receive(socket, filled);
            }
        }

        string? error = status is >= 200 and < 300 ? null : Encoding.UTF8.GetString(_buffer, bodyStart, Math.Min(filled - bodyStart, 300));
        return (status, error);
    }

    private int Receive(Socket socket, int filled)
    {
        if (filled == _buffer.Length)
        {
            throw new InvalidDataException($"the answer has more than {_buffer.Length} bytes");
        }

        int received = socket.Receive(_buffer.AsSpan(filled));
        return received > 0 ? received : throw new SocketException((int)SocketError.ConnectionReset);
    }

    private static string? HeaderValue(string head, string name)
    {
        int start = head.IndexOf($"\r\n{name}:", StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return null;
        }

        start += name.Length + 3;
        int end = head.IndexOf("\r\n", start, StringComparison.Ordinal);
        return head[start..(end < 0 ? head.Length : end)].Trim();
    }
}
