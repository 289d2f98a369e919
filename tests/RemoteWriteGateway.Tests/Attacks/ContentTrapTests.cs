using System.Text;
using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Traps 9, 10, 12, 16 and 24: content that must arrive as it was, and content that must not arrive.</summary>
public sealed class ContentTrapTests(ContentTrapTests.SharedGateway shared) : IClassFixture<ContentTrapTests.SharedGateway>
{
    private static readonly Dictionary<string, Func<long, V1.Histogram>> BadHistograms = new()
    {
        ["flavour: floats beside an integer count"] = now => Histogram(now, h => h.PositiveCounts.Add(1)),
        ["flavour: integers beside a float count"] = now => FloatHistogram(now, h => h.NegativeDeltas.Add(1)),
        ["flavour: no count and floats"] = now => new V1.Histogram { Timestamp = now, PositiveSpans = { new V1.BucketSpan { Length = 1 } }, PositiveCounts = { 1 } },
        ["spans: negative offset from the second on"] = now => Histogram(now, h => h.PositiveSpans[1].Offset = -1),
        ["spans: more than buckets"] = now => Histogram(now, h => h.PositiveSpans[1].Length = 2),
        ["spans: lengths that overflow 32 bits"] = now => Histogram(now, h => h.NegativeSpans.Add(new V1.BucketSpan { Length = uint.MaxValue })),
        ["spans: past the custom bounds"] = now => CustomBounds(now, h => h.PositiveSpans[0].Offset = 2),
        ["spans: negative offset with custom bounds"] = now => CustomBounds(now, h => h.PositiveSpans[0].Offset = -1),
        ["buckets: a running sum below zero"] = now => Histogram(now, h => h.PositiveDeltas[2] = -100),
        ["buckets: a running sum past int64"] = now => Histogram(now, h => { h.NegativeDeltas[0] = 1; h.NegativeDeltas[1] = long.MaxValue; }),
        ["buckets: a float below zero"] = now => FloatHistogram(now, h => h.PositiveCounts[1] = -0.5),
        ["buckets: negative ones with custom bounds"] = now => CustomBounds(now, h => { h.NegativeSpans.Add(new V1.BucketSpan { Length = 1 }); h.NegativeDeltas.Add(1); h.CountInt++; }),
        ["zero bucket: below zero"] = now => FloatHistogram(now, h => h.ZeroCountFloat = -1),
        ["zero bucket: with custom bounds"] = now => CustomBounds(now, h => { h.ZeroCountInt = 1; h.CountInt++; }),
        ["zero bucket: a threshold with custom bounds"] = now => CustomBounds(now, h => h.ZeroThreshold = 0.1),
        ["bounds: of an exponential schema"] = now => Histogram(now, h => h.CustomValues.Add(1)),
        ["bounds: not ascending"] = now => CustomBounds(now, h => h.CustomValues[1] = 1),
        ["bounds: NaN"] = now => CustomBounds(now, h => h.CustomValues[1] = double.NaN),
        ["bounds: not finite"] = now => CustomBounds(now, h => h.CustomValues[2] = double.PositiveInfinity),
        ["total: above the buckets"] = now => Histogram(now, h => h.CountInt = 12),
        ["total: below the buckets, sum NaN"] = now => Histogram(now, h => { h.CountInt = 10; h.Sum = double.NaN; }),
        ["total: a float below zero"] = now => FloatHistogram(now, h => h.CountFloat = -1),
        ["schema: -5"] = now => Histogram(now, h => h.Schema = -5),
        ["schema: 9"] = now => Histogram(now, h => h.Schema = 9),
        ["schema: 53"] = now => Histogram(now, h => h.Schema = 53),
        ["schema: -54"] = now => CustomBounds(now, h => h.Schema = -54),
    };

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string> HistogramRules => [.. BadHistograms.Keys];

