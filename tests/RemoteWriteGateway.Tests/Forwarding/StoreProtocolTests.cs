using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Which protocol requests leave in, and how a store's is found out.</summary>
public sealed class StoreProtocolTests
{
    [Fact]
    public async Task A_2_0_body_that_is_swallowed_arrives_once_more_as_1_0()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerAlways = StoreAnswer.Swallow;

        StoreVerdict first = await host.SendAsync(Messages.V2Samples("a", "b"));
        StoreVerdict second = await host.SendAsync(Messages.V2Samples("c"));

        Assert.Equal((VerdictKind.Written, new ItemCounts(2, 0, 0)), (first.Kind, first.Written));
        Assert.Equal(VerdictKind.Written, second.Kind);
        Assert.Equal([WriteProtocol.V2, WriteProtocol.V1, WriteProtocol.V1], store.Requests.Select(request => request.Protocol));
        Assert.Equal(["""{__name__="a",tenant="acme"}""", """{__name__="b",tenant="acme"}"""], store.Requests[1].Series);
        Assert.Equal(WriteProtocol.V1, host.Main.Protocol.Taken);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_protocol_changes_total{store="main"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_protocol{store="main",protocol="v1"}"""));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_protocol{store="main",protocol="v2"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_retries_total{store="main"}"""));
        Assert.Contains("Store main takes remote write 1.0", host.Logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(AnswersOfStoresWithout2_0))]
    public async Task A_store_that_lacks_2_0_gets_it_as_1_0_whatever_its_way_of_saying_so(int status, bool countsZero)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.Answering = request => request.Protocol == WriteProtocol.V1 ? StoreAnswer.Accept
            : countsZero ? new StoreAnswer(status).WithCounts(0, 0, 0) : new StoreAnswer(status, "what?");

        StoreVerdict verdict = await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal((VerdictKind.Written, new ItemCounts(1, 0, 0)), (verdict.Kind, verdict.Written));
        Assert.Equal(2, store.Requests.Count);
    }

    public static TheoryData<int, bool> AnswersOfStoresWithout2_0() => new() { { 200, false }, { 204, false }, { 200, true }, { 415, false }, { 415, true }, { 400, false } };

    [Fact]
    public async Task The_verdict_on_the_second_try_is_the_answer()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(new StoreAnswer(400, "bad request"), new StoreAnswer(400, "out of order sample"));

        StoreVerdict verdict = await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal((VerdictKind.Refused, default(ItemCounts)), (verdict.Kind, verdict.Written));
        Assert.Equal("store refused with 400: out of order sample", Assert.Single(verdict.Faults).Text);
    }

    [Fact]
    public async Task Counts_prove_2_0_also_on_a_refusal()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(new StoreAnswer(400, "out of order sample").WithCounts(0, 0, 0));

        StoreVerdict verdict = await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal(VerdictKind.Refused, verdict.Kind);
        Assert.Single(store.Requests);
        Assert.Equal(WriteProtocol.V2, host.Main.Protocol.Taken);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_forward_protocol{store="main",protocol="v2"}"""));
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(404)]
    public async Task An_answer_that_says_nothing_of_the_protocol_leaves_it_undecided(int status)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(new StoreAnswer(status));

        StoreVerdict verdict = await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Null(host.Main.Protocol.Taken);
        Assert.Single(store.Requests);
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_protocol{store="main",protocol="v1"}"""));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_protocol{store="main",protocol="v2"}"""));
    }

    [Fact]
    public async Task A_1_0_request_needs_and_gives_no_verdict()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);

        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(WriteProtocol.V1, store.Request.Protocol);
        Assert.Null(host.Main.Protocol.Taken);
    }

    [Fact]
    public async Task A_store_set_to_1_0_gets_2_0_translated_at_once()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Protocol", "V1"));

        await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal(WriteProtocol.V1, store.Request.Protocol);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(415)]
    public async Task A_store_set_to_2_0_that_does_not_confirm_it_is_a_mismatch_and_nothing_is_lost(int status)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Protocol", "V2"));
        store.AnswerNext(new StoreAnswer(status));

        StoreVerdict verdict = await host.SendAsync(Messages.V2Samples("a"));

        Assert.Equal((VerdictKind.Retry, default(ItemCounts)), (verdict.Kind, verdict.Written));
        Assert.Equal(
            $"gateway and store disagree (2.0 is not confirmed, {status}); tell the operator", Assert.Single(verdict.Faults).Text);
        Assert.Equal("store-protocol-mismatch", verdict.Faults[0].Reason);
        Assert.Single(store.Requests);
    }

    [Fact]
    public async Task Requests_in_flight_find_out_for_themselves()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        host.Main.Protocol.Learn(WriteProtocol.V2);
        store.Answering = request => request.Protocol == WriteProtocol.V1 ? StoreAnswer.Accept : StoreAnswer.Swallow;

        StoreVerdict[] verdicts = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => host.SendAsync(Messages.V2Samples("a" + i))));

        Assert.All(verdicts, verdict => Assert.Equal(VerdictKind.Written, verdict.Kind));
        Assert.Equal(
            Enumerable.Range(0, 8).Select(i => $$"""{__name__="a{{i}}",tenant="acme"}"""),
            store.Requests.Where(request => request.Protocol == WriteProtocol.V1).SelectMany(request => request.Series).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_translation_leaves_out_counts_as_written_and_is_counted()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Protocol", "V1"));
        V2.Request message = Messages.V2Samples("a");
        message.Timeseries[0].Samples[0].StartTimestamp = 500;
        message.Timeseries[0].Metadata = new V2.Metadata { Type = V2.Metadata.Types.MetricType.Counter };
        message.AddSeries("h").Histograms.Add(Messages.CustomBounds());

        StoreVerdict verdict = await host.SendAsync(message);

        Assert.Equal((VerdictKind.Written, new ItemCounts(1, 1, 0)), (verdict.Kind, verdict.Written));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="start_timestamp"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="metadata"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="nhcb_layout"}"""));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="exemplar"}"""));
    }

    [Fact]
    public async Task What_comes_again_is_not_counted_as_lost_before_it_is_answered_for_good()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Protocol", "V1"));
        V2.Request message = Messages.V2Samples("a");
        message.Timeseries[0].Samples[0].StartTimestamp = 500;
        store.AnswerNext(new StoreAnswer(503));

        await host.SendAsync(message);
        await host.SendAsync(message);

        Assert.Equal(1, await host.MetricAsync("""rwgateway_translation_lost_total{store="main",kind="start_timestamp"}"""));
    }

    [Fact]
    public async Task Custom_bounds_stamped_for_2_0_are_not_sent_by_1_0_where_they_are_to_be_refused()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Nhcb", "Refuse"));
        store.AnswerAlways = StoreAnswer.Swallow;
        V2.Request message = Messages.V2Samples();
        message.AddSeries("h").Histograms.Add(Messages.CustomBounds());

        StoreVerdict verdict = await host.SendAsync(message);

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal("store-protocol-mismatch", Assert.Single(verdict.Faults).Reason);
        Assert.True(host.Main.RefusesCustomBounds(WriteProtocol.V2));
        Assert.Single(store.Requests);
    }

    [Fact]
    public async Task Custom_bounds_that_would_become_gigabytes_are_not_expanded_while_the_stores_protocol_is_learned()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerAlways = StoreAnswer.Swallow;
        V2.Request message = Messages.V2Samples();
        message.AddSeries("h").Histograms.Add(Messages.CustomBounds());

        WriteWork work = ForwardHost.Work(message);
        work.Result.ExpandsTooMuch = true;

        StoreVerdict verdict = await host.SendAsync(WriteProtocol.V2, work);

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal("store-protocol-mismatch", Assert.Single(verdict.Faults).Reason);
        Assert.True(host.Main.ExpandsCustomBounds(WriteProtocol.V2));
        Assert.Single(store.Requests);
    }
}
