using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Traps 3, 4 and 5: every way to write under another tenant, as the store sees what comes out.</summary>
public sealed class TenantTrapTests(TenantTrapTests.SharedGateway shared) : IClassFixture<TenantTrapTests.SharedGateway>
{
    /// <summary>Headers by which some store or proxy takes a tenant, or somebody's word for one.</summary>
    private static readonly string[] TenancyHeaders =
    [
        "THANOS-TENANT", "AccountID", "ProjectID", "X-Tenant", "X-Tenant-Id", "X-Org-Id", "X-WEBAUTH-USER", "X-Grafana-User", "X-Prometheus-Remote-Write-Version",
        "X-Prometheus-Remote-Write-Samples-Written", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-User", "X-Original-URL", "Forwarded", "Via", "Cookie",
        "Proxy-Authorization", "traceparent", "tracestate", "baggage", "Retry-Attempt", "User-Agent", "If-None-Match", "X-Zone",
    ];

    private static readonly string[] ReservedLabels = ["tenant", "__tenant_id__", "vm_account_id", "vm_project_id"];

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string> Forms =>
        ["in its place", "in front of the name", "empty", "beside ours", "on a stale series", "on a series with exemplars alone", "on a histogram"];

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_tenant_label_of_the_writer_leaves_as_exactly_one_and_ours(string form)
    {
        V1.TimeSeries series = Series("up", ("job", "x"));
        V1.Label foreign = new() { Name = "tenant", Value = "theirs" };
        series.Labels.Add(foreign);
        switch (form)
        {
            case "in front of the name":
                series.Labels.RemoveAt(2);
                series.Labels.Insert(0, foreign);
                break;
            case "empty":
                foreign.Value = "";
                break;
            case "beside ours":
                foreign.Value = "ours";
                break;
            case "on a stale series":
                series.At(Gateway.NowMs, BitConverter.UInt64BitsToDouble(StaleBits));
                break;
            case "on a series with exemplars alone":
                series.Exemplars.Add(new V1.Exemplar { Timestamp = Gateway.NowMs, Labels = { new V1.Label { Name = "tenant", Value = "theirs" } } });
                break;
            case "on a histogram":
                series.Histograms.Add(Histogram(Gateway.NowMs));
                break;
        }

        if (series.Exemplars.Count + series.Histograms.Count + series.Samples.Count == 0)
        {
            series.At(Gateway.NowMs);
        }

        foreach (bool isV2 in (bool[])[false, true])
        {
            Assert.Equal(["""{__name__="up",job="x",tenant="ours"}"""], await WrittenAsync(To(isV2, series).ToByteArray(), isV2));
        }
    }

    [Fact]
    public async Task A_twin_symbol_of_the_tenant_label_is_the_tenant_label()
    {
        // The label's name and our own value stand in the table twice: comparing numbers instead of bytes would miss one of them.
        var request = new V2.Request { Symbols = { "", "tenant", "tenant", "theirs", "ours", "ours", "__name__", "up" } };
        request.Timeseries.Add(new V2.TimeSeries { LabelsRefs = { 6, 7, 2, 3 }, Samples = { new V2.Sample { Timestamp = Gateway.NowMs } } });
        request.Timeseries.Add(new V2.TimeSeries { LabelsRefs = { 6, 7, 1, 5 }, Samples = { new V2.Sample { Timestamp = Gateway.NowMs } } });

        string expected = """{__name__="up",tenant="ours"}""";
        Assert.Equal([expected, expected], await WrittenAsync(request.ToByteArray(), isV2: true));
    }

    [Fact]
    public async Task A_label_message_with_two_names_carries_no_foreign_tenant()
    {
        // Last one wins, whatever the order of name and value.
        byte[] twoNames = Field(1, Joined(Field(1, "harmless"u8), Field(2, "theirs"u8), Field(1, "tenant"u8)));
        byte[] twoValues = Field(1, Joined(Field(2, "theirs"u8), Field(1, "job"u8), Field(2, "x"u8)));
        byte[] sample = Field(2, new V1.Sample { Timestamp = Gateway.NowMs }.ToByteArray());
        byte[] message = Field(1, Joined(LabelV1("__name__"u8, "up"u8), twoNames, twoValues, sample));

        Assert.Equal(["""{__name__="up",job="x",tenant="ours"}"""], await WrittenAsync(message, isV2: false));
        Assert.Equal(-1, Gateway.Store.Requests[^1].Message.AsSpan().IndexOf("theirs"u8));
    }

