using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Parts, failures of the way to the store, and time.</summary>
public sealed class ForwarderTests
{
    // One outgoing request of 64 KiB holds about three of these.
    private const int LongValue = 20_000;

    [Fact]
    public async Task A_request_leaves_as_it_was_stamped()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        V1.WriteRequest message = Messages.V1Samples("a", "b");

        StoreVerdict verdict = await host.SendAsync(message);

        Assert.Equal((VerdictKind.Written, new ItemCounts(2, 0, 0)), (verdict.Kind, verdict.Written));
        Assert.Equal(message, store.Request.AsV1);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_requests_total{store="main",protocol="v1",code="2xx"}"""));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_requests_total{store="main",protocol="v2",code="timeout"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_duration_seconds_count{store="main"}"""));
        Assert.Equal(store.Request.Body.Length, await host.MetricAsync("""rwgateway_forward_bytes_total{store="main"}"""));
    }

    [Fact]
    public async Task A_request_with_nothing_left_in_it_does_not_reach_the_store()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        WriteWork work = ForwardHost.Work(new V1.WriteRequest());
        work.Result.Accepted = new ItemCounts(0, 0, 3);
        work.Result.DroppedExemplars = 3;

        StoreVerdict verdict = await host.SendAsync(WriteProtocol.V1, work);

        Assert.Equal((VerdictKind.Written, new ItemCounts(0, 0, 3)), (verdict.Kind, verdict.Written));
        Assert.Empty(store.Requests);
        Assert.Equal(3, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="exemplar"}"""));
    }

    [Fact]
    public async Task Exemplars_left_out_by_policy_count_as_written_beside_what_the_store_refuses()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        WriteWork work = ForwardHost.Work(Messages.V1Samples("a", "b"));
        work.Result.Accepted += new ItemCounts(0, 0, 3);
        work.Result.DroppedExemplars = 3;
        store.AnswerNext(new StoreAnswer(400, "no"));

        StoreVerdict verdict = await host.SendAsync(WriteProtocol.V1, work);

        Assert.Equal(new ItemCounts(0, 0, 3), verdict.Written);
        Assert.Equal(new ItemCounts(2, 0, 0), Assert.Single(verdict.Faults).Items);
    }

    [Fact]
    public async Task A_large_request_leaves_in_parts_in_order_and_a_refused_part_does_not_keep_the_next_from_being_sent()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("MaxRequestBytes", "65536"));
        store.AnswerNext(StoreAnswer.Accept, new StoreAnswer(400, "no"));

        StoreVerdict verdict = await host.SendAsync(Large(series: 10));

        Assert.Equal([3, 3, 3, 1], store.Requests.Select(request => request.AsV1.Timeseries.Count));
        Assert.Equal(
            Enumerable.Range(0, 10).Select(i => $"s{i}"),
            store.Requests.SelectMany(request => request.AsV1.Timeseries).Select(series => series.Labels[0].Value));
        Assert.Equal((VerdictKind.Refused, new ItemCounts(7, 0, 0)), (verdict.Kind, verdict.Written));
        Assert.Equal(new StoreFault("store-refused", "store refused with 400: no", new ItemCounts(3, 0, 0)), Assert.Single(verdict.Faults));
    }

    [Fact]
    public async Task Refused_parts_are_told_once_for_each_reason()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("MaxRequestBytes", "65536"));
        store.AnswerNext(new StoreAnswer(400, "first"), new StoreAnswer(413), new StoreAnswer(400, "third"));

        StoreVerdict verdict = await host.SendAsync(Large(series: 10));

        Assert.Equal(
            [
                new StoreFault("store-refused", "store refused with 400: first", new ItemCounts(6, 0, 0)),
                new StoreFault("store-too-large", "store takes no request this large; send smaller batches", new ItemCounts(3, 0, 0)),
            ],
            verdict.Faults);
        Assert.Equal(new ItemCounts(1, 0, 0), verdict.Written);
    }

    [Fact]
    public async Task Something_retryable_wins_over_refused_parts_and_nothing_overtakes_it()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("MaxRequestBytes", "65536"));
        store.AnswerNext(StoreAnswer.Accept, new StoreAnswer(400, "no"), new StoreAnswer(503));

        StoreVerdict verdict = await host.SendAsync(Large(series: 10));

        Assert.Equal(3, store.Requests.Count);
        Assert.Equal((VerdictKind.Retry, new ItemCounts(3, 0, 0)), (verdict.Kind, verdict.Written));
        Assert.Equal(new StoreFault("store-unavailable", "store answered 503; retry", new ItemCounts(7, 0, 0)), Assert.Single(verdict.Faults));
    }

    [Fact]
    public async Task A_store_that_is_away_is_tried_once_more_as_nothing_was_sent()
    {
        RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        await store.DisposeAsync();

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal(new StoreFault("store-unavailable", "store is not reachable; retry", new ItemCounts(1, 0, 0)), Assert.Single(verdict.Faults));
        Assert.Equal(2, await host.MetricAsync("""rwgateway_forward_requests_total{store="main",protocol="v1",code="error"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_retries_total{store="main"}"""));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_bytes_total{store="main"}"""));
    }

    [Fact]
    public async Task A_request_that_may_have_been_read_is_not_sent_again()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(StoreAnswer.Abort);

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal("connection to the store broke before its answer; retry", Assert.Single(verdict.Faults).Text);
        Assert.Single(store.Requests);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_in_time_may_have_written()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(StoreAnswer.Hang);

        Task<StoreVerdict> sending = host.SendAsync(Messages.V1Samples("a"));
        await store.NextAsync();
        host.Time.Advance(TimeSpan.FromSeconds(19));
        Assert.False(sending.IsCompleted);
        host.Time.Advance(TimeSpan.FromSeconds(1));
        StoreVerdict verdict = await sending;

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal("store-timeout", Assert.Single(verdict.Faults).Reason);
        Assert.Equal("store took over 20 s to answer and may have written the request; retry", verdict.Faults[0].Text);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_requests_total{store="main",protocol="v1",code="timeout"}"""));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("b"))).Kind);
    }

    [Fact]
    public async Task The_time_over_all_parts_is_bounded_too()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("MaxRequestBytes", "65536"));
        store.Answering = request =>
        {
            if (store.Requests.Count == 1)
            {
                host.Time.Advance(TimeSpan.FromSeconds(15));
                return StoreAnswer.Accept;
            }

            return StoreAnswer.Hang;
        };

        Task<StoreVerdict> sending = host.SendAsync(Large(series: 10));
        await store.NextAsync();
        await store.NextAsync();
        host.Time.Advance(TimeSpan.FromSeconds(10));
        StoreVerdict verdict = await sending;

        Assert.Equal("store-timeout", Assert.Single(verdict.Faults).Reason);
        Assert.Equal((new ItemCounts(3, 0, 0), new ItemCounts(7, 0, 0)), (verdict.Written, verdict.Faults[0].Items));
        Assert.Equal(2, store.Requests.Count);
    }

    [Fact]
    public async Task Our_own_stop_ends_a_forward_and_says_so()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        using CancellationTokenSource stop = new();
        store.AnswerNext(StoreAnswer.Hang);

        Task<StoreVerdict> sending = host.SendUntilAsync(
            WriteProtocol.V1, ForwardHost.Work(Messages.V1Samples("a")), "acme", stop.Token);
        await store.NextAsync();
        await stop.CancelAsync();
        StoreVerdict verdict = await sending;

        Assert.Equal((VerdictKind.Retry, "shutting-down"), (verdict.Kind, Assert.Single(verdict.Faults).Reason));
    }

    [Fact]
    public async Task A_trouble_that_lasts_is_told_once_a_minute_with_its_number()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerAlways = new StoreAnswer(503);

        for (int i = 0; i < 5; i++)
        {
            await host.SendAsync(Messages.V1Samples("a"));
        }

        host.Time.Advance(TimeSpan.FromMinutes(1));
        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(
            [
                "Store main did not take 1 requests: store-unavailable; they come again (the last one of tenant acme)",
                "Store main did not take 5 requests: store-unavailable; they come again (the last one of tenant acme)",
            ],
            host.Logs.Records.Where(record => record.Text.Contains("store-unavailable", StringComparison.Ordinal)).Select(record => record.Text));
    }

    [Fact]
    public async Task A_tenant_of_another_store_is_never_sent()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        await using ForwardHost other = ForwardHost.Before(store);
        RemoteWriteGateway.Tenancy.Tenant tenant = new("acme", [new StoreSettings(other.Main.TargetOf("acme"))]);

        await Assert.ThrowsAsync<ArgumentException>(() => host.Forwarder.SendAsync(
            host.Main, tenant, WriteProtocol.V1, ForwardHost.Work(Messages.V1Samples("a")), ForwardHost.TimeLimit, CancellationToken.None));
        Assert.Empty(store.Requests);
    }

    private static V1.WriteRequest Large(int series)
    {
        V1.WriteRequest message = Messages.V1Samples([.. Enumerable.Range(0, series).Select(i => $"s{i}")]);
        foreach (V1.TimeSeries one in message.Timeseries)
        {
            one.Labels.Add(new V1.Label { Name = "text", Value = new string('x', LongValue) });
        }

        return message;
    }
}
