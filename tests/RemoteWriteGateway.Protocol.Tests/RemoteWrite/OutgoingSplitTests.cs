using Google.Protobuf;
using IronSnappy;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Requests that are larger than the store takes.</summary>
public class OutgoingSplitTests
{
    /// <summary>Most bytes that one item with its labels takes in the random requests: smaller limits cannot always be kept.</summary>
    private const int LargestItem = 1200;

    private static readonly OutgoingOptions Small = new() { MaxRequestBytes = 2000 };

    /// <summary>Some of each kind: they are much alike, and <see cref="OutgoingTranslationTests"/> reads all.</summary>
    public static TheoryData<string> RecordedBodies => [.. Directory.EnumerateFiles("corpus", "*0.*.snappy").Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void A_request_that_needs_no_change_leaves_as_the_stamped_bytes_themselves(WriteProtocol protocol)
    {
        var requests = new StampedRequests(3);
        var work = new WriteWork();
        work.Stamped.Append((protocol == WriteProtocol.V1 ? (IMessage)requests.V1Request(20) : requests.V2Request(20)).ToByteArray());
        work.Result.HasOutput = true;
        work.Result.Accepted = new ItemCounts(5, 6, 7);
        work.Result.DroppedExemplars = 3;

        var parts = new OutgoingParts();
        parts.Begin(protocol, protocol, new OutgoingOptions { MaxRequestBytes = work.Stamped.Length }, work);

        Assert.True(parts.MoveNext());
        Assert.True(parts.Current == work.Stamped.Span);
        Assert.Equal(new ItemCounts(5, 6, 4), parts.CurrentItems);
        Assert.Equal(0, work.Part.Capacity);
        Assert.False(parts.MoveNext());
    }

    [Theory]
    [InlineData(WriteProtocol.V1, WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2, WriteProtocol.V2)]
    [InlineData(WriteProtocol.V2, WriteProtocol.V1)]
    public void A_request_of_which_nothing_is_left_leaves_as_no_message(WriteProtocol from, WriteProtocol to)
    {
        var parts = new OutgoingParts();
        parts.Begin(from, to, new OutgoingOptions(), new WriteWork());

        Assert.False(parts.MoveNext());
    }

    [Theory]
    [MemberData(nameof(RecordedBodies))]
    public void The_parts_of_a_recorded_request_say_the_same_as_the_whole(string file)
    {
        byte[] body = Snappy.Decode(File.ReadAllBytes(Path.Combine("corpus", file)));
        var options = new OutgoingOptions { MaxRequestBytes = 40_000 };
        if (file.Contains("rw1", StringComparison.Ordinal))
        {
            AssertSplitV1(V1.WriteRequest.Parser.ParseFrom(body), options);
        }
        else
        {
            AssertSplitV2(V2.Request.Parser.ParseFrom(body), options);
        }
    }

    [Fact]
    public void The_parts_of_random_1_0_requests_say_the_same_as_the_whole_and_fit()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            AssertSplitV1(new StampedRequests(seed).V1Request(series: seed % 50), Limit(seed));
        }
    }

    [Fact]
    public void The_parts_of_random_2_0_requests_say_the_same_as_the_whole_and_fit()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            AssertSplitV2(new StampedRequests(seed).V2Request(series: seed % 50), Limit(seed));
        }
    }

    [Fact]
    public void The_parts_of_random_translated_requests_say_the_same_as_the_whole_and_fit()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            OutgoingOptions limit = Limit(seed) with { ForwardMetadata = seed % 2 == 0 };
            V2.Request request = new StampedRequests(seed).V2Request(series: seed % 50);

            Outgoing whole = Outgoing.Of(request, WriteProtocol.V1, limit with { MaxRequestBytes = int.MaxValue });
            Outgoing parts = Outgoing.Of(request, WriteProtocol.V1, limit);

            AssertFit(parts, limit);
            Flat.AssertEqual(Flat.Items(whole.V1), Flat.Items(parts.V1));
            Flat.AssertEqual(Flat.Metadata(whole.V1), Flat.Metadata(parts.V1));
            Assert.Equal(whole.Losses, parts.Losses);
            Assert.Equal(Outgoing.CountOf(request), parts.AllItems);
        }
    }

    [Fact]
    public void Requests_are_cut_between_series_as_long_as_a_series_fits()
    {
        V1.WriteRequest request = Request(
            Series("a", 1, 2, 3),
            Series("b", 1, 2, 3),
            Series("c", 1, 2, 3));
        int oneSeries = Request(Series("a", 1, 2, 3)).CalculateSize();

        Outgoing outgoing = Outgoing.Of(request, new OutgoingOptions { MaxRequestBytes = (2 * oneSeries) + 10 });

        Assert.Equal([Request(Series("a", 1, 2, 3), Series("b", 1, 2, 3)), Request(Series("c", 1, 2, 3))], outgoing.V1);
        Assert.Equal([new ItemCounts(6, 0, 0), new ItemCounts(3, 0, 0)], outgoing.Items);
    }

    [Fact]
    public void A_series_that_alone_is_too_large_is_cut_between_its_items()
    {
        V1.WriteRequest request = Request(Series("a", 1), Series("b", 1, 2, 3, 4, 5), Series("c", 1));
        int limit = Request(Series("b", 1, 2)).CalculateSize();

        Outgoing outgoing = Outgoing.Of(request, new OutgoingOptions { MaxRequestBytes = limit });

        Assert.Equal(
            [Request(Series("a", 1)), Request(Series("b", 1, 2)), Request(Series("b", 3, 4)), Request(Series("b", 5)), Request(Series("c", 1))],
            outgoing.V1);
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void An_item_that_alone_is_too_large_leaves_alone(WriteProtocol to)
    {
        var request = new V2.Request { Symbols = { "", "__name__", "a", new string('b', 500), "c" } };
        foreach (uint name in new uint[] { 2, 3, 4 })
        {
            request.Timeseries.Add(new V2.TimeSeries { LabelsRefs = { 1, name }, Samples = { new V2.Sample { Value = 1, Timestamp = 1 } } });
        }

        Outgoing outgoing = Outgoing.Of(request, to, new OutgoingOptions { MaxRequestBytes = 100 });

        Assert.Equal(3, outgoing.Messages.Count);
        Assert.All([outgoing.Messages[0], outgoing.Messages[2]], message => Assert.True(message.Length <= 100));
        Assert.True(outgoing.Messages[1].Length > 500);
        Assert.All(outgoing.Items, items => Assert.Equal(new ItemCounts(1, 0, 0), items));
    }

    [Fact]
    public void A_part_of_a_2_0_request_has_the_symbols_that_it_refers_to_and_no_others()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            foreach (V2.Request part in Outgoing.Of(new StampedRequests(seed).V2Request(series: 30), WriteProtocol.V2, Limit(seed)).V2)
            {
                var used = part.Timeseries
                    .SelectMany(series => series.LabelsRefs
                        .Concat(series.Exemplars.SelectMany(exemplar => exemplar.LabelsRefs))
                        .Concat(series.Metadata is null ? [] : [series.Metadata.HelpRef, series.Metadata.UnitRef]))
                    .Append(0u)
                    .ToHashSet();

                Assert.Equal("", part.Symbols[0]);
                Assert.Equal(part.Symbols.Count, used.Count);
                Assert.Equal(part.Symbols.Count, part.Symbols.Distinct().Count());
            }
        }
    }

    [Fact]
    public void Metadata_of_a_1_0_request_without_series_leaves_in_parts_too()
    {
        var request = new V1.WriteRequest();
        for (int i = 0; i < 100; i++)
        {
            request.Metadata.Add(new V1.MetricMetadata { MetricFamilyName = $"family_{i}", Help = "How many.", Type = V1.MetricMetadata.Types.MetricType.Counter });
        }

        Outgoing outgoing = Outgoing.Of(request, new OutgoingOptions { MaxRequestBytes = 1000 });

        Assert.InRange(outgoing.Messages.Count, 3, 5);
        Assert.All(outgoing.Messages, message => Assert.True(message.Length <= 1000));
        Flat.AssertEqual(Flat.Metadata(request), Flat.Metadata(outgoing.V1));
        Assert.Equal(default, outgoing.AllItems);
    }

    [Fact]
    public void One_object_makes_the_messages_of_one_request_after_the_other()
    {
        var work = new WriteWork();
        var parts = new OutgoingParts();
        for (int seed = 0; seed < 60; seed++)
        {
            V2.Request request = new StampedRequests(seed).V2Request(series: 30);
            WriteProtocol to = seed % 3 == 0 ? WriteProtocol.V2 : WriteProtocol.V1;
            OutgoingOptions options = Limit(seed) with { ForwardMetadata = seed % 2 == 0 };
            Outgoing expected = Outgoing.Of(request, to, options);

            work.Begin(ByteBudget.Unlimited);
            work.Stamped.Append(request.ToByteArray());
            work.Result.HasOutput = true;
            work.Result.HasCustomBounds = true;
            parts.Begin(WriteProtocol.V2, to, options, work);
            foreach (byte[] message in expected.Messages)
            {
                Assert.True(parts.MoveNext());
                Assert.Equal(message, parts.Current.ToArray());
            }

            Assert.False(parts.MoveNext());
            Assert.Equal(expected.Losses, parts.Losses);
            work.End(keepBytes: seed % 7 == 0 ? 100 : 1 << 20);
        }
    }

    [Fact]
    public void Once_warm_parts_allocate_nothing()
    {
        var work = new WriteWork();
        var parts = new OutgoingParts();
        byte[] request = new StampedRequests(1).V2Request(series: 200).ToByteArray();
        Run();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            for (WriteProtocol to = WriteProtocol.V1; to <= WriteProtocol.V2; to++)
            {
                work.Reset();
                work.Stamped.Append(request);
                work.Result.HasOutput = true;
                work.Result.HasCustomBounds = true;
                parts.Begin(WriteProtocol.V2, to, Small, work);
                while (parts.MoveNext())
                {
                }
            }
        }
    }

    [Fact]
    public void What_parts_hold_is_taken_from_the_budget_and_given_back()
    {
        var budget = new CountingBudget();
        var work = new WriteWork();
        work.Begin(budget);
        work.Stamped.Append(new StampedRequests(1).V2Request(series: 200).ToByteArray());
        work.Result.HasOutput = true;
        work.Result.HasCustomBounds = true;
        foreach (WriteProtocol to in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            var parts = new OutgoingParts();
            parts.Begin(WriteProtocol.V2, to, Small with { ForwardMetadata = true }, work);
            while (parts.MoveNext())
            {
            }
        }

        Assert.Equal(work.HeldBytes, budget.Taken);
        Assert.True(work.PartScratch.HeldBytes > 1000);
        work.End(keepBytes: 0);
        Assert.Equal(0, budget.Taken);
        Assert.Equal(0, work.HeldBytes);
    }

    private static OutgoingOptions Limit(int seed) => new() { MaxRequestBytes = new Random(seed).Next(LargestItem, 6000), ExpandCustomBounds = seed % 3 != 0 };

    private static void AssertSplitV1(V1.WriteRequest request, OutgoingOptions options)
    {
        Outgoing parts = Outgoing.Of(request, options);

        AssertFit(parts, options);
        V1.WriteRequest expected = options.ExpandCustomBounds ? ReferenceTranslation.Expand(request, out _) : request;
        Flat.AssertEqual(Flat.Items(expected), Flat.Items(parts.V1));
        Flat.AssertEqual(Flat.Metadata(request), Flat.Metadata(parts.V1));
        Assert.Equal(Outgoing.CountOf(request), parts.AllItems);
    }

    private static void AssertSplitV2(V2.Request request, OutgoingOptions options)
    {
        Outgoing parts = Outgoing.Of(request, WriteProtocol.V2, options);

        AssertFit(parts, options);
        Flat.AssertEqual(Flat.Items(request), Flat.Items(parts.V2));
        Assert.Equal(Outgoing.CountOf(request), parts.AllItems);
        Assert.Equal(default, parts.Losses);
    }

    private static void AssertFit(Outgoing parts, OutgoingOptions options)
    {
        Assert.All(parts.Messages, message => Assert.InRange(message.Length, 1, options.MaxRequestBytes));
        Assert.Equal(parts.Messages.Count, parts.Items.Count);
    }

    private static V1.WriteRequest Request(params V1.TimeSeries[] series) => new() { Timeseries = { series } };

    private static V1.TimeSeries Series(string name, params long[] timestamps) => new()
    {
        Labels = { new V1.Label { Name = "__name__", Value = name } },
        Samples = { timestamps.Select(timestamp => new V1.Sample { Value = 1, Timestamp = timestamp }) },
    };

    private sealed class CountingBudget : ByteBudget
    {
        public long Taken { get; private set; }

        public override void Take(long bytes) => Taken += bytes;

        public override void GiveBack(long bytes) => Taken -= bytes;
    }
}
