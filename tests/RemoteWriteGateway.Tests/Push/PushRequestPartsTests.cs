using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Push.Views;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>Headers, media types, encodings and bodies of pushes, without a request around them.</summary>
public sealed class PushRequestPartsTests
{
    private const string Proto = "application/vnd.google.protobuf";

    [Theory]
    [InlineData(null, "Text")]
    [InlineData("", "Text")]
    [InlineData("text/plain; version=0.0.4; charset=utf-8", "Text")]
    [InlineData("application/x-www-form-urlencoded", "Text")]
    [InlineData("no type at all", "Text")]
    [InlineData("application/json", "Text")]
    [InlineData("application/openmetrics-text; version=1.0.0; charset=utf-8", "OpenMetrics")]
    [InlineData("Application/OpenMetrics-Text", "OpenMetrics")]
    [InlineData(Proto + "; proto=io.prometheus.client.MetricFamily; encoding=delimited", "Protobuf")]
    [InlineData(Proto + ";encoding=\"delimited\";escaping=underscores;proto=\"io.prometheus.client.MetricFamily\"", "Protobuf")]
    [InlineData(Proto, "Text")]
    [InlineData(Proto + "; proto=io.prometheus.client.MetricFamily; encoding=text", "Text")]
    [InlineData(Proto + "; proto=io.prometheus.client.Metric; encoding=delimited", "Text")]
    public void Every_media_type_means_a_format_and_none_is_refused(string? type, string format) =>
        Assert.Equal(format, PushMediaType.FormatOf(type).ToString());

    [Theory]
    [InlineData(null, "None")]
    [InlineData("identity", "None")]
    [InlineData("GZIP", "Gzip")]
    [InlineData("x-gzip", "Gzip")]
    [InlineData(" snappy ", "Snappy")]
    [InlineData("br", "Unknown")]
    [InlineData("zstd", "Unknown")]
    [InlineData("gzip, gzip", "Unknown")]
    public void Encodings_are_read_in_any_case(string? encoding, string expected) => Assert.Equal(expected, PushMediaType.EncodingOf(encoding).ToString());

    [Theory]
    [InlineData("X-Push-Mode", "sum", "Sum  ")]
    [InlineData("X-Push-Mode", "replace", "Replace  ")]
    [InlineData("X-Push-TTL", "60s", " 00:01:00 ")]
    [InlineData("X-Push-TTL", "2h", " 02:00:00 ")]
    [InlineData("X-Push-TTL", "366d", " 366.00:00:00 ")]
    [InlineData("Idempotency-Key", "run-17/!~", "  run-17/!~")]
    [InlineData("X-Push-Mode", "Sum", "header-invalid")]
    [InlineData("X-Push-Mode", "", "header-invalid")]
    [InlineData("X-Push-TTL", "59s", "header-invalid")]
    [InlineData("X-Push-TTL", "367d", "header-invalid")]
    [InlineData("X-Push-TTL", "90000ms", "header-invalid")]
    [InlineData("X-Push-TTL", "1.5h", "header-invalid")]
    [InlineData("X-Push-TTL", "-1h", "header-invalid")]
    [InlineData("X-Push-TTL", "0", "header-invalid")]
    [InlineData("X-Push-TTL", "h", "header-invalid")]
    [InlineData("X-Push-TTL", "99999999999999999999d", "header-invalid")]
    [InlineData("Idempotency-Key", "", "header-invalid")]
    [InlineData("Idempotency-Key", "a b", "header-invalid")]
    [InlineData("Idempotency-Key", "é", "header-invalid")]
    public void Headers_of_ours_keep_their_grammar(string name, string value, string expected)
    {
        HeaderDictionary headers = new() { [name] = value };

        string read = PushHeaders.TryRead(headers, out PushHeaders found) is { } refusal ? refusal.Reason : $"{found.Mode} {found.Ttl} {found.IdempotencyKey}";

        Assert.Equal(expected, read);
    }

    [Fact]
    public void A_header_given_twice_is_invalid() =>
        Assert.All((string[])["X-Push-Mode", "X-Push-TTL", "Idempotency-Key"], name =>
            Assert.Equal("header-invalid", PushHeaders.TryRead(new HeaderDictionary { [name] = new(["1h", "1h"]) }, out _)?.Reason));

