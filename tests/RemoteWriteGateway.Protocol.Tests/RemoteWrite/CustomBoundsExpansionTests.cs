using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Native histograms with custom bounds that leave as classic ones.</summary>
public class CustomBoundsExpansionTests
{
    [Fact]
    public void An_integer_histogram_becomes_cumulative_buckets_sum_and_count()
    {
        // Buckets (-Inf, 0.005] 2, (0.005, 1] 5, (1, 2.5] none, (2.5, 1e6] 1, (1e6, +Inf] 3.
        var histogram = new V1.Histogram
        {
            Schema = -53,
            CountInt = 11,
            Sum = 18.4,
            Timestamp = 1234,
            CustomValues = { 0.005, 1, 2.5, 1e6 },
            PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 2 }, new V1.BucketSpan { Offset = 1, Length = 2 } },
            PositiveDeltas = { 2, 3, -4, 2 },
        };

        Assert.Equal(
            [
                """rpc_bucket{job="a",le="0.005",zone="b"} 2 @1234""",
                """rpc_bucket{job="a",le="1.0",zone="b"} 7 @1234""",
                """rpc_bucket{job="a",le="2.5",zone="b"} 7 @1234""",
                """rpc_bucket{job="a",le="1e+06",zone="b"} 8 @1234""",
                """rpc_bucket{job="a",le="+Inf",zone="b"} 11 @1234""",
                """rpc_sum{job="a",zone="b"} 18.4 @1234""",
                """rpc_count{job="a",zone="b"} 11 @1234""",
            ],
            Expand(histogram, ("__name__", "rpc"), ("job", "a"), ("zone", "b")));
    }

    [Fact]
    public void A_float_histogram_adds_its_counts()
    {
        var histogram = new V1.Histogram
        {
            Schema = -53,
            CountFloat = 4.75,
            Sum = -3,
            Timestamp = 1,
            CustomValues = { -1, 0 },
            PositiveSpans = { new V1.BucketSpan { Offset = 1, Length = 2 } },
            PositiveCounts = { 0.5, 4.25 },
        };

        Assert.Equal(
            [
                """rpc_bucket{le="-1.0"} 0 @1""",
                """rpc_bucket{le="0.0"} 0.5 @1""",
                """rpc_bucket{le="+Inf"} 4.75 @1""",
                """rpc_sum{} -3 @1""",
                """rpc_count{} 4.75 @1""",
            ],
            Expand(histogram, ("__name__", "rpc")));
    }

    [Fact]
    public void A_histogram_without_bounds_has_the_bucket_of_all()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1 };

        Assert.Equal(
            ["""rpc_bucket{le="+Inf"} 0 @1""", """rpc_sum{} 0 @1""", """rpc_count{} 0 @1"""],
            Expand(histogram, ("__name__", "rpc")));
    }

    [Fact]
    public void A_stale_histogram_makes_sum_and_count_stale()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Sum = StampedRequests.Stale, Timestamp = 1, CustomValues = { 1 } };

        V1.WriteRequest expanded = Outgoing.Of(Request(histogram, ("__name__", "rpc"))).SingleV1;

        Assert.Equal(["rpc_sum", "rpc_count"], expanded.Timeseries.Select(series => series.Labels[0].Value));
        Assert.All(expanded.Timeseries, series => Assert.Equal("7ff0000000000002", Flat.Bits(series.Samples[0].Value)));
    }

    [Fact]
    public void Integer_buckets_are_added_as_integers()
    {
        // 2^53 + 1 + 1: as doubles, 2^53 + 1 is 2^53, and so is that plus 1.
        var histogram = new V1.Histogram
        {
            Schema = -53,
            CountInt = (1UL << 53) + 2,
            Timestamp = 1,
            CustomValues = { 1, 2, 3 },
            PositiveSpans = { new V1.BucketSpan { Length = 3 } },
            PositiveDeltas = { 1L << 53, 1 - (1L << 53), 0 },
        };

        V1.WriteRequest expanded = Outgoing.Of(Request(histogram, ("__name__", "rpc"))).SingleV1;

        Assert.Equal(9007199254740994, expanded.Timeseries[2].Samples[0].Value);
    }

    [Fact]
    public void The_bound_takes_its_place_by_bytes_and_the_place_of_a_label_le()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1 };

        Assert.Equal(
            [
                """rpc_bucket{A="1",l="2",le="+Inf",le_="4",～="5"} 0 @1""",
                """rpc_sum{A="1",l="2",le="3",le_="4",～="5"} 0 @1""",
                """rpc_count{A="1",l="2",le="3",le_="4",～="5"} 0 @1""",
            ],
            Expand(histogram, ("A", "1"), ("__name__", "rpc"), ("l", "2"), ("le", "3"), ("le_", "4"), ("～", "5")));
    }

    [Fact]
    public void Exemplars_go_to_the_bucket_that_counts_them()
    {
        V1.WriteRequest request = Request(new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1, CustomValues = { 1, 2 } }, ("__name__", "rpc"));
        foreach (double value in new[] { 0.5, 1, 1.5, 9, double.NaN })
        {
            request.Timeseries[0].Exemplars.Add(new V1.Exemplar { Value = value, Timestamp = 1, Labels = { new V1.Label { Name = "trace", Value = "t" } } });
        }

        Outgoing outgoing = Outgoing.Of(request);

        List<V1.TimeSeries> exemplars = [.. outgoing.SingleV1.Timeseries.Where(series => series.Exemplars.Count > 0)];
        Assert.Equal(["1.0", "1.0", "2.0", "+Inf", "+Inf"], exemplars.ConvertAll(series => series.Labels.Single(label => label.Name == "le").Value));
        Assert.All(exemplars, series => Assert.Equal("rpc_bucket", series.Labels[0].Value));
        Assert.Equal(request.Timeseries[0].Exemplars, exemplars.Select(series => series.Exemplars.Single()));
        Assert.Equal(new ItemCounts(0, 1, 5), outgoing.AllItems);
    }

    [Fact]
    public void An_expanded_histogram_counts_as_one_and_its_layout_as_lost()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1, CustomValues = { 1, 2, 3 } };

        Outgoing outgoing = Outgoing.Of(Request(histogram, ("__name__", "rpc")));

        Assert.Equal([new ItemCounts(0, 1, 0)], outgoing.Items);
        Assert.Equal(new TranslationLosses(0, 0, CustomBoundsLayouts: 1, 0), outgoing.Losses);
    }

    [Fact]
    public void Random_1_0_requests_are_expanded_as_the_reference_does()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            V1.WriteRequest request = new StampedRequests(seed).V1Request(series: 20);

            Outgoing outgoing = Outgoing.Of(request);

            Flat.AssertEqual(Flat.Items(ReferenceTranslation.Expand(request, out long layouts)), Flat.Items(outgoing.V1));
            Flat.AssertEqual(Flat.Metadata(request), Flat.Metadata(outgoing.V1));
            Assert.Equal(layouts, outgoing.Losses.CustomBoundsLayouts);
        }
    }

    [Fact]
    public void Unpacked_buckets_and_bounds_are_read_like_packed_ones()
    {
        var packed = new V1.Histogram
        {
            Schema = -53,
            CountInt = 5,
            Timestamp = 1,
            CustomValues = { 1, 2 },
            PositiveSpans = { new V1.BucketSpan { Length = 3 } },
            PositiveDeltas = { 1, 1, -1, },
        };

        // The same, one element behind each tag.
        byte[] unpacked =
        [
            0x08, 0x05, 0x20, 0x69, 0x78, 0x01,
            0x5a, 0x02, 0x10, 0x03,
            0x60, 0x02, 0x60, 0x02, 0x60, 0x01,
            0x81, 0x01, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0, 0x40,
        ];
        byte[] labels = [0x0a, 15, 0x0a, 8, .. "__name__"u8, 0x12, 3, .. "rpc"u8];
        byte[] request = [0x0a, (byte)(labels.Length + 2 + unpacked.Length), .. labels, 0x22, (byte)unpacked.Length, .. unpacked];

        Assert.Equal(
            Outgoing.Of(Request(packed, ("__name__", "rpc"))).SingleV1,
            Outgoing.Of(request, WriteProtocol.V1, WriteProtocol.V1, null, hasCustomBounds: true).SingleV1);
    }

    [Fact]
    public void A_histogram_whose_series_do_not_fit_in_one_message_is_cut_between_them()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1, CustomValues = { Enumerable.Range(1, 100).Select(i => (double)i) } };
        V1.WriteRequest request = Request(histogram, ("__name__", "rpc"), ("path", new string('p', 100)));
        request.Timeseries[0].Histograms.Add(histogram);

        Outgoing outgoing = Outgoing.Of(request, new OutgoingOptions { MaxRequestBytes = 5000 });

        Assert.All(outgoing.Messages, message => Assert.InRange(message.Length, 1, 5000));
        Flat.AssertEqual(Flat.Items(ReferenceTranslation.Expand(request, out _, i => $"{i}.0")), Flat.Items(outgoing.V1));
        Assert.Equal(new ItemCounts(0, 2, 0), outgoing.AllItems);
        Assert.Equal(new ItemCounts(0, 0, 0), outgoing.Items[0]);
    }

    [Fact]
    public void A_histogram_is_not_cut_if_it_fits_in_a_message_of_its_own()
    {
        var histogram = new V1.Histogram { Schema = -53, CountInt = 0, Timestamp = 1, CustomValues = { 1, 2, 3 } };
        V1.WriteRequest request = Request(histogram, ("__name__", "rpc"));
        int one = Outgoing.Of(request).Messages[0].Length;
        for (int i = 0; i < 4; i++)
        {
            request.Timeseries[0].Histograms.Add(histogram);
        }

        Outgoing outgoing = Outgoing.Of(request, new OutgoingOptions { MaxRequestBytes = (2 * one) + (one / 2) });

        Assert.Equal([new ItemCounts(0, 2, 0), new ItemCounts(0, 2, 0), new ItemCounts(0, 1, 0)], outgoing.Items);
        Assert.Equal([2 * one, 2 * one, one], outgoing.Messages.ConvertAll(message => message.Length));
    }

    [Fact]
    public void An_expansion_of_hundreds_of_megabytes_is_never_in_memory_at_once()
    {
        // 1,000 bounds and 200 KB of labels: 200 MB of classic series out of a request of 200 KB.
        var histogram = new V2.Histogram { Schema = -53, CountInt = 0, Timestamp = 1, CustomValues = { Enumerable.Range(1, 1000).Select(i => (double)i) } };
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "rpc", "path", new string('p', 200_000) },
            Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2, 3, 4 }, Histograms = { histogram } } },
        };
        var work = new WriteWork();
        work.Stamped.Append(request.ToByteArray());
        work.Result.HasOutput = true;
        work.Result.HasCustomBounds = true;

        var parts = new OutgoingParts();
        parts.Begin(WriteProtocol.V2, WriteProtocol.V1, new OutgoingOptions { MaxRequestBytes = 1 << 20 }, work);
        long total = 0;
        while (parts.MoveNext())
        {
            total += parts.Current.Length;
            Assert.InRange(parts.Current.Length, 1, 1 << 20);
        }

        Assert.True(total > 200_000_000);
        Assert.InRange(work.HeldBytes, 1, 4 << 20);
    }

    private static List<string> Expand(V1.Histogram histogram, params (string Name, string Value)[] labels) =>
        Outgoing.Of(Request(histogram, labels)).SingleV1.Timeseries
            .Select(series =>
            {
                V1.Sample sample = Assert.Single(series.Samples);
                string name = series.Labels.Single(label => label.Name == "__name__").Value;
                string rest = Flat.Text(series.Labels.Where(label => label.Name != "__name__").Select(label => (label.Name, label.Value)));
                return FormattableString.Invariant($"{name}{rest} {sample.Value} @{sample.Timestamp}");
            })
            .ToList();

    private static V1.WriteRequest Request(V1.Histogram histogram, params (string Name, string Value)[] labels) => new()
    {
        Timeseries =
        {
            new V1.TimeSeries
            {
                Labels = { labels.Select(label => new V1.Label { Name = label.Name, Value = label.Value }) },
                Histograms = { histogram },
            },
        },
    };
}
