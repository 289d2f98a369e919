using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>Programs that read Prometheus, unmodified, through the gateway.</summary>
public sealed class ReaderProgramTests(ReadStand stand) : IClassFixture<ReadStand>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("prometheus3")]
    [InlineData("prometheus2")]
    public async Task A_Prometheus_reads_remotely_what_is_its_tenants(string store)
    {
        PrometheusServer reader = await PrometheusServer.StartAsync(
            stand.Workspace,
            "remote-reader-" + store,
            PrometheusServer.Version3,
            _ => $$"""
                remote_read:
                - url: {{stand.Gateway.Url}}api/v1/read
                  read_recent: true
                  oauth2:
                    client_id: {{Emulator.ClientId("red-" + store)}}
                    client_secret: {{Emulator.Secret}}
                    token_url: {{stand.Emulator.PlainTokenUrl}}
                    scopes: ["api://{{Emulator.GatewayApp}}/.default"]
                """,
            Cancellation);

        StoredSeries own = await reader.ReadAsync("lift_floor", Cancellation);
        StoredSeries others = await reader.ReadAsync("{__name__=~\"vault.*\"}", Cancellation);

        Assert.Equal(5, own.Single().Value.Count);
        Assert.Empty(others);
    }
}
