using System.IO.Compression;
using System.Net;
using Google.Protobuf;
using RemoteWriteGateway.Protocol.Messages.Client;

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
        using MemoryStream body = new();
        family.WriteDelimitedTo(body);

        using HttpResponseMessage answer = await host.SendAsync("PUT", "/metrics/job/j", host.Red, body.ToArray(), request =>
            request.Content!.Headers.TryAddWithoutValidation("Content-Type", Proto)); // a body was given
        Assert.Equal((HttpStatusCode.OK, ""), (answer.StatusCode, await PushHost.ReasonAsync(answer)));

        Assert.Equal(
            """{"labels":{"job":"j","instance":""},"buckets":[[1,"-2","-1","2"],[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"1","2","2"],[0,"4","8","2"]],"count":"9","sum":"12.5"}""",
            (await host.GroupsAsync())[0]!["n"]!["metrics"]![0]!.ToJsonString()); // there, or the test fails
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
