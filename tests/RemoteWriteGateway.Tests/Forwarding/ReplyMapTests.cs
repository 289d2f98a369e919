using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Every row of the table of answers, through a real connection.</summary>
public sealed class ReplyMapTests
{
    [Theory]
    [InlineData(200)]
    [InlineData(204)]
    [InlineData(299)]
    public async Task Any_success_of_1_0_is_all_that_was_sent(int status)
    {
        (StoreVerdict verdict, _) = await SendV1Async(new StoreAnswer(status, "ignored"));

        Assert.Equal(VerdictKind.Written, verdict.Kind);
        Assert.Equal(new ItemCounts(2, 0, 0), verdict.Written);
        Assert.Empty(verdict.Faults);
    }

    [Theory]
    [InlineData(400, "store-refused", "store refused with 400: no")]
    [InlineData(409, "store-refused", "store refused with 409: no")]
    [InlineData(422, "store-refused", "store refused with 422: no")]
    [InlineData(413, "store-too-large", "store takes no request this large; send smaller batches")]
    public async Task What_can_never_be_stored_is_refused_and_by_1_0_nothing_of_it_was_written(int status, string reason, string text)
    {
        (StoreVerdict verdict, _) = await SendV1Async(new StoreAnswer(status, "no\n"));

        Assert.Equal(VerdictKind.Refused, verdict.Kind);
        Assert.Equal(default, verdict.Written);
        Assert.Equal(new StoreFault(reason, text, new ItemCounts(2, 0, 0)), Assert.Single(verdict.Faults));
    }

