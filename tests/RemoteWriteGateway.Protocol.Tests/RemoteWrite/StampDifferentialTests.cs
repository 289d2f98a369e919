using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>The fast ways, the general one and a model made of objects say the same of random requests, byte for byte and count for count.</summary>
public sealed class StampDifferentialTests
{
    private const int Requests = 4000;

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void The_fast_way_and_the_general_one_agree(WriteProtocol protocol)
    {
        var fast = new WriteWork();
        var general = new WriteWork();
        long series = 0;
        long fastSeries = 0;
        for (int seed = 0; seed < Requests; seed++)
        {
            var random = new Random(seed);
            byte[] message = new RandomRequests(random, isReadable: false).Next(protocol);
            AssertAgree(protocol, RandomRequests.NextOptions(random), message, fast, general, $"seed {seed}");
            series += fast.Result.SeriesRead;
            fastSeries += fast.Result.FastSeries;
        }

        // Of no use if either way were hardly met.
        Assert.InRange((double)fastSeries / series, 0.2, 0.8);
    }

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void The_fast_way_and_the_general_one_agree_on_recorded_bodies(WriteProtocol protocol)
    {
        var fast = new WriteWork();
        var general = new WriteWork();
        StampOptions[] options =
        [
            StampRunner.Ours,
            StampRunner.Ours with { TenantLabel = "__a" },
            StampRunner.Ours with { TenantLabel = "instance" },
            StampRunner.Ours with { TenantLabel = "zz", NameScheme = NameScheme.Legacy },
            StampRunner.Ours with { Stamp = false, ReservedLabels = ["job"] },
            StampRunner.Ours with { MaxLabelsPerSeries = 8, MaxExpandedBytes = 1 << 20 },
        ];
        foreach (RecordedBody body in Corpus.All.Where(body => body.Protocol == protocol && body.Name.Contains("-00", StringComparison.Ordinal)))
        {
            foreach (StampOptions each in options)
            {
                AssertAgree(protocol, each, body.Message, fast, general, $"{body.Name} with {each.TenantLabel}");
            }
        }
    }

    internal static void AssertAgree(WriteProtocol protocol, StampOptions options, byte[] message, WriteWork fast, WriteWork general, string what)
    {
        Run(fast, isFast: true);
        Run(general, isFast: false);
        Assert.True(general.Stamped.Span.SequenceEqual(fast.Stamped.Span), $"{protocol}, {what}: output differs");
        Assert.Equal(Describe(general.Result, what), Describe(fast.Result, what));

        void Run(WriteWork work, bool isFast)
        {
            work.Decoded.Clear();
            work.Decoded.Append(message);
            SeriesStamper.Stamp(protocol, options, StampRunner.NowMs, work, isFast);
        }
    }

    private static string Describe(StampResult result, string what)
    {
        IEnumerable<string> reasons = Enum.GetValues<StampReason>().Select(reason =>
            $"{reason}: {result.RefusedSeries(reason)} {result.Refused(reason)} {result.MetadataDropped(reason)} {result.Text(reason)}");
        return string.Join('\n', [what, .. Facts(result), .. reasons]);
    }

    private static IEnumerable<string> Facts(StampResult result) =>
        typeof(StampResult).GetProperties().Select(property => $"{property.Name}: {property.GetValue(result)}");
}
