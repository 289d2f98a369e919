using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>The stamper does to random requests what <see cref="ObjectStamper"/> does to the objects that the generated classes read from them.</summary>
public sealed class StampModelTests
{
    private const int Requests = 3000;

    [Theory]
    [InlineData(WriteProtocol.V1)]
    [InlineData(WriteProtocol.V2)]
    public void The_stamper_agrees_with_objects(WriteProtocol protocol)
    {
        var work = new WriteWork();
        int stamped = 0;
        for (int seed = 0; seed < Requests; seed++)
        {
            var random = new Random(seed);
            byte[] message = new RandomRequests(random, isReadable: true).Next(protocol);
            StampOptions options = RandomRequests.NextOptions(random);
            work.Decoded.Clear();
            work.Decoded.Append(message);
            SeriesStamper.Stamp(protocol, options, StampRunner.NowMs, work);
            if (work.Result.HasFault)
            {
                // Its limits are on the request as a whole; nothing that is random here is malformed.
                Assert.True(work.Result.Fault != StampReason.MalformedProtobuf, $"seed {seed}: {work.Result.FaultText} {Convert.ToHexString(message)}");
                continue;
            }

            stamped++;
            ObjectStamper model = protocol == WriteProtocol.V1 ? ModelOfV1(message, options) : ModelOfV2(message, options);
            var outcome = new StampOutcome(protocol, work.Stamped.Span.ToArray(), work.Result);
            AssertSame(model, outcome, $"{protocol}, seed {seed}");
        }

        Assert.InRange(stamped, Requests / 2, Requests);
    }

    private static void AssertSame(ObjectStamper model, StampOutcome outcome, string what)
    {
        Assert.True(model.Output.Count == outcome.Series.Count, $"{what}: {model.Output.Count} series and not {outcome.Series.Count}");
        for (int i = 0; i < model.Output.Count; i++)
        {
            Assert.True(Plain(model.Output[i]).Equals(Plain(outcome.Series[i])), $"{what}: {model.Output[i]} and not {outcome.Series[i]}");
        }

        foreach (StampReason reason in Enum.GetValues<StampReason>())
        {
            ItemCounts refused = outcome.Result.Refused(reason);
            AssertCount("series", outcome.Result.RefusedSeries(reason));
            AssertCount("sample", refused.Samples);
            AssertCount("histogram", refused.Histograms);
            AssertCount("exemplar", refused.Exemplars);

            void AssertCount(string kind, long actual)
            {
                long expected = model.Refused.GetValueOrDefault((reason, kind));
                Assert.True(expected == actual, $"{what}: {reason} refuses {expected} of kind {kind} and not {actual}");
            }
        }

        ItemCounts all = Enum.GetValues<StampReason>().Aggregate(default(ItemCounts), (sum, reason) => sum + outcome.Result.Refused(reason));
        Assert.Equal(outcome.Result.Read, outcome.Result.Accepted + all);
    }

    /// <summary>Without unknown fields, which stay in samples and histograms of 1.0 and are no part of the comparison here.</summary>
    private static V1.TimeSeries Plain(V1.TimeSeries series) =>
        V1.TimeSeries.Parser.WithDiscardUnknownFields(true).ParseFrom(series.ToByteArray());

    private static ObjectStamper ModelOfV1(byte[] message, StampOptions options)
    {
        var model = new ObjectStamper(options);
        foreach (V1.TimeSeries series in V1.WriteRequest.Parser.ParseFrom(message).Timeseries)
        {
            model.Add(series.Labels, series.Labels.Count, series, [.. series.Exemplars.Select(static exemplar => exemplar.Labels)], hasMetadata: true);
        }

        return model;
    }

    private static ObjectStamper ModelOfV2(byte[] message, StampOptions options)
    {
        var model = new ObjectStamper(options);
        V2.Request request = V2.Request.Parser.ParseFrom(message);
        foreach (V2.TimeSeries series in request.Timeseries)
        {
            var items = new V1.TimeSeries
            {
                Samples = { series.Samples.Select(static sample => V1.Sample.Parser.ParseFrom(sample.ToByteArray())) },
                Histograms = { series.Histograms.Select(static histogram => V1.Histogram.Parser.ParseFrom(histogram.ToByteArray())) },
                Exemplars = { series.Exemplars.Select(static exemplar => new V1.Exemplar { Value = exemplar.Value, Timestamp = exemplar.Timestamp }) },
            };
            model.Add(
                Resolve(series.LabelsRefs),
                (series.LabelsRefs.Count + 1) / 2,
                items,
                [.. series.Exemplars.Select(exemplar => Resolve(exemplar.LabelsRefs))],
                hasMetadata: series.Metadata is not null);
        }

        return model;

        List<V1.Label>? Resolve(IList<uint> refs) => refs.Count % 2 != 0 || refs.Any(reference => reference >= request.Symbols.Count)
            ? null
            : [.. refs.Chunk(2).Select(pair => new V1.Label { Name = request.Symbols[(int)pair[0]], Value = request.Symbols[(int)pair[1]] })];
    }
}
