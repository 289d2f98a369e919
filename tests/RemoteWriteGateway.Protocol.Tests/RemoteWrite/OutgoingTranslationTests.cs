using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>2.0 requests that leave as one 1.0 message.</summary>
public class OutgoingTranslationTests
{
    public static TheoryData<string> RecordedBodies => [.. Directory.EnumerateFiles("corpus", "*.rw2.snappy").Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(RecordedBodies))]
    public void A_recorded_request_says_the_same_in_1_0(string file)
    {
        V2.Request request = V2.Request.Parser.ParseFrom(Snappy.Decode(File.ReadAllBytes(Path.Combine("corpus", file))));

        Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ForwardMetadata = true });

        V1.WriteRequest expected = ReferenceTranslation.Translate(request, expand: true, out _);
        Flat.AssertEqual(Flat.Items(expected), Flat.Items(outgoing.SingleV1));
        Flat.AssertEqual(ReferenceTranslation.Families(request), Flat.Metadata(outgoing.SingleV1));
        Assert.Equal(Outgoing.CountOf(request), outgoing.AllItems);
    }

    [Fact]
    public void Random_requests_say_the_same_in_1_0()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            V2.Request request = new StampedRequests(seed).V2Request(series: seed % 40);

            Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V1);

            V1.WriteRequest expected = ReferenceTranslation.Translate(request, expand: true, out TranslationLosses losses);
            Flat.AssertEqual(Flat.Items(expected), Flat.Items(outgoing.V1));
            Assert.Empty(Flat.Metadata(outgoing.V1));
            Assert.Equal(losses, outgoing.Losses);
            Assert.Equal(Outgoing.CountOf(request), outgoing.AllItems);
        }
    }

    [Fact]
    public void Histograms_with_custom_bounds_stay_as_they_are_for_a_store_that_takes_them()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            V2.Request request = new StampedRequests(seed).V2Request(series: 20);

            Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ExpandCustomBounds = false });

            V1.WriteRequest expected = ReferenceTranslation.Translate(request, expand: false, out TranslationLosses losses);
            Flat.AssertEqual(Flat.Items(expected), Flat.Items(outgoing.V1));
            Assert.Equal(losses, outgoing.Losses);
        }
    }

    [Fact]
    public void Metadata_goes_along_once_per_family_if_it_is_forwarded()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            V2.Request request = new StampedRequests(seed).V2Request(series: 40);

            Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ForwardMetadata = true });

            Flat.AssertEqual(ReferenceTranslation.Families(request), Flat.Metadata(outgoing.V1));
        }
    }

    [Fact]
    public void Metadata_that_contradicts_what_goes_along_counts_as_lost()
    {
        var request = new V2.Request { Symbols = { "", "__name__", "rpc_count", "rpc_sum", "Calls.", "Other calls." } };
        request.Timeseries.Add(Series(2, help: 4));
        request.Timeseries.Add(Series(3, help: 4));
        request.Timeseries.Add(Series(2, help: 5));

        Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ForwardMetadata = true });

        Assert.Equal(["rpc Summary Calls. "], Flat.Metadata(outgoing.SingleV1));
        Assert.Equal(new TranslationLosses(0, Metadata: 1, 0, 0), outgoing.Losses);

        static V2.TimeSeries Series(uint name, uint help) => new()
        {
            LabelsRefs = { 1, name },
            Samples = { new V2.Sample { Value = 1, Timestamp = 1 } },
            Metadata = new V2.Metadata { Type = V2.Metadata.Types.MetricType.Summary, HelpRef = help },
        };
    }

    [Fact]
    public void Many_families_are_each_found_again()
    {
        var request = new V2.Request { Symbols = { "", "__name__" } };
        for (uint i = 0; i < 2000; i++)
        {
            uint family = i % 1000;
            if (family == i)
            {
                request.Symbols.Add($"family_{family}");
            }

            request.Timeseries.Add(new V2.TimeSeries
            {
                LabelsRefs = { 1, 2 + family },
                Samples = { new V2.Sample { Value = 1, Timestamp = i } },
                Metadata = new V2.Metadata { Type = V2.Metadata.Types.MetricType.Gauge },
            });
        }

        Outgoing whole = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ForwardMetadata = true });
        Outgoing cut = Outgoing.Of(request, WriteProtocol.V1, new OutgoingOptions { ForwardMetadata = true, MaxRequestBytes = 300 });

        List<string> expected = [.. Enumerable.Range(0, 1000).Select(family => $"family_{family} Gauge  ")];
        Assert.Equal(expected, Flat.Metadata(whole.V1));
        Assert.Equal(expected, Flat.Metadata(cut.V1));
        Assert.Equal(default, cut.Losses);
    }

    [Theory]
    [InlineData(0x7ff0_0000_0000_0002)]
    [InlineData(0x7ff8_0000_0000_0001)]
    [InlineData(0x7ff4_dead_beef_0001)]
    [InlineData(0xfff8_0000_0000_0000)]
    public void Stale_markers_and_other_NaNs_keep_their_64_bits(ulong bits)
    {
        double value = BitConverter.UInt64BitsToDouble(bits);
        var request = new V2.Request
        {
            Symbols = { "", "__name__", "up" },
            Timeseries =
            {
                new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = value, Timestamp = 5, StartTimestamp = 4 } } },
                new V2.TimeSeries { LabelsRefs = { 1, 2 }, Histograms = { new V2.Histogram { CountInt = 0, Sum = value, Timestamp = 5 } } },
            },
        };

        V1.WriteRequest translated = Outgoing.Of(request, WriteProtocol.V1).SingleV1;

        Assert.Equal(bits, BitConverter.DoubleToUInt64Bits(translated.Timeseries[0].Samples[0].Value));
        Assert.Equal(bits, BitConverter.DoubleToUInt64Bits(translated.Timeseries[1].Histograms[0].Sum));
    }

    [Fact]
    public void Fields_that_1_0_may_number_otherwise_are_left_out_and_counted()
    {
        // sample { value 1, 9: varint, timestamp 7, 3: 0 }: an unknown field between known ones, an unset start timestamp.
        byte[] sample = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x48, 0x05, 0x10, 0x07, 0x18, 0x00];
        // histogram { count_int 0, timestamp 7, 20: bytes }
        byte[] histogram = [0x08, 0x00, 0x78, 0x07, 0xa2, 0x01, 0x01, 0x41];
        byte[] request =
        [
            0x22, 0x00, 0x22, 0x08, .. "__name__"u8, 0x22, 0x02, .. "up"u8,
            0x2a, (byte)(6 + sample.Length), 0x0a, 0x02, 0x01, 0x02, 0x12, (byte)sample.Length, .. sample,
            0x2a, (byte)(6 + histogram.Length), 0x0a, 0x02, 0x01, 0x02, 0x1a, (byte)histogram.Length, .. histogram,
        ];

        Outgoing outgoing = Outgoing.Of(request, WriteProtocol.V2, WriteProtocol.V1, null);

        Assert.Equal(
            new V1.WriteRequest
            {
                Timeseries =
                {
                    new V1.TimeSeries { Labels = { Name("up") }, Samples = { new V1.Sample { Value = 1, Timestamp = 7 } } },
                    new V1.TimeSeries { Labels = { Name("up") }, Histograms = { new V1.Histogram { CountInt = 0, Timestamp = 7 } } },
                },
            },
            outgoing.SingleV1);
        Assert.Equal(new TranslationLosses(0, 0, 0, UnknownFields: 2), outgoing.Losses);
    }

    [Fact]
    public void An_item_in_an_unusual_but_legal_form_keeps_its_meaning()
    {
        // sample { timestamp 3, value 2, timestamp 7 (in two bytes more than needed), value 1 }: the last of each counts.
        byte[] sample = [0x10, 0x03, 0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 0x87, 0x80, 0x00, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        byte[] request =
        [
            0x22, 0x00, 0x22, 0x08, .. "__name__"u8, 0x22, 0x02, .. "up"u8,
            0x2a, (byte)(6 + sample.Length), 0x0a, 0x02, 0x01, 0x02, 0x12, (byte)sample.Length, .. sample,
        ];

        V1.WriteRequest translated = Outgoing.Of(request, WriteProtocol.V2, WriteProtocol.V1, null).SingleV1;

        Assert.Equal(new V1.Sample { Value = 1, Timestamp = 7 }, translated.Timeseries[0].Samples[0]);
    }

    [Fact]
    public void Series_with_labels_of_any_length_are_framed_right()
    {
        // Around 128 and 16,384 bytes the length of an entry takes another byte.
        for (int length = 90; length < 140; length++)
        {
            AssertFramed(length);
        }

        for (int length = 16_330; length < 16_400; length++)
        {
            AssertFramed(length);
        }

        AssertFramed(3_000_000);

        static void AssertFramed(int length)
        {
            var request = new V2.Request
            {
                Symbols = { "", "__name__", new string('n', length) },
                Timeseries =
                {
                    new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = 1, Timestamp = 7 } }, Exemplars = { new V2.Exemplar { LabelsRefs = { 1, 2 } } } },
                    new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Value = 2, Timestamp = 7 } } },
                },
            };

            V1.WriteRequest expected = ReferenceTranslation.Translate(request, expand: true, out _);
            Assert.Equal(expected.ToByteArray().Length, Outgoing.Of(request, WriteProtocol.V1).Messages[0].Length);
            Assert.Equal(expected, Outgoing.Of(request, WriteProtocol.V1).SingleV1);
        }
    }

    [Fact]
    public void Nothing_is_translated_from_1_0_to_2_0()
    {
        var work = new WriteWork();
        work.Result.HasOutput = true;

        Assert.Throws<ArgumentException>(() => new OutgoingParts().Begin(WriteProtocol.V1, WriteProtocol.V2, new OutgoingOptions(), work));
    }

    private static V1.Label Name(string name) => new() { Name = "__name__", Value = name };
}
