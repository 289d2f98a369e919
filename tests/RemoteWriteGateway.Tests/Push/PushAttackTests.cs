using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Tests.Attacks;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>What a hostile pusher may try: other tenants, other groups, and bringing the whole down.</summary>
public sealed class PushAttackTests
{
    [Fact]
    public async Task A_tenant_comes_from_the_token_and_the_request_only_chooses_among_granted_ones()
    {
        await using PushHost host = await PushHost.StartAsync();
        void Choose(HttpRequestMessage request, string tenant) => request.Headers.Add("X-Scope-OrgID", tenant);

        Assert.Equal((403, "tenant-not-granted"), await host.PushAsync("/tenants/blue/metrics/job/j", "a 1\n"));
        Assert.Equal((403, "tenant-not-granted"), await host.PushAsync("/metrics/job/j", "a 1\n", change: request => Choose(request, "blue")));
        Assert.Equal((403, "tenant-not-granted"), await host.PushAsync("/tenants/nobody/metrics/job/j", "a 1\n"));
        Assert.Equal((400, "tenant-conflict"), await host.PushAsync("/tenants/red/metrics/job/j", "a 1\n", host.Both, change: request => Choose(request, "blue")));
        Assert.Equal((400, "tenant-ambiguous"), await host.PushAsync("/metrics/job/j", "a 1\n", host.Both));
        Assert.Equal((400, "tenant-invalid"), await host.PushAsync("/tenants/%72ed/metrics/job/j", "a 1\n"));
        Assert.Equal((400, "tenant-invalid"), await host.PushAsync("/tenants/../tenants/red/metrics/job/j", "a 1\n", host.Both));
        Assert.Empty(await host.GroupsAsync());
        Assert.Empty(await host.GroupsAsync(host.Blue));

        await host.StoreAsync("/tenants/blue/metrics/job/j", "a 1\n", host.Both);
        await host.StoreAsync("/metrics/job/j", "a 2\n", host.Both, change: request => Choose(request, "red"));
        Assert.Equal(["a{instance=\"\",job=\"j\"} 1"], await host.ScrapeAsync(host.Blue));
        Assert.Equal(["a{instance=\"\",job=\"j\"} 2"], await host.ScrapeAsync());
    }

    [Fact]
    public async Task Equal_jobs_names_and_keys_of_two_tenants_never_meet()
    {
        await using PushHost host = await PushHost.StartAsync();
        void WithKey(HttpRequestMessage request) => request.Headers.Add("Idempotency-Key", "same");

        await host.StoreAsync("/metrics/job/j", "# TYPE a counter\na 1\n", change: WithKey);
        await host.StoreAsync("/metrics/job/j", "# TYPE a gauge\na 2\n", host.Blue, change: WithKey);
        using HttpResponseMessage deleted = await host.SendAsync("DELETE", "/metrics/job/j", host.Blue);

        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        Assert.Equal(["a{instance=\"\",job=\"j\"} 1"], await host.ScrapeAsync());
        Assert.Empty(await host.GroupsAsync(host.Blue));
    }

    [Theory]
    [InlineData("/metrics/job/j/tenant/blue", "a 1\n")]
    [InlineData("/metrics/job/j", "a{tenant=\"blue\"} 1\n")]
    [InlineData("/metrics/job/j/__tenant_id__/blue", "a 1\n")]
    public async Task A_label_of_path_or_body_never_names_another_tenant(string target, string body)
    {
        await using PushHost host = await PushHost.StartAsync();

        (int status, _) = await host.PushAsync(target, body);

        Assert.True(status is 200 or 400, $"{status}");
        Assert.DoesNotContain(await host.ScrapeAsync(), line => line.Contains("tenant=\"blue\"", StringComparison.Ordinal));
        Assert.Empty(await host.GroupsAsync(host.Blue));
    }

    [Fact]
    public async Task What_takes_a_pushgateway_down_is_refused_or_harmless()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/good", "a 1\n");
        Assert.Equal((400, "path-bad-encoding"), await host.PushAsync("/metrics/job/%FF", "a 1\n"));
        Assert.Equal((400, "path-bad-base64"), await host.PushAsync("/metrics/job@base64/_w", "a 1\n"));
        using HttpResponseMessage nul = await host.SendAsync("PUT", "/metrics/job/%00", host.Red, "a 1\n"u8.ToArray());
        Assert.Equal(HttpStatusCode.BadRequest, nul.StatusCode); // the listener's own word
        await host.StoreAsync("/metrics/job/good/instance@base64/=", "a 2\n"); // the same group
        await host.StoreAsync("/metrics/job/names", "go_goroutines 1\npushgateway_build_info 1\nprocess_cpu_seconds_total 5\nrwgateway_push_groups 9\n");
        await host.StoreAsync("/metrics/job/times", "push_time_seconds 0\npush_failure_time_seconds{job=\"good\"} 99\n");
        await host.StoreAsync("/metrics/job/keys", "labels 1\nlast_push_successful 0\n");
        Assert.Equal((400, "malformed-text"), await host.PushAsync("/metrics/job/nul", "a{x=\"\0\"} 1\n"));
        Assert.Equal((400, "malformed-text"), await host.PushAsync("/metrics/job/utf", "a{x=\"\u0001\"} 1\n}"));

