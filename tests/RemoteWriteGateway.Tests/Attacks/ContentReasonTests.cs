using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Each reason of the status contract that lies in what was sent, provoked once over HTTP: status, text, metric, and what the store gets.</summary>
public sealed class ContentReasonTests(ContentReasonTests.SharedGateway shared) : IClassFixture<ContentReasonTests.SharedGateway>
{
    private const string Policy = $$"""
        version: 1
        tenants: { ours: { store: main }, nohistograms: { store: plain } }
        tenantDefaults:
          nameScheme: legacy
          reservedLabels: refuse
          limits:
            maxBodyBytes: 64KiB
            maxDecodedBytes: 256KiB
            maxExpandedBytes: 16KiB
            maxSeriesPerRequest: 20
            maxSamplesPerRequest: 40
            maxLabelsPerSeries: 8
            maxMetricNameBytes: 30
            maxLabelNameBytes: 20
            maxLabelValueBytes: 40
            maxHistogramBuckets: 10
            maxFuture: 1m
            maxPast: 2h
        bindings:
        - id: prom
          match: { kind: app, client: [{{GatewayHost.PromClient}}] }
          grant: { permissions: [metrics:write], tenants: [ours, nohistograms] }
        """;

    private static readonly Dictionary<string, (string Text, bool IsV2, Func<long, byte[]> Body)> Hard = new()
    {
        ["body-too-large"] = ("body has 70000 bytes, limit 65536; send smaller batches or raise maxBodyBytes", false, _ => new byte[70_000]),
        ["decoded-too-large"] = ("body unpacks to 300000 bytes, limit 262144; send smaller batches or raise maxDecodedBytes", false, _ => Snappy.Encode(new byte[300_000])),
        ["expanded-too-large"] = ("body refers to at least ", true, now => Packed(ToV2(Enumerable.Repeat(Series("up", ("x", new string('x', 4000))).At(now), 5)))),
        ["malformed-snappy"] = ("body is not one snappy block: ", false, _ => "no snappy at all"u8.ToArray()),
        ["malformed-protobuf"] = ("body is not a prometheus.WriteRequest: a wire type is unknown at byte ", false, _ => Snappy.Encode([0x7b])),
        ["invalid-symbols"] = ("the first symbol must be the empty string", true, now => Packed(new V2.Request
        {
            Symbols = { "__name__", "up" },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 0, 1 }, Samples = { new V2.Sample { Timestamp = now } } } },
        })),
        ["too-many-symbols"] = ("101 symbols in one request, limit 100 (Ingest:MaxSymbolsPerRequest)", true, _ => Packed(new V2.Request { Symbols = { Enumerable.Repeat("", 101) } })),
        ["too-many-series"] = ("21 series in one request, limit 20 (maxSeriesPerRequest)", false, _ => Packed(ToV1(Enumerable.Repeat(new V1.TimeSeries(), 21)))),
        ["too-many-samples"] = (
            "41 samples, histograms and exemplars in one request, limit 40 (maxSamplesPerRequest)",
            false,
            now => Packed(ToV1(Enumerable.Range(0, 41).Aggregate(Series("up"), (series, i) => series.At(now - i))))),
    };

    private static readonly Dictionary<string, (string Text, string Kind, Func<long, IEnumerable<V1.TimeSeries>> Series)> Soft = new()
    {
        ["missing-metric-name"] = ("series without a metric name: {", "series", now => [Series("").At(now)]),
        ["metric-name-invalid"] = ("metric name is not valid (nameScheme legacy): ", "series", now => [Series("with blank").At(now)]),
        ["label-name-invalid"] = ("label name \"a.b\" is not valid (nameScheme legacy): up{", "series", now => [Series("up", ("a.b", "x")).At(now)]),
        ["duplicate-label-names"] = ("label \"a\" occurs twice: up{", "series", now => [Series("up", ("a", "1"), ("a", "2")).At(now)]),
        ["reserved-label"] = ("label \"__tenant_id__\" is set by the gateway: up{", "series", now => [Series("up", ("__tenant_id__", "9")).At(now)]),
        ["too-many-labels"] = (
            "9 labels, limit 8 (maxLabelsPerSeries): up{", "series", now => [Series("up", [.. Enumerable.Range(0, 8).Select(i => ($"l{i}", "x"))]).At(now)]),
        ["metric-name-too-long"] = ("31 bytes in the metric name, limit 30 (maxMetricNameBytes): ", "series", now => [Series(new string('m', 31)).At(now)]),
        ["label-name-too-long"] = ("21 bytes in the name of \"nnnnnnnnnnnnnnnnnnnnn\", limit 20 (maxLabelNameBytes): ", "series", now => [Series("up", (new string('n', 21), "x")).At(now)]),
        ["label-value-too-long"] = ("41 bytes in the value of \"a\", limit 40 (maxLabelValueBytes): ", "series", now => [Series("up", ("a", new string('v', 41))).At(now)]),
        ["too-far-in-future"] = (" is 1m1s ahead, limit 1m0s (maxFuture); check the sender's clock: up{", "sample", now => [Series("up").At(now + 61_000)]),
        ["too-far-in-past"] = (" is 2h0m old, limit 2h0m (maxPast); check the sender's clock: up{", "sample", now => [Series("up").At(now - 7_200_001)]),
        ["histogram-schema-invalid"] = ("schema 9 cannot be stored: up{", "histogram", now => [Of(Histogram(now, h => h.Schema = 9))]),
        ["histogram-count-mismatch"] = ("count says 12, buckets hold 11: up{", "histogram", now => [Of(Histogram(now, h => h.CountInt = 12))]),
        ["histogram-buckets-mismatch"] = ("positive spans need 4 buckets, got 3: up{", "histogram", now => [Of(Histogram(now, h => h.PositiveSpans[1].Length = 2))]),
        ["histogram-negative-count"] = ("positive bucket 2: count is negative", "histogram", now => [Of(Histogram(now, h => h.PositiveDeltas[2] = -100))]),
        ["histogram-span-invalid"] = ("positive span 1: offset is negative: up{", "histogram", now => [Of(Histogram(now, h => h.PositiveSpans[1].Offset = -1))]),
        ["histogram-custom-bounds-invalid"] = ("bound 1: not finite or not above the one before: up{", "histogram", now => [Of(CustomBounds(now, h => h.CustomValues[1] = 1))]),
        ["histogram-too-many-buckets"] = ("11 buckets, limit 10 (maxHistogramBuckets): up{", "histogram", now => [Of(Histogram(now, h => h.PositiveDeltas.Add(new long[6])))]),
        ["exemplar-labels-too-long"] = ("exemplar: its labels have too many characters, limit 128: up{", "exemplar", now => [Of(Exemplar(now, ("trace_id", new string('x', 121))))]),
        ["exemplar-labels-invalid"] = ("exemplar: label \"a\" occurs twice: up{", "exemplar", now => [Of(Exemplar(now, ("a", "1"), ("a", "2")))]),
        ["exemplar-timestamp-missing"] = ("exemplar: it has no timestamp: up{", "exemplar", _ => [Of(Exemplar(0))]),
    };

    public static TheoryData<string> HardReasons => [.. Hard.Keys];

    public static TheoryData<string, bool> SoftReasons
    {
        get
        {
            TheoryData<string, bool> all = [];
            foreach (string reason in Soft.Keys)
            {
                all.Add(reason, false);
                all.Add(reason, true);
            }

            return all;
        }
    }

    private GatewayHost Gateway => shared.Gateway;

    [Theory]
    [MemberData(nameof(HardReasons))]
    public async Task A_request_that_breaks_a_limit_of_requests_is_refused_whole(string reason)
    {
        (string text, bool isV2, Func<long, byte[]> body) = Hard[reason];

        await AssertRefusedWholeAsync(reason, text, isV2, body(Gateway.NowMs));
    }

    [Theory]
    [MemberData(nameof(SoftReasons))]
    public async Task A_fault_of_a_series_or_item_costs_itself_and_the_rest_is_written(string reason, bool isV2)
    {
        (string text, string kind, Func<long, IEnumerable<V1.TimeSeries>> series) = Soft[reason];

        await AssertLeftOutAsync(reason, text, kind, isV2, Packed(To(isV2, series(Gateway.NowMs).Append(Series("good").At(Gateway.NowMs)))));
    }

    /// <summary>What the classes generated from the messages cannot hold.</summary>
    [Theory]
    [InlineData("label-value-invalid", false)]
    [InlineData("label-value-invalid", true)]
    [InlineData("invalid-label-refs", true)]
    [InlineData("series-without-data", true)]
    public async Task A_fault_of_a_series_that_no_library_makes_costs_itself_and_the_rest_is_written(string reason, bool isV2)
    {
        V2.Request good = ToV2(Series("good").At(Gateway.NowMs));
        byte[] sample = Field(2, new V2.Sample { Timestamp = Gateway.NowMs }.ToByteArray());
        (string Text, byte[] Message) fault = (reason, isV2) switch
        {
            ("label-value-invalid", false) => (
                "value of label \"job\" is not valid (UTF-8): up{",
                Joined(ToV1(Series("good").At(Gateway.NowMs)).ToByteArray(), Field(1, Joined(LabelV1("__name__"u8, "up"u8), LabelV1("job"u8, [0xff]), sample)))),
            ("label-value-invalid", true) => (
                "value of label \"job\" is not valid (UTF-8): up{",
                Joined(good.ToByteArray(), Field(4, "up"u8), Field(4, "job"u8), Field(4, [0xff]), Field(5, Joined(Field(1, [1, 3, 4, 5]), sample)))),
            ("invalid-label-refs", _) => ("label reference 9 with 3 symbols", Joined(good.ToByteArray(), Field(5, Joined(Field(1, [1, 9]), sample)))),
            _ => ("series carries nothing: good{", Joined(good.ToByteArray(), Field(5, Field(1, [1, 2])))),
        };

        await AssertLeftOutAsync(reason, fault.Text, "series", isV2, Snappy.Encode(fault.Message));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_histogram_for_a_store_that_takes_none_is_left_out(bool isV2) => await AssertLeftOutAsync(
        "histogram-not-accepted",
        "store takes no native histograms",
        "histogram",
        isV2,
        Packed(To(isV2, Of(Histogram(Gateway.NowMs)), Series("good").At(Gateway.NowMs))),
        "nohistograms");

    [Theory]
    [InlineData("metadata-invalid", 9u, 3u)]
    [InlineData("metadata-too-long", 3u, 4u)]
    public async Task Metadata_that_cannot_be_passed_on_is_counted_and_not_told(string reason, uint help, uint unit)
    {
        V2.Request request = ToV2(Series("good").At(Gateway.NowMs));
        request.Symbols.Add(["a help text", new string('u', 1025)]);
        request.Timeseries[0].Metadata = new V2.Metadata { HelpRef = help, UnitRef = unit };
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);

        using HttpResponseMessage answer = await Gateway.WriteAsync(request, path: "/tenants/ours/api/v1/write");

        await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer);
        Assert.Equal(204, (int)answer.StatusCode);
        string series = $$"""rwgateway_ingest_metadata_dropped_total{tenant="ours",reason="{{reason}}"}""";
        Assert.Equal(before[series] + 1, (await SelfMetrics.OfAsync(Gateway))[series]);
    }

    /// <summary>So that a new reason is provoked, too.</summary>
    [Fact]
    public void No_reason_is_left_out()
    {
        string[] elsewhere = ["label-value-invalid", "invalid-label-refs", "series-without-data", "histogram-not-accepted"];
        IEnumerable<string> all = Enum.GetValues<StampReason>().Where(reason => reason.IsHard() || reason.IsSoft()).Select(reason => reason.Id());

        Assert.Equal(all.Append("body-too-large").Order(), [.. Hard.Keys.Concat(Soft.Keys).Concat(elsewhere).Order()]);
    }

    private static byte[] Packed(IMessage message) => Snappy.Encode(message.ToByteArray());

    private static V1.TimeSeries Of(V1.Histogram histogram)
    {
        V1.TimeSeries series = Series("up");
        series.Histograms.Add(histogram);
        return series;
    }

    private static V1.TimeSeries Of(V1.Exemplar exemplar)
    {
        V1.TimeSeries series = Series("up");
        series.Exemplars.Add(exemplar);
        return series;
    }

    private static V1.Exemplar Exemplar(long timestampMs, params (string Name, string Value)[] labels) => new()
    {
        Timestamp = timestampMs,
        Value = 1,
        Labels = { labels.Select(label => new V1.Label { Name = label.Name, Value = label.Value }) },
    };

    private async Task AssertRefusedWholeAsync(string reason, string text, bool isV2, byte[] body)
    {
        string metric = $$"""rwgateway_ingest_refused_requests_total{tenant="ours",reason="{{reason}}"}""";
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);
        int stored = Gateway.Store.Requests.Count;
        string token = Gateway.Token("prom");

        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2, token, "/tenants/ours/api/v1/write");

        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith($"{reason}: {text}", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer, token), StringComparison.Ordinal);
        Assert.Equal(isV2 ? [0, 0, 0] : [], WriteAnswerCheck.CountsOf(answer));
        SelfMetrics after = await SelfMetrics.OfAsync(Gateway);
        Assert.Equal(before[metric] + 1, after[metric]);
        Assert.Equal(before.Sum("rwgateway_ingest_refused_items_total"), after.Sum("rwgateway_ingest_refused_items_total"));
        Assert.Equal(stored, Gateway.Store.Requests.Count);
    }

    private async Task AssertLeftOutAsync(string reason, string text, string kind, bool isV2, byte[] body, string tenant = "ours")
    {
        string metric = $$"""rwgateway_ingest_refused_items_total{tenant="{{tenant}}",reason="{{reason}}",kind="{{kind}}"}""";
        SelfMetrics before = await SelfMetrics.OfAsync(Gateway);
        int stored = Gateway.Store.Requests.Count;
        string token = Gateway.Token("prom");

        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2, token, $"/tenants/{tenant}/api/v1/write");

        string told = await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer, token);
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith($"{reason}: ", told, StringComparison.Ordinal);
        Assert.Contains(text, told, StringComparison.Ordinal);
        Assert.Equal(isV2 ? [1, 0, 0] : [], WriteAnswerCheck.CountsOf(answer));
        Assert.Equal(before[metric] + 1, (await SelfMetrics.OfAsync(Gateway))[metric]);
        ReceivedRequest received = Assert.Single(Gateway.Store.Requests.Skip(stored));
        Assert.Equal([$$"""{__name__="good",tenant="{{tenant}}"}"""], received.Series);
    }

    /// <summary>One gateway for all reasons.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            Policy,
            [
                ("Stores:main:Protocol", "v2"),
                ("Ingest:MaxSymbolsPerRequest", "100"),
                ("Stores:plain:Kind", "Prometheus"),
                ("Stores:plain:Url", "{store}"),
                ("Stores:plain:Protocol", "v2"),
                ("Stores:plain:Read:Enabled", "false"), // so that all it gets are writes
                ("Stores:plain:NativeHistograms", "refuse"),
            ]);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
