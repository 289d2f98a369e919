using System.IO.Compression;
using System.Text;
using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.EndToEnd.Tests.Exposition;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>
/// The same requests to a real Pushgateway and to the gateway: the same statuses, groups and series, after every step. What differs on
/// purpose stands in <see cref="Differences"/>, each with its line of the table in <c>docs/push.md</c>.
/// </summary>
[Collection(SharedPushStand.Name)]
public sealed class SideBySideTests(PushStand stand)
{
    private const string Proto = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    private const int Sequences = 60;

    private const string Text = """
        # HELP rows_total Rows, "quoted" \\ and é.
        # TYPE rows_total counter
        rows_total{table="a"} 1234567
        rows_total{table="b"} 0.00001
        # TYPE took histogram
        took_bucket{le="0.5"} 1
        took_bucket{le="1"} 1
        took_bucket{le="10000000"} 2
        took_sum 2.5
        took_count 2
        # TYPE open histogram
        open_bucket{le="+Inf"} 4
        open_sum NaN
        open_count 4
        # TYPE size summary
        size{quantile="0.5"} 1.5
        size{quantile="0.99"} NaN
        size_sum 7
        size_count 3
        # TYPE level gauge
        level{x="1",y=""} -Inf
        plain 42
        # TYPE nothing gauge

        """;

    [Theory]
    [InlineData("/metrics/job/nightly")]
    [InlineData("/metrics/job/nightly/")]
    [InlineData("/metrics/job/nightly/instance/web-1")]
    [InlineData("/metrics/job/nightly/instance/")]
    [InlineData("/metrics/job/nightly/shard/7/zone/eu")]
    [InlineData("/metrics/job@base64/bmlnaHRseQ")]
    [InlineData("/metrics/job@base64/bmlnaHRseQ==")]
    [InlineData("/metrics/job@base64/YS9i/path@base64/L3Zhci90bXA")]
    [InlineData("/metrics/job@base64/YR")]
    [InlineData("/metrics/job/a+b")]
    [InlineData("/metrics/job/a%20b")]
    [InlineData("/metrics/job/a%2Bb")]
    [InlineData("/metrics/job/%C3%A9/x/%F0%9F%98%82")]
    [InlineData("/metrics/job/j/x/1/x/2")]
    [InlineData("/metrics/job/j/job/k")]
    [InlineData("/metrics/job/j/x@base64/=")]
    [InlineData("/metrics/job/j/le/1")]
    [InlineData("/metrics/job/j/_x/1")]
    [InlineData("/metrics/job/j?ignored=1")]
    [InlineData("/metrics/job/...")]
    [InlineData("/metrics/job/j/x")]
    [InlineData("/metrics/job/j/x/1/")]
    [InlineData("/metrics/job/j/x/1/y")]
    [InlineData("/metrics/job@base64/=")]
    [InlineData("/metrics/job@base64/Y")]
    [InlineData("/metrics/job@base64/YS+i")]
    [InlineData("/metrics/job/j/7x/1")]
    [InlineData("/metrics/job/j/x-y/1")]
    [InlineData("/metrics/job/j/__x/1")]
    [InlineData("/metrics/job/j/__name__/x")]
    [InlineData("/metrics/job/j/@base64/eA")]
    [InlineData("/metrics/jobs/j")]
    public async Task A_path_means_the_same_group(string target)
    {
        foreach (string method in (string[])["PUT", "POST", "DELETE"])
        {
            await CompareAsync(
                new Step(method, target, "plain 1\n"),
                new Step("PUT", "/metrics/job/other", "other 1\n"),
                new Step(method, target, "plain 2\n"));
        }
    }

    [Theory]
    [InlineData("GET", "/metrics/job/j")]
    [InlineData("PATCH", "/metrics/job/j")]
    [InlineData("OPTIONS", "/metrics/job/j")]
    [InlineData("PUT", "/metrics")]
    [InlineData("DELETE", "/metrics")]
    [InlineData("DELETE", "/api/v1/metrics")]
    [InlineData("PUT", "/api/v1/status")]
    [InlineData("OPTIONS", "/api/v1/metrics")]
    [InlineData("GET", "/api/v1/status")]
    [InlineData("PUT", "/api/v1/admin/wipe")]
    [InlineData("GET", "/api/v1/admin/wipe")]
    [InlineData("GET", "/-/healthy")]
    [InlineData("GET", "/-/ready")]
    [InlineData("GET", "/-/quit")]
    [InlineData("PUT", "/-/quit")]
    [InlineData("GET", "/nowhere")]
    [InlineData("GET", "/api/v2/metrics")]
    public Task A_method_is_answered_with_the_same_status(string method, string target) =>
        CompareAsync(new Step("PUT", "/metrics/job/j", "plain 1\n"), new Step(method, target, null));

