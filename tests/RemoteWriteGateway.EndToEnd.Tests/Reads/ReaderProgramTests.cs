using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

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

    /// <summary>
    /// Such a store leaves out an equality of its own external label and gives untagged series that label: to a reader's eye they would be the
    /// tenant's. A reader with the same external label sends just that equality.
    /// </summary>
    [Theory]
    [InlineData("prometheus3")]
    [InlineData("prometheus2")]
    public async Task A_store_whose_external_label_is_the_tenants_gives_nothing_that_has_none(string version)
    {
        await using Workspace workspace = new();
        string executable = version == "prometheus3" ? PrometheusServer.Version3 : PrometheusServer.Version2;
        PrometheusServer store = await PrometheusServer.StartAsync(workspace, "store", executable, _ => "global: { external_labels: { tenant: red } }", Cancellation);
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        WriteAnswer written = await new DirectWriter(new Uri(store.Url, "/api/v1/write"), token: null).SendAsync(
            WireSeries.ToV1([
                WireSeries.Of("lift_floor", now, 7, ("tenant", "red")),
                WireSeries.Of("vault_balance", now, 9, ("tenant", "blue")),
                WireSeries.Of("vault_untagged", now, 9),
            ]),
            DirectWriter.V1,
            Cancellation);
        Assert.True(written.IsSuccess, written.Text);
        Emulator emulator = await Emulator.StartAsync(workspace, ["red"], Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object> { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString().TrimEnd('/') } },
            [new GatewayTenant("red", "main")],
            Cancellation,
            moreBindings: $$"""
                - id: reader
                  match: { kind: app, client: [{{Emulator.ClientId("red")}}], role: [Metrics.Write] }
                  grant: { permissions: [metrics:read], tenants: [red] }

                """);
        foreach (string external in (string[])["{}", "{ tenant: red }", "{ tenant: blue }"])
        {
            PrometheusServer reader = await PrometheusServer.StartAsync(
                workspace,
                $"reader-{external.Length}-{external.Contains("blue", StringComparison.Ordinal)}",
                PrometheusServer.Version3,
                _ => $$"""
                    global: { external_labels: {{external}} }
                    remote_read:
                    - url: {{gateway.Url}}api/v1/read
                      read_recent: true
                      oauth2:
                        client_id: {{Emulator.ClientId("red")}}
                        client_secret: {{Emulator.Secret}}
                        token_url: {{emulator.PlainTokenUrl}}
                        scopes: ["api://{{Emulator.GatewayApp}}/.default"]
                    """,
                Cancellation);

            StoredSeries all = await reader.ReadAsync("{__name__=~\"lift_floor|vault.*\"}", Cancellation);

            // One that says it is blue's asks for what is both blue's and red's. The equality of one that says it is red's becomes "without the
            // label" at the store, and the gateway's matcher stands beside it.
            string[] expected = external == "{}" ? ["""{__name__="lift_floor",tenant="red"}"""] : [];
            Assert.Equal(expected, all.Select(series => series.Key));
        }
    }
}