    [Fact]
    public async Task Labels_behind_the_samples_are_labels_too()
    {
        byte[] sample = Field(2, new V1.Sample { Timestamp = Gateway.NowMs }.ToByteArray());
        byte[] message = Field(1, Joined(sample, LabelV1("tenant"u8, "theirs"u8), LabelV1("__name__"u8, "up"u8)));

        Assert.Equal(["""{__name__="up",tenant="ours"}"""], await WrittenAsync(message, isV2: false));
    }

    /// <summary>The whole request that the store receives is that of a sender who sends nothing of it.</summary>
    [Theory]
    [InlineData(false, "main")]
    [InlineData(true, "main")]
    [InlineData(false, "header")]
    [InlineData(true, "header")]
    public async Task Nothing_of_the_caller_reaches_the_store(bool isV2, string tenant)
    {
        byte[] plain = To(isV2, Series("up", ("job", "x")).At(Gateway.NowMs)).ToByteArray();
        byte[] hostile = To(isV2, Series("up", [.. ReservedLabels.Select(label => (label, "smuggled")), ("job", "x")]).At(Gateway.NowMs)).ToByteArray();
        string path = $"/tenants/{tenant}/api/v1/write";
        string token = Gateway.Token("prom");
        await WriteAsync(plain, isV2, token, path, _ => { });
        ReceivedRequest expected = Gateway.Store.Requests[^1];

        await WriteAsync(hostile, isV2, token, $"{path}?tenant=smuggled&extra_label=tenant=smuggled&X-Scope-OrgID=smuggled&db=smuggled", request =>
        {
            foreach (string header in TenancyHeaders)
            {
                request.Headers.TryAddWithoutValidation(header, "smuggled");
            }

            request.Headers.TryAddWithoutValidation("X-Scope-OrgID", tenant);
        });

        ReceivedRequest received = Gateway.Store.Requests[^1];
        Assert.NotSame(expected, received);
        Assert.Equal((expected.Method, expected.Target), (received.Method, received.Target));
        Assert.Equal(Head(expected), Head(received));
        Assert.Equal(expected.Series, received.Series);
        string everything = string.Join('\n', received.Headers) + System.Text.Encoding.Latin1.GetString(received.Message);
        WriteAnswerCheck.AssertAbsent(["smuggled", .. token.Split('.')], everything.Replace(LeftOverSymbols(isV2), "", StringComparison.Ordinal));
        Assert.Equal(tenant == "header" ? "store-id" : null, received.Header("X-Scope-OrgID"));
    }

    /// <summary>2.0 symbols that nothing refers to any more may stay: no store makes a label of them.</summary>
    private static string LeftOverSymbols(bool isV2) => isV2 ? "\"\u0008smuggled" : "\0";

    // All but what differs from request to request, and the length, which left-over symbols change.
    private static IEnumerable<string> Head(ReceivedRequest request) =>
        request.Headers.Where(header => header.Key is not ("traceparent" or "Content-Length")).Select(header => $"{header.Key}: {header.Value}");

    private async Task<IReadOnlyList<string>> WrittenAsync(byte[] message, bool isV2)
    {
        await WriteAsync(message, isV2, Gateway.Token("prom"), "/tenants/ours/api/v1/write", _ => { });
        return Gateway.Store.Requests[^1].Series;
    }

    private async Task WriteAsync(byte[] message, bool isV2, string token, string path, Action<HttpRequestMessage> change)
    {
        int before = Gateway.Store.Requests.Count;
        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(Snappy.Encode(message), isV2, token, path, change);
        Assert.Equal(204, (int)answer.StatusCode);
        Assert.Equal(before + 1, Gateway.Store.Requests.Count);
    }

    /// <summary>One gateway before a store by label and one by header.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            $$"""
            version: 1
            tenants: { ours: { store: main }, main: { store: main }, header: { store: header, storeId: store-id }, theirs: { store: main } }
            bindings:
            - id: prom
              match: { kind: app, client: [{{GatewayHost.PromClient}}] }
              grant: { permissions: [metrics:write], tenants: [ours, main, header] }
            """,
            [
                ("Stores:main:Protocol", "v2"),
                ("Stores:header:Kind", "Mimir"), ("Stores:header:Url", "{store}"), ("Stores:header:Protocol", "v2"), ("Stores:header:Read:Enabled", "false"),
            ]);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