    [Theory]
    [InlineData(false, "v1", StaleBits)]
    [InlineData(true, "v1", StaleBits)]
    [InlineData(true, "v2", StaleBits)]
    [InlineData(false, "v1", NaNBits)]
    [InlineData(true, "v1", NaNBits)]
    [InlineData(true, "v2", NaNBits)]
    [InlineData(true, "v1", 0xfff8_dead_beef_0001)]
    [InlineData(true, "v2", 0xfff8_dead_beef_0001)]
    public async Task A_value_keeps_its_64_bits(bool isV2, string store, ulong bits)
    {
        double value = BitConverter.UInt64BitsToDouble(bits);
        V1.TimeSeries histogram = Series("histogram");
        histogram.Histograms.Add(Histogram(Gateway.NowMs, h => h.Sum = value));

        ReceivedRequest received = Assert.Single(await WriteAsync(store, To(isV2, Series("sample").At(Gateway.NowMs, value), histogram)));

        (double Sample, double Sum) arrived = store == "v1"
            ? (received.AsV1.Timeseries[0].Samples[0].Value, received.AsV1.Timeseries[1].Histograms[0].Sum)
            : (received.AsV2.Timeseries[0].Samples[0].Value, received.AsV2.Timeseries[1].Histograms[0].Sum);
        Assert.Equal((bits, bits), (BitConverter.DoubleToUInt64Bits(arrived.Sample), BitConverter.DoubleToUInt64Bits(arrived.Sum)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Labels_leave_in_byte_order_with_the_stamp_at_its_place(bool isV2)
    {
        // As Thanos: labels that are not in order, or not unique, are 409.
        Gateway.Store.Answering = request => request.Series.All(IsSorted) ? StoreAnswer.Accept : new StoreAnswer(409, "labels are not sorted");

        ReceivedRequest received = Assert.Single(await WriteAsync("v2", To(isV2, Series(
            "up", ("\U0001F30D", "1"), ("tenant_a", "2"), ("\uFF5E", "3"), ("tenan", "4"), ("Z", "5")).At(Gateway.NowMs))));

        Assert.Equal(
            ["{Z=\"5\",__name__=\"up\",tenan=\"4\",tenant=\"v2\",tenant_a=\"2\",\uFF5E=\"3\",\U0001F30D=\"1\"}"],
            received.Series);
    }

    [Theory]
    [InlineData("v1", 0)]
    [InlineData("v2", 0)]
    [InlineData("header", 1)]
    [InlineData("victoria", 0)]
    public async Task Metadata_alone_is_204_and_reaches_only_stores_that_keep_tenants_apart_themselves(string tenant, int requests)
    {
        var v1 = new V1.WriteRequest { Metadata = { new V1.MetricMetadata { MetricFamilyName = "up", Help = "of one tenant" } } };
        V2.Request v2 = ToV2(Series("up"));
        v2.Symbols.Add("of one tenant");
        v2.Timeseries[0].Metadata = new V2.Metadata { HelpRef = (uint)v2.Symbols.Count - 1 };

        Assert.Equal(requests, (await WriteAsync(tenant, v1)).Count);
        Assert.Empty(await WriteAsync(tenant, v2));
    }

    [Theory]
    [MemberData(nameof(HistogramRules))]
    public async Task A_histogram_that_breaks_a_rule_is_400_and_never_reaches_the_store(string rule)
    {
        V1.TimeSeries series = Series("up");
        series.Histograms.Add(BadHistograms[rule](Gateway.NowMs));
        foreach (bool isV2 in (bool[])[false, true])
        {
            int before = Gateway.Store.Requests.Count;
            using HttpResponseMessage answer = await Gateway.WriteAsync(To(isV2, series), path: "/tenants/v2/api/v1/write");

            Assert.Equal(400, (int)answer.StatusCode);
            Assert.StartsWith("histogram-", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
            Assert.Equal(before, Gateway.Store.Requests.Count);
        }
    }

    public static TheoryData<string, bool> Places
    {
        get
        {
            TheoryData<string, bool> all = [];
            foreach (string place in (string[])["metric-name-invalid", "label-name-invalid", "label-value-invalid", "exemplar-labels-invalid"])
            {
                all.Add(place, false);
                all.Add(place, true);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Text_that_is_not_utf8_is_refused_and_never_replaced(string reason, bool isV2)
    {
        // A lone byte, half of a surrogate pair, an overlong slash, a character cut short.
        foreach (byte[] bad in (byte[][])[[0x61, 0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xe2, 0x82]])
        {
            byte[] name = reason == "metric-name-invalid" ? bad : "up"u8.ToArray();
            byte[] label = reason == "label-name-invalid" ? bad : "job"u8.ToArray();
            byte[] value = reason == "label-value-invalid" ? bad : "x"u8.ToArray();
            byte[] traceId = reason == "exemplar-labels-invalid" ? bad : "y"u8.ToArray();
            byte[] good = To(isV2, Series("good").At(Gateway.NowMs)).ToByteArray();
            byte[] body = Snappy.Encode(Joined(good, isV2 ? BadV2(name, label, value, traceId) : BadV1(name, label, value, traceId)));
            int before = Gateway.Store.Requests.Count;

            using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2, path: "/tenants/v2/api/v1/write");

            Assert.Equal(400, (int)answer.StatusCode);
            Assert.StartsWith(reason + ": ", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer), StringComparison.Ordinal);
            ReceivedRequest received = Assert.Single(Gateway.Store.Requests.Skip(before));
            Assert.Equal("""{__name__="good",tenant="v2"}""", received.Series[0]);
            Assert.Equal(-1, received.Message.AsSpan().IndexOf(Encoding.UTF8.GetBytes("\uFFFD")));
            Assert.Equal(-1, received.Message.AsSpan().IndexOf(bad));
        }
    }

    [Fact]
    public async Task An_unknown_field_of_a_sample_stays_and_one_of_a_series_does_not()
    {
        byte[] unknown = [0xa0, 0x06, 0x2a]; // field 100, varint 42
        byte[] sample = Joined(new V2.Sample { Timestamp = Gateway.NowMs, Value = 1 }.ToByteArray(), unknown);
        byte[] ofSeries = Field(101, "tenant=theirs"u8);
        byte[] message = Joined(
            Field(4, []), Field(4, "__name__"u8), Field(4, "up"u8), Field(5, Joined(Field(1, [1, 2]), Field(2, sample), ofSeries)), Field(102, "tenant=theirs"u8));

        ReceivedRequest received = Assert.Single(await WriteAsync("v2", Snappy.Encode(message), isV2: true));

        Assert.Equal(["""{__name__="up",tenant="v2"}"""], received.Series);
        Assert.NotEqual(-1, received.Message.AsSpan().IndexOf(sample));
        Assert.Equal(-1, received.Message.AsSpan().IndexOf("theirs"u8));
    }

    private static byte[] BadV1(byte[] name, byte[] label, byte[] value, byte[] traceId) => Field(1, Joined(
        LabelV1("__name__"u8, name), LabelV1(label, value), Field(2, new V1.Sample { Timestamp = 1_764_000_000_000 }.ToByteArray()),
        Field(3, Joined(LabelV1("trace_id"u8, traceId), new V1.Exemplar { Timestamp = 1_764_000_000_000 }.ToByteArray()))));

    // Behind a request of three symbols: empty, __name__, good.
    private static byte[] BadV2(byte[] name, byte[] label, byte[] value, byte[] traceId) => Joined(
        Field(4, name), Field(4, label), Field(4, value), Field(4, "trace_id"u8), Field(4, traceId),
        Field(5, Joined(
            Field(1, [1, 3, 4, 5]), Field(2, new V2.Sample { Timestamp = 1_764_000_000_000 }.ToByteArray()),
            Field(4, Joined(Field(1, [6, 7]), new V2.Exemplar { Timestamp = 1_764_000_000_000 }.ToByteArray())))));

    private static bool IsSorted(string series)
    {
        string[] names = [.. series.Trim('{', '}').Split(',').Select(label => label.Split('=')[0])];
        return names.Zip(names.Skip(1)).All(pair => Encoding.UTF8.GetBytes(pair.First).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(pair.Second)) < 0);
    }

    private Task<IReadOnlyList<ReceivedRequest>> WriteAsync(string tenant, IMessage message) =>
        WriteAsync(tenant, Snappy.Encode(message.ToByteArray()), message is V2.Request);

    private async Task<IReadOnlyList<ReceivedRequest>> WriteAsync(string tenant, byte[] body, bool isV2)
    {
        int before = Gateway.Store.Requests.Count;
        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2, path: $"/tenants/{tenant}/api/v1/write");
        Gateway.Store.Answering = null;
        Assert.Equal("", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer));
        Assert.Equal(204, (int)answer.StatusCode);
        return [.. Gateway.Store.Requests.Skip(before)];
    }

    /// <summary>One gateway before one listener that stands for four kinds of stores; tenants are called like them.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(
            $$"""
            version: 1
            tenants: { v1: { store: v1 }, v2: { store: main }, header: { store: header }, victoria: { store: victoria } }
            bindings:
            - id: prom
              match: { kind: app, client: [{{GatewayHost.PromClient}}] }
              grant: { permissions: [metrics:write], allTenants: true }
            """,
            [
                ("Stores:main:Protocol", "v2"),
                ("Stores:v1:Kind", "Prometheus"), ("Stores:v1:Url", "{store}"), ("Stores:v1:Protocol", "v1"),
                ("Stores:header:Kind", "Mimir"), ("Stores:header:Url", "{store}"), ("Stores:header:Read:Enabled", "false"),
                ("Stores:victoria:Kind", "VictoriaMetrics"), ("Stores:victoria:Url", "{store}"), ("Stores:victoria:Read:Enabled", "false"),
            ]);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
