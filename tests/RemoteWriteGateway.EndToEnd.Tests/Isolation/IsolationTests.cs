using IronSnappy;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.EndToEnd.Tests.Isolation;

/// <summary>Stores that keep tenants apart by header or by path hear of the tenant from the gateway, and of nothing that the sender says about it.</summary>
public sealed class IsolationTests
{
    private static readonly string[] OwnHeaders =
    [
        "Content-Encoding", "Content-Length", "Content-Type", "Host", "traceparent", "User-Agent", "X-Prometheus-Remote-Write-Version",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Mimir", "POST /api/v1/push", "X-Scope-OrgID")]
    [InlineData("Cortex", "POST /api/v1/push", "X-Scope-OrgID")]
    [InlineData("Thanos", "POST /api/v1/receive", "THANOS-TENANT")]
    [InlineData("VictoriaMetricsCluster", "POST /insert/42/prometheus/api/v1/write", null)]
    [InlineData("Prometheus", "POST /api/v1/write", null)]
    public async Task The_store_gets_the_tenant_from_the_policy_and_nothing_of_the_caller(string kind, string line, string? tenantHeader)
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, ["payments"], Cancellation);
        RecordingStore store = await RecordingStore.StartAsync(workspace, Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object> { ["main"] = new { Kind = kind, Url = store.Url.ToString(), Read = new { Enabled = false } } },
            [new("payments", "main", StoreId: kind == "VictoriaMetricsCluster" ? "42" : null)],
            Cancellation);
        string token = await emulator.TokenAsync("payments", Cancellation);
        Uri url = new(gateway.WriteUrl, "/api/v1/write?tenant=victim&extra_label=tenant%3Dvictim&accountID=7");
        DirectWriter writer = new DirectWriter(url, token)
            .WithHeader("X-Scope-OrgID", "payments")
            .WithHeader("THANOS-TENANT", "victim")
            .WithHeader("AccountID", "7")
            .WithHeader("ProjectID", "7")
            .WithHeader("Cookie", "tenant=victim")
            .WithHeader("X-Forwarded-For", "10.0.0.1")
            .WithHeader("X-Prometheus-Remote-Write-Version", "9.9.9")
            .WithHeader("X-Request-Id", "victim");
        WireSeries series = WireSeries.Of(
            "isolated", 1_700_000_000_000, 1, ("tenant", "victim"), ("vm_account_id", "7"), ("vm_project_id", "7"), ("__tenant_id__", "victim"), ("kept", "x"));

        WriteAnswer answer = await writer.SendAsync(WireSeries.ToV1([series]), DirectWriter.V1, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        RecordedRequest request = Assert.Single(store.Requests);
        Assert.Equal(line, request.Line);
        Assert.Equal(DirectWriter.V1, request.Headers["Content-Type"]);
        Assert.Equal("0.1.0", request.Headers["X-Prometheus-Remote-Write-Version"]);
        Assert.StartsWith("RemoteWriteGateway/", request.Headers["User-Agent"], StringComparison.Ordinal);
        if (tenantHeader is not null)
        {
            Assert.Equal("payments", request.Headers[tenantHeader]);
        }

        Assert.Empty(request.Headers.Keys.Except([.. OwnHeaders, tenantHeader ?? "Host"], StringComparer.OrdinalIgnoreCase));
        V1.TimeSeries sent = Assert.Single(V1.WriteRequest.Parser.ParseFrom(Snappy.Decode(request.Body)).Timeseries);
        Assert.Equal(
            kind == "Prometheus" ? ["__name__=isolated", "kept=x", "tenant=payments"] : ["__name__=isolated", "kept=x"],
            sent.Labels.Select(label => $"{label.Name}={label.Value}"));
    }
}
