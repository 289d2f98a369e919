using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>One series that a real store refuses, among many that it would take.</summary>
public sealed class RefusedGroupTests
{
    private const int Groups = 500;
    private const int Pushers = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The series is there already, with a time that is yet to come: Prometheus refuses older samples, and with them a whole 1.0 request.</summary>
    [Fact]
    public async Task One_series_that_the_store_refuses_keeps_none_of_the_other_groups_of_its_batch_back()
    {
        PrometheusServer? prometheus = null;
        await using EmissionStand stand = await EmissionStand.StartAsync(async workspace =>
        {
            prometheus = await EmissionStand.PrometheusAsync(workspace);
            return new { Kind = "Prometheus", Url = prometheus.Url.ToString(), Protocol = "V1", Read = new { Enabled = false } };
        });
        Gateway gateway = await stand.GatewayAsync("one");
        WireSeries ahead = WireSeries.Of(
            "rows_total", DateTimeOffset.UtcNow.AddMinutes(5).ToUnixTimeMilliseconds(), 1, ("job", "job-61"), ("tenant", EmissionStand.Tenant));
        WriteAnswer there = await new DirectWriter(new Uri(prometheus!.Url, "/api/v1/write"), null).SendAsync(WireSeries.ToV1([ahead]), DirectWriter.V1, Cancel);
        Assert.Equal(204, there.Status);

        // While the store is away they all become due, and then they leave in one batch.
        prometheus.Kill();
        await Task.WhenAll(Enumerable.Range(0, Pushers).Select(async pusher =>
        {
            for (int i = pusher; i < Groups; i += Pushers)
            {
                await stand.SendAsync(gateway, "PUT", $"/metrics/job/job-{i}", "rows_total 1\n");
            }
        }));
        await prometheus.StartAsync(Cancel);
        await EmissionStand.UntilAsync(prometheus.Url, "count(push_time_seconds)", Groups - 1, Patience, () => gateway.LogText);

        Assert.InRange(await gateway.MetricAsync("rwgateway_push_bisects_total", Cancel), 6, 40);
        await Eventually.TrueAsync(
            async () => await ErrorAsync(gateway, stand.Token) is { } error && error.StartsWith("store-refused: ", StringComparison.Ordinal), () => gateway.LogText, Cancel, Patience);
        string groups = await new PushClient(gateway.Url, stand.Token).GetAsync($"/api/v1/groups?limit={Groups}");
        JsonElement[] refused = [.. JsonDocument.Parse(groups).RootElement.GetProperty("data").GetProperty("groups").EnumerateArray()
            .Where(group => group.GetProperty("lastWriteError").ValueKind != JsonValueKind.Null)];
        Assert.Equal("job-61", Assert.Single(refused).GetProperty("labels").GetProperty("job").GetString());

        await stand.SendAsync(gateway, "PUT", "/metrics/job/job-61", "others_total 1\n");
        await EmissionStand.UntilAsync(prometheus.Url, """others_total{job="job-61"}""", 1, Patience, () => gateway.LogText);
        await Eventually.TrueAsync(async () => await ErrorAsync(gateway, stand.Token) is null, () => gateway.LogText, Cancel, Patience);
    }

    private static async Task<string?> ErrorAsync(Gateway gateway, string token)
    {
        string groups = await new PushClient(gateway.Url, token).GetAsync("/api/v1/groups?match[]=" + Uri.EscapeDataString("""{job="job-61"}"""));
        return JsonDocument.Parse(groups).RootElement.GetProperty("data").GetProperty("groups")[0].GetProperty("lastWriteError").GetString();
    }
}
