using System.Net;
using RemoteWriteGateway.Tests.Forwarding;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Ingest;

/// <summary>Remote write over HTTP in the whole gateway: what the sender hears, and what the store receives.</summary>
public sealed class WriteTests
{
    [Theory]
    [InlineData("/api/v1/write")]
    [InlineData("/api/v1/push")]
    [InlineData("/api/v1/receive")]
    [InlineData("/tenants/ours/api/v1/write")]
    [InlineData("/tenants/ours/api/v1/push")]
    [InlineData("/tenants/ours/api/v1/receive")]
    public async Task A_series_reaches_the_store_under_the_callers_tenant(string path)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV1("up", ("job", "x")), path: path);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(["""{__name__="up",job="x",tenant="ours"}"""], Written(gateway).Series);
        Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("X-Prometheus", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(1, await gateway.MetricAsync("""rwgateway_ingest_written_items_total{tenant="ours",store="main",kind="sample"}"""));
    }

    [Fact]
    public async Task A_tenant_label_sent_by_the_writer_is_replaced()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV1("up", ("tenant", "theirs")));

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(["""{__name__="up",tenant="ours"}"""], Written(gateway).Series);
        Assert.Equal(1, await gateway.MetricAsync("""rwgateway_stamp_removed_labels_total{tenant="ours",kind="tenant"}"""));
    }

    [Fact]
    public async Task A_2_0_request_leaves_as_2_0_and_its_answer_has_the_three_counts()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", "v2")]);

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV2(gateway.NowMs, "up", ("tenant", "theirs")));

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(["1", "0", "0"], Counts(answer));
        Assert.Equal(["""{__name__="up",tenant="ours"}"""], Written(gateway).Series);
    }

    [Fact]
    public async Task A_2_0_request_for_a_store_of_1_0_is_translated()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", "v1")]);

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV2(gateway.NowMs, "up", ("job", "x")));

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(["1", "0", "0"], Counts(answer));
        Assert.Equal("application/x-protobuf", Written(gateway).Header("Content-Type"));
        Assert.Equal(["""{__name__="up",job="x",tenant="ours"}"""], Written(gateway).Series);
    }

    [Theory]
    [InlineData("v1", HttpStatusCode.BadRequest)]
    [InlineData("v2", HttpStatusCode.NoContent)]
    public async Task Histograms_that_would_become_gigabytes_of_classic_series_are_refused(string storeTakes, HttpStatusCode expected)
    {
        // 8 bytes a bound, of which each repeats 30 KB of labels: 1,000 · 30 KB · 10 = 300 MB.
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", storeTakes)]);
        V2.Request request = SampleV2(gateway.NowMs, "up", [.. Enumerable.Range(10, 15).Select(i => ($"label{i}", new string('x', 2000)))]);
        V2.TimeSeries series = request.Timeseries[0];
        series.Samples.Clear();
        for (int i = 0; i < 10; i++)
        {
            series.Histograms.Add(new V2.Histogram
            {
                Schema = -53, CountInt = 0, Timestamp = gateway.NowMs + i, CustomValues = { Enumerable.Range(0, 1000).Select(bound => (double)bound) },
            });
        }

        using HttpResponseMessage answer = await gateway.WriteAsync(request);

        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal(expected == HttpStatusCode.BadRequest, (await TextAsync(answer)).StartsWith("expanded-too-large: labels of histograms", StringComparison.Ordinal));
        Assert.Equal(expected == HttpStatusCode.BadRequest, Writes(gateway).Count == 0);
    }

    [Fact]
    public async Task A_bad_series_is_left_out_the_rest_is_written_and_the_answer_says_so()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", "v2")]);
        V2.Request request = SampleV2(gateway.NowMs, "good");
        request.Timeseries.Add(new V2.TimeSeries { Samples = { new V2.Sample { Timestamp = gateway.NowMs, Value = 2 } } });

        using HttpResponseMessage answer = await gateway.WriteAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(["1", "0", "0"], Counts(answer));
        Assert.StartsWith("missing-metric-name: ", await TextAsync(answer), StringComparison.Ordinal);
        Assert.Equal(["""{__name__="good",tenant="ours"}"""], Written(gateway).Series);
        Assert.Equal(1, await gateway.MetricAsync("""rwgateway_ingest_refused_items_total{tenant="ours",reason="missing-metric-name",kind="sample"}"""));
    }

    [Fact]
    public async Task Nothing_left_to_write_asks_no_store()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", "v1")]);

        using HttpResponseMessage empty = await gateway.WriteAsync(new V1.WriteRequest());
        using HttpResponseMessage metadata = await gateway.WriteAsync(
            new V1.WriteRequest { Metadata = { new V1.MetricMetadata { MetricFamilyName = "up", Help = "of one tenant" } } });

        Assert.Equal(HttpStatusCode.NoContent, empty.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, metadata.StatusCode);
        Assert.Empty(Writes(gateway));
        Assert.Equal(1, await gateway.MetricAsync("""rwgateway_ingest_metadata_dropped_total{tenant="ours",reason="policy"}"""));
    }

    [Theory]
    [InlineData(400, 400, "store-refused")]
    [InlineData(401, 503, "store-auth-failed")]
    [InlineData(404, 503, "store-misconfigured")]
    [InlineData(413, 400, "store-too-large")]
    [InlineData(429, 503, "store-busy")]
    [InlineData(500, 503, "store-unavailable")]
    [InlineData(503, 503, "store-unavailable")]
    public async Task The_stores_verdict_is_the_answer(int store, int expected, string reason)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        gateway.Store.AnswerAlways = new StoreAnswer(store);

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV1("up"));

        Assert.Equal(expected, (int)answer.StatusCode);
        Assert.StartsWith(reason + ": ", await TextAsync(answer), StringComparison.Ordinal);
        Assert.Equal(expected == 503, answer.Headers.RetryAfter is not null);
        Assert.True(await gateway.MetricAsync($$"""rwgateway_ingest_refused_requests_total{tenant="ours",reason="{{reason}}"}""") >= 1);
    }

    [Theory]
    [InlineData("application/json", "snappy", "unsupported-media-type")]
    [InlineData("application/x-protobuf;proto=prometheus.WriteRequest;proto=prometheus.WriteRequest", "snappy", "unsupported-media-type")]
    [InlineData("application/x-protobuf", "zstd", "unsupported-encoding")]
    [InlineData("application/x-protobuf", "gzip", "unsupported-encoding")]
    public async Task Another_media_type_or_encoding_is_415(string type, string encoding, string reason)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage answer = await gateway.WriteAsync(SampleV1("up"), change: request =>
        {
            request.Content!.Headers.Remove("Content-Type");
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            request.Content.Headers.Remove("Content-Encoding");
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        });

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        string got = reason == "unsupported-encoding" ? $"Content-Encoding is \"{encoding}\"" : $"Content-Type is \"{type[..Math.Min(type.Length, 64)]}";
        Assert.StartsWith($"{reason}: {got}", await TextAsync(answer), StringComparison.Ordinal);
        Assert.Empty(Writes(gateway));
    }

    [Fact]
    public async Task Another_method_is_405_after_the_token_was_checked()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage without = await gateway.Data.GetAsync(new Uri("/api/v1/write", UriKind.Relative), Cancel);
        using HttpResponseMessage with = await gateway.WriteAsync(SampleV1("up"), change: request => request.Method = HttpMethod.Put);

        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, with.StatusCode);
        Assert.Equal(["POST"], with.Content.Headers.Allow);
    }

    [Fact]
    public async Task An_endless_body_without_a_length_is_refused_and_the_sender_reads_the_text()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.DefaultPolicy + "\ntenantDefaults: { limits: { maxBodyBytes: 64KiB } }\n");

        string answer = await RawSender.SendEndlessAsync(gateway.Data.BaseAddress!, gateway.Token("prom"), Cancel);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("body-too-large: body has more than 65536 bytes, limit 65536", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chunked_body_without_a_length_is_taken()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        using HttpResponseMessage answer = await gateway.WriteAsync(
            SampleV1("up"), change: request => request.Headers.TransferEncodingChunked = true);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    [Fact]
    public async Task Nothing_of_the_caller_goes_to_the_store()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");

        using HttpResponseMessage answer = await gateway.WriteAsync(
            SampleV1("up", ("__tenant_id__", "9"), ("vm_account_id", "1"), ("vm_project_id", "2")),
            token,
            "/api/v1/write?extra_label=tenant=theirs&tenant=theirs",
            request =>
            {
                foreach (string name in (string[])["THANOS-TENANT", "AccountID", "ProjectID", "Cookie", "X-Prometheus-Anything", "X-Forwarded-For", "X-Forwarded-Host"])
                {
                    request.Headers.TryAddWithoutValidation(name, "smuggled");
                }

                request.Headers.TryAddWithoutValidation("X-Scope-OrgID", "ours");
            });

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        ReceivedRequest received = Written(gateway);
        Assert.Equal("/api/v1/write", received.Target);
        Assert.Equal(["""{__name__="up",tenant="ours"}"""], received.Series);
        Assert.DoesNotContain(received.Headers, header =>
            header.Value.Contains("smuggled", StringComparison.Ordinal) || header.Value.Contains(token, StringComparison.Ordinal));
        Assert.Null(received.Header("X-Scope-OrgID"));
        Assert.Null(received.Header("Authorization"));
    }

    [Fact]
    public async Task A_tenants_requests_in_flight_are_bounded()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.DefaultPolicy + "\ntenantDefaults: { limits: { maxInflightRequests: 1 } }\n");
        using var hold = new ManualResetEventSlim();
        gateway.Store.Answering = _ =>
        {
            hold.Wait(Cancel);
            return StoreAnswer.Accept;
        };

        Task<HttpResponseMessage> first = gateway.WriteAsync(SampleV1("up"));
        await gateway.Store.NextAsync();
        using HttpResponseMessage second = await gateway.WriteAsync(SampleV1("up"));
        hold.Set();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        Assert.StartsWith("too-many-inflight: ", await TextAsync(second), StringComparison.Ordinal);
        using HttpResponseMessage answer = await first;
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    [Fact]
    public async Task Metrics_of_known_tenants_start_at_zero_and_limits_are_shown()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();

        string metrics = await gateway.Management.GetStringAsync(new Uri("/metrics", UriKind.Relative), Cancel);

        Assert.Contains("""rwgateway_ingest_written_items_total{tenant="theirs",store="main",kind="exemplar"} 0""", metrics, StringComparison.Ordinal);
        Assert.Contains("""rwgateway_limit_value{tenant="ours",limit="maxLabelsPerSeries"} 60""", metrics, StringComparison.Ordinal);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What the store was asked to write: everything but the gateway's own probe, which has no series.</summary>
    private static IReadOnlyList<ReceivedRequest> Writes(GatewayHost gateway) =>
        [.. gateway.Store.Requests.Where(request => request.Items.Total > 0)];

    private static ReceivedRequest Written(GatewayHost gateway) => Assert.Single(Writes(gateway));

    private static Task<string> TextAsync(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync(Cancel);

    private static string[] Counts(HttpResponseMessage answer) =>
    [
        .. ((string[])["Samples", "Histograms", "Exemplars"]).Select(kind => answer.Headers.GetValues($"X-Prometheus-Remote-Write-{kind}-Written").Single()),
    ];

    private static V1.WriteRequest SampleV1(string name, params (string Name, string Value)[] labels)
    {
        var series = new V1.TimeSeries { Samples = { new V1.Sample { Timestamp = 1_764_000_000_000, Value = 1 } } };
        series.Labels.Add(new V1.Label { Name = "__name__", Value = name });
        series.Labels.AddRange(labels.Select(label => new V1.Label { Name = label.Name, Value = label.Value }));
        return new V1.WriteRequest { Timeseries = { series } };
    }

    private static V2.Request SampleV2(long timestampMs, string name, params (string Name, string Value)[] labels)
    {
        var request = new V2.Request { Symbols = { "" } };
        var series = new V2.TimeSeries { Samples = { new V2.Sample { Timestamp = timestampMs, Value = 1 } } };
        foreach ((string label, string value) in labels.Prepend(("__name__", name)))
        {
            series.LabelsRefs.Add((uint)request.Symbols.Count);
            request.Symbols.Add(label);
            series.LabelsRefs.Add((uint)request.Symbols.Count);
            request.Symbols.Add(value);
        }

        request.Timeseries.Add(series);
        return request;
    }
}
