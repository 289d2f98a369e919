using Google.Protobuf;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Each reason of the status contract that lies in the store, provoked once over HTTP.</summary>
public sealed class StoreReasonTests(StoreReasonTests.SharedGateway shared) : IClassFixture<StoreReasonTests.SharedGateway>
{
    private const string Policy = $$"""
        version: 1
        tenants:
          ours: { store: main }
          mimir: { store: mimir }
          strict: { store: mimir, storeId: other-id, limits: { limitStatus: 503 } }
          fixed: { store: fixed }
          away: { store: away }
        bindings:
        - id: prom
          match: { kind: app, client: [{{GatewayHost.PromClient}}] }
          grant: { permissions: [metrics:write], allTenants: true }
        """;

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string, bool, int, string, int, string, int> Verdicts => new()
    {
        // tenant, 2.0, the store's status and text, ours, our text, Retry-After (0: none, -1: of our own making)
        { "ours", false, 400, "out of order sample", 400, "store-refused: store refused with 400: out of order sample", 0 },
        { "ours", false, 409, "", 400, "store-refused: store refused with 409", 0 },
        { "ours", false, 422, "", 400, "store-refused: store refused with 422", 0 },
        { "ours", false, 500, "native histograms are disabled", 400, "store-refused: store refused with 500: native histograms are disabled", 0 },
        { "ours", false, 413, "", 400, "store-too-large: store takes no request this large; send smaller batches", 0 },
        { "ours", false, 401, "", 503, "store-auth-failed: gateway and store disagree (credentials, 401); tell the operator", -1 },
        { "ours", false, 403, "", 503, "store-auth-failed: gateway and store disagree (credentials, 403); tell the operator", -1 },
        { "ours", false, 404, "", 503, "store-misconfigured: gateway and store disagree (address, 404); tell the operator", -1 },
        { "ours", false, 302, "", 503, "store-misconfigured: gateway and store disagree (address, 302); tell the operator", -1 },
        { "ours", false, 500, "panic", 503, "store-unavailable: store answered 500; retry", -1 },
        { "ours", false, 408, "", 503, "store-unavailable: store answered 408; retry", -1 },
        { "ours", false, 429, "slow down", 503, "store-busy: store is over its limit: slow down", 17 },
        { "mimir", false, 429, "slow down", 429, "store-rate-limited: store limits this tenant: slow down", 17 },
        { "mimir", false, 529, "", 429, "store-rate-limited: store limits this tenant", -1 },
        { "strict", false, 429, "slow down", 503, "store-rate-limited: store limits this tenant: slow down", 17 },
        { "fixed", true, 204, "", 503, "store-protocol-mismatch: gateway and store disagree (2.0 is not confirmed, 204); tell the operator", -1 },
        { "fixed", true, 415, "", 503, "store-protocol-mismatch: gateway and store disagree (2.0 is not confirmed, 415); tell the operator", -1 },
    };

    [Theory]
    [MemberData(nameof(Verdicts))]
    public async Task A_stores_answer_has_its_reason(string tenant, bool isV2, int store, string words, int status, string text, int retryAfter)
    {
        StoreAnswer answer = new(store, words);
        Gateway.Store.AnswerAlways = retryAfter > 0 ? answer.With("Retry-After", "17") : answer;

        await AssertAnswerAsync(tenant, status, text, retryAfter, () => WriteAsync(tenant, isV2), isV2 ? [0, 0, 0] : []);
    }

