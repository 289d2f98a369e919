using Google.Protobuf;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>What the store says of exemplars and of old samples is what the sender hears.</summary>
[Collection(SharedReceiver.Name)]
public sealed class StoreVerdictTests(ReceiverStand stand)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Prometheus sends every exemplar in a series entry of its own.</summary>
    [Theory]
    [InlineData(DirectWriter.V1, true)]
    [InlineData(DirectWriter.V1, false)]
    [InlineData(DirectWriter.V2, true)]
    [InlineData(DirectWriter.V2, false)]
    public async Task An_exemplar_in_a_series_of_its_own_gets_the_stores_verdict_and_counts(string contentType, bool isSeriesKnown)
    {
        string metric = $"exemplar_only_{(contentType == DirectWriter.V1 ? "v1" : "v2")}_{(isSeriesKnown ? "known" : "new")}";
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        WireSeries sample = WireSeries.Of(metric, now, 1);
        WireSeries exemplar = new([("__name__", metric)]) { Exemplars = [(now, 0.5, [("trace_id", "abc")])] };
        DirectWriter direct = ReceiverStand.To(stand.Store);
        if (isSeriesKnown)
        {
            Assert.True((await stand.Through().SendAsync(WireSeries.ToV1([sample]), DirectWriter.V1, Cancellation)).IsSuccess);
            Assert.True((await direct.SendAsync(WireSeries.ToV1([sample.StampedWith(ReceiverStand.DirectTenant)]), DirectWriter.V1, Cancellation)).IsSuccess);
        }

        WriteAnswer answer = await stand.Through().SendAsync(Message(contentType, exemplar), contentType, Cancellation);
        WriteAnswer stores = await direct.SendAsync(Message(contentType, exemplar.StampedWith(ReceiverStand.DirectTenant)), contentType, Cancellation);

        Assert.Equal((stores.Samples, stores.Histograms, stores.Exemplars), (answer.Samples, answer.Histograms, answer.Exemplars));
        bool isAllWritten = stores.IsSuccess && stores.Exemplars is null or 1;
        Assert.Equal(isAllWritten ? 204 : 400, answer.Status);
        Assert.Equal(
            (await stand.Store.ReadExemplarsAsync($"{{__name__=\"{metric}\",tenant=\"{ReceiverStand.DirectTenant}\"}}", Cancellation)).Count,
            (await stand.Store.ReadExemplarsAsync($"{{__name__=\"{metric}\",tenant=\"{ReceiverStand.Tenant}\"}}", Cancellation)).Count);
    }

    /// <summary>By 1.0 Prometheus undoes the whole request for one sample that comes too late, and the sender must hear of all of it.</summary>
    [Fact]
    public async Task One_late_sample_of_a_1_0_request_is_the_stores_400_for_all_of_it()
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await stand.Through().SendAsync(WireSeries.ToV1([WireSeries.Of("late_v1", now, 1)]), DirectWriter.V1, Cancellation);
        double before = await stand.Gateway.MetricAsync("rwgateway_forward_requests_total", Cancellation, "store=\"newer\"");

        WriteAnswer answer = await stand.Through().SendAsync(
            WireSeries.ToV1([WireSeries.Of("late_v1", now - 1000, 2), WireSeries.Of("beside_late_v1", now, 1)]), DirectWriter.V1, Cancellation);

        Assert.Equal((400, "store-refused"), (answer.Status, answer.Reason));
        Assert.Contains("out of order", answer.Text, StringComparison.Ordinal);
        Assert.Equal(before + 1, await stand.Gateway.MetricAsync("rwgateway_forward_requests_total", Cancellation, "store=\"newer\""));
        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"beside_late_v1\"}", Cancellation));
    }

    [Fact]
    public async Task One_late_sample_of_a_2_0_request_costs_itself()
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await stand.Through().SendAsync(WireSeries.ToV1([WireSeries.Of("late_v2", now, 1)]), DirectWriter.V1, Cancellation);

        WriteAnswer answer = await stand.Through().SendAsync(
            Message(DirectWriter.V2, WireSeries.Of("late_v2", now - 1000, 2), WireSeries.Of("beside_late_v2", now, 1)), DirectWriter.V2, Cancellation);

        Assert.Equal((400, 1, 0, 0), (answer.Status, answer.Samples, answer.Histograms, answer.Exemplars));
        Assert.Contains("out of order", answer.Text, StringComparison.Ordinal);
        Assert.Single(await stand.Store.ReadAsync("{__name__=\"beside_late_v2\"}", Cancellation));
    }

    private static byte[] Message(string contentType, params WireSeries[] series) =>
        contentType == DirectWriter.V1 ? WireSeries.ToV1(series) : WireSeries.ToV2(series).ToByteArray();
}
