using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Protocol.Messages.Read;
using RemoteWriteGateway.Protocol.RemoteRead;
using RemoteWriteGateway.Tests.Forwarding;
using Label = RemoteWriteGateway.Protocol.Messages.V1.Label;
using ReadQuery = RemoteWriteGateway.Protocol.Messages.Read.Query;
using TimeSeries = RemoteWriteGateway.Protocol.Messages.V1.TimeSeries;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>Remote read, against classes generated from the project's own .proto file.</summary>
public sealed class RemoteReadTests
{
    [Fact]
    public async Task Every_query_gets_the_tenants_and_what_is_not_known_is_gone()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Samples(new ReadResponse { Results = { new QueryResult(), new QueryResult() } }.ToByteArray());
        ReadRequest request = new()
        {
            Queries =
            {
                Of((LabelMatcher.Types.Type.Eq, "tenant", "blue")),
                Of((LabelMatcher.Types.Type.Neq, "a b", "x"), (LabelMatcher.Types.Type.Nre, "z", "x.*")),
            },
            AcceptedResponseTypes = { ReadRequest.Types.ResponseType.StreamedXorChunks, ReadRequest.Types.ResponseType.Samples },
        };
        request.Queries[1].Hints = new ReadHints { Func = "rate", StepMs = 5, Grouping = { "zone" }, By = true, RangeMs = 7 };

        // A field 99 behind it, which no store may get to see.
        using HttpResponseMessage answer = await ReadAsync(host, [.. request.ToByteArray(), 0x9A, 0x06, 0x01, 0x78]);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        ReceivedRequest asked = Assert.Single(host.Asked);
        ReadRequest sent = ReadRequest.Parser.ParseFrom(Snappy.Decode(asked.Body));
        foreach (ReadQuery query in request.Queries)
        {
            query.Matchers.Add(new LabelMatcher { Type = LabelMatcher.Types.Type.Re, Name = "tenant", Value = "red" });
        }

