using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>What a store receives, byte for byte: built from nothing, whatever a caller sent us.</summary>
public sealed partial class OutgoingRequestTests
{
    [Fact]
    public async Task The_head_of_a_1_0_request_is_this_and_nothing_else()
    {
        using RawStore store = new();
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", store.Url + "prefix/"));

        Task<StoreVerdict> sending = host.SendAsync(Messages.V1Samples("up"));
        (string head, byte[] body) = await store.ReadAndAnswerAsync("HTTP/1.1 204 No Content\r\n\r\n");

        Assert.Equal(VerdictKind.Written, (await sending).Kind);
        Assert.Equal(
            $"""
            POST /prefix/api/v1/write HTTP/1.1
            Host: {store.Authority}
            User-Agent: RemoteWriteGateway/0.1.0
            X-Prometheus-Remote-Write-Version: 0.1.0
            traceparent: 00-TRACE-SPAN-00
            Content-Type: application/x-protobuf
            Content-Encoding: snappy
            Content-Length: {body.Length}


            """.ReplaceLineEndings("\r\n"),
            WithoutTrace(head));
    }

    [Fact]
    public async Task The_head_of_a_2_0_request_names_the_message_without_a_blank()
    {
        using RawStore store = new();
        await using ForwardHost host = ForwardHost.WithMain(
            ("Kind", "Thanos"), ("Url", store.Url), ("Headers:X-Zone", "eu 1"), ("Protocol", "V2"));

        Task<StoreVerdict> sending = host.SendAsync(Messages.V2Samples("up"), tenant: "acme");
        (string head, byte[] body) = await store.ReadAndAnswerAsync(
            "HTTP/1.1 204 No Content\r\nX-Prometheus-Remote-Write-Samples-Written: 1\r\n\r\n");

        Assert.Equal(VerdictKind.Written, (await sending).Kind);
        Assert.Equal(
            $"""
            POST /api/v1/receive HTTP/1.1
            Host: {store.Authority}
            User-Agent: RemoteWriteGateway/0.1.0
            X-Prometheus-Remote-Write-Version: 2.0.0
            traceparent: 00-TRACE-SPAN-00
            THANOS-TENANT: acme
            X-Zone: eu 1
            Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request
            Content-Encoding: snappy
            Content-Length: {body.Length}


            """.ReplaceLineEndings("\r\n"),
            WithoutTrace(head));
    }

    [Fact]
    public async Task The_request_hangs_below_the_callers_trace_but_takes_nothing_else_of_it()
    {
        using RawStore store = new();
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", store.Url));
        using Activity activity = new("write");
        activity.SetIdFormat(ActivityIdFormat.W3C);
        activity.TraceStateString = "vendor=secret";
        activity.AddBaggage("user", "secret");
        activity.Start();

        Task<StoreVerdict> sending = host.SendAsync(Messages.V1Samples("up"));
        (string head, _) = await store.ReadAndAnswerAsync("HTTP/1.1 204 No Content\r\n\r\n");
        await sending;

        Assert.Contains($"traceparent: {activity.Id}\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a*b'(c)!", "/a%2Ab%27%28c%29%21/push?x=1")]
    [InlineData("a-b_c.d", "/a-b_c.d/push?x=1")]
    [InlineData("...", "/.../push?x=1")]
    public async Task The_tenant_in_the_path_is_percent_encoded(string tenant, string target)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.WithMain(
            ("Kind", "Mimir"), ("Url", store.Url.ToString()), ("Isolation", "Path"), ("Path", "/{tenant}/push?x=1"));

        await host.SendAsync(Messages.V1Samples("up"), tenant);

        Assert.Equal(target, store.Request.Target);
        Assert.Null(store.Request.Header("X-Scope-OrgID"));
    }

    [Fact]
    public async Task Redirects_are_not_followed_and_cookies_not_kept()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(new StoreAnswer(307).With("Location", "/elsewhere").With("Set-Cookie", "a=b"));

        StoreVerdict redirected = await host.SendAsync(Messages.V1Samples("up"));
        await host.SendAsync(Messages.V1Samples("up"));

        Assert.Equal("store-misconfigured", Assert.Single(redirected.Faults).Reason);
        Assert.Equal(["/api/v1/write", "/api/v1/write"], store.Requests.Select(request => request.Target));
        Assert.All(store.Requests, request => Assert.Null(request.Header("Cookie")));
    }

    private static string WithoutTrace(string head) => Trace().Replace(head, "traceparent: 00-TRACE-SPAN-00");

    [GeneratedRegex("traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00")]
    private static partial Regex Trace();

    /// <summary>One connection, read as bytes: a web server would tidy the head up.</summary>
    private sealed class RawStore : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public RawStore() => _listener.Start();

        public string Authority => _listener.LocalEndpoint.ToString()!;

        public string Url => $"http://{Authority}/";

        public async Task<(string Head, byte[] Body)> ReadAndAnswerAsync(string answer)
        {
            CancellationToken stop = TestContext.Current.CancellationToken;
            using TcpClient client = await _listener.AcceptTcpClientAsync(stop);
            NetworkStream stream = client.GetStream();
            List<byte> head = [];
            while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
            {
                byte[] one = new byte[1];
                await stream.ReadExactlyAsync(one, stop);
                head.Add(one[0]);
            }

            string text = Encoding.Latin1.GetString([.. head]);
            Match length = Regex.Match(text, "Content-Length: ([0-9]+)");
            byte[] body = new byte[int.Parse(length.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)];
            await stream.ReadExactlyAsync(body, stop);
            await stream.WriteAsync(Encoding.Latin1.GetBytes(answer), stop);
            return (text, body);
        }

        public void Dispose() => _listener.Dispose();
    }
}