    [Fact]
    public async Task A_store_that_wrote_less_than_it_was_sent_has_its_reason()
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(204).WithCounts(1, 0, 0);
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);
        string metric = """rwgateway_ingest_refused_items_total{tenant="fixed",reason="store-partial-write",kind="sample"}""";

        using HttpResponseMessage answer = await Gateway.WriteAsync(
            ToV2(Series("a").At(Gateway.NowMs), Series("b").At(Gateway.NowMs), Series("c").At(Gateway.NowMs)), path: "/tenants/fixed/api/v1/write");

        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith("store-partial-write: store wrote 1 of 3 samples", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
        Assert.Equal([1, 0, 0], WriteAnswerCheck.CountsOf(answer));
        Assert.Equal(before[metric] + 2, (await SelfMetrics.OfAsync(Gateway))[metric]);
    }

    [Fact]
    public async Task A_replica_that_the_store_did_not_choose_hears_that_all_was_written()
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(202);
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);
        string metric = """rwgateway_dropped_items_total{tenant="fixed",store="fixed",reason="ha-deduplicated",kind="sample"}""";

        using HttpResponseMessage answer = await WriteAsync("fixed", isV2: true);

        Assert.Equal(204, (int)answer.StatusCode);
        Assert.Equal([1, 0, 0], WriteAnswerCheck.CountsOf(answer));
        Assert.Equal(before[metric] + 1, (await SelfMetrics.OfAsync(Gateway))[metric]);
    }

    [Fact]
    public async Task A_store_that_cannot_be_reached_is_unavailable() =>
        await AssertAnswerAsync("away", 503, "store-unavailable: store is not reachable; retry", -1, () => WriteAsync("away"), []);

    [Fact]
    public async Task A_store_that_breaks_the_connection_is_unavailable()
    {
        Gateway.Store.AnswerAlways = StoreAnswer.Abort;

        await AssertAnswerAsync("ours", 503, "store-unavailable: connection to the store broke before its answer; retry", -1, () => WriteAsync("ours"), []);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_in_time_may_have_written()
    {
        Gateway.Store.AnswerAlways = StoreAnswer.Hang;
        Task atStore = UntilReceivedAsync("hanging");

        await AssertAnswerAsync("ours", 503, "store-timeout: store took over 20 s to answer and may have written the request; retry", -1, async () =>
        {
            Task<HttpResponseMessage> answer = WriteAsync("ours", name: "hanging");
            await atStore;
            Gateway.Time.Advance(TimeSpan.FromSeconds(20));
            return await answer;
        }, []);
    }

    /// <summary>All of them at once: whatever the store's faults of content say, and nothing else that is 5xx.</summary>
    [Fact]
    public async Task Each_fault_of_content_that_a_store_dresses_as_5xx_is_a_refusal()
    {
        Assert.NotEmpty(ContentFaults.All);
        foreach (string words in ContentFaults.All)
        {
            Gateway.Store.AnswerAlways = new StoreAnswer(500, $"append failed: {words}, and more");

            await AssertAnswerAsync("ours", 400, $"store-refused: store refused with 500: append failed: {words}, and more", 0, () => WriteAsync("ours"), []);
        }
    }

    private Task<HttpResponseMessage> WriteAsync(string tenant, bool isV2 = false, string name = "up")
    {
        IMessage message = To(isV2, Series(name).At(Gateway.NowMs));
        return Gateway.WriteAsync(message, path: $"/tenants/{tenant}/api/v1/write");
    }

    private async Task UntilReceivedAsync(string name)
    {
        while ((await Gateway.Store.NextAsync()).Series[0].Contains(name, StringComparison.Ordinal) is false)
        {
            // The requests of earlier tests.
        }
    }

    private async Task AssertAnswerAsync(string tenant, int status, string text, int retryAfter, Func<Task<HttpResponseMessage>> send, long[] counts)
    {
        string metric = $$"""rwgateway_ingest_refused_requests_total{tenant="{{tenant}}",reason="{{text.Split(':')[0]}}"}""";
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);

        using HttpResponseMessage answer = await send();

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.StartsWith(text, await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
        Assert.Equal(counts, WriteAnswerCheck.CountsOf(answer));
        switch (retryAfter)
        {
            case -1:
                Assert.InRange(WriteAnswerCheck.RetryAfterOf(answer) ?? 0, 5, 7);
                break;
            case > 0:
                Assert.Equal(retryAfter, WriteAnswerCheck.RetryAfterOf(answer));
                break;
        }

        SelfMetrics after = await SelfMetrics.OfAsync(Gateway);
        Assert.Equal(before[metric] + 1, after[metric]);
        double refusedItems = status == 400 ? 1 : 0;
        Assert.Equal(refusedItems, after.Sum("rwgateway_ingest_refused_items_total", "kind=\"sample\"") - before.Sum("rwgateway_ingest_refused_items_total", "kind=\"sample\""));
    }

    /// <summary>One gateway before four stores, three of which are one listener.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            Policy,
            [
                ("Stores:mimir:Read:Enabled", "false"), ("Stores:mimir:Kind", "Mimir"), ("Stores:mimir:Url", "{store}"),
                ("Stores:fixed:Read:Enabled", "false"), ("Stores:fixed:Kind", "Prometheus"), ("Stores:fixed:Url", "{store}"), ("Stores:fixed:Protocol", "v2"),
                ("Stores:away:Read:Enabled", "false"), ("Stores:away:Kind", "Prometheus"), ("Stores:away:Url", "http://127.0.0.1:1/"),
            ]);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