        Assert.Equal(request, sent);
        Assert.Equal("{tenant=\"blue\"}\n{\"a b\"!=\"x\",z!~\"x.*\"}", (await host.RecordsAsync())[0].QueryText);
    }

    [Theory]
    [InlineData(false, "read-matcher-invalid")]
    [InlineData(true, "label-forbidden")]
    public async Task A_query_without_matchers_or_with_a_forbidden_label_is_refused(bool isForbidden, string reason)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        ReadQuery query = isForbidden ? Of((LabelMatcher.Types.Type.Eq, "__graphite__", "*")) : new ReadQuery();

        await RefusedAsync(host, new ReadRequest { Queries = { Of((LabelMatcher.Types.Type.Eq, "a", "b")), query } }.ToByteArray(), reason);
    }

    [Fact]
    public async Task Hostile_requests_are_refused_before_the_store_is_asked()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        ReadRequest many = new();
        many.Queries.AddRange(Enumerable.Range(0, 17).Select(_ => Of((LabelMatcher.Types.Type.Eq, "a", "b"))));
        ReadRequest hints = new() { Queries = { Of((LabelMatcher.Types.Type.Eq, "a", "b")) } };
        hints.Queries[0].Hints = new ReadHints { Func = new string('x', 129) };
        ReadRequest type = new() { Queries = { Of(((LabelMatcher.Types.Type)9, "a", "b")) } };
        ReadRequest types = new() { Queries = { Of((LabelMatcher.Types.Type.Eq, "a", "b")) }, AcceptedResponseTypes = { (ReadRequest.Types.ResponseType)7 } };

        await RefusedAsync(host, many.ToByteArray(), "too-many-read-queries");
        await RefusedAsync(host, hints.ToByteArray(), "read-matcher-invalid");
        await RefusedAsync(host, type.ToByteArray(), "read-matcher-invalid");
        await RefusedAsync(host, types.ToByteArray(), "read-matcher-invalid");
        await RefusedAsync(host, [], "read-matcher-invalid");
        await RefusedAsync(host, [0x0A, 0x05, 0x08], "malformed-protobuf");
        await RefusedAsync(host, [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00], "decoded-too-large", isPacked: true);
        await RefusedAsync(host, [0x05, 0x00], "malformed-snappy", isPacked: true);
        await RefusedAsync(host, new byte[(1 << 20) + 1], "body-too-large", isPacked: true);
    }

    [Theory]
    [InlineData("blue")]
    [InlineData("")]
    [InlineData("red,red")]
    public async Task A_foreign_series_drops_the_whole_answer(string tenants)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        TimeSeries series = new() { Labels = { new Label { Name = "__name__", Value = "vault_balance" } } };
        series.Labels.AddRange(tenants.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(tenant => new Label { Name = "tenant", Value = tenant }));
        host.Answering = _ => ReadHost.Samples(new ReadResponse { Results = { new QueryResult { Timeseries = { series } } } }.ToByteArray());

        using HttpResponseMessage answer = await ReadAsync(host, One());

        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.StartsWith("egress-violation:", text, StringComparison.Ordinal);
        Assert.DoesNotContain("vault", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frames_pass_unchanged_until_one_is_foreign()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        byte[] good = Frame("red");
        byte[] foreign = Frame("blue");
        host.Answering = _ => Streamed([.. good, .. good]);
        using HttpResponseMessage whole = await ReadAsync(host, One());
        Assert.Equal((byte[])[.. good, .. good], await whole.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));

        host.Answering = _ => Streamed([.. good, .. foreign]);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => ReadAsync(host, One()));

        Assert.Equal("egress-violation", (await host.RecordsAsync(2))[0].Reason);
    }

    [Fact]
    public async Task A_broken_checksum_and_a_torn_frame_never_leave()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        byte[] broken = Frame("red");
        broken[^1] ^= 1;
        host.Answering = _ => Streamed(broken);
        using (HttpResponseMessage answer = await ReadAsync(host, One()))
        {
            Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        }

        host.Answering = _ => Streamed(Frame("red")[..^3]);
        using HttpResponseMessage torn = await ReadAsync(host, One());
        Assert.Equal(HttpStatusCode.BadGateway, torn.StatusCode);
    }

    [Fact]
    public async Task Where_the_store_does_not_answer_remote_read_it_is_said()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Stores:main:Kind", "VictoriaMetrics")]);

        using HttpResponseMessage answer = await ReadAsync(host, One());

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.StartsWith("endpoint-disabled:", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static byte[] One() => new ReadRequest { Queries = { Of((LabelMatcher.Types.Type.Eq, "a", "b")) } }.ToByteArray();

    private static ReadQuery Of(params (LabelMatcher.Types.Type Type, string Name, string Value)[] matchers)
    {
        ReadQuery query = new() { StartTimestampMs = 1, EndTimestampMs = 2 };
        query.Matchers.AddRange(matchers.Select(one => new LabelMatcher { Type = one.Type, Name = one.Name, Value = one.Value }));
        return query;
    }

    private static byte[] Frame(string tenant)
    {
        byte[] message = new ChunkedReadResponse
        {
            ChunkedSeries = { new ChunkedSeries { Labels = { new Label { Name = "tenant", Value = tenant } }, Chunks = { new Chunk { Data = ByteString.CopyFrom(1, 2, 3) } } } },
        }.ToByteArray();
        byte[] sum = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(sum, ReadAnswerCheck.Crc32C(message));
        return [(byte)message.Length, .. sum, .. message];
    }

    private static StoreAnswer Streamed(byte[] frames) => new StoreAnswer(200) { Bytes = frames }
        .With("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");

    private static async Task RefusedAsync(ReadHost host, byte[] body, string reason, bool isPacked = false)
    {
        using HttpResponseMessage answer = await ReadAsync(host, body, isPacked);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.StartsWith(reason + ":", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Empty(host.Asked);
    }

    private static async Task<HttpResponseMessage> ReadAsync(ReadHost host, byte[] body, bool isPacked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/read") { Content = new ByteArrayContent(isPacked ? body : Snappy.Encode(body)) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", host.Red);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-protobuf");
        request.Content.Headers.ContentEncoding.Add("snappy");
        return await host.Gateway.Data.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
