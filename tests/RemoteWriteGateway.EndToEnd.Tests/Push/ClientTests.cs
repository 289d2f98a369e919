using System.Diagnostics;
using System.Net.Http.Headers;
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

    /// <summary>
    /// Written by hand: a newer client_python than the recorded one names another version of the text and writes blanks by base64. It sends
    /// such requests, not these very bytes; what was recorded stands in <see cref="RecordedClientTests"/>.
    /// </summary>
    [Fact]
    public async Task What_a_newer_client_python_should_send_is_taken()
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

    private async Task<int> RawAsync(string head, byte[] body) =>
        (await ClientRequest.SendAsync(stand.Gateway, [.. Encoding.ASCII.GetBytes(head), .. body], Cancel)).Status;

    /// <summary>One family, behind its length.</summary>
    private static byte[] ProtobufGauge()
    {
        byte[] family = [0x0A, 6, .. "curl_a"u8, 0x18, 1, 0x22, 11, 0x12, 9, 0x09, .. BitConverter.GetBytes(7.0)];
        return [(byte)family.Length, .. family];
    }
}
