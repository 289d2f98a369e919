using System.Globalization;
using System.Text;
using EntraEmulator.Faults;
using Google.Protobuf;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Traps 2, 22 and 23: which statuses a sender may hear, what the text may hold, and when to come again.</summary>
public sealed class AnswerTests(AnswerTests.SharedGateway shared) : IClassFixture<AnswerTests.SharedGateway>
{
    /// <summary>Two tenants at a store that is isolated by label, one at a store isolated by header.</summary>
    private const string Policy = $$"""
        version: 1
        tenants: { ours: { store: main }, theirs: { store: main }, mimir: { store: mimir } }
        bindings:
        - id: prom
          match: { kind: app, client: [{{GatewayHost.PromClient}}] }
          grant: { permissions: [metrics:write], tenants: [ours, mimir] }
        """;

    private GatewayHost Gateway => shared.Gateway;

    [Theory]
    [InlineData("ours", false)]
    [InlineData("ours", true)]
    [InlineData("mimir", false)]
    [InlineData("mimir", true)]
    public async Task Whatever_a_store_answers_a_sender_hears_no_status_that_loses_or_blocks_what_could_be_kept(string tenant, bool isV2)
    {
        for (int status = 200; status < 600; status++)
        {
            Gateway.Store.AnswerAlways = new StoreAnswer(status);

            using HttpResponseMessage answer = await WriteAsync(tenant, isV2);

            int expected = status switch
            {
                < 300 => 204,
                400 or 409 or 413 or 422 => 400,
                429 or 529 when tenant == "mimir" => 429,
                _ => 503,
            };
            await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer);
            Assert.Equal((status, expected), (status, (int)answer.StatusCode));
        }
    }

    [Fact]
    public async Task Without_signing_keys_a_write_is_503_and_never_401()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(issuer: Fault.Unavailable);
        foreach (string token in (string[])[gateway.Token("prom"), gateway.Token("none"), gateway.WithHeader("kid", "\"new\""), gateway.WithClaim("exp", "1")])
        {
            using HttpResponseMessage answer = await gateway.WriteAsync(ToV1(Series("up").At(gateway.NowMs)), token);

            Assert.Equal(503, (int)answer.StatusCode);
            Assert.StartsWith("identity-unavailable: ", await WriteAnswerCheck.AssertWellFormedAsync(gateway, answer, token), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_text_has_one_line_for_a_reason_most_items_first_and_says_how_many_it_leaves_out()
    {
        Gateway.Store.AnswerAlways = StoreAnswer.Accept;
        string token = Gateway.Token("prom");

        using HttpResponseMessage answer = await Gateway.WriteAsync(ToV1(WithLongLabel(Faulty(Gateway.NowMs))), token, "/tenants/ours/api/v1/write");

        string text = await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer, token);
        string[] lines = text.TrimEnd('\n').Split('\n');
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith("too-far-in-future: ", lines[0], StringComparison.Ordinal);
        Assert.Matches("^and [0-9]+ more$", lines[^1]);
        Assert.Equal(14, lines.Length - 1 + int.Parse(lines[^1].Split(' ')[1], CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task At_most_eight_reasons_are_told()
    {
        Gateway.Store.AnswerAlways = StoreAnswer.Accept;
        IEnumerable<V1.TimeSeries> brief = Faulty(Gateway.NowMs).Where(series => series.Labels.Sum(label => label.Value.Length + label.Name.Length) < 100);

        using HttpResponseMessage answer = await Gateway.WriteAsync(ToV1(brief), path: "/tenants/ours/api/v1/write");

        string[] lines = (await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer)).TrimEnd('\n').Split('\n');
        Assert.Equal(9, lines.Length);
        Assert.Equal("and 2 more", lines[^1]);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("out of order\u0000\u001b[31m\r\nstore-busy: not a line of ours", "out of order  [31m  store-busy: not a line of ours")]
    public async Task A_stores_text_is_one_line_without_control_characters(string words, string expected)
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(400, words);

        using HttpResponseMessage answer = await WriteAsync("ours", isV2: false);

        string line = Assert.Single((await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer)).TrimEnd('\n').Split('\n'));
        Assert.StartsWith($"store-refused: store refused with 400{(expected.Length > 0 ? ": " : "")}{expected} (request ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stores_long_text_is_cut_between_characters()
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(400, string.Concat(Enumerable.Repeat("\U0001F30D", 5000)));

        using HttpResponseMessage answer = await WriteAsync("ours", isV2: false);

        string text = await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer);
        Assert.Equal(300, Encoding.UTF8.GetByteCount(text.Where(c => c > 127).ToArray()));
    }

    [Fact]
    public async Task A_request_id_in_the_text_is_the_headers_and_the_logs()
    {
        using HttpResponseMessage answer = await Gateway.WriteAsync(ToV1(), Gateway.Token("none"));

        // That it ends the first line is asserted for every answer.
        string requestId = answer.Headers.GetValues("X-Request-Id").Single();
        Assert.Contains($"(request {requestId})", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
        Assert.Contains(Gateway.Logs.All, line => line.Contains($"(request {requestId})", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, 5, 7)]
    [InlineData("0", 5, 7)]
    [InlineData("1", 10, 13)]
    [InlineData("2", 20, 25)]
    [InlineData("3", 40, 50)]
    [InlineData("4", 80, 100)]
    [InlineData("5", 80, 100)]
    [InlineData("4000000000", 80, 100)]
    [InlineData("99999999999999999999", 5, 7)]
    [InlineData("-1", 5, 7)]
    [InlineData("many", 5, 7)]
    public async Task The_time_to_come_again_grows_with_the_senders_attempts(string? attempt, int least, int most)
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(503);

        // Refused by the handler, and outside of it.
        using HttpResponseMessage ofStore = await WriteAsync("ours", isV2: false, AddAttempt);
        shared.Bodies.Failure = BrokenBodies.TooSlow();
        using HttpResponseMessage ofEdge = await WriteAsync("ours", isV2: false, AddAttempt);
        shared.Bodies.Failure = null;

        Assert.InRange(WriteAnswerCheck.RetryAfterOf(ofStore) ?? 0, least, most);
        Assert.InRange(WriteAnswerCheck.RetryAfterOf(ofEdge) ?? 0, least, most);

        void AddAttempt(HttpRequestMessage request)
        {
            if (attempt is not null)
            {
                request.Headers.TryAddWithoutValidation("Retry-Attempt", attempt);
            }
        }
    }

    [Theory]
    [InlineData("17", 17, 17)]
    [InlineData("0", 1, 1)]
    [InlineData("100000", 300, 300)]
    [InlineData("Tue, 24 Nov 2026 12:00:42 GMT", 42, 42)]
    [InlineData("Tue, 24 Nov 2020 12:00:42 GMT", 1, 1)]
    [InlineData("soon", 5, 7)]
    public async Task A_stores_own_time_to_come_again_is_passed_on_in_seconds_from_1_to_300(string store, int least, int most)
    {
        Gateway.Store.AnswerAlways = new StoreAnswer(503).With("Retry-After", store);

        using HttpResponseMessage answer = await WriteAsync("ours", isV2: false);

        Assert.InRange(WriteAnswerCheck.RetryAfterOf(answer) ?? 0, least, most);
    }

    /// <summary>A series for each of fourteen reasons; the first reason has the most items.</summary>
    private static IEnumerable<V1.TimeSeries> Faulty(long nowMs)
    {
        yield return Series("f0").At(nowMs + 3_600_000).At(nowMs + 3_700_000).At(nowMs + 3_800_000);
        yield return Series("").At(nowMs);
        yield return Series("f2", ("", "x")).At(nowMs);
        yield return Series("f3", ("a", "1"), ("a", "2")).At(nowMs);
        yield return Series("f4", [.. Enumerable.Range(0, 61).Select(i => ($"l{i}", "x"))]).At(nowMs);
        yield return Series(new string('m', 513)).At(nowMs);
        yield return Series("f6", (new string('n', 257), "x")).At(nowMs);
        yield return Series("f7", ("a", new string('v', 2049))).At(nowMs);
        foreach (Action<V1.Histogram> change in (Action<V1.Histogram>[])
        [
            h => h.Schema = 9, h => h.CountInt = 12, h => h.PositiveSpans[1].Length = 2, h => h.PositiveSpans[1].Offset = -1,
            h => h.PositiveDeltas[2] = -100, h => h.CustomValues.Add(1),
        ])
        {
            V1.TimeSeries series = Series("f8");
            series.Histograms.Add(Histogram(nowMs, change));
            yield return series;
        }
    }

    private static IEnumerable<V1.TimeSeries> WithLongLabel(IEnumerable<V1.TimeSeries> all) => all.Select(series =>
    {
        series.Labels.Insert(1, new V1.Label { Name = "long", Value = new string('x', 300) });
        return series;
    });

    private Task<HttpResponseMessage> WriteAsync(string tenant, bool isV2, Action<HttpRequestMessage>? change = null)
    {
        IMessage message = To(isV2, Series("up").At(Gateway.NowMs));
        return Gateway.WriteAsync(message, path: $"/tenants/{tenant}/api/v1/write", change: change);
    }

    /// <summary>One gateway before a store by label and one by header.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal BrokenBodies Bodies { get; } = new();

        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            Policy,
            [("Stores:mimir:Kind", "Mimir"), ("Stores:mimir:Url", "{store}"), ("Stores:mimir:Read:Enabled", "false")],
            services: services => services.AddSingleton<IStartupFilter>(Bodies));

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
