using Google.Protobuf;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>
/// Every well-formed request is answered 2xx, and what the store then holds is what it holds of the same request written to it
/// directly, but for the tenant. Chunked bodies without a length, a new connection for each.
/// </summary>
[Collection(SharedReceiver.Name)]
public sealed class WellFormedTests(ReceiverStand stand)
{
    private static readonly Dictionary<string, Func<string, long, IReadOnlyList<WireSeries>>> Requests = new()
    {
        ["one_sample"] = (metric, now) => [WireSeries.Of(metric, now, 1.5, ("job", "a"))],
        ["several_samples_of_a_series"] = (metric, now) =>
            [new([("__name__", metric)]) { Samples = [(now - 2000, 1), (now - 1000, 2), (now, 3)] }],
        ["several_series"] = (metric, now) => [.. Enumerable.Range(0, 20).Select(i => WireSeries.Of(metric, now, i, ("series", $"{i}")))],
        ["a_thousand_series"] = (metric, now) => [.. Enumerable.Range(0, 1000).Select(i => WireSeries.Of(metric, now, i, ("series", $"{i}")))],
        ["unsorted_labels"] = (metric, now) =>
            [new([("zone", "z"), ("tenan", "not quite"), ("__name__", metric), ("tenant_a", "nor this"), ("Z", "upper"), ("a", "first")]) { Samples = [(now, 1)] }],
        ["a_label_with_an_empty_value"] = (metric, now) => [WireSeries.Of(metric, now, 1, ("empty", ""), ("full", "x"))],
        ["a_tenant_claimed"] = (metric, now) => [WireSeries.Of(metric, now, 1, ("tenant", "someone-else"))],
        ["names_in_UTF8"] = (metric, now) =>
            [new([("__name__", metric + ".with dots 🌍"), ("名前", "値"), ("with blank", "line\nfeed"), ("🌍", "after"), ("～", "before")]) { Samples = [(now, 1)] }],
        ["long_values_and_many_labels"] = (metric, now) =>
            [new([("__name__", metric), .. Enumerable.Range(0, 25).Select(i => ($"label_{i:D2}", new string('v', i == 0 ? 2000 : 50)))]) { Samples = [(now, 1)] }],
        ["special_values"] = (metric, now) =>
        [
            WireSeries.Of(metric, now, double.NaN, ("kind", "nan")), WireSeries.Of(metric, now, double.PositiveInfinity, ("kind", "inf")),
            WireSeries.Of(metric, now, double.NegativeInfinity, ("kind", "negative inf")), WireSeries.Of(metric, now, double.Epsilon, ("kind", "smallest")),
            WireSeries.Of(metric, now, double.MaxValue, ("kind", "largest")), WireSeries.Of(metric, now, -0.0, ("kind", "negative zero")),
            WireSeries.Of(metric, now, 0, ("kind", "zero")), WireSeries.Of(metric, now, 1.0 / 3, ("kind", "third")),
        ],
        ["a_label_set_twice_in_a_request"] = (metric, now) => [WireSeries.Of(metric, now - 1000, 1), WireSeries.Of(metric, now, 2)],
        ["a_minute_in_the_future"] = (metric, now) => [WireSeries.Of(metric, now + 60_000, 1)],
        ["ten_minutes_old"] = (metric, now) => [WireSeries.Of(metric, now - 600_000, 1)],
        ["a_stale_marker"] = (metric, now) => [new([("__name__", metric)]) { Samples = [(now - 1000, 1), (now, WireSeries.StaleMarker)] }],
        ["integer_histograms"] = (metric, now) => [new([("__name__", metric)]) { Histograms = [Histograms.Integer(now - 1000), Histograms.Integer(now)] }],
        ["float_histograms"] = (metric, now) => [new([("__name__", metric)]) { Histograms = [Histograms.Float(now)] }],
        ["a_stale_histogram"] = (metric, now) => [new([("__name__", metric)]) { Histograms = [Histograms.Integer(now - 1000), Histograms.Stale(now)] }],
        ["exemplars_beside_samples"] = (metric, now) =>
        [
            new([("__name__", metric)]) { Samples = [(now, 1)], Exemplars = [(now, 0.25, [("trace_id", "abc"), ("tenant", "of the exemplar")])] },
        ],
        ["an_exemplar_without_labels"] = (metric, now) => [new([("__name__", metric)]) { Samples = [(now, 1)], Exemplars = [(now, 0.25, [])] }],
    };

