using System.IO.Compression;
using System.Net;
using System.Text;
using Google.Protobuf;
using RemoteWriteGateway.Protocol.Messages.Client;
using RemoteWriteGateway.Push.Views;

namespace RemoteWriteGateway.Tests.Push;

/// <summary><c>GET /metrics</c> in all its forms, and native histograms in the JSON.</summary>
public sealed class ScrapeTests
{
    private const string Proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    [Fact]
    public async Task Protobuf_has_every_group_of_a_family_in_one_message_sorted_by_name()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/a", "# HELP z_total Runs.\n# TYPE z_total counter\nz_total{x=\"1\"} 3\n");
        await host.StoreAsync("/metrics/job/b/instance/i", "# HELP z_total Runs.\n# TYPE z_total counter\nz_total 4\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 2\nh_sum 3\n");

        foreach (bool isPacked in (bool[])[false, true])
        {
            using HttpResponseMessage answer = await host.SendAsync("GET", "/metrics", host.Red, change: request =>
            {
                request.Headers.TryAddWithoutValidation("Accept", Proto + ";q=0.7,text/plain;version=0.0.4;q=0.3");
                request.Headers.TryAddWithoutValidation("Accept-Encoding", isPacked ? "gzip" : "identity");
            });
            Assert.Equal("application/vnd.google.protobuf", answer.Content.Headers.ContentType?.MediaType);
            byte[] body = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            Assert.Equal(isPacked ? "gzip" : "", string.Join(',', answer.Content.Headers.ContentEncoding));
            List<MetricFamily> families = Read(isPacked ? Unpack(body) : body);

            Assert.Equal(["h", "push_failure_time_seconds", "push_time_seconds", "z_total"], families.Select(family => family.Name));
            Assert.Equal("Runs.", families[3].Help);
            Assert.Equal(
                ["a,,1=3", "b,i,=4"],
                families[3].Metric.Select(metric => $"{LabelOf(metric, "job")},{LabelOf(metric, "instance")},{LabelOf(metric, "x")}={metric.Counter.Value}").Order(StringComparer.Ordinal));
            Assert.All(families.SelectMany(family => family.Metric), metric => Assert.Contains(metric.Label, label => label.Name == "instance"));
            Assert.Equal(2, families[2].Metric.Count);
            Assert.Equal((2UL, 3.0), (families[0].Metric[0].Histogram.SampleCount, families[0].Metric[0].Histogram.SampleSum));
        }
    }

    /// <summary>A family that is larger than what is written at once, so that text goes out inside it and a message does not.</summary>
    [Fact]
    public async Task A_large_family_of_many_groups_is_whole_in_both_forms()
    {
        await using PushHost host = await PushHost.StartAsync();
        for (int group = 0; group < 20; group++)
        {
            await host.StoreAsync($"/metrics/job/{group:00}", string.Concat(Enumerable.Range(0, 200).Select(i => $"wide{{i=\"{i}\"}} {i}\n")));
        }

        string[] expected =
        [
            .. Enumerable.Range(0, 20).SelectMany(group => Enumerable.Range(0, 200).Select(i => $"{group:00},{i}={i}")).Order(StringComparer.Ordinal),
        ];
        MetricFamily wide = Read(await ScrapeAsync(host, Proto)).Single(family => family.Name == "wide");
        Assert.Equal(
            expected, wide.Metric.Select(metric => $"{LabelOf(metric, "job")},{LabelOf(metric, "i")}={metric.Untyped.Value}").Order(StringComparer.Ordinal));

        byte[] text = await ScrapeAsync(host, "text/plain");
        Assert.True(text.Length > 64 << 10);
        Assert.Single(Encoding.UTF8.GetString(text).Split('\n'), line => line == "# TYPE wide untyped");
        Assert.Equal(
            expected,
            (await host.ScrapeAsync()).Where(line => line.StartsWith("wide{", StringComparison.Ordinal))
                .Select(line => System.Text.RegularExpressions.Regex.Replace(line, "wide{i=\"(.*)\",instance=\"\",job=\"(.*)\"} (.*)", "$2,$1=$3")).Order(StringComparer.Ordinal));
    }

    /// <summary>All groups are in memory while a scrape is answered. Those bytes are counted, beside the requests'.</summary>
    [Fact]
    public async Task A_scrape_that_has_no_place_in_memory_is_refused_and_takes_none_from_pushes()
    {
        const string Limits = "{ maxBodyBytes: 8388608, maxDecodedBytes: 8388608 }";
        await using PushHost host = await PushHost.StartAsync(limits: Limits, blue: $"{{ limits: {Limits} }}", settings: [("Ingest:MaxInflightBytes", $"{64 << 20}")]);
        await host.StoreAsync("/metrics/job/a", "a 1\n");
        Assert.Equal(["a{instance=\"\",job=\"a\"} 1"], await host.ScrapeAsync());
        await StoreWideAsync(host, groups: 9);

        foreach (string accept in (string[])["text/plain", Proto])
        {
            using HttpResponseMessage answer = await host.SendAsync("GET", "/metrics", host.Red, change: request => request.Headers.TryAddWithoutValidation("Accept", accept));
            Assert.Equal((503, "too-many-inflight"), ((int)answer.StatusCode, await PushHost.ReasonAsync(answer)));
            Assert.Contains("Ingest:MaxInflightBytes", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }

        using HttpResponseMessage head = await host.SendAsync("HEAD", "/metrics", host.Red);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        await host.StoreAsync("/metrics/job/a", "a 2\n");
        Assert.Equal(0, await host.Gateway.MetricAsync("rwgateway_push_scrape_bytes"));
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_given_up_after_a_minute()
    {
        await using PushHost host = await PushHost.StartAsync();
        await StoreWideAsync(host, groups: 6);

        using HttpRequestMessage request = new(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", host.Red);
        using HttpResponseMessage answer = await host.Gateway.Data.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.True(await host.Gateway.MetricAsync("rwgateway_push_scrape_bytes") > 20_000_000);
        host.Gateway.Time.Advance(Scrape.MaxTime);

        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
        while (await host.Gateway.MetricAsync("rwgateway_push_scrape_bytes") > 0)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }

        Assert.Single(host.Gateway.Logs.All, line => line.Contains("The answer to GET /metrics of tenant red was ended", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_empty_tenant_is_an_empty_scrape()
    {
        await using PushHost host = await PushHost.StartAsync();

        using HttpResponseMessage answer = await host.SendAsync("GET", "/metrics", host.Red);

        Assert.Equal((HttpStatusCode.OK, ""), (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
        Assert.Empty(await host.GroupsAsync());
    }

    [Fact]
    public async Task A_native_histogram_is_told_bucket_by_bucket()
    {
        await using PushHost host = await PushHost.StartAsync();
        MetricFamily family = new() { Name = "n", Type = MetricType.Histogram };
        family.Metric.Add(new Metric
        {
            Histogram = new Histogram
            {
                SampleCount = 9,
                SampleSum = 12.5,
                Schema = 0,
                ZeroThreshold = 0.001,
                ZeroCount = 2,
                PositiveSpan = { new BucketSpan { Offset = 0, Length = 2 }, new BucketSpan { Offset = 1, Length = 1 } },
                PositiveDelta = { 1, 1, 0 },
                NegativeSpan = { new BucketSpan { Offset = 1, Length = 1 } },
                NegativeDelta = { 2 },
            },
        });
        await StoreAsync(host, "/metrics/job/j", family);

        Assert.Equal(
            """{"labels":{"job":"j","instance":""},"buckets":[[1,"-2","-1","2"],[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"1","2","2"],[0,"4","8","2"]],"count":"9","sum":"12.5"}""",
            (await host.GroupsAsync())[0]!["n"]!["metrics"]![0]!.ToJsonString()); // there, or the test fails
    }

    /// <summary>What no single push may have, a sum does not come to either.</summary>
    [Fact]
    public async Task A_sum_of_native_histograms_keeps_within_the_tenants_limit_of_buckets()
    {
        await using PushHost host = await PushHost.StartAsync(limits: "{ maxHistogramBuckets: 2 }");
        foreach (int bucket in (int[])[1, 3, 5])
        {
            MetricFamily family = new() { Name = "n", Type = MetricType.Histogram };
            family.Metric.Add(new Metric
            {
                Histogram = new Histogram
                {
                    SampleCount = 1, SampleSum = 1, Schema = 0, ZeroThreshold = 0.001, PositiveSpan = { new BucketSpan { Offset = bucket, Length = 1 } }, PositiveDelta = { 1 },
                },
            });
            await StoreAsync(host, "/sum/metrics/job/j", family);
        }

        // Schema −1: buckets 1, 2 and 3, of (1, 4], (4, 16] and (16, 64], are still three; schema −2: (1, 16] and (16, 256].
        Assert.Equal(
            """{"labels":{"job":"j","instance":""},"buckets":[[0,"1","16","2"],[0,"16","256","1"]],"count":"3","sum":"3"}""",
            (await host.GroupsAsync())[0]!["n"]!["metrics"]![0]!.ToJsonString()); // there, or the test fails
    }

    /// <summary>Groups of four million bytes.</summary>
    private static async Task StoreWideAsync(PushHost host, int groups)
    {
        string value = new('x', 2000);
        string text = string.Concat(Enumerable.Range(0, 2000).Select(i => $"wide{{i=\"{i}\",v=\"{value}\"}} 1\n"));
        for (int group = 0; group < groups; group++)
        {
            await host.StoreAsync($"/metrics/job/{group}", text);
        }
    }

    private static async Task StoreAsync(PushHost host, string target, MetricFamily family)
    {
        using MemoryStream body = new();
        family.WriteDelimitedTo(body);
        using HttpResponseMessage answer = await host.SendAsync("PUT", target, host.Red, body.ToArray(), request =>
            request.Content!.Headers.TryAddWithoutValidation("Content-Type", Proto)); // a body was given
        Assert.Equal((HttpStatusCode.OK, ""), (answer.StatusCode, await PushHost.ReasonAsync(answer)));
    }

    private static async Task<byte[]> ScrapeAsync(PushHost host, string accept)
    {
        using HttpResponseMessage answer = await host.SendAsync("GET", "/metrics", host.Red, change: request =>
            request.Headers.TryAddWithoutValidation("Accept", accept));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }

    private static string LabelOf(Metric metric, string name) => metric.Label.FirstOrDefault(label => label.Name == name)?.Value ?? "";

    private static List<MetricFamily> Read(byte[] body)
    {
        using MemoryStream stream = new(body);
        List<MetricFamily> families = [];
        while (stream.Position < stream.Length)
        {
            families.Add(MetricFamily.Parser.ParseDelimitedFrom(stream));
        }

        return families;
    }

    private static byte[] Unpack(byte[] body)
    {
        using GZipStream stream = new(new MemoryStream(body), CompressionMode.Decompress);
        using MemoryStream unpacked = new();
        stream.CopyTo(unpacked);
        return unpacked.ToArray();
    }
}
