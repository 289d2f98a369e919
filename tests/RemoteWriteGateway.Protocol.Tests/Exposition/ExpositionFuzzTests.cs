using System.Globalization;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

/// <summary>
/// Bodies that were cut, flipped and put together wrongly never crash a reader and never make it hold more than a multiple of
/// themselves; what is taken can be written as a message and reads back as the same. RWGATEWAY_FUZZ_SECONDS asks for longer.
/// </summary>
public sealed class ExpositionFuzzTests
{
    private const int DefaultRounds = 4000;

    // An entry of a metric for the shortest line ("a 1"), and tables of fixed size beside.
    private const long BytesPerByte = 120;
    private const long FixedBytes = 60_000;

    private static readonly Dictionary<ExpositionFormat, byte[][]> Seeds = new()
    {
        [ExpositionFormat.Text] =
        [
            .. new[]
            {
                "# HELP a b\\n\n# TYPE a counter\na{x=\"y\",z=\"\\\"\"} 1\na 2 3\n",
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\",z=\"1\"} 2.5\nh_sum 3\nh_count 2\nh 1\n# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_count 5\n",
                "{\"a\",\"b\"=\"c\"} 1\nb -Inf\n\n# x\n",
            }.Select(Encoding.UTF8.GetBytes),
        ],
        [ExpositionFormat.OpenMetrics] =
        [
            .. new[]
            {
                "# TYPE a counter\n# UNIT a \n# HELP a b\na_total{x=\"y\"} 1 # {t=\"1\"} 2 3.5\na_created{x=\"y\"} 5\n# EOF\n",
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n# TYPE s summary\ns{quantile=\"0.5\"} 1\n# TYPE i info\ni_info 1\n# EOF",
            }.Select(Encoding.UTF8.GetBytes),
        ],
        [ExpositionFormat.Protobuf] = [.. RandomFamilies.Some(20)],
    };

    [Theory]
    [InlineData(ExpositionFormat.Text)]
    [InlineData(ExpositionFormat.OpenMetrics)]
    [InlineData(ExpositionFormat.Protobuf)]
    public void Mutated_bodies_fault_or_are_read(ExpositionFormat format)
    {
        long end = Environment.TickCount64
            + (long.TryParse(Environment.GetEnvironmentVariable("RWGATEWAY_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out long seconds) ? seconds * 1000 : 0);
        MetricFamilies again = new();
        int taken = 0;
        for (int round = 0; round < DefaultRounds || Environment.TickCount64 < end; round++)
        {
            var random = new Random(round);
            byte[] body = Mutate(Seeds[format][random.Next(Seeds[format].Length)], Seeds[format], random);
            ExpositionOptions options = Pushed.Options with { Utf8Names = random.Next(2) == 0, MaxSeriesPerPush = random.Next(3) == 0 ? 4 : 20_000 };
            MetricFamilies families = new();
            ExpositionFault fault = Pushed.TryRead(body, format, families, options);
            Assert.True(families.HeldBytes <= (BytesPerByte * body.Length) + FixedBytes, $"round {round}: {families.HeldBytes} bytes for {body.Length}");
            Assert.True(fault.Text is null || fault.Text.Length < 1000, $"round {round}: {fault.Text}");
            if (fault.IsNone)
            {
                taken++;
                AssertWritten(families, again, options, $"round {round}");
            }
        }

        Assert.True(taken > 100, $"only {taken} bodies were taken");
    }

    private static void AssertWritten(MetricFamilies families, MetricFamilies again, ExpositionOptions options, string what)
    {
        WriteBuffer message = new();
        SeriesLabels labels = new();
        foreach (FamilyEntry family in families.Families)
        {
            FamilyMessageWriter.WriteDelimited(families, family, GroupingLabels.Empty, labels, message);
        }

        ExpositionFault fault = Pushed.TryRead(message.Span.ToArray(), ExpositionFormat.Protobuf, again, options);
        Assert.True(fault.IsNone, $"{what}: {fault.Text}");
        Assert.Equal(Canonical(families), Canonical(again));
        Assert.Equal(families.Hashes.ToArray(), again.Hashes.ToArray());
        Assert.Equal(families.Series, again.Series);
    }

    /// <summary>Without labels, which the writer sorts, leaving empty ones out: the hashes tell whether they are the same.</summary>
    private static string Canonical(MetricFamilies families) => Pushed.Print(families, withLabels: false);

    private static byte[] Mutate(byte[] seed, byte[][] others, Random random)
    {
        List<byte> body = [.. seed];
        for (int edits = random.Next(0, 5); edits > 0 && body.Count > 0; edits--)
        {
            int at = random.Next(body.Count);
            switch (random.Next(5))
            {
                case 0:
                    body[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    body.RemoveRange(at, Math.Min(random.Next(1, 20), body.Count - at));
                    break;
                case 2:
                    body.InsertRange(at, body.GetRange(at, Math.Min(random.Next(1, 40), body.Count - at)));
                    break;
                case 3:
                    byte[] other = others[random.Next(others.Length)];
                    body.InsertRange(at, other.AsSpan(random.Next(other.Length)).ToArray());
                    break;
                default:
                    body.Insert(at, (byte)random.Next(256));
                    break;
            }
        }

        return [.. body];
    }
}