    /// <summary>What only 2.0 has.</summary>
    private static readonly Dictionary<string, Func<string, long, IReadOnlyList<WireSeries>>> RequestsOfV2 = new()
    {
        ["custom_bounds"] = (metric, now) => [new([("__name__", metric)]) { Histograms = [Histograms.CustomBounds(now)] }],
        ["metadata"] = (metric, now) =>
            [.. Enum.GetValues<V2.Metadata.Types.MetricType>().Select(type => WireSeries.Of($"{metric}_{(int)type}", now, 1) with { Type = type })],
        ["start_timestamps"] = (metric, now) => [WireSeries.Of(metric, now, 1) with { StartTimestampMs = now - 5000 }],
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> NamesOfV1() => [.. Requests.Keys];

    public static TheoryData<string> NamesOfV2() => [.. Requests.Keys, .. RequestsOfV2.Keys];

    [Theory]
    [MemberData(nameof(NamesOfV1))]
    public async Task A_1_0_request_is_stored_as_if_written_directly(string name)
    {
        string metric = $"v1_{name}";
        IReadOnlyList<WireSeries> series = Requests[name](metric, Now());

        WriteAnswer answer = await stand.Through().SendAsync(WireSeries.ToV1(series), DirectWriter.V1, Cancellation);
        WriteAnswer direct = await ReceiverStand.To(stand.Store).SendAsync(WireSeries.ToV1(Stamped(series)), DirectWriter.V1, Cancellation);

        Assert.True(direct.IsSuccess, direct.Text);
        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Null(answer.Samples ?? answer.Histograms ?? answer.Exemplars);
        await AssertStoredAsDirectlyAsync(metric, series);
    }

    [Theory]
    [MemberData(nameof(NamesOfV2))]
    public async Task A_2_0_request_is_stored_as_if_written_directly(string name)
    {
        string metric = $"v2_{name}";
        IReadOnlyList<WireSeries> series = (Requests.GetValueOrDefault(name) ?? RequestsOfV2[name])(metric, Now());

        WriteAnswer answer = await stand.Through().SendAsync(WireSeries.ToV2(series).ToByteArray(), DirectWriter.V2, Cancellation);
        WriteAnswer direct = await ReceiverStand.To(stand.Store).SendAsync(
            WireSeries.ToV2(Stamped(series)).ToByteArray(), DirectWriter.V2, Cancellation);

        Assert.True(direct.IsSuccess, direct.Text);
        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Equal(
            (series.Sum(one => one.Samples.Count), series.Sum(one => one.Histograms.Count), series.Sum(one => one.Exemplars.Count)),
            (answer.Samples, answer.Histograms, answer.Exemplars));
        await AssertStoredAsDirectlyAsync(metric, series);
    }

    [Theory]
    [InlineData("application/x-protobuf")]
    [InlineData("Application/X-Protobuf")]
    [InlineData("application/x-protobuf; proto=prometheus.WriteRequest")]
    [InlineData("application/x-protobuf;proto=\"prometheus.WriteRequest\"; charset=utf-8")]
    [InlineData(null)]
    public async Task A_1_0_request_may_say_so_in_many_ways(string? contentType)
    {
        string metric = $"v1_media_type_{contentType?.Length ?? 0}";
        byte[] body = IronSnappy.Snappy.Encode(WireSeries.ToV1([WireSeries.Of(metric, Now(), 1)]));

        WriteAnswer answer = await stand.Through().SendBytesAsync(body, contentType, "snappy", isChunked: false, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Single(await stand.Store.ReadAsync($"{{__name__=\"{metric}\"}}", Cancellation));
    }

    [Theory]
    [InlineData("snappy")]
    [InlineData("Snappy")]
    [InlineData(null)]
    public async Task The_encoding_may_be_left_out(string? encoding)
    {
        string metric = $"v2_encoding_{encoding ?? "absent"}";
        byte[] body = IronSnappy.Snappy.Encode(WireSeries.ToV2([WireSeries.Of(metric, Now(), 1)]).ToByteArray());

        WriteAnswer answer = await stand.Through().SendBytesAsync(body, DirectWriter.V2, encoding, isChunked: true, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Single(await stand.Store.ReadAsync($"{{__name__=\"{metric}\"}}", Cancellation));
    }

    [Theory]
    [InlineData(DirectWriter.V1)]
    [InlineData(DirectWriter.V2)]
    public async Task The_same_request_again_is_accepted_and_changes_nothing(string contentType)
    {
        string metric = contentType == DirectWriter.V1 ? "v1_repeated" : "v2_repeated";
        WireSeries[] series = [WireSeries.Of(metric, Now(), 1, ("a", "1")), WireSeries.Of(metric, Now(), 2, ("a", "2"))];
        byte[] message = contentType == DirectWriter.V1 ? WireSeries.ToV1(series) : WireSeries.ToV2(series).ToByteArray();

        WriteAnswer first = await stand.Through().SendAsync(message, contentType, Cancellation);
        StoredSeries stored = await stand.Store.ReadAsync($"{{__name__=\"{metric}\"}}", Cancellation);
        WriteAnswer second = await stand.Through().SendAsync(message, contentType, Cancellation);

        Assert.Equal((204, 204), (first.Status, second.Status));
        Assert.Equal(2, stored.SampleCount);
        Assert.Equal(stored.ToText(), (await stand.Store.ReadAsync($"{{__name__=\"{metric}\"}}", Cancellation)).ToText());
    }

    [Theory]
    [InlineData(DirectWriter.V1)]
    [InlineData(DirectWriter.V2)]
    public async Task A_request_without_series_is_answered_204(string contentType)
    {
        byte[] message = contentType == DirectWriter.V1 ? [] : WireSeries.ToV2([]).ToByteArray();

        WriteAnswer answer = await stand.Through().SendAsync(message, contentType, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
    }

    [Fact]
    public async Task Metadata_without_series_is_answered_204()
    {
        Protocol.Messages.V1.WriteRequest request = new()
        {
            Metadata = { new Protocol.Messages.V1.MetricMetadata { MetricFamilyName = "v1_metadata_only", Help = "Help.", Unit = "bytes" } },
        };

        WriteAnswer answer = await stand.Through().SendAsync(request.ToByteArray(), DirectWriter.V1, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
    }

    [Fact]
    public async Task Symbols_behind_the_series_and_symbols_that_occur_twice_are_understood()
    {
        V2.Request series = new()
        {
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2, 3, 4, 5, 4 }, Samples = { new V2.Sample { Timestamp = Now(), Value = 1 } } } },
        };
        V2.Request symbols = new() { Symbols = { "", "__name__", "v2_late_symbols", "tenant", "other", "twin", "tenant", "never used" } };

        // A message is also what comes of writing two of them one behind the other.
        WriteAnswer answer = await stand.Through().SendAsync([.. series.ToByteArray(), .. symbols.ToByteArray()], DirectWriter.V2, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Equal(
            StoredSeries.Key(new Dictionary<string, string> { ["__name__"] = "v2_late_symbols", ["twin"] = "other", ["tenant"] = ReceiverStand.Tenant }),
            Assert.Single(await stand.Store.ReadAsync("{__name__=\"v2_late_symbols\"}", Cancellation)).Key);
    }

    [Theory]
    [InlineData("/api/v1/push")]
    [InlineData("/api/v1/receive")]
    [InlineData("/tenants/writer/api/v1/write")]
    public async Task Each_alias_of_the_path_takes_writes(string path)
    {
        string metric = $"alias{path.Replace('/', '_')}";

        WriteAnswer answer = await stand.Through(ReceiverStand.Tenant, path).SendAsync(
            WireSeries.ToV1([WireSeries.Of(metric, Now(), 1)]), DirectWriter.V1, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Single(await stand.Store.ReadAsync($"{{__name__=\"{metric}\",tenant=\"{ReceiverStand.Tenant}\"}}", Cancellation));
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static IEnumerable<WireSeries> Stamped(IEnumerable<WireSeries> series) =>
        series.Select(one => one.StampedWith(ReceiverStand.DirectTenant));

    private async Task AssertStoredAsDirectlyAsync(string metric, IReadOnlyList<WireSeries> series)
    {
        string Selector(string tenant) => $"{{__name__=~\"{metric}.*\",tenant=\"{tenant}\"}}";
        static string Renamed(string text) => text.Replace($"tenant=\"{ReceiverStand.DirectTenant}\"", $"tenant=\"{ReceiverStand.Tenant}\"");

        StoredSeries direct = await stand.Store.ReadAsync(Selector(ReceiverStand.DirectTenant), Cancellation);
        StoredSeries stored = await stand.Store.ReadAsync(Selector(ReceiverStand.Tenant), Cancellation);
        Assert.Equal(series.Select(one => StoredSeries.Key(one.Labels.Select(label => KeyValuePair.Create(label.Name, label.Value)))).Distinct().Count(), direct.Count);
        Assert.Equal(Renamed(direct.ToText()), stored.ToText());

        IReadOnlyList<string> directExemplars = await stand.Store.ReadExemplarsAsync(Selector(ReceiverStand.DirectTenant), Cancellation);
        IReadOnlyList<string> storedExemplars = await stand.Store.ReadExemplarsAsync(Selector(ReceiverStand.Tenant), Cancellation);
        Assert.Equal(directExemplars.Select(Renamed), storedExemplars);

        // A series whose last word is a stale marker is gone from an instant query, although its samples are there.
        string count = $"count(last_over_time({Selector(ReceiverStand.Tenant)}[30m])) - (count({Selector(ReceiverStand.Tenant)}) or vector(0))";
        bool isStale = series.Any(one => one.Samples.Any(sample => BitConverter.DoubleToInt64Bits(sample.Value) == BitConverter.DoubleToInt64Bits(WireSeries.StaleMarker))
            || one.Histograms.Any(histogram => double.IsNaN(histogram.Sum)));
        Assert.Equal(isStale ? 1 : 0, isStale ? await stand.Store.ValueAsync(count, Cancellation) : 0);
    }
}
