using System.Diagnostics;
using System.Globalization;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>
/// Bodies that were cut, flipped and put together wrongly never crash the codec, never make it take memory that they do not
/// have themselves, and never get a series past it that is not stamped. A few seconds' worth by default; the environment
/// variable RWGATEWAY_FUZZ_SECONDS asks for longer.
/// </summary>
public sealed class WriteFuzzTests
{
    private const int DefaultRounds = 1500;

    /// <summary>What all scratch and buffers may take beside a multiple of the message: tables of fixed size.</summary>
    private const long FixedBytes = 100_000;

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void Mutated_messages_fault_or_leave_stamped(WriteProtocol protocol)
    {
        byte[][] seeds = [.. SmallBodies(protocol)];
        var fast = new WriteWork();
        var general = new WriteWork();
        foreach (int round in Rounds())
        {
            var random = new Random(round);
            byte[] message = random.Next(3) == 0 ? new RandomRequests(random, isReadable: false).Next(protocol) : seeds[random.Next(seeds.Length)];
            message = Mutate(message, random);
            StampOptions options = RandomRequests.NextOptions(random).Prepare();
            StampDifferentialTests.AssertAgree(protocol, options, message, fast, general, $"round {round}");
            if (fast.Stamped.Length > 0)
            {
                AssertStamped(new StampOutcome(protocol, fast.Stamped.Span.ToArray(), fast.Result), options, $"{protocol}, round {round}");
            }

            AssertFlat(protocol, options, message, $"{protocol}, round {round}");
        }
    }

    [Fact]
    public void Mutated_blocks_fault_or_unpack_to_what_another_codec_finds()
    {
        byte[][] seeds = [.. Corpus.All.Where(static body => body.Compressed.Length < 50_000).Take(8).Select(static body => body.Compressed), .. SmallBlocks()];
        var work = new WriteWork();
        foreach (int round in Rounds())
        {
            var random = new Random(round);
            work.Body.Clear();
            work.Body.Append(Mutate(seeds[random.Next(seeds.Length)], random));
            work.Result.Reset();
            bool isUnpacked = SnappyBlock.TryDecompress(work, 1 << 20);
            Assert.NotEqual(isUnpacked, work.Result.HasFault);
            if (isUnpacked)
            {
                Assert.True(IsUnpackedSo(work), $"round {round}: {Convert.ToHexString(work.Body.Span)}");
            }
        }
    }

    private static bool IsUnpackedSo(WriteWork work)
    {
        try
        {
            return IronSnappy.Snappy.Decode(work.Body.Span).AsSpan().SequenceEqual(work.Decoded.Span);
        }
        catch (IOException)
        {
            // What IronSnappy says of a block that is none.
            return false;
        }
    }

    private static IEnumerable<int> Rounds()
    {
        string? seconds = Environment.GetEnvironmentVariable("RWGATEWAY_FUZZ_SECONDS");
        if (string.IsNullOrEmpty(seconds))
        {
            return Enumerable.Range(0, DefaultRounds);
        }

        // The three tests of this class share the time.
        var limit = TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture) / 3);
        var clock = Stopwatch.StartNew();
        return Enumerable.Range(0, int.MaxValue).TakeWhile(round => round < DefaultRounds || clock.Elapsed < limit);
    }

    /// <summary>Whole messages of some series each, cut out of recorded bodies, so that a round is short.</summary>
    private static IEnumerable<byte[]> SmallBodies(WriteProtocol protocol)
    {
        foreach (RecordedBody body in Corpus.All.Where(body => body.Protocol == protocol && body.Name.Contains("-01", StringComparison.Ordinal)))
        {
            if (protocol == WriteProtocol.V2)
            {
                Messages.V2.Request request = Messages.V2.Request.Parser.ParseFrom(body.Message);
                yield return Google.Protobuf.MessageExtensions.ToByteArray(new Messages.V2.Request { Symbols = { request.Symbols }, Timeseries = { request.Timeseries.Take(30) } });
            }
            else
            {
                V1.WriteRequest request = V1.WriteRequest.Parser.ParseFrom(body.Message);
                yield return Google.Protobuf.MessageExtensions.ToByteArray(
                    new V1.WriteRequest { Timeseries = { request.Timeseries.Take(30) }, Metadata = { request.Metadata.Take(5) } });
            }
        }
    }

    private static IEnumerable<byte[]> SmallBlocks()
    {
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            foreach (byte[] message in SmallBodies(protocol))
            {
                var output = new WriteBuffer();
                SnappyBlock.Compress(message, output);
                yield return output.Span.ToArray();
            }
        }
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        var mutated = new List<byte>(bytes);
        for (int i = random.Next(4); i >= 0 && mutated.Count > 1; i--)
        {
            int at = random.Next(mutated.Count);
            int length = Math.Min(random.Next(1, 40), mutated.Count - at);
            switch (random.Next(8))
            {
                case 0:
                    mutated.RemoveRange(at, mutated.Count - at);
                    break;
                case 1:
                    mutated.RemoveRange(at, length);
                    break;
                case 2:
                    mutated.InsertRange(at, mutated.GetRange(random.Next(mutated.Count - length + 1), length));
                    break;
                case 3:
                    mutated[at] = (byte)random.Next(256);
                    break;
                case 4:
                    // A number of the largest size in place of whatever is there.
                    mutated.InsertRange(at, [0xFF, 0xFF, 0xFF, 0xFF, (byte)(random.Next(2) == 0 ? 0x0F : 0xFF), 0x7F]);
                    break;
                default:
                    mutated[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
        }

        return [.. mutated];
    }

    private static void AssertStamped(StampOutcome outcome, StampOptions options, string what)
    {
        foreach (V1.TimeSeries series in outcome.Series)
        {
            string[] names = [.. series.Labels.Select(static label => label.Name)];
            Assert.True(names.Order(Utf8Order.Comparer).Distinct().SequenceEqual(names), $"{what}: labels {string.Join(',', names)}");
            string[] tenants = [.. series.Labels.Where(label => label.Name == options.TenantLabel).Select(static label => label.Value)];
            Assert.True(tenants.SequenceEqual(options.Stamp ? [options.TenantValue] : []), $"{what}: tenants {string.Join(',', tenants)}");
        }

        Assert.True(outcome.Result.HasOutput);
        Assert.Equal(outcome.Result.Accepted.Total - outcome.Result.DroppedExemplars, outcome.Series.Sum(static series => (long)series.Samples.Count + series.Histograms.Count + series.Exemplars.Count));
    }

    /// <summary>Stamps with an object that is new, and so takes all its memory now: not more than a multiple of the message.</summary>
    private static void AssertFlat(WriteProtocol protocol, StampOptions options, byte[] message, string what)
    {
        var work = new WriteWork();
        var budget = new CountingBudget();
        work.Begin(budget);
        work.Decoded.Append(message);
        long before = GC.GetAllocatedBytesForCurrentThread();
        SeriesStamper.Stamp(protocol, options, StampRunner.NowMs, work);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= (40L * message.Length) + FixedBytes, $"{what}: {allocated} bytes allocated for a message of {message.Length}");
        Assert.Equal(work.HeldBytes, budget.Taken);
        work.End(keepBytes: 0);
        Assert.Equal(0, budget.Taken);
    }

    private sealed class CountingBudget : ByteBudget
    {
        public long Taken { get; private set; }

        public override void Take(long bytes) => Taken += bytes;

        public override void GiveBack(long bytes) => Taken -= bytes;
    }
}
