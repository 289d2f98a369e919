using Google.Protobuf;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Writes messages of one protocol as the other's, object by object, so that a test runs on both.</summary>
internal static class Translation
{
    public static V2.Request ToV2(V1.WriteRequest request)
    {
        var result = new V2.Request { Symbols = { "" } };
        var known = new Dictionary<string, uint> { [""] = 0 };
        foreach (V1.TimeSeries series in request.Timeseries)
        {
            result.Timeseries.Add(new V2.TimeSeries
            {
                LabelsRefs = { Refs(series.Labels) },
                Samples = { series.Samples.Select(static sample => V2.Sample.Parser.ParseFrom(sample.ToByteArray())) },
                Histograms = { series.Histograms.Select(static histogram => V2.Histogram.Parser.ParseFrom(histogram.ToByteArray())) },
                Exemplars =
                {
                    series.Exemplars.Select(exemplar => new V2.Exemplar
                    {
                        LabelsRefs = { Refs(exemplar.Labels) },
                        Value = exemplar.Value,
                        Timestamp = exemplar.Timestamp,
                    }),
                },
            });
        }

        return result;

        IEnumerable<uint> Refs(IEnumerable<V1.Label> labels) =>
            labels.SelectMany(label => new[] { Ref(label.Name), Ref(label.Value) }).ToList();

        uint Ref(string text)
        {
            if (!known.TryGetValue(text, out uint reference))
            {
                reference = (uint)result.Symbols.Count;
                known.Add(text, reference);
                result.Symbols.Add(text);
            }

            return reference;
        }
    }

    public static V1.WriteRequest ToV1(V2.Request request)
    {
        var result = new V1.WriteRequest();
        foreach (V2.TimeSeries series in request.Timeseries)
        {
            result.Timeseries.Add(new V1.TimeSeries
            {
                Labels = { Labels(series.LabelsRefs) },
                Samples = { series.Samples.Select(static sample => V1.Sample.Parser.ParseFrom(sample.ToByteArray())) },
                Histograms = { series.Histograms.Select(static histogram => V1.Histogram.Parser.ParseFrom(histogram.ToByteArray())) },
                Exemplars =
                {
                    series.Exemplars.Select(exemplar => new V1.Exemplar
                    {
                        Labels = { Labels(exemplar.LabelsRefs) },
                        Value = exemplar.Value,
                        Timestamp = exemplar.Timestamp,
                    }),
                },
            });
        }

        return result;

        IEnumerable<V1.Label> Labels(IList<uint> refs) =>
            refs.Chunk(2).Select(pair => new V1.Label { Name = request.Symbols[(int)pair[0]], Value = request.Symbols[(int)pair[1]] });
    }
}
