using System.Globalization;
using System.Net.Sockets;
using System.Text;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>A request of a real client, byte for byte as <c>Recorded/README.md</c> says, and what of it is replaced before it is sent again.</summary>
internal sealed class ClientRequest
{
    private const string Prefix = "/tenants/" + PushStand.Tenant + "/replace";

    private readonly string _head;
    private readonly byte[] _body;

    private ClientRequest(string name, byte[] bytes)
    {
        int end = bytes.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        Name = name;
        // One char a byte: what is no ASCII must stay what it is.
        _head = Encoding.Latin1.GetString(bytes, 0, end);
        _body = bytes[end..];
    }

    /// <summary>The file's name and the request line.</summary>
    public override string ToString() => $"{Name}: {_head[.._head.IndexOf('\r', StringComparison.Ordinal)]}";

    public string Name { get; }

    /// <summary>Those of one client, in the order in which it sent them.</summary>
    /// <param name="client">The client and its version: the folder's name.</param>
    public static IReadOnlyList<ClientRequest> Of(string client) =>
    [
        .. Directory.EnumerateFiles(Repository.PathOf($"tests/RemoteWriteGateway.EndToEnd.Tests/Push/Recorded/{client}"), "*.request")
            .Order(StringComparer.Ordinal)
            .Select(path => new ClientRequest(Path.GetFileNameWithoutExtension(path), File.ReadAllBytes(path))),
    ];

    /// <summary>The request with the address of a gateway and a token that it takes.</summary>
    public byte[] ToGateway(Uri url, string token) => Bytes(Replaced(Addressed(url), "Bearer recorded-token\r\n", $"Bearer {token}\r\n"));

    /// <summary>The request with the address of a Pushgateway, which knows no tenants or modes in a path.</summary>
    public byte[] ToPushgateway(Uri url) => Bytes(Addressed(url).Replace($" {Prefix}/metrics/", " /metrics/", StringComparison.Ordinal));

    /// <summary>Sends bytes on a connection of their own.</summary>
    /// <returns>The answer's status and its body.</returns>
    public static async Task<(int Status, string Text)> SendAsync(Uri url, byte[] request, CancellationToken cancellationToken)
    {
        using TcpClient socket = new();
        await socket.ConnectAsync(url.Host, url.Port, cancellationToken);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(request, cancellationToken);
        using StreamReader reader = new(stream, Encoding.Latin1);
        string status = await reader.ReadLineAsync(cancellationToken) ?? throw new EndOfStreamException("the connection ended before an answer");
        int length = 0;
        while (await reader.ReadLineAsync(cancellationToken) is { Length: > 0 } header)
        {
            if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
            {
                length = int.Parse(header.AsSpan("Content-Length:".Length), CultureInfo.InvariantCulture);
            }
        }

        // Of no length the reader would wait for more on a connection that stays open.
        char[] text = new char[length];
        int read = length == 0 ? 0 : await reader.ReadBlockAsync(text, cancellationToken);
        return (int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture), new string(text, 0, read));
    }

    private string Addressed(Uri url) => Replaced(_head, "\r\nHost: 127.0.0.1:9091\r\n", $"\r\nHost: {url.Authority}\r\n");

    private string Replaced(string text, string recorded, string now)
    {
        Assert.True(text.Split(recorded).Length == 2, $"{Name} has {recorded.Trim()} not exactly once");
        return text.Replace(recorded, now, StringComparison.Ordinal);
    }

    private byte[] Bytes(string head) => [.. Encoding.Latin1.GetBytes(head), .. _body];
}
