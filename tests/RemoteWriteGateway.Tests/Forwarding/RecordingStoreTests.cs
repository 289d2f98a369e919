using System.Net.Http.Headers;
using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class RecordingStoreTests
{
    [Fact]
    public async Task It_keeps_the_whole_request_and_counts_what_a_2_0_body_holds()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        using HttpClient client = new();
        V2.Request message = new()
        {
            Symbols = { "", "__name__", "up" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = 1, Timestamp = 1000 } } } },
        };
        using ByteArrayContent content = new(Snappy.Encode(message.ToByteArray()));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/x-protobuf;proto=io.prometheus.write.v2.Request");

        using HttpResponseMessage answer = await client.PostAsync(
            new Uri(store.Url, "/a%2Fb?c=d"), content, TestContext.Current.CancellationToken);

        Assert.Equal("1", Assert.Single(answer.Headers.GetValues("X-Prometheus-Remote-Write-Samples-Written")));
        Assert.Equal("/a%2Fb?c=d", store.Request.Target);
        Assert.Equal(WriteProtocol.V2, store.Request.Protocol);
        Assert.Equal(["""{__name__="up"}"""], store.Request.Series);
    }
}