    [Theory]
    [InlineData(null, null)]
    [InlineData("text/plain; version=0.0.4; charset=utf-8", null)]
    [InlineData("application/x-www-form-urlencoded", null)]
    [InlineData("text/plain", "gzip")]
    [InlineData("text/plain", "GZIP-of-two-members")]
    [InlineData("text/plain", "snappy-framing")]
    [InlineData("no/type; at all", null)]
    [InlineData(Proto, null)]
    [InlineData("application/vnd.google.protobuf;encoding=delimited;proto=io.prometheus.client.MetricFamily", "gzip")]
    [InlineData(Proto, "snappy-framing")]
    public async Task A_body_means_the_same_in_every_form(string? type, string? encoding)
    {
        byte[] body = type?.Contains("protobuf", StringComparison.Ordinal) == true ? Families() : Encoding.UTF8.GetBytes(Text);
        foreach (string method in (string[])["PUT", "POST"])
        {
            await CompareAsync(
                new Step(method, "/metrics/job/j/instance/i", null) { Body = Pack(body, encoding), Type = type, Encoding = EncodingOf(encoding) },
                new Step("POST", "/metrics/job/j/instance/i", "plain 3\n"),
                new Step(method, "/metrics/job/j/instance/i", ""));
        }
    }

    [Theory]
    [InlineData("a 1 123\n")]
    [InlineData("a{b=\"1\"} 1\na{b=\"1\"} 2\n")]
    [InlineData("# TYPE a counter\n# TYPE a gauge\na 1\n")]
    [InlineData("# TYPE a enum\na 1\n")]
    [InlineData("a x\n")]
    [InlineData("a{b=1} 1\n")]
    [InlineData("7a 1\n")]
    [InlineData("a{__name__=\"b\"} 1\n")]
    [InlineData("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n")]
    [InlineData("push_time_seconds 5\n")]
    [InlineData("# just a comment\n")]
    [InlineData("a{instance=\"body\",job=\"body\"} 1\n")]
    [InlineData("a{b=\"1\",b=\"2\"} 1\n")]
    public async Task A_refusal_leaves_the_same_behind(string body)
    {
        await CompareAsync(
            new Step("PUT", "/metrics/job/j", "good 1\n"),
            new Step("PUT", "/metrics/job/j", body),
            new Step("POST", "/metrics/job/new", body),
            new Step("POST", "/metrics/job/j", "good 2\n"));
    }

    [Fact]
    public async Task Native_histograms_are_shown_the_same_beside_classic_buckets_and_alone()
    {
        foreach (bool hasClassic in (bool[])[false, true])
        {
            Histogram histogram = new()
            {
                SampleCount = 9,
                SampleSum = 12.5,
                Schema = 2,
                ZeroThreshold = 0.001,
                ZeroCount = 2,
                PositiveSpan = { new BucketSpan { Offset = -3, Length = 2 }, new BucketSpan { Offset = 1, Length = 1 } },
                PositiveDelta = { 1, 1, 0 },
                NegativeSpan = { new BucketSpan { Offset = 1, Length = 1 } },
                NegativeDelta = { 2 },
            };
            if (hasClassic)
            {
                histogram.Bucket.Add(new Bucket { UpperBound = 1, CumulativeCount = 4 });
            }

            MetricFamily family = new() { Name = "n", Type = MetricType.Histogram };
            family.Metric.Add(new Metric { Histogram = histogram });
            using MemoryStream body = new();
            family.WriteDelimitedTo(body);
            await CompareAsync(new Step("PUT", "/metrics/job/j", null) { Body = body.ToArray(), Type = Proto });
        }
    }

