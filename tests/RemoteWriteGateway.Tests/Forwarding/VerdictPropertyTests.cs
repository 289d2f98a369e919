using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Whatever a store answers: for each kind of item <c>sent = written + refused</c>.</summary>
public sealed class VerdictPropertyTests
{
    private static readonly int[] Statuses =
        [200, 202, 204, 204, 204, 204, 204, 301, 400, 400, 400, 401, 404, 409, 413, 415, 422, 429, 500, 503, 529];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Sent_is_written_plus_refused_over_random_requests_and_answers(int seed)
    {
        Random random = new(seed);
        await using RecordingStore store = await RecordingStore.StartAsync();
        store.Answering = request => Answer(random, request);
        string[] protocols = ["Auto", "V1", "V2"];

        foreach (string protocol in protocols)
        {
            await using ForwardHost host = ForwardHost.Before(store, ("MaxRequestBytes", "65536"), ("Protocol", protocol));
            for (int i = 0; i < 60; i++)
            {
                bool isV1 = random.Next(2) == 0;
                WriteWork work = isV1
                    ? ForwardHost.Work(Messages.V1Samples([.. Names(random)]))
                    : ForwardHost.Work(RandomV2(random));
                work.Result.DroppedExemplars = random.Next(3);
                work.Result.Accepted += new ItemCounts(0, 0, work.Result.DroppedExemplars);

                StoreVerdict verdict = await host.SendAsync(isV1 ? WriteProtocol.V1 : WriteProtocol.V2, work);

                ItemCounts told = verdict.Faults.Aggregate(verdict.Written, (sum, fault) => sum + fault.Items);
                Assert.Equal(work.Result.Accepted, told);
                Assert.All(verdict.Faults, fault => Assert.True(fault.Items is { Samples: >= 0, Histograms: >= 0, Exemplars: >= 0 }));
                Assert.Equal(verdict.Kind == VerdictKind.Written, verdict.Faults.IsEmpty);
                Assert.True(verdict.Kind != VerdictKind.Retry || verdict.Faults.Length == 1);
            }
        }
    }

    private static IEnumerable<string> Names(Random random) =>
        Enumerable.Range(0, random.Next(0, 8)).Select(i => $"s{i}_" + new string('x', random.Next(20_000)));

    private static V2.Request RandomV2(Random random)
    {
        V2.Request message = Messages.V2Samples([.. Names(random)]);
        foreach (V2.TimeSeries series in message.Timeseries)
        {
            switch (random.Next(4))
            {
                case 0:
                    series.Samples.Clear();
                    series.Histograms.Add(random.Next(2) == 0 ? Messages.Histogram() : Messages.CustomBounds());
                    break;
                case 1:
                    series.Exemplars.Add(new V2.Exemplar { Value = 1, Timestamp = 1000 });
                    break;
            }
        }

        return message;
    }

    private static StoreAnswer Answer(Random random, ReceivedRequest request)
    {
        // Requests come one at a time, so that a seed repeats.
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
