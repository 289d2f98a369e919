using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using ItemCounts = RemoteWriteGateway.Protocol.RemoteWrite.ItemCounts;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// Trap 11, over random requests and random verdicts of the store: no 1.0 answer has a count, every 2.0 answer has three, and for each kind
/// <c>sent = written + refused</c>, as the sender is told and as the metrics say.
/// </summary>
public sealed class CountPropertyTests
{
    private static readonly string[] Kinds = ["sample", "histogram", "exemplar"];

    private static readonly int[] Statuses = [200, 202, 204, 204, 204, 204, 204, 301, 400, 400, 400, 401, 404, 409, 413, 415, 422, 429, 500, 503, 529];

    [Theory]
    [InlineData("auto", 1)]
    [InlineData("auto", 2)]
    [InlineData("v1", 3)]
    [InlineData("v2", 4)]
    public async Task What_was_sent_is_what_was_written_and_what_was_refused(string protocol, int seed)
    {
        Random random = new(seed);

        // A small limit, so that many requests leave in parts with verdicts of their own.
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", protocol), ("Stores:main:MaxRequestBytes", "65536")]);
        gateway.Store.Answering = request => Answer(random, request);
        Dictionary<int, int> answers = [];
        for (int i = 0; i < 60; i++)
        {
            bool isV2 = random.Next(2) == 0;
            bool isSound = random.Next(3) > 0;
            V1.TimeSeries[] series = [.. Enumerable.Range(0, random.Next(1, 8)).Select(n => RandomSeries(random, gateway.NowMs, n, isV2, isSound))];
            SelfMetrics before = await SelfMetrics.OfAsync(gateway);

            using HttpResponseMessage answer = await gateway.WriteAsync(To(isV2, series));

            string text = await WriteAnswerCheck.AssertWellFormedAsync(gateway, answer);
            SelfMetrics after = await SelfMetrics.OfAsync(gateway);
            long[] sent = [series.Sum(one => one.Samples.Count), series.Sum(one => one.Histograms.Count), series.Sum(one => one.Exemplars.Count)];
            long[] written = Difference(before, after, "rwgateway_ingest_written_items_total");
            long[] refused = Difference(before, after, "rwgateway_ingest_refused_items_total");
            long[] read = [.. Kinds.Select(kind => (long)(after[$"rwgateway_ingest_{kind}s_total{{tenant=\"ours\"}}"] - before[$"rwgateway_ingest_{kind}s_total{{tenant=\"ours\"}}"]))];
            string what = $"request {i} by {(isV2 ? "2.0" : "1.0")} was answered {(int)answer.StatusCode} {text}";

            Assert.Equal(sent, read);
            long[] told = WriteAnswerCheck.CountsOf(answer);
            Assert.Equal(isV2 ? 3 : 0, told.Length);
            switch ((int)answer.StatusCode)
            {
                case 204:
                    Assert.True(!isV2 || told.SequenceEqual(written), what);
                    Assert.True(written.SequenceEqual(sent) && refused.All(count => count == 0), what);
                    break;
                case 400:
                    Assert.True(!isV2 || told.SequenceEqual(written), what);
                    Assert.True(sent.Zip(written, refused).All(kind => kind.First == kind.Second + kind.Third), what);
                    break;
                default:
                    Assert.True((int)answer.StatusCode == 503 && refused.All(count => count == 0), what);

                    // What earlier parts had confirmed is told, and not counted: the whole request comes again.
                    Assert.True(!isV2 || sent.Zip(told).All(kind => kind.First >= kind.Second), what);
                    Assert.True(written.All(count => count == 0), what);
                    break;
            }

            answers[(int)answer.StatusCode] = answers.GetValueOrDefault((int)answer.StatusCode) + 1;
        }

        // A property of nothing but refusals would say little.
        Assert.Equal([204, 400, 503], answers.Keys.Order());
        Assert.All(answers.Values, count => Assert.True(count >= 3));
    }

    private static long[] Difference(SelfMetrics before, SelfMetrics after, string metric) =>
        [.. Kinds.Select(kind => (long)(after.Sum(metric, $"kind=\"{kind}\"") - before.Sum(metric, $"kind=\"{kind}\"")))];

    private static V1.TimeSeries RandomSeries(Random random, long nowMs, int number, bool isV2, bool isSound)
    {
        V1.TimeSeries series = random.Next(8) switch
        {
            0 when !isSound => Series(""),
            1 when !isSound => Series($"s{number}", ("a", "1"), ("a", "2")),
            _ => Series($"s{number}", [.. Enumerable.Range(0, random.Next(20)).Select(i => ($"l{i}", new string('x', random.Next(2000))))]),
        };
        int samples = random.Next(4);
        for (int i = 0; i < samples; i++)
        {
            series.At(random.Next(8) == 0 && !isSound ? nowMs + 3_600_000 + i : nowMs + i);
        }

        for (int i = random.Next(6) - 3; i > 0; i--)
        {
            series.Histograms.Add(random.Next(4) == 0 && !isSound ? Histogram(nowMs, h => h.CountInt++) : random.Next(2) == 0 ? Histogram(nowMs + i) : CustomBounds(nowMs + i));
        }

        for (int i = random.Next(6) - 3; i > 0 || (isV2 && series.Samples.Count + series.Histograms.Count + series.Exemplars.Count == 0); i--)
        {
            series.Exemplars.Add(new V1.Exemplar { Timestamp = random.Next(4) == 0 && !isSound ? 0 : nowMs + i, Value = i });
        }

        return series;
    }

    // Requests come one at a time, so that a seed repeats.
    private static StoreAnswer Answer(Random random, ReceivedRequest request)
    {
        StoreAnswer answer = new(Statuses[random.Next(Statuses.Length)], random.Next(4) == 0 ? "native histograms are disabled" : "text");
        ItemCounts items = request.Items;
        return random.Next(4) switch
        {
            0 => answer.WithCounts(items.Samples, items.Histograms, items.Exemplars),
            1 => answer.WithCounts(random.NextInt64(items.Samples + 2), random.NextInt64(items.Histograms + 2), random.NextInt64(items.Exemplars + 2)),
            2 => answer.WithCounts(0, 0, 0),
            _ => answer,
        };
    }
}
