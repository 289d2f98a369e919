using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Tests.Http;

public sealed class BodyReaderTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_left_of_a_body_that_finds_no_room_can_be_read_so_that_its_sender_sees_the_answer()
    {
        WriteWorkPool pool = new(maxRequests: 1, maxBytes: 500, Metrics.WithCustomRegistry(Metrics.NewCustomRegistry()));
        WriteWork work = Assert.IsType<WriteWork>(pool.Rent());
        Pipe pipe = new();
        DefaultHttpContext http = new();
        http.Features.Set<IRequestBodyPipeFeature>(new Body(pipe.Reader));
        await pipe.Writer.WriteAsync(new byte[1000], Cancel);

        await Assert.ThrowsAsync<ByteBudgetExceededException>(async () => await BodyReader.TryReadAsync(http.Request, work.Body, maxBytes: 10_000));

        await pipe.Writer.WriteAsync(new byte[10], Cancel);
        ReadResult rest = await pipe.Reader.ReadAsync(Cancel);
        Assert.Equal(10, rest.Buffer.Length);
    }

    private sealed record Body(PipeReader Reader) : IRequestBodyPipeFeature;
}
