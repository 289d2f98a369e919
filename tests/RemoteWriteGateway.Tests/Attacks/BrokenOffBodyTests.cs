using System.Net.Sockets;
using System.Text;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Senders that do not send what they announced. That is theirs, or the network's, and never an error of the gateway.</summary>
public sealed class BrokenOffBodyTests
{
    private const int HangUps = 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Content-Length: 1000", "half of it")]
    [InlineData("Transfer-Encoding: chunked", "9\r\nhalf of it")]
    public async Task A_sender_whose_connection_is_reset_is_no_error_of_the_gateway(string length, string begun)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string head = $"POST /api/v1/write HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.Token("prom")}\r\n{length}\r\n\r\n";
        for (int i = 1; i <= HangUps; i++)
        {
            using var socket = new TcpClient { LingerState = new LingerOption(enable: true, seconds: 0) };
            await socket.ConnectAsync(gateway.Data.BaseAddress!.Host, gateway.Data.BaseAddress.Port, Cancel);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + begun), Cancel);
            await UntilAsync(async () => await gateway.MetricAsync("rwgateway_ingest_inflight_requests") == 1);

            socket.Close();

            await UntilAsync(() => Task.FromResult(Ended(gateway) == i));
        }

        await gateway.UntilNothingIsInFlightAsync();
        Assert.DoesNotContain(gateway.Logs.All, line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_ingest_refused_requests_total{tenant=\"ours\",reason=\"internal-error\"}"));
        Assert.Equal(HangUps, await gateway.MetricAsync("rwgateway_ingest_refused_requests_total{tenant=\"ours\",reason=\"bad-request\"}"));
        Assert.Equal(HangUps, await gateway.MetricAsync("rwgateway_ingest_requests_total{tenant=\"ours\",protocol=\"v1\",code=\"4xx\"}"));
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_ingest_inflight_bytes"));
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFF\r\n")]
    [InlineData("80000000\r\n")]
    [InlineData("no number\r\n")]
    public async Task A_chunk_whose_size_is_none_is_the_senders_mistake(string chunk)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage answer = await RawRequest.SendAsync(
            gateway.Data.BaseAddress!,
            $"POST /api/v1/write HTTP/1.1\nAuthorization: Bearer {gateway.Token("prom")}\nTransfer-Encoding: chunked",
            Encoding.ASCII.GetBytes(chunk));

        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith("bad-request: ", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.DoesNotContain(gateway.Logs.All, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    /// <summary>How many connections the server is done with, whatever of theirs was logged included.</summary>
    private static int Ended(GatewayHost gateway) => gateway.Logs.All.Count(line =>
        line.StartsWith("Debug Microsoft.AspNetCore.Server.Kestrel.Connections", StringComparison.Ordinal) && line.Contains("stopped", StringComparison.Ordinal));

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        while (!await isSo())
        {
            Cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