    [Theory]
    [InlineData(401, "store-auth-failed", "gateway and store disagree (credentials, 401); tell the operator")]
    [InlineData(403, "store-auth-failed", "gateway and store disagree (credentials, 403); tell the operator")]
    [InlineData(300, "store-misconfigured", "gateway and store disagree (address, 300); tell the operator")]
    [InlineData(301, "store-misconfigured", "gateway and store disagree (address, 301); tell the operator")]
    [InlineData(304, "store-misconfigured", "gateway and store disagree (address, 304); tell the operator")]
    [InlineData(402, "store-misconfigured", "gateway and store disagree (address, 402); tell the operator")]
    [InlineData(404, "store-misconfigured", "gateway and store disagree (address, 404); tell the operator")]
    [InlineData(405, "store-misconfigured", "gateway and store disagree (address, 405); tell the operator")]
    [InlineData(411, "store-misconfigured", "gateway and store disagree (address, 411); tell the operator")]
    [InlineData(415, "store-misconfigured", "gateway and store disagree (address, 415); tell the operator")]
    [InlineData(418, "store-misconfigured", "gateway and store disagree (address, 418); tell the operator")]
    [InlineData(408, "store-unavailable", "store answered 408; retry")]
    [InlineData(425, "store-unavailable", "store answered 425; retry")]
    [InlineData(499, "store-unavailable", "store answered 499; retry")]
    [InlineData(500, "store-unavailable", "store answered 500; retry")]
    [InlineData(501, "store-unavailable", "store answered 501; retry")]
    [InlineData(502, "store-unavailable", "store answered 502; retry")]
    [InlineData(503, "store-unavailable", "store answered 503; retry")]
    [InlineData(504, "store-unavailable", "store answered 504; retry")]
    [InlineData(599, "store-unavailable", "store answered 599; retry")]
    [InlineData(429, "store-busy", "store is over its limit: at http://10.0.0.1 no")]
    [InlineData(529, "store-busy", "store is over its limit: at http://10.0.0.1 no")]
    public async Task What_may_pass_comes_again_and_nothing_of_it_counts_as_refused(int status, string reason, string text)
    {
        (StoreVerdict verdict, RecordingStore store) = await SendV1Async(new StoreAnswer(status, "at http://10.0.0.1 no"));

        Assert.Equal(VerdictKind.Retry, verdict.Kind);
        Assert.Equal(new StoreFault(reason, text, new ItemCounts(2, 0, 0)), Assert.Single(verdict.Faults));
        Assert.False(verdict.TenantIsLimited);
        Assert.Single(store.Requests);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(529)]
    public async Task A_limit_is_the_tenants_own_where_the_store_knows_the_tenant(int status)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", store.Url.ToString()));
        store.AnswerNext(new StoreAnswer(status, "slow down").With("Retry-After", "17"));

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("up"));

        Assert.True(verdict.TenantIsLimited);
        Assert.Equal(TimeSpan.FromSeconds(17), verdict.RetryAfter);
        Assert.Equal("store-rate-limited", verdict.Faults[0].Reason);
        Assert.Equal("store limits this tenant: slow down", verdict.Faults[0].Text);
    }

    [Theory]
    [InlineData("0", 1)]
    [InlineData("30", 30)]
    [InlineData("86400", 300)]
    [InlineData("Sun, 01 Mar 2026 12:00:42 GMT", 42)]
    [InlineData("Sun, 01 Mar 2026 11:00:00 GMT", 1)]
    [InlineData("soon", null)]
    public async Task A_stores_retry_after_is_passed_on_within_bounds(string header, int? seconds)
    {
        (StoreVerdict verdict, _) = await SendV1Async(new StoreAnswer(503).With("Retry-After", header));

        Assert.Equal(seconds, (int?)verdict.RetryAfter?.TotalSeconds);
    }

    [Theory]
    [MemberData(nameof(ContentFaultTexts))]
    public async Task A_fault_of_content_dressed_as_5xx_is_refused(string text)
    {
        (StoreVerdict verdict, _) = await SendV1Async(new StoreAnswer(500, text + "\n"));

        Assert.Equal(VerdictKind.Refused, verdict.Kind);
        Assert.Equal(new StoreFault("store-refused", $"store refused with 500: {text}", new ItemCounts(2, 0, 0)), Assert.Single(verdict.Faults));
    }

    /// <summary>Whole, as Prometheus 2.53.3 and 3.5.3 write them.</summary>
    public static TheoryData<string> ContentFaultTexts() =>
    [
        "native histograms are disabled",
        "too old sample for series {__name__=\"h\", tenant=\"acme\"}",
        "3 observations found in buckets, but the Count field is 99: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)",
        "3 observations found in buckets, but the Count field is 1: histogram's observation count should be at least the number of observations found in the buckets",
        "positive side: bucket number 2 has observation count of -8: histogram has a bucket whose observation count is negative",
        "positive side: span number 2 with offset -1: histogram has a span whose offset is negative",
        "positive side: spans need 7 buckets, have 2 buckets: histogram spans specify different number of buckets than provided",
        "custom buckets: previous bound is 1.000000 and current is 0.000000: histogram custom bounds must be in strictly increasing order",
        "custom buckets: must have zero count of 0",
        "histogram custom bounds are too few",
    ];

    [Fact]
    public void Every_entry_of_the_list_is_met_by_a_text() => Assert.All(
        ContentFaults.All, entry => Assert.Contains(ContentFaultTexts(), text => text.Data.Contains(entry, StringComparison.Ordinal)));

    [Fact]
    public async Task A_2_0_success_with_counts_of_all_is_written()
    {
        (StoreVerdict verdict, RecordingStore store) = await SendV2Async(new StoreAnswer(204).WithCounts(2, 1, 1));

        Assert.Equal(VerdictKind.Written, verdict.Kind);
        Assert.Equal(new ItemCounts(2, 1, 1), verdict.Written);
        Assert.Single(store.Requests);
    }

    [Fact]
    public async Task A_store_that_counts_more_than_it_was_sent_is_not_believed()
    {
        (StoreVerdict verdict, _) = await SendV2Async(new StoreAnswer(204).WithCounts(200, 1, 1));

        Assert.Equal((VerdictKind.Written, new ItemCounts(2, 1, 1)), (verdict.Kind, verdict.Written));
    }

    [Fact]
    public async Task A_2_0_success_with_lower_counts_is_a_partial_write()
    {
        (StoreVerdict verdict, _) = await SendV2Async(new StoreAnswer(204).WithCounts(1, 1, 0));

        Assert.Equal(VerdictKind.Refused, verdict.Kind);
        Assert.Equal(new ItemCounts(1, 1, 0), verdict.Written);
        Assert.Equal(
            new StoreFault("store-partial-write", "store wrote 1 of 2 samples, 0 of 1 exemplars", new ItemCounts(1, 0, 1)),
            Assert.Single(verdict.Faults));
    }

    [Fact]
    public async Task A_2_0_refusal_counts_what_the_store_wrote_beside_it()
    {
        (StoreVerdict verdict, _) = await SendV2Async(new StoreAnswer(400, "out of order sample").WithCounts(1, 1, 1));

        Assert.Equal(VerdictKind.Refused, verdict.Kind);
        Assert.Equal(new ItemCounts(1, 1, 1), verdict.Written);
        Assert.Equal(
            new StoreFault("store-refused", "store refused with 400: out of order sample", new ItemCounts(1, 0, 0)), Assert.Single(verdict.Faults));
    }

    [Fact]
    public async Task A_2_0_refusal_without_counts_of_a_store_that_is_known_to_take_2_0_wrote_nothing()
    {
        (StoreVerdict verdict, RecordingStore store) = await SendV2Async(new StoreAnswer(400, "no"), ("Protocol", "V2"));

        Assert.Equal((VerdictKind.Refused, default(ItemCounts)), (verdict.Kind, verdict.Written));
        Assert.Single(store.Requests);
    }

    [Fact]
    public async Task Exemplars_alone_that_a_store_counts_as_zero_are_a_partial_write()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        V2.Request message = Messages.V2Samples();
        message.AddSeries("up").Exemplars.Add(new V2.Exemplar { Value = 1, Timestamp = 1000 });
        store.AnswerNext(new StoreAnswer(204).WithCounts(0, 0, 0));

        StoreVerdict verdict = await host.SendAsync(message);

        Assert.Equal("store-partial-write", Assert.Single(verdict.Faults).Reason);
        Assert.Equal(new ItemCounts(0, 0, 1), verdict.Faults[0].Items);
        Assert.Single(store.Requests);
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public async Task A_store_that_deduplicated_has_it_and_that_is_counted(WriteProtocol protocol)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", store.Url.ToString()));
        store.AnswerNext(new StoreAnswer(202, "replicas did not match"));

        StoreVerdict verdict = await (protocol == WriteProtocol.V1
            ? host.SendAsync(Messages.V1Samples("a", "b"))
            : host.SendAsync(Messages.V2Samples("a", "b")));

        Assert.Equal((VerdictKind.Written, new ItemCounts(2, 0, 0)), (verdict.Kind, verdict.Written));
        Assert.Single(store.Requests);
        Assert.Equal(2, await host.MetricAsync("""rwgateway_dropped_items_total{tenant="acme",store="main",reason="ha-deduplicated",kind="sample"}"""));
    }

    [Fact]
    public async Task A_stores_text_is_cut_at_300_bytes_between_characters_and_without_control_characters()
    {
        string text = "a\0b\r\nc\u2028d\u202ee" + string.Concat(Enumerable.Repeat("ä", 200));

        (StoreVerdict verdict, _) = await SendV1Async(new StoreAnswer(400, text));

        string words = verdict.Faults[0].Text["store refused with 400: ".Length..];
        Assert.StartsWith("a b  c d eä", words, StringComparison.Ordinal);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(words), 280, 300);
        Assert.DoesNotContain('\uFFFD', words);
    }

    [Fact]
    public async Task No_words_of_the_store_reach_the_log()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(new StoreAnswer(400, "out of order sample {user=\"label-value\"}"), new StoreAnswer(503, "label-value"));

        await host.SendAsync(Messages.V1Samples("up"));
        await host.SendAsync(Messages.V1Samples("up"));

        Assert.Contains("store-refused", host.Logs.Text, StringComparison.Ordinal);
        Assert.Contains("store-unavailable", host.Logs.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("label-value", host.Logs.Text, StringComparison.Ordinal);
    }

    private static async Task<(StoreVerdict Verdict, RecordingStore Store)> SendV1Async(StoreAnswer answer)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerAlways = answer;
        V1.WriteRequest message = Messages.V1Samples("a", "b");
        return (await host.SendAsync(message), store);
    }

    /// <summary>Two samples, a histogram, an exemplar.</summary>
    private static async Task<(StoreVerdict Verdict, RecordingStore Store)> SendV2Async(StoreAnswer answer, params (string, string?)[] options)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, options);
        store.AnswerAlways = answer;
        V2.Request message = Messages.V2Samples("a", "b");
        message.AddSeries("h").Histograms.Add(Messages.Histogram());
        message.Timeseries[0].Exemplars.Add(new V2.Exemplar { Value = 1, Timestamp = 1000 });
        return (await host.SendAsync(message), store);
    }
}