        JsonArray groups = await host.GroupsAsync();
        Assert.Equal(["good", "keys", "names", "times"], groups.Select(group => (string)group!["labels"]!["job"]!).Where(job => job is not ("nul" or "utf")).Order()); // there, or the test fails
        Assert.Contains("a{instance=\"\",job=\"good\"} 2", await host.ScrapeAsync());
        await host.StoreAsync("/metrics/job/good", "a 3\n");
    }

    [Fact]
    public async Task Hostile_paths_and_bodies_are_never_5xx_and_no_other_group_is_harmed()
    {
        await using PushHost host = await PushHost.StartAsync("{ limits: { pushesPerSecond: 0, maxGroups: 100000 } }");
        await host.StoreAsync("/metrics/job/good", "# TYPE a counter\na 1\n");
        byte[][] seeds =
        [
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"u8.ToArray(),
            "# TYPE r counter\nr_total{x=\"\\n\"} 1 # {id=\"7\"} 1 1.5\nr_created 1\n# EOF\n"u8.ToArray(),
            [0x15, 0x0A, 0x01, (byte)'c', 0x18, 0x00, 0x22, 0x0E, 0x0A, 0x06, 0x0A, 0x01, (byte)'x', 0x12, 0x01, (byte)'y', 0x1A, 0x04, 0x09, 0, 0, 0],
        ];
        string[] types = ["text/plain", "application/openmetrics-text", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"];
        string[] pieces = ["job", "@base64", "%2F", "%00", "%ff", "..", ".", "//", "=", "_w", "é", "instance", "tenant", "__name__", "good"];
        Random random = new(17);
        for (int i = 0; i < 3000; i++)
        {
            int format = random.Next(3);
            byte[] body = Mutate(seeds[format], random);
            string path = random.Next(3) == 0
                ? "/metrics/job/" + string.Join('/', Enumerable.Range(0, random.Next(1, 6)).Select(_ => pieces[random.Next(pieces.Length)]))
                : $"/metrics/job/fuzz{random.Next(20)}";
            if (path.StartsWith("/metrics/job/good", StringComparison.Ordinal))
            {
                continue;
            }

            using HttpResponseMessage answer = await host.SendAsync(random.Next(2) == 0 ? "PUT" : "POST", (random.Next(4) == 0 ? "/sum" : "") + path, host.Red, body, request =>
            {
                request.Content!.Headers.TryAddWithoutValidation("Content-Type", types[format]); // a body was given
                if (random.Next(8) == 0)
                {
                    request.Content.Headers.TryAddWithoutValidation("Content-Encoding", random.Next(2) == 0 ? "gzip" : "snappy");
                }
            });
            Assert.True((int)answer.StatusCode is 200 or (>= 400 and < 500), $"{path} {Convert.ToHexString(body)}: {(int)answer.StatusCode}");
        }

        await host.StoreAsync("/metrics/job/good", "# TYPE a counter\na 2\n");
        Assert.Contains("a{instance=\"\",job=\"good\"} 2", await host.ScrapeAsync());
        Assert.DoesNotContain(host.Gateway.Logs.All, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Targets_that_no_library_sends_are_answered_too()
    {
        await using PushHost host = await PushHost.StartAsync();
        string token = host.Red;
        foreach ((string target, int status) in ((string, int)[])
            [
                ("http://gateway/metrics/job/absolute", 200),
                ("/metrics/job/a?x=/../../", 200),
                ("/metrics/job/a#fragment", 200),
                ("/metrics/job/../../../etc/passwd", 400),
                ("/metrics/job/a/..%2F..%2Fx/y", 400),
                ("/metrics/job/" + new string('a', 20_000), 400),
                ("/metrics/job/a;b=c", 200),
                ("/metrics/job/%", 400),
            ])
        {
            using HttpResponseMessage answer = await RawRequest.SendAsync(
                host.Gateway.Data.BaseAddress!, // made with one
                $"PUT {target} HTTP/1.1\nAuthorization: Bearer {token}\nContent-Length: 4",
                "a 1\n"u8.ToArray());
            Assert.True(status == (int)answer.StatusCode, $"{target[..Math.Min(60, target.Length)]}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        }
    }

    [Fact]
    public async Task No_byte_of_a_body_is_read_for_a_caller_who_may_not_push()
    {
        await using PushHost host = await PushHost.StartAsync();
        Assert.Equal((401, "no-credentials"), await RefusedAtOnceAsync(host, null, "/metrics/job/j"));
        Assert.Equal((403, "permission-denied"), await RefusedAtOnceAsync(host, host.RedDeleter, "/metrics/job/j"));
        Assert.Equal((400, "path-odd-segments"), await RefusedAtOnceAsync(host, host.Red, "/metrics/job/j/x"));
        Assert.Equal((415, "unsupported-encoding"), await RefusedAtOnceAsync(host, host.Red, "/metrics/job/j"));
    }

    /// <summary>Announces a body and never sends it.</summary>
    private static async Task<(int Status, string Reason)> RefusedAtOnceAsync(PushHost host, string? token, string target)
    {
        string authorization = token is null ? "" : $"\nAuthorization: Bearer {token}";
        using HttpResponseMessage answer = await RawRequest.SendAsync(
            host.Gateway.Data.BaseAddress!, $"PUT {target} HTTP/1.1{authorization}\nContent-Encoding: br\nContent-Length: 1000"); // made with one
        return ((int)answer.StatusCode, await PushHost.ReasonAsync(answer));
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        List<byte> body = [.. seed];
        for (int edits = random.Next(0, 6); edits > 0 && body.Count > 0; edits--)
        {
            int at = random.Next(body.Count);
            switch (random.Next(4))
            {
                case 0:
                    body[at] = (byte)random.Next(256);
                    break;
                case 1:
                    body.RemoveRange(at, Math.Min(random.Next(1, 5), body.Count - at));
                    break;
                case 2:
                    body.InsertRange(at, body.Take(random.Next(20)).ToArray());
                    break;
                default:
                    body.InsertRange(at, Encoding.UTF8.GetBytes(((string[])["\r\n", "NaN", "{", "\"", "# TYPE ", "1e400", "\0", "h_count", "le"])[random.Next(9)]));
                    break;
            }
        }

        return [.. body];
    }
}
