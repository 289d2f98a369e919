using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Prometheus;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Clients that were made for a Pushgateway, unmodified: they push, add, delete where they can, and what they pushed is read back.</summary>
[Collection(SharedPushStand.Name)]
public sealed class ClientTests(PushStand stand)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prometheus_nets_pusher_pushes_while_it_runs_and_when_it_stops()
    {
        using HttpClient client = new();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", stand.Token);
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        MetricFactory metrics = Metrics.WithCustomRegistry(registry);
        Counter runs = metrics.CreateCounter("net_runs_total", "Runs.", "kind");
        Histogram took = metrics.CreateHistogram("net_took_seconds", "Time.", new HistogramConfiguration { Buckets = [0.5, 1] });
        List<Exception> faults = [];
        using MetricPusher pusher = new(new MetricPusherOptions
        {
            Endpoint = new Uri(stand.Gateway, $"/tenants/{PushStand.Tenant}/replace/metrics").ToString(),
            Job = "net",
            Instance = "web 1",
            AdditionalLabels = [Tuple.Create("zone", "eu")],
            Registry = registry,
            HttpClientProvider = () => client,
            OnError = faults.Add,
        });
        runs.WithLabels("full").Inc(2);
        took.Observe(0.7);
        pusher.Start();
        runs.WithLabels("full").Inc();
        await pusher.StopAsync();

        Assert.Empty(faults);
        JsonElement group = await GroupAsync("net");
        Assert.Equal("""{"job":"net","instance":"web 1","zone":"eu"}""", Sorted(group.GetProperty("labels"), "job", "instance", "zone"));
        Assert.Equal("3", Value(group, "net_runs_total"));
        Assert.Equal("1", group.GetProperty("net_took_seconds").GetProperty("metrics")[0].GetProperty("buckets").GetProperty("1").GetString());
    }

    [Fact]
    public async Task Prom_client_pushes_adds_and_deletes()
    {
        string package = Path.Combine(Repository.NodeModules(), "prom-client");
        string folder = stand.Folder("prom-client");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "push.js"),
            """
            const client = require(process.argv[2]);
            const [url, token, gzip] = process.argv.slice(3);
            const registry = new client.Registry();
            const runs = new client.Counter({ name: 'node_runs_total', help: 'Runs.', labelNames: ['kind'], registers: [registry] });
            const took = new client.Histogram({ name: 'node_took_seconds', help: 'Time.', buckets: [0.5, 1], registers: [registry] });
            runs.inc({ kind: 'full' }, 3);
            took.observe(0.7);
            const headers = { Authorization: `Bearer ${token}` };
            if (gzip === 'gzip') headers['Content-Encoding'] = 'gzip';
            const gateway = new client.Pushgateway(url, { headers, timeout: 20000 }, registry);
            (async () => {
              const group = { jobName: 'node/a b', groupings: { path: '/var/tmp', zone: 'eu+1' } };
              for (const call of ['push', 'pushAdd']) {
                const { resp } = await gateway[call](group);
                console.log(call, resp.statusCode);
              }
              const gone = await gateway.delete({ jobName: 'node gone' });
              console.log('delete', gone.resp.statusCode);
            })().catch(error => { console.error(error); process.exit(1); });
            """,
            Cancel);
        foreach (string form in (string[])["plain", "gzip"])
        {
            Assert.Equal(200, (await stand.To(stand.Gateway).SendAsync("PUT", "/metrics/job/node%20gone", "a 1\n"u8.ToArray())).Status);

            string output = await RunAsync(Repository.Node, [Path.Combine(folder, "push.js"), package, stand.Gateway.ToString().TrimEnd('/'), stand.Token, form]);

            Assert.Equal("push 200\npushAdd 200\ndelete 202\n", output);
            JsonElement group = await GroupAsync("node/a b");
            Assert.Equal("""{"path":"/var/tmp","zone":"eu+1"}""", Sorted(group.GetProperty("labels"), "path", "zone"));
            Assert.Equal("3", Value(group, "node_runs_total"));
            Assert.Equal("0.7", group.GetProperty("node_took_seconds").GetProperty("metrics")[0].GetProperty("sum").GetString());
            Assert.DoesNotContain(await GroupsAsync(), one => one.GetProperty("labels").GetProperty("job").GetString() == "node gone");
        }
    }

    [Theory]
    [InlineData("text", "-H", "Content-Type: text/plain", "curl_a 7\n")]
    [InlineData("form", "-A", "curl", "curl_a 7\n")] // curl's own media type, that of a form
    [InlineData("crlf", "-A", "curl", "curl_a 7\r\n")]
    [InlineData("unfinished", "-A", "curl", "curl_a 7")]
    [InlineData("openmetrics", "-H", "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8", "# TYPE curl_a gauge\ncurl_a 7\n# EOF\n")]
    [InlineData("protobuf", "-H", "Content-Type: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", "")]
    public async Task Curl_pushes_and_deletes(string name, string option, string argument, string body)
    {
        string file = Path.Combine(stand.Folder("curl"), name);
        byte[] bytes = name == "protobuf" ? ProtobufGauge() : Encoding.UTF8.GetBytes(body);
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        string url = new Uri(stand.Gateway, $"/metrics/job/curl-{name}/path@base64/L3Zhci90bXA").ToString();

        Assert.Equal("200", await CurlAsync("--path-as-is", "-X", "PUT", option, argument, "--data-binary", "@" + file, url));
        Assert.Equal("7", Value(await GroupAsync($"curl-{name}"), "curl_a"));
        Assert.Equal("202", await CurlAsync("-X", "DELETE", url));
        Assert.DoesNotContain(await GroupsAsync(), one => one.GetProperty("labels").GetProperty("job").GetString() == $"curl-{name}");
    }

    [Fact]
    public async Task Curl_waits_for_a_word_before_it_sends_a_large_body()
    {
        string file = Path.Combine(stand.Folder("curl"), "large");
        await File.WriteAllTextAsync(file, string.Concat(Enumerable.Range(0, 19_000).Select(i => $"curl_large{{i=\"{i}\",padding=\"{new string('x', 80)}\"}} {i}\n")), Cancel);

        Assert.Equal("200", await CurlAsync("-X", "PUT", "-H", "Expect: 100-continue", "--data-binary", "@" + file, new Uri(stand.Gateway, "/metrics/job/curl-large").ToString()));
        Assert.Equal(19_000, (await GroupAsync("curl-large")).GetProperty("curl_large").GetProperty("metrics").GetArrayLength());
        Assert.Equal("401", await CurlAsync(withToken: false, "-X", "PUT", "-H", "Expect: 100-continue", "--data-binary", "@" + file, new Uri(stand.Gateway, "/metrics/job/curl-large").ToString()));
        _ = await CurlAsync("-X", "DELETE", new Uri(stand.Gateway, "/metrics/job/curl-large").ToString());
    }

    [Fact]
    public async Task What_client_golang_sends_is_taken_byte_by_byte()
    {
        byte[] body = GolangBody();
        string type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        foreach ((string method, int status) in ((string, int)[])[("PUT", 200), ("POST", 200)])
        {
            Assert.Equal(status, await RawAsync(
                $"{method} /metrics/job/go+batch/db@base64/b3JkZXJzL2V1/instance@base64/= HTTP/1.1\r\nHost: gateway\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {body.Length}\r\nAuthorization: Bearer {stand.Token}\r\nContent-Type: {type}\r\nAccept-Encoding: gzip\r\n\r\n",
                body));
        }

        JsonElement group = await GroupAsync("go+batch");
        Assert.Equal("orders/eu", group.GetProperty("labels").GetProperty("db").GetString());
        Assert.Equal("5", Value(group, "go_runs_total"));
        Assert.Equal("2", group.GetProperty("go_took").GetProperty("metrics")[0].GetProperty("count").GetString());
        Assert.Equal(202, await RawAsync(
            $"DELETE /metrics/job/go+batch/db@base64/b3JkZXJzL2V1/instance@base64/= HTTP/1.1\r\nHost: gateway\r\nUser-Agent: Go-http-client/1.1\r\nAuthorization: Bearer {stand.Token}\r\nAccept-Encoding: gzip\r\n\r\n", []));
        Assert.DoesNotContain(await GroupsAsync(), one => one.GetProperty("labels").GetProperty("job").GetString() == "go+batch");
    }

    [Fact]
    public async Task What_client_python_sends_is_taken_byte_by_byte()
    {
        byte[] body = "# HELP py_runs_total Runs.\n# TYPE py_runs_total counter\npy_runs_total{kind=\"full\"} 3.0\n# HELP py_runs_created Runs.\n# TYPE py_runs_created gauge\npy_runs_created{kind=\"full\"} 1.7325312345678e+09\n# HELP py_last_success_unixtime Last time.\n# TYPE py_last_success_unixtime gauge\npy_last_success_unixtime 1.7325312355e+09\n"u8.ToArray();
        string Head(string method, string path, string rest) =>
            $"{method} {path} HTTP/1.1\r\nAccept-Encoding: identity\r\n{rest}Host: gateway\r\nUser-Agent: Python-urllib/3.11\r\nContent-Type: text/plain; version=1.0.0; charset=utf-8\r\nAuthorization: Bearer {stand.Token}\r\nConnection: close\r\n\r\n";
        foreach ((string method, string path, string job) in ((string, string, string)[])
            [
                ("PUT", "/metrics/job/py/instance@base64/=", "py"), // push_to_gateway
                ("POST", "/metrics/job@base64/cHkgYmF0Y2g=/x/1", "py batch"), // pushadd_to_gateway, blanks by base64
            ])
        {
            Assert.Equal(200, await RawAsync(Head(method, path, $"Content-Length: {body.Length}\r\n"), body));
            Assert.Equal("3", Value(await GroupAsync(job), "py_runs_total"));
            Assert.Equal(202, await RawAsync(Head("DELETE", path, "Content-Length: 0\r\n"), []));
            Assert.DoesNotContain(await GroupsAsync(), one => one.GetProperty("labels").GetProperty("job").GetString() == job);
        }
    }

    private async Task<IReadOnlyList<JsonElement>> GroupsAsync() =>
        [.. JsonDocument.Parse(await stand.To(stand.Gateway).GetAsync("/api/v1/metrics")).RootElement.GetProperty("data").EnumerateArray()];

    private async Task<JsonElement> GroupAsync(string job) =>
        Assert.Single(await GroupsAsync(), group => group.GetProperty("labels").GetProperty("job").GetString() == job);

    private static string? Value(JsonElement group, string family) => group.GetProperty(family).GetProperty("metrics")[0].GetProperty("value").GetString();

    private static string Sorted(JsonElement labels, params string[] names) =>
        "{" + string.Join(',', names.Select(name => $"\"{name}\":\"{labels.GetProperty(name).GetString()}\"")) + "}";

    private Task<string> CurlAsync(params string[] arguments) => CurlAsync(withToken: true, arguments);

    private async Task<string> CurlAsync(bool withToken, params string[] arguments) => await RunAsync(
        "curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", .. withToken ? (string[])["-H", $"Authorization: Bearer {stand.Token}"] : [], .. arguments]);

    private static async Task<string> RunAsync(string program, IEnumerable<string> arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} did not start");
        Task<string> error = process.StandardError.ReadToEndAsync(Cancel);
        string output = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 0, $"{program}: {process.ExitCode} {output} {await error}");
        return output;
    }

    /// <summary>Sends bytes as they are and gives the answer's status.</summary>
    private async Task<int> RawAsync(string head, byte[] body)
    {
        using TcpClient socket = new();
        await socket.ConnectAsync(stand.Gateway.Host, stand.Gateway.Port, Cancel);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body], Cancel);
        byte[] answer = new byte[64];
        await stream.ReadAtLeastAsync(answer, 12, throwOnEndOfStream: false, Cancel);
        return int.Parse(Encoding.ASCII.GetString(answer, 9, 3), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static byte[] ProtobufGauge() => Delimited([0x0A, 6, .. "curl_a"u8, 0x18, 1, 0x22, 11, 0x12, 9, 0x09, .. BitConverter.GetBytes(7.0)]);

    /// <summary>A counter with a start time and an exemplar, and a histogram with a start time, as Go's library writes them.</summary>
    private static byte[] GolangBody()
    {
        byte[] time = [0x08, .. Varint(1_732_531_234), 0x10, .. Varint(567_800_000)];
        byte[] label = Field(1, [.. Field(1, "trace_id"u8), .. Field(2, "7f3a"u8)]);
        byte[] exemplar = [.. label, 0x11, .. BitConverter.GetBytes(1.0), .. Field(3, time)];
        byte[] counter = [0x09, .. BitConverter.GetBytes(5.0), .. Field(2, exemplar), .. Field(3, time)];
        byte[] runs = [.. Field(1, "go_runs_total"u8), .. Field(2, "Runs."u8), 0x18, 0, .. Field(4, [.. Field(1, [.. Field(1, "kind"u8), .. Field(2, "full"u8)]), .. Field(3, counter)])];
        byte[] Bucket(double bound, byte count) => Field(3, [0x08, count, 0x11, .. BitConverter.GetBytes(bound)]);
        byte[] histogram = [0x08, 2, 0x11, .. BitConverter.GetBytes(1.5), .. Bucket(0.5, 1), .. Bucket(1, 1), .. Field(15, time)];
        byte[] took = [.. Field(1, "go_took"u8), .. Field(2, "Time."u8), 0x18, 4, .. Field(4, Field(7, histogram))];
        return [.. Delimited(runs), .. Delimited(took)];
    }

    private static byte[] Delimited(byte[] message) => [.. Varint((ulong)message.Length), .. message];

    private static byte[] Field(int number, ReadOnlySpan<byte> content) => [(byte)((number << 3) | 2), .. Varint((ulong)content.Length), .. content];

    private static byte[] Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }
}
