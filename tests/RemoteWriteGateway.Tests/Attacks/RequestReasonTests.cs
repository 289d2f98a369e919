using Google.Protobuf;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Each reason of the status contract that lies in the request's head or in the gateway's own state, provoked once over HTTP.</summary>
public sealed class RequestReasonTests(RequestReasonTests.SharedGateway shared) : IClassFixture<RequestReasonTests.SharedGateway>
{
    private const string Policy = $$"""
        version: 1
        tenants: { ours: { store: main }, homeless: {} }
        bindings:
        - id: prom
          match: { kind: app, client: [{{GatewayHost.PromClient}}] }
          grant: { permissions: [metrics:write], tenants: [ours, homeless] }
        """;

    private const string Ours = "/tenants/ours/api/v1/write";

    private static readonly string[] Paths =
    [
        "/api/v1/write", "/api/v1/push", "/api/v1/receive",
        "/tenants/ours/api/v1/write", "/tenants/ours/api/v1/push", "/tenants/ours/api/v1/receive",
    ];

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string, string> MethodsOfPaths()
    {
        TheoryData<string, string> all = [];
        foreach (string path in Paths)
        {
            foreach (string method in (string[])["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
            {
                all.Add(method, path);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(MethodsOfPaths))]
    public async Task Every_method_but_post_is_405(string method, string path)
    {
        string route = path.Replace("/ours/", "/{tenant}/", StringComparison.Ordinal);

        string text = await new RefusedCall(405, "method-not-allowed") { Route = route }.AssertAsync(Gateway, async () =>
        {
            HttpResponseMessage answer = await WriteAsync(path, request => request.Method = new HttpMethod(method));
            Assert.Equal(["POST"], answer.Content.Headers.Allow);
            return answer;
        });

        Assert.Equal("method-not-allowed: this path takes POST only", text);
    }

    [Fact]
    public async Task A_tenant_without_a_store_is_told_to_come_again() =>
        await AssertRefusedAsync("homeless", 503, "no-store: no store is configured for this tenant; tell the operator", () => WriteAsync("/tenants/homeless/api/v1/write"));

    [Theory]
    [InlineData("Content-Type", "application/json", "unsupported-media-type: Content-Type is \"application/json\"; send application/x-protobuf, alone or with proto=")]
    [InlineData("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request", "unsupported-media-type: ")]
    [InlineData("Content-Encoding", "zstd", "unsupported-encoding: Content-Encoding is \"zstd\"; send Content-Encoding: snappy (block format) or none of it")]
    [InlineData("Content-Encoding", "gzip", "unsupported-encoding: ")]
    public async Task Another_form_of_body_is_415(string header, string value, string text) =>
        await AssertRefusedAsync("ours", 415, text, () => WriteAsync(Ours, request =>
        {
            request.Content!.Headers.Remove(header);
            request.Content.Headers.TryAddWithoutValidation(header, value);
        }));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_that_is_too_slow_is_no_verdict_on_its_content(bool isV2)
    {
        shared.Bodies.Failure = BrokenBodies.TooSlow();

        await AssertRefusedAsync("ours", 503, "body-too-slow: the body did not arrive in time; retry", () => WriteAsync(Ours, isV2: isV2), isV2);
    }

    [Fact]
    public async Task A_body_that_is_not_http_is_refused()
    {
        shared.Bodies.Failure = BrokenBodies.NoHttp();

        await AssertRefusedAsync("ours", 400, "bad-request: the request could not be read as HTTP", () => WriteAsync(Ours));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_bug_of_ours_is_500_and_says_nothing_of_itself(bool isV2)
    {
        shared.Bodies.Failure = new InvalidOperationException("the secret of the bug");

        string text = await AssertRefusedAsync("ours", 500, "internal-error: internal error; retry", () => WriteAsync(Ours, isV2: isV2), isV2);

        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        Assert.Contains(Gateway.Logs.All, line => line.StartsWith("Error ", StringComparison.Ordinal) && line.Contains("the secret of the bug", StringComparison.Ordinal));
    }

    [Fact]
    public async Task More_bytes_in_flight_than_may_be_are_503_and_all_of_them_are_given_back()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.DefaultPolicy + "\ntenantDefaults: { limits: { maxBodyBytes: 12MiB, maxDecodedBytes: 12MiB } }\n", [("Ingest:MaxInflightBytes", "67108864")]);
        using var hold = new ManualResetEventSlim();
        gateway.Store.Answering = _ =>
        {
            hold.Wait(Cancel);
            return StoreAnswer.Accept;
        };

        // Some 50 MB while it is worked with, and half of it while the store is waited for: two of them are too much.
        IMessage message = StuckAnswerTests.Unpackable(gateway.NowMs);
        Task<HttpResponseMessage>[] several = [.. Enumerable.Range(0, 3).Select(_ => gateway.WriteAsync(message))];

        Task<HttpResponseMessage> first = await Task.WhenAny(several);
        using HttpResponseMessage large = await first;
        hold.Set();
        foreach (Task<HttpResponseMessage> one in several.Except([first]))
        {
            using HttpResponseMessage answer = await one;
            Assert.Contains((int)answer.StatusCode, new[] { 204, 503 });
        }

        // What is accepted is given back a moment after its answer.
        await InflightRequests.UntilNothingIsInFlightAsync(gateway);
        Assert.Equal(0, await gateway.MetricAsync("rwgateway_ingest_inflight_bytes"));
        using HttpResponseMessage again = await gateway.WriteAsync(message);
        using HttpResponseMessage small = await gateway.WriteAsync(ToV1(Series("up").At(gateway.NowMs)));

        Assert.Equal(503, (int)large.StatusCode);
        Assert.StartsWith(
            "too-many-inflight: the gateway holds as many bytes of requests as it may (Ingest:MaxInflightBytes); retry",
            await WriteAnswerCheck.AssertWellFormedAsync(gateway, large),
            StringComparison.Ordinal);
        Assert.Equal(204, (int)again.StatusCode);
        Assert.Equal(204, (int)small.StatusCode);
    }

    [Fact]
    public async Task A_request_within_its_tenants_limits_is_within_the_replicas()
    {
        PolicyInvalidException fault = await Assert.ThrowsAsync<PolicyInvalidException>(async () =>
        {
            await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Ingest:MaxInflightBytes", "67108864")]);
        });

        Assert.Contains(
            "tenants.ours.limits.maxDecodedBytes: a request of 16777216 bytes (maxBodyBytes) that unpacks to 33554432 needs buffers of 150994944 bytes, "
            + "Ingest:MaxInflightBytes is 67108864; lower these limits or raise it",
            fault.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("maxInflightRequests", "this tenant has 1 requests in flight, the limit (maxInflightRequests); retry")]
    [InlineData("Ingest:MaxInflightRequests", "the gateway is busy with as many requests or bytes as it may hold; retry")]
    public async Task More_requests_in_flight_than_may_be_are_503(string limit, string text)
    {
        bool isTenants = limit == "maxInflightRequests";
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.DefaultPolicy + (isTenants ? "\ntenantDefaults: { limits: { maxInflightRequests: 1 } }\n" : ""),
            isTenants ? [] : [(limit, "1")]);
        using var hold = new ManualResetEventSlim();
        gateway.Store.Answering = _ =>
        {
            hold.Wait(Cancel);
            return StoreAnswer.Accept;
        };
        IMessage message = ToV1(Series("up").At(gateway.NowMs));
        Task<HttpResponseMessage> first = gateway.WriteAsync(message);
        await gateway.Store.NextAsync();

        using HttpResponseMessage second = await gateway.WriteAsync(message);
        hold.Set();

        Assert.Equal(503, (int)second.StatusCode);
        Assert.StartsWith($"too-many-inflight: {text}", await WriteAnswerCheck.AssertWellFormedAsync(gateway, second), StringComparison.Ordinal);
        using HttpResponseMessage answer = await first;
        Assert.Equal(204, (int)answer.StatusCode);
        using HttpResponseMessage third = await gateway.WriteAsync(message);
        Assert.Equal(204, (int)third.StatusCode);
    }

    [Fact]
    public async Task After_draining_requests_are_503()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        await gateway.Services.GetRequiredService<Drain>().StoppingAsync(Cancel);

        using HttpResponseMessage answer = await gateway.WriteAsync(ToV1(Series("up").At(gateway.NowMs)));
        using HttpResponseMessage ready = await gateway.Data.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);

        Assert.Equal(503, (int)answer.StatusCode);
        Assert.StartsWith("shutting-down: the gateway is stopping; retry", await WriteAnswerCheck.AssertWellFormedAsync(gateway, answer), StringComparison.Ordinal);
        Assert.Equal(503, (int)ready.StatusCode);
        Assert.Empty(gateway.Store.Requests);
    }

