using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Benchmarks.Forwarding;

/// <summary>
/// What does a forward cost, beside the bytes themselves? Baseline is the bare HTTP client with an empty head. The store is a
/// thread that reads and answers without allocating; one connection, one request at a time.
/// </summary>
[MemoryDiagnoser]
public class ForwardBenchmarks
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(25);

    private readonly WriteWork _work = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly Activity _activity = new("write");
    private WriteProtocol _protocol;
    private HttpMessageInvoker _bare = null!; // Set before the first measurement, as the rest.
    private Uri _url = null!;
    private Store _store = null!;
    private Tenant _tenant = null!;
    private Forwarder _forwarder = null!;

    [Params("prom2k-00.rw1", "prom2k-00.rw2")]
    public string Body { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _protocol = Body.EndsWith('1') ? WriteProtocol.V1 : WriteProtocol.V2;
        byte[] body = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "corpus", $"{Body}.snappy"));
        _work.Stamped.Append(Snappier.Snappy.DecompressToArray(body));
        _work.Result.HasOutput = true;
        _work.Result.Accepted = new ItemCounts(2000, 0, 0);
        SnappyBlock.Compress(_work.Stamped.Span, _work.Output);

        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        new Thread(AcceptAll) { IsBackground = true }.Start();
        _url = new Uri($"http://{_listener.LocalEndPoint}/api/v1/write");
        _bare = new HttpMessageInvoker(new SocketsHttpHandler { ActivityHeadersPropagator = null, UseCookies = false, UseProxy = false });

        StoreOptions options = new() { Kind = StoreKind.Prometheus, Url = $"http://{_listener.LocalEndPoint}" };
        StoreMetrics metrics = new ForwardMetrics(Metrics.WithCustomRegistry(Metrics.NewCustomRegistry())).Of("main");
        StoreTransport transport = new("main", options.Tls, options.MaxConnections, TimeProvider.System, NullLogger.Instance);
        _store = new Store(
            "main",
            options,
            new StoreClient(options, transport, null, metrics, TimeProvider.System),
            new StoreProtocol("main", StoreProtocolRule.Auto, metrics, NullLogger.Instance),
            new StoreTrouble("main", TimeProvider.System, NullLogger.Instance),
            metrics);
        _tenant = new Tenant("acme", [new StoreSettings(_store.TargetOf("acme"))]);
        _forwarder = new Forwarder(TimeProvider.System, NullLogger<Forwarder>.Instance);

        // As in the service, where the web server has begun one for the request.
        _activity.SetIdFormat(ActivityIdFormat.W3C);
        _activity.Start();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _listener.Dispose();
        _bare.Dispose();
        _store.Dispose();
        _stop.Dispose();
        _activity.Dispose();
    }

    [Benchmark(Baseline = true)]
    public async Task<HttpStatusCode> BareClient()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, _url) { Content = new ReadOnlyMemoryContent(_work.Output.Memory) };
        using HttpResponseMessage response = await _bare.SendAsync(request, _stop.Token);
        return response.StatusCode;
    }

    /// <summary>Compression of the body included.</summary>
    [Benchmark]
    public async Task<bool> Forward()
    {
        StoreVerdict verdict = await _forwarder.SendAsync(_store, _tenant, _protocol, _work, TimeLimit, _stop.Token);
        return verdict.Kind == VerdictKind.Written ? true : throw new InvalidOperationException(verdict.Faults[0].Text);
    }

    private void AcceptAll()
    {
        while (true)
        {
            try
            {
                Socket socket = _listener.Accept();
                new Thread(() => Answer(socket)) { IsBackground = true }.Start();
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    private void Answer(Socket socket)
    {
        byte[] answer = Encoding.Latin1.GetBytes(_protocol == WriteProtocol.V1
            ? "HTTP/1.1 204 No Content\r\n\r\n"
            : "HTTP/1.1 204 No Content\r\nX-Prometheus-Remote-Write-Samples-Written: 2000\r\nX-Prometheus-Remote-Write-Histograms-Written: 0\r\n"
                + "X-Prometheus-Remote-Write-Exemplars-Written: 0\r\n\r\n");
        byte[] buffer = new byte[1 << 20];
        int length = 0;
        try
        {
            while (socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is int read and > 0)
            {
                length += read;
                if (IsWhole(buffer.AsSpan(0, length)))
                {
                    socket.Send(answer);
                    length = 0;
                }
            }
        }
        catch (SocketException)
        {
            // The other side is gone.
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> request)
    {
        int head = request.IndexOf("\r\n\r\n"u8);
        int field = head < 0 ? -1 : request[..head].IndexOf("Content-Length: "u8);
        return field >= 0
            && System.Buffers.Text.Utf8Parser.TryParse(request[(field + 16)..], out int body, out _)
            && request.Length >= head + 4 + body;
    }
}
