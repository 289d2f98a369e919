using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>A session of Grafana's Prometheus data source, request by request: on stores with data, and on one that has just been installed.</summary>
public sealed class GrafanaTests(ReadStand stand) : IClassFixture<ReadStand>
{
    public static TheoryData<string> Stores => [.. ReadStand.Stores];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_session_finds_what_is_the_readers(string store)
    {
        string token = await stand.TokenAsync($"red-{store}");
        foreach (GrafanaRequest request in GrafanaRequest.Session(stand.Now.AddSeconds(1)))
        {
            if (store == "victoriametrics" && (request.Target.StartsWith("/api/v1/rules", StringComparison.Ordinal) || request.Target == "/api/v1/alerts"))
            {
                // Without vmalert behind it VictoriaMetrics has neither.
                continue;
            }

            // Stores of other versions say so.
            string filled = store == "prometheus3" ? request.Filled : request.Filled.Replace("\"version\":\"3.", "\"version\":\"2.", StringComparison.Ordinal);
            (int status, string text) = await request.SendAsync(stand.Gateway.Url, token, Cancellation);
            Assert.True(status == request.Status, $"{store} {request.Step}: {status} {text}");
            Assert.True(text.Contains(filled, StringComparison.Ordinal), $"{store} {request.Step}: {text}");
            Assert.False(text.Contains(ReadStand.Secret, StringComparison.OrdinalIgnoreCase) || text.Contains(ReadStand.SecretValue, StringComparison.Ordinal), $"{store} {request.Step}: {text}");
            Assert.DoesNotContain("\"features\"", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task On_an_empty_store_a_session_is_answered_without_data_and_without_errors()
    {
        await using Workspace workspace = new();
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "empty", PrometheusServer.Version3, Cancellation);
        Emulator emulator = await Emulator.StartAsync(workspace, ["reader"], Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object> { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString().TrimEnd('/') } },
            [new GatewayTenant("reader", "main")],
            Cancellation,
            moreBindings: $$"""
                - id: reads
                  match: { kind: app, client: [{{Emulator.ClientId("reader")}}], role: [Metrics.Write] }
                  grant: { permissions: [metrics:read], tenants: [reader] }

                """);
        string token = await emulator.TokenAsync("reader", Cancellation);

        foreach (GrafanaRequest request in GrafanaRequest.Session(DateTimeOffset.UtcNow))
        {
            (int status, string text) = await request.SendAsync(gateway.Url, token, Cancellation);
            Assert.True(status == request.Status, $"{request.Step}: {status} {text}");
            if (request.Empty is { } empty)
            {
                Assert.True(text == empty, $"{request.Step}: {text}");
            }
            else
            {
                Assert.Contains(request.Filled, text, StringComparison.Ordinal);
            }
        }
    }
}