    /// <summary>The server's own limits have statuses that make a sender drop, or repeat for ever.</summary>
    [Theory]
    [InlineData("POST", 400, "body-too-large: body has 40000000000 bytes, limit 16777216")]
    [InlineData("PUT", 405, "method-not-allowed: ")]
    public async Task A_length_past_the_servers_own_limit_is_ours_to_refuse(string method, int status, string text)
    {
        using HttpResponseMessage answer = await RawRequest.SendAsync(
            Gateway.Data.BaseAddress!, $"{method} {Ours} HTTP/1.1\nAuthorization: Bearer {Gateway.Token("prom")}\nContent-Length: 40000000000");

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.StartsWith(text, await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
    }

    /// <summary>The server answers 408 to a head that is late, and nothing can change that: a sender that gave up before repeats.</summary>
    [Fact]
    public void A_sender_gives_a_late_head_up_before_the_server_would_answer_408()
    {
        KestrelServerLimits limits = Gateway.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.True(limits.RequestHeadersTimeout > TimeSpan.FromSeconds(60));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Task<HttpResponseMessage> WriteAsync(string path, Action<HttpRequestMessage>? change = null, bool isV2 = false) =>
        Gateway.WriteAsync(To(isV2, Series("up").At(Gateway.NowMs)), path: path, change: change);

    private async Task<string> AssertRefusedAsync(string tenant, int status, string text, Func<Task<HttpResponseMessage>> send, bool isV2 = false)
    {
        string metric = $$"""rwgateway_ingest_refused_requests_total{tenant="{{tenant}}",reason="{{text.Split(':')[0]}}"}""";
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);
        int stored = Gateway.Store.Requests.Count;
        try
        {
            using HttpResponseMessage answer = await send();

            string told = await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer);
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.StartsWith(text, told, StringComparison.Ordinal);
            Assert.Equal(isV2 ? [0, 0, 0] : [], WriteAnswerCheck.CountsOf(answer));
            Assert.Equal(before[metric] + 1, (await SelfMetrics.OfAsync(Gateway))[metric]);
            Assert.Equal(stored, Gateway.Store.Requests.Count);
            return told;
        }
        finally
        {
            shared.Bodies.Failure = null;
        }
    }

    /// <summary>One gateway for all reasons, with two stores, so that a tenant may have none.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal BrokenBodies Bodies { get; } = new();

        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            Policy,
            // The other store is not looked at for reads, so that all it gets are writes.
            [("Stores:other:Kind", "Prometheus"), ("Stores:other:Url", "{store}"), ("Stores:other:Read:Enabled", "false")],
            services: services => services.AddSingleton<IStartupFilter>(Bodies));

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
