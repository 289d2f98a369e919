using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>A workspace of Azure Monitor as a read store: a front with its documented rules before a real Prometheus, and a managed identity of the emulator.</summary>
public sealed class AzureMonitorTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readers_of_a_workspace_see_their_own_tenants()
    {
        await using Workspace workspace = new();
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "workspace", PrometheusServer.Version3, Cancellation);
        AzureMonitorFront front = await AzureMonitorFront.StartAsync(workspace, store.Url, Cancellation);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        WriteAnswer written = await new DirectWriter(new Uri(store.Url, "/api/v1/write"), token: null).SendAsync(
            WireSeries.ToV1([.. ((string[])["red", "blue", "green"]).Select(tenant => WireSeries.Of("lift_floor", now.ToUnixTimeMilliseconds(), 7, ("tenant", tenant), ("zone", "of-" + tenant)))]),
            DirectWriter.V1,
            Cancellation);
        Assert.True(written.IsSuccess, written.Text);
        Emulator emulator = await Emulator.StartAsync(workspace, started => started.Listen(Directory()), Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object>
            {
                ["main"] = new
                {
                    Kind = "AzureMonitor",
                    Url = "http://127.0.0.1:9",
                    Path = "/dataCollectionRules/dcr-1/streams/Microsoft-PrometheusMetrics/api/v1/write?api-version=2023-04-24",
                    Auth = new { Kind = "Entra" },
                    Read = new { Url = front.Url.ToString().TrimEnd('/') },
                },
            },
            [],
            Cancellation,
            policy: $$"""
                version: 1
                tenants: { red: {}, blue: {}, green: {} }
                bindings:
                - id: readers
                  match: { kind: app, client: [{{Emulator.ClientId("reader")}}], role: [Metrics.Read] }
                  grant: { permissions: [metrics:read], tenants: [red, blue] }
                """,
            environment: new Dictionary<string, string> { ["IDENTITY_ENDPOINT"] = new Uri(emulator.PlainUrl, "/msi/token").ToString(), ["IDENTITY_HEADER"] = "test" });
        string token = await emulator.TokenAsync("reader", Cancellation);

        (int status, string text) = await GetAsync(gateway, token, "/api/v1/query?query=sum by (tenant) (lift_floor)");
        Assert.True(status == 200, $"{status} {text}\n{gateway.LogText}\n{string.Join('\n', front.Asked)}");
        Assert.Contains("red", text, StringComparison.Ordinal);
        Assert.Contains("blue", text, StringComparison.Ordinal);
        Assert.DoesNotContain("green", text, StringComparison.Ordinal);

        // One selector a tenant, by equality; a selector that names another tenant finds nothing.
        (status, text) = await GetAsync(gateway, token, "/api/v1/series?match[]=lift_floor");
        Assert.True(status == 200, $"{status} {text}");
        Assert.Equal(["of-blue", "of-red"], JsonNode.Parse(text)!["data"]!.AsArray().Select(series => (string)series!["zone"]!).Order(StringComparer.Ordinal));
        Assert.Contains(front.Asked, asked => asked == "/api/v1/series match[]=lift_floor{tenant=\"blue\"}&match[]=lift_floor{tenant=\"red\"}");
        (status, text) = await GetAsync(gateway, token, "/api/v1/series?match[]=lift_floor{tenant=\"green\"}");
        Assert.Equal((200, """{"status":"success","data":[]}"""), (status, text));

        // What the workspace does not keep to matchers is off.
        (status, text) = await GetAsync(gateway, token, "/api/v1/labels");
        Assert.True(status == 404 && text.Contains("endpoint-disabled", StringComparison.Ordinal), $"{status} {text}");
        (status, text) = await GetAsync(gateway, token, "/api/v1/label/__name__/values");
        Assert.True(status == 404 && text.Contains("endpoint-disabled", StringComparison.Ordinal), $"{status} {text}");

        // What it refuses is told in its own words.
        (status, text) = await GetAsync(gateway, token, "/api/v1/query?query={zone!=\"\"}");
        Assert.True(status == 422 && text.Contains("store-refused: store: a selector names no metric", StringComparison.Ordinal), $"{status} {text}");
        Assert.DoesNotContain(front.Asked, asked => asked.StartsWith("/api/v1/series", StringComparison.Ordinal) && asked.Contains("=~", StringComparison.Ordinal));
    }

    private static async Task<(int Status, string Text)> GetAsync(Gateway gateway, string token, string target)
    {
        using HttpClient client = new();
        string[] parts = target.Split('?', 2);
        string query = parts.Length == 1 ? "" : "?" + string.Join('&', parts[1].Split('&').Select(pair => $"{pair.Split('=', 2)[0]}={Uri.EscapeDataString(pair.Split('=', 2)[1])}"));
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(gateway.Url, parts[0] + query));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage answer = await client.SendAsync(request, Cancellation);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    /// <summary>The gateway's API, the workspace's, a reader, and the gateway's own identity.</summary>
    private static string Directory() => JsonSerializer.Serialize(new
    {
        Hooks = true,
        Directories = new[]
        {
            new
            {
                Id = Emulator.Directory,
                Apis = new[]
                {
                    new { ClientId = Emulator.GatewayApp, IdUris = new[] { $"api://{Emulator.GatewayApp}" }, TokenVersion = 2, OptionalClaims = new[] { "idtyp" } },
                    new { ClientId = Emulator.ClientId("monitor").ToString(), IdUris = new[] { AzureMonitorFront.Audience }, TokenVersion = 1, OptionalClaims = Array.Empty<string>() },
                },
                Apps = new[]
                {
                    new { Name = "reader", ClientId = Emulator.ClientId("reader"), ObjectId = Emulator.ClientId("principal of reader"), Emulator.Secret, Roles = new[] { "Metrics.Read" } },
                },
                ManagedIdentities = new[]
                {
                    new
                    {
                        Name = "gateway",
                        ClientId = Emulator.ClientId("identity"),
                        PrincipalId = Emulator.ClientId("principal of identity"),
                        ResourceId = "/subscriptions/22222222-0000-4000-8000-000000000001/resourcegroups/monitoring/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway",
                        SystemAssigned = true,
                    },
                },
            },
        },
    });
}