    [Theory]
    [InlineData(null, null, null, false, "Replace")]
    [InlineData(null, null, "Sum", false, "Sum")]
    [InlineData(null, "Replace", "Sum", false, "Replace")]
    [InlineData("Sum", null, "Replace", false, "Sum")]
    [InlineData("Sum", "Sum", null, false, "Sum")]
    [InlineData("Sum", "Replace", null, false, "mode-conflict")]
    [InlineData("Sum", null, "Replace", true, "mode-conflict")]
    [InlineData(null, "Sum", "Replace", true, "mode-conflict")]
    [InlineData(null, "Sum", "Sum", true, "Sum")]
    [InlineData(null, null, "Sum", true, "Sum")]
    public void The_header_decides_the_mode_then_the_url_then_the_rule(string? header, string? url, string? rule, bool isPinned, string expected)
    {
        PushTarget target = PushTarget.TryRead(url switch { "Sum" => "/sum/metrics/job/a", null => "/metrics/job/a", _ => "/replace/metrics/job/a" })!; // a path of ours
        Assert.True(Protocol.PromQL.LabelSelector.TryRead("{job=\"a\"}", out Protocol.PromQL.LabelSelector? selector, out _));
        PushRule? matched = rule is null ? null : new PushRule(selector!) { Mode = Enum.Parse<PushMode>(rule), Pinned = isPinned }; // not null: it was read

        string decided = PushModes.TryDecide(
            new PushHeaders(header is null ? null : Enum.Parse<PushMode>(header), null, null), target, matched, out PushMode mode)?.Reason ?? mode.ToString();

        Assert.Equal(expected, decided);
    }

    [Fact]
    public void A_gzip_body_is_unpacked_only_if_every_byte_of_it_is_there_and_no_other()
    {
        string text = string.Concat(Enumerable.Range(0, 200).Select(i => $"metric_{i} {i * 7}\n"));
        byte[] whole = Gzip(text);

        Assert.Equal(text, Unpack(whole, PushEncoding.Gzip));
        Assert.Equal(text + text, Unpack([.. whole, .. whole], PushEncoding.Gzip));
        for (int length = 1; length < whole.Length; length++)
        {
            Assert.Equal("malformed-gzip", Unpack(whole[..length], PushEncoding.Gzip));
        }

        Assert.Equal("malformed-gzip", Unpack([.. whole, .. "garbage"u8], PushEncoding.Gzip));
        Assert.Equal("malformed-gzip", Unpack([.. whole, .. whole[..^3]], PushEncoding.Gzip));
        Assert.Equal("malformed-gzip", Unpack(Encoding.UTF8.GetBytes(text), PushEncoding.Gzip));
    }

    [Fact]
    public void A_bomb_is_given_up_at_the_limit()
    {
        byte[] bomb = Gzip(new string('0', 50 << 20));
        using WriteWorkScope scope = new();

        Assert.Equal("decoded-too-large", PushBody.Unpack(scope.With(bomb), PushEncoding.Gzip, 1 << 20, out _)?.Reason);
        Assert.InRange(scope.Work.Decoded.Capacity, 1 << 20, 4 << 20);
    }

    [Theory]
    [InlineData(PushEncoding.Snappy)]
    [InlineData(PushEncoding.Gzip)]
    [InlineData(PushEncoding.None)]
    public void An_empty_body_is_an_empty_push_whatever_the_header_says(object encoding) => Assert.Equal("", Unpack([], (PushEncoding)encoding));

    [Fact]
    public void Snappy_is_read_in_both_forms()
    {
        byte[] text = Encoding.UTF8.GetBytes("a 1\nb 2\n");

        Assert.Equal("a 1\nb 2\n", Unpack(IronSnappy.Snappy.Encode(text), PushEncoding.Snappy));
        Assert.Equal("malformed-snappy", Unpack(text, PushEncoding.Snappy));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("*/*", false)]
    [InlineData(Proto + ";proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3", true)]
    [InlineData("text/plain;version=0.0.4;q=0.9," + Proto + ";proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5", false)]
    [InlineData(Proto + ";proto=io.prometheus.client.MetricFamily;encoding=text,*/*;q=0.1", false)]
    [InlineData("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", false)]
    [InlineData(Proto + ";proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0", false)]
    public void A_scrape_gets_protobuf_if_it_prefers_it(string accept, bool expected) => Assert.Equal(expected, Scrape.WantsProtobuf(accept));

    [Theory]
    [InlineData("", false)]
    [InlineData("gzip", true)]
    [InlineData("deflate, gzip;q=0.5", true)]
    [InlineData("gzip;q=0", false)]
    [InlineData("br", false)]
    public void A_scrape_gets_gzip_if_it_takes_it(string accept, bool expected) => Assert.Equal(expected, Scrape.TakesGzip(accept));

    private static string Unpack(byte[] body, PushEncoding encoding)
    {
        using WriteWorkScope scope = new();
        return PushBody.Unpack(scope.With(body), encoding, 1 << 20, out ReadOnlyMemory<byte> unpacked) is { } refusal
            ? refusal.Reason
            : Encoding.UTF8.GetString(unpacked.Span);
    }

    private static byte[] Gzip(string text)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Optimal))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }

    private sealed class WriteWorkScope : IDisposable
    {
        public WriteWork Work { get; } = new();

        public WriteWork With(byte[] body)
        {
            Work.Body.Append(body);
            return Work;
        }

        public void Dispose() => Work.End(0);
    }
}