    [Fact]
    public async Task Groups_may_not_disagree_about_a_type()
    {
        await CompareAsync(
            new Step("PUT", "/metrics/job/a", "# TYPE m counter\nm 1\n"),
            new Step("PUT", "/metrics/job/b", "# TYPE m gauge\nm 1\n"),
            new Step("PUT", "/metrics/job/b", "# TYPE m counter\nm 1\n"),
            new Step("DELETE", "/metrics/job/a", null),
            new Step("PUT", "/metrics/job/b", "# TYPE m gauge\nm 1\n"),
            new Step("PUT", "/metrics/job/b", "# HELP m One.\n# TYPE m gauge\nm 1\n"));
    }

    [Fact]
    public async Task Long_sequences_of_pushes_and_deletions_end_the_same()
    {
        string[] targets = ["/metrics/job/a", "/metrics/job/b", "/metrics/job/a/instance/i", "/metrics/job/b/x/1"];
        for (int seed = 0; seed < Sequences; seed++)
        {
            Random random = new(seed);
            RandomTexts texts = new(random);
            await CompareAsync([.. Enumerable.Range(0, 8).Select(_ => random.Next(8) switch
            {
                0 => new Step("DELETE", targets[random.Next(targets.Length)], null),
                1 => new Step("PUT", targets[random.Next(targets.Length)], ""),
                2 => new Step("POST", targets[random.Next(targets.Length)], "broken{ 1\n"),
                < 5 => new Step("PUT", targets[random.Next(targets.Length)], texts.NextValid()),
                _ => new Step("POST", targets[random.Next(targets.Length)], texts.NextValid()),
            })]);
        }
    }

    /// <summary>Requests that are answered differently, each with the reason that the guide gives.</summary>
    public static TheoryData<string, string, string, string?, int, int> Differences => new()
    {
        { "%2F decoded after the split", "PUT", "/metrics/job/a%2Fb", "a 1\n", 200, 400 },
        { "an empty segment is told instead of redirected", "PUT", "/metrics//job/a", "a 1\n", 400, 301 },
        { "a dot segment is told instead of redirected", "PUT", "/metrics/job/./a", "a 1\n", 400, 301 },
        { "a dot segment is told instead of redirected", "PUT", "/x/../metrics/job/a", "a 1\n", 400, 301 },
        { "U+0000 in a path", "PUT", "/metrics/job@base64/AA", "a 1\n", 400, 200 },
        { "CRLF", "PUT", "/metrics/job/j", "a 1\r\n", 200, 400 },
        { "no last line feed", "PUT", "/metrics/job/j", "a 1", 200, 400 },
        { "a blank before the line feed", "PUT", "/metrics/job/j", "a 1 \n", 200, 400 },
        { "a blank behind a type", "PUT", "/metrics/job/j", "# TYPE a counter \na 1\n", 200, 400 },
        { "{} 1", "PUT", "/metrics/job/j", "{} 1\n", 400, 0 },
        { "own metrics of a Pushgateway of another type", "PUT", "/metrics/job/j", "# TYPE go_goroutines counter\ngo_goroutines 1\n", 200, 400 },
    };

    [Theory]
    [MemberData(nameof(Differences))]
    public async Task What_differs_on_purpose_does_so_as_the_guide_says(string why, string method, string target, string? body, int ours, int theirs)
    {
        await stand.WipeAsync();
        byte[]? bytes = body is null ? null : Encoding.UTF8.GetBytes(body);

        (int here, string text) = await stand.To(stand.Gateway).SendAsync(method, target, bytes);
        (int there, _) = await stand.To(stand.Pushgateway).SendAsync(method, target, bytes);

        Assert.True((ours, theirs) == (here, there), $"{why}: {here} ({text}), {there}");
        await stand.WipeAsync();
    }

    [Fact]
    public async Task Encodings_that_a_pushgateway_does_not_know_are_told_or_read()
    {
        byte[] text = Encoding.UTF8.GetBytes("a 1\n");
        (string Encoding, byte[] Body, int Ours, int Theirs)[] cases =
        [
            ("snappy", Snappy.Encode(text), 200, 400),
            ("br", text, 415, 200),
            ("gzip", [], 200, 400),
            ("gzip", Pack(text, "gzip")[..^6], 400, 400),
        ];
        foreach ((string encoding, byte[] body, int ours, int theirs) in cases)
        {
            (int here, string told) = await stand.To(stand.Gateway).SendAsync("PUT", "/metrics/job/j", body, null, encoding);
            (int there, _) = await stand.To(stand.Pushgateway).SendAsync("PUT", "/metrics/job/j", body, null, encoding);
            Assert.True((ours, theirs) == (here, there), $"{encoding} of {body.Length} bytes: {here} ({told}), {there}");
        }

        await stand.WipeAsync();
    }

