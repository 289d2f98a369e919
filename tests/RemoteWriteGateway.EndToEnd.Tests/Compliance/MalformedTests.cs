using System.Text;
using Google.Protobuf;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>Every malformed request is answered exactly 400 or 415 with its reason, and what is wrong in it is not stored.</summary>
[Collection(SharedReceiver.Name)]
public sealed class MalformedTests(ReceiverStand stand)
{
    private static readonly Dictionary<string, (byte[] Body, string Reason)> Bodies = new()
    {
        ["nothing"] = ([], "malformed-snappy"),
        ["text"] = (Encoding.ASCII.GetBytes("up 1\n"), "malformed-snappy"),
        ["a message that is not packed"] = (WireSeries.ToV1([WireSeries.Of("malformed", 1, 1)]), "malformed-snappy"),
        ["the framing format"] = ([0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59, 0x01, 0x05, 0x00, 0x00, 0, 0, 0, 0, 1], "malformed-snappy"),
        ["a stated length of 4 GiB"] = ([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00], "decoded-too-large"),
        ["packed text"] = (IronSnappy.Snappy.Encode(Encoding.ASCII.GetBytes("this is no protobuf message at all")), "malformed-protobuf"),
    };

    private static readonly Dictionary<string, (WireSeries Series, string Reason)> Series = new()
    {
        ["no metric name"] = (Of([("job", "malformed")]), "missing-metric-name"),
        ["an empty metric name"] = (Of([("__name__", ""), ("job", "malformed")]), "missing-metric-name"),
        ["no labels"] = (Of([]), "missing-metric-name"),
        ["an empty label name"] = (Of([("__name__", "malformed"), ("", "x")]), "label-name-invalid"),
        ["a label twice"] = (Of([("__name__", "malformed"), ("a", "1"), ("a", "1")]), "duplicate-label-names"),
        ["a label twice, once empty"] = (Of([("__name__", "malformed"), ("a", ""), ("a", "1")]), "duplicate-label-names"),
        ["too long a label name"] = (Of([("__name__", "malformed"), (new string('n', 300), "x")]), "label-name-too-long"),
        ["too long a label value"] = (Of([("__name__", "malformed"), ("a", new string('v', 3000))]), "label-value-too-long"),
        ["too many labels"] = (Of([("__name__", "malformed"), .. Enumerable.Range(0, 61).Select(i => ($"l{i}", "v"))]), "too-many-labels"),
        ["a timestamp far ahead"] = (WireSeries.Of("malformed", Now() + 3_600_000, 1), "too-far-in-future"),
        ["a histogram's schema"] = (Of(histogram => histogram.Schema = 53), "histogram-schema-invalid"),
        ["a histogram's count"] = (Of(histogram => histogram.CountInt = 16), "histogram-count-mismatch"),
        ["a histogram's spans"] = (Of(histogram => histogram.PositiveSpans[0].Length = 3), "histogram-buckets-mismatch"),
        ["a histogram's negative bucket"] = (Of(histogram => (histogram.PositiveDeltas[1], histogram.CountInt) = (-7, 2)), "histogram-negative-count"),
        ["a histogram's span offset"] = (Of(histogram => histogram.PositiveSpans[1].Offset = -1), "histogram-span-invalid"),
        ["too long an exemplar"] = (
            WireSeries.Of("faulty_exemplar", Now(), 1) with { Exemplars = [(Now(), 1, [("trace_id", new string('t', 130))])] }, "exemplar-labels-too-long"),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> BodyNames() => [.. Bodies.Keys];

    public static TheoryData<string> SeriesNames() => [.. Series.Keys];

    [Theory]
    [MemberData(nameof(BodyNames))]
    public async Task A_body_that_is_no_message_is_refused_by_1_0(string name)
    {
        (byte[] body, string reason) = Bodies[name];

        WriteAnswer answer = await stand.Through().SendBytesAsync(body, DirectWriter.V1, "snappy", isChunked: true, Cancellation);

        Assert.Equal((400, reason), (answer.Status, answer.Reason));
        Assert.Null(answer.Samples ?? answer.Histograms ?? answer.Exemplars);
    }

    [Theory]
    [MemberData(nameof(BodyNames))]
    public async Task A_body_that_is_no_message_is_refused_by_2_0(string name)
    {
        (byte[] body, string reason) = Bodies[name];

        WriteAnswer answer = await stand.Through().SendBytesAsync(body, DirectWriter.V2, "snappy", isChunked: true, Cancellation);

        Assert.Equal((400, reason), (answer.Status, answer.Reason));
        Assert.Equal((0, 0, 0), (answer.Samples, answer.Histograms, answer.Exemplars));
    }

    [Theory]
    [InlineData(DirectWriter.V1)]
    [InlineData(DirectWriter.V2)]
    public async Task A_body_that_is_cut_off_anywhere_is_refused(string contentType)
    {
        WireSeries[] series = [.. Enumerable.Range(0, 5).Select(i => WireSeries.Of("malformed_cut", Now(), i, ("series", $"{i}")))];
        byte[] body = IronSnappy.Snappy.Encode(contentType == DirectWriter.V1 ? WireSeries.ToV1(series) : WireSeries.ToV2(series).ToByteArray());
        for (int length = 1; length < body.Length; length += 7)
        {
            WriteAnswer answer = await stand.Through().SendBytesAsync(body[..length], contentType, "snappy", isChunked: true, Cancellation);

            Assert.Equal((400, "malformed-snappy"), (answer.Status, answer.Reason));
        }

        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"malformed_cut\"}", Cancellation));
    }

    [Theory]
    [InlineData("text/plain", "snappy", "unsupported-media-type")]
    [InlineData("application/json", "snappy", "unsupported-media-type")]
    [InlineData("application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", "unsupported-media-type")]
    [InlineData("application/x-protobuf;proto=prometheus.WriteRequest;proto=io.prometheus.write.v2.Request", "snappy", "unsupported-media-type")]
    [InlineData(DirectWriter.V1, "gzip", "unsupported-encoding")]
    [InlineData(DirectWriter.V1, "zstd", "unsupported-encoding")]
    [InlineData(DirectWriter.V2, "identity", "unsupported-encoding")]
    public async Task A_body_of_another_type_or_encoding_is_refused_with_415(string contentType, string encoding, string reason)
    {
        byte[] body = IronSnappy.Snappy.Encode(WireSeries.ToV1([WireSeries.Of("malformed_type", Now(), 1)]));

        WriteAnswer answer = await stand.Through().SendBytesAsync(body, contentType, encoding, isChunked: true, Cancellation);

        Assert.Equal((415, reason), (answer.Status, answer.Reason));
        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"malformed_type\"}", Cancellation));
    }

    [Theory]
    [MemberData(nameof(SeriesNames))]
    public async Task By_1_0_one_faulty_series_is_refused_and_the_rest_is_stored(string name)
    {
        (WireSeries faulty, string reason) = Series[name];
        WireSeries good = WireSeries.Of("beside_v1", Now(), 1, ("beside", name));

        WriteAnswer answer = await stand.Through().SendAsync(WireSeries.ToV1([faulty, good]), DirectWriter.V1, Cancellation);

        Assert.Equal((400, reason), (answer.Status, answer.Reason));
        Assert.Single(await stand.Store.ReadAsync($"{{__name__=\"beside_v1\",beside=\"{name}\"}}", Cancellation));
        await AssertNothingFaultyIsStoredAsync();
    }

    [Theory]
    [MemberData(nameof(SeriesNames))]
    public async Task By_2_0_one_faulty_series_is_refused_and_the_rest_is_stored_and_counted(string name)
    {
        (WireSeries faulty, string reason) = Series[name];
        WireSeries good = WireSeries.Of("beside_v2", Now(), 1, ("beside", name));

        WriteAnswer answer = await stand.Through().SendAsync(WireSeries.ToV2([faulty, good]).ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.Equal((400, reason), (answer.Status, answer.Reason));

        // Of the exemplar's series only the exemplar is at fault.
        Assert.Equal((faulty.Exemplars.Count > 0 ? 2 : 1, 0, 0), (answer.Samples, answer.Histograms, answer.Exemplars));
        Assert.Single(await stand.Store.ReadAsync($"{{__name__=\"beside_v2\",beside=\"{name}\"}}", Cancellation));
        await AssertNothingFaultyIsStoredAsync();
    }

    [Theory]
    [InlineData("no symbols", "invalid-symbols")]
    [InlineData("a first symbol that is not empty", "invalid-symbols")]
    [InlineData("a reference past the table", "invalid-label-refs")]
    [InlineData("an odd count of references", "invalid-label-refs")]
    [InlineData("a series that carries nothing", "series-without-data")]
    public async Task A_2_0_request_with_a_fault_in_its_references_is_refused(string name, string reason)
    {
        V2.Request request = WireSeries.ToV2([WireSeries.Of("malformed_refs", Now(), 1)]);
        switch (name)
        {
            case "no symbols": request.Symbols.Clear(); break;
            case "a first symbol that is not empty": request.Symbols[0] = "first"; break;
            case "a reference past the table": request.Timeseries[0].LabelsRefs[1] = 99; break;
            case "an odd count of references": request.Timeseries[0].LabelsRefs.Add(1); break;
            default: request.Timeseries[0].Samples.Clear(); break;
        }

        WriteAnswer answer = await stand.Through().SendAsync(request.ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.Equal((400, reason), (answer.Status, answer.Reason));
        Assert.Equal((0, 0, 0), (answer.Samples, answer.Histograms, answer.Exemplars));
        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"malformed_refs\"}", Cancellation));
    }

    [Fact]
    public async Task A_label_that_is_not_UTF8_is_refused_and_not_mended()
    {
        V1.WriteRequest request = new()
        {
            Timeseries = { new V1.TimeSeries { Labels = { new V1.Label { Name = "__name__", Value = "malformed_utf8" } }, Samples = { new V1.Sample { Timestamp = Now() } } } },
        };
        byte[] message = request.ToByteArray();
        message[message.AsSpan().IndexOf("utf8"u8)] = 0xff;

        WriteAnswer answer = await stand.Through().SendAsync(message, DirectWriter.V1, Cancellation);

        Assert.Equal((400, "metric-name-invalid"), (answer.Status, answer.Reason));
        Assert.Empty(await stand.Store.ReadAsync("{__name__=~\"malformed_.tf8\"}", Cancellation));
    }

    [Fact]
    public async Task Another_value_at_the_time_of_a_stored_one_is_the_stores_to_refuse()
    {
        long now = Now();
        await stand.Through().SendAsync(WireSeries.ToV1([WireSeries.Of("duplicate", now, 1)]), DirectWriter.V1, Cancellation);

        WriteAnswer v1 = await stand.Through().SendAsync(WireSeries.ToV1([WireSeries.Of("duplicate", now, 2)]), DirectWriter.V1, Cancellation);
        WriteAnswer v2 = await stand.Through().SendAsync(
            WireSeries.ToV2([WireSeries.Of("duplicate", now, 2), WireSeries.Of("beside_duplicate", now, 1)]).ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.Equal((400, "store-refused"), (v1.Status, v1.Reason));
        Assert.Equal((400, 1, 0, 0), (v2.Status, v2.Samples, v2.Histograms, v2.Exemplars));
        Assert.StartsWith("store-", v2.Reason, StringComparison.Ordinal);
        Assert.Equal(["1"], Assert.Single(await stand.Store.ReadAsync("{__name__=\"duplicate\"}", Cancellation)).Value.Values);
        Assert.Single(await stand.Store.ReadAsync("{__name__=\"beside_duplicate\"}", Cancellation));
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static WireSeries Of(IReadOnlyList<(string Name, string Value)> labels) => new(labels) { Samples = [(Now(), 1)] };

    private static WireSeries Of(Action<V1.Histogram> spoil)
    {
        V1.Histogram histogram = Histograms.Integer(Now());
        spoil(histogram);
        return new WireSeries([("__name__", "malformed")]) { Histograms = [histogram] };
    }

    private async Task AssertNothingFaultyIsStoredAsync()
    {
        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"malformed\"}", Cancellation));
        Assert.Empty(await stand.Store.ReadAsync("{job=\"malformed\"}", Cancellation));
        Assert.Empty(await stand.Store.ReadExemplarsAsync("{__name__=\"faulty_exemplar\"}", Cancellation));
    }
}