    private async Task CompareAsync(params Step[] steps)
    {
        await stand.WipeAsync();
        List<string> told = [];
        foreach (Step step in steps)
        {
            (int ours, string text) = await stand.To(stand.Gateway).SendAsync(step.Method, step.Target, step.Bytes, step.Type, step.Encoding);
            (int theirs, string theirText) = await stand.To(stand.Pushgateway).SendAsync(step.Method, step.Target, step.Bytes, step.Type, step.Encoding);
            told.Add($"{step}: {ours}");
            string before = string.Join('\n', told);
            Assert.True(ours == theirs, $"{before} ({text}), there {theirs} ({theirText})");
            await stand.AssertSameContentAsync(before);
        }
    }

    private static string? EncodingOf(string? form) => form switch
    {
        "GZIP-of-two-members" => "gzip",
        "snappy-framing" => "snappy",
        _ => form,
    };

    private static byte[] Pack(byte[] body, string? form)
    {
        using MemoryStream packed = new();
        switch (form)
        {
            case "gzip":
                Gzip(packed, body);
                return packed.ToArray();
            case "GZIP-of-two-members":
                Gzip(packed, body[..(body.Length / 2)]);
                Gzip(packed, body[(body.Length / 2)..]);
                return packed.ToArray();
            case "snappy-framing":
                packed.Write([0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]);
                WriteFrame(packed, body);
                return packed.ToArray();
            default:
                return body;
        }
    }

    private static void Gzip(MemoryStream packed, byte[] body)
    {
        using GZipStream stream = new(packed, CompressionLevel.Optimal, leaveOpen: true);
        stream.Write(body);
    }

    /// <summary>One chunk that is not compressed, written by hand.</summary>
    private static void WriteFrame(MemoryStream packed, byte[] body)
    {
        uint crc = uint.MaxValue;
        foreach (byte next in body)
        {
            crc ^= next;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
            }
        }

        crc = ~crc;
        uint masked = ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
        int length = body.Length + 4;
        packed.Write([1, (byte)length, (byte)(length >> 8), (byte)(length >> 16)]);
        packed.Write(BitConverter.GetBytes(masked));
        packed.Write(body);
    }

    private static byte[] Families()
    {
        using MemoryStream bytes = new();
        MetricFamily counter = new() { Name = "runs_total", Help = "Runs.", Type = MetricType.Counter };
        counter.Metric.Add(new Metric { Label = { new LabelPair { Name = "z", Value = "1" }, new LabelPair { Name = "a", Value = "2" } }, Counter = new Counter { Value = 3 } });
        MetricFamily histogram = new() { Name = "took", Type = MetricType.Histogram };
        histogram.Metric.Add(new Metric { Histogram = new Histogram { SampleCount = 3, SampleSum = 1.5, Bucket = { new Bucket { UpperBound = 1, CumulativeCount = 2 } } } });
        MetricFamily summary = new() { Name = "size", Type = MetricType.Summary };
        summary.Metric.Add(new Metric { Summary = new Summary { SampleCount = 2, SampleSum = 5, Quantile = { new Quantile { Quantile_ = 0.5, Value = 2 } } } });
        MetricFamily untyped = new() { Name = "plain", Type = MetricType.Untyped };
        untyped.Metric.Add(new Metric { Untyped = new Untyped { Value = double.PositiveInfinity } });
        foreach (MetricFamily family in (MetricFamily[])[counter, histogram, summary, untyped, new MetricFamily { Name = "empty", Type = MetricType.Gauge }])
        {
            family.WriteDelimitedTo(bytes);
        }

        return bytes.ToArray();
    }

    /// <summary>One request.</summary>
    private sealed record Step(string Method, string Target, string? Text)
    {
        public byte[]? Body { get; init; }

        public string? Type { get; init; }

        public string? Encoding { get; init; }

        public byte[]? Bytes => Body ?? (Text is null ? null : System.Text.Encoding.UTF8.GetBytes(Text));

        public override string ToString() => $"{Method} {Target} {Text?.ReplaceLineEndings("\\n") ?? $"{Body?.Length ?? 0} bytes of {Type} {Encoding}"}";
    }
}
