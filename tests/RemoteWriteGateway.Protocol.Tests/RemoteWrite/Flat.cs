using Google.Protobuf;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>
/// Requests as a list of lines, an item each, with the labels written out and the item's bytes in hexadecimal. Two sequences
/// of requests with the same lines say the same, in the same order, however they are cut.
/// </summary>
internal static class Flat
{
    public static List<string> Items(params IEnumerable<V1.WriteRequest> requests)
    {
        var lines = new List<string>();
        foreach (V1.TimeSeries series in requests.SelectMany(request => request.Timeseries))
        {
            string labels = Text(series.Labels.Select(label => (label.Name, label.Value)));
            Assert.NotEqual(0, series.Samples.Count + series.Histograms.Count + series.Exemplars.Count);
            lines.AddRange(series.Samples.Select(sample => $"{labels} sample {Bits(sample.Value)} @{sample.Timestamp} {Hex(sample)}"));
            lines.AddRange(series.Histograms.Select(histogram => $"{labels} histogram {Hex(histogram)}"));
            lines.AddRange(series.Exemplars.Select(exemplar => $"{labels} exemplar {Hex(exemplar)}"));
        }

        return lines;
    }

    public static List<string> Metadata(params IEnumerable<V1.WriteRequest> requests) =>
        [.. requests.SelectMany(request => request.Metadata).Select(entry => $"{entry.MetricFamilyName} {entry.Type} {entry.Help} {entry.Unit}")];

    /// <summary>Metadata and created timestamp are repeated with each item of their series.</summary>
    public static List<string> Items(params IEnumerable<V2.Request> requests)
    {
        var lines = new List<string>();
        foreach (V2.Request request in requests)
        {
            foreach (V2.TimeSeries series in request.Timeseries)
            {
                string labels = Labels(request, series.LabelsRefs);
                V2.Metadata metadata = series.Metadata ?? new V2.Metadata();
                string about = $"{labels} {metadata.Type} {request.Symbols[(int)metadata.HelpRef]} {request.Symbols[(int)metadata.UnitRef]} {series.CreatedTimestamp}";
                lines.AddRange(series.Samples.Select(sample => $"{about} sample {Hex(sample)}"));
                lines.AddRange(series.Histograms.Select(histogram => $"{about} histogram {Hex(histogram)}"));
                lines.AddRange(series.Exemplars.Select(exemplar =>
                    $"{about} exemplar {Labels(request, exemplar.LabelsRefs)} {Bits(exemplar.Value)} @{exemplar.Timestamp}"));
            }
        }

        return lines;
    }

    /// <summary>Compares lines, of which there are many thousands in a run: only what differs is given to the slower comparison that can say where.</summary>
    public static void AssertEqual(List<string> expected, List<string> actual)
    {
        if (!expected.SequenceEqual(actual))
        {
            Assert.Equal(expected, actual);
        }
    }

    public static string Bits(double value) => BitConverter.DoubleToUInt64Bits(value).ToString("x16", null);

    public static string Text(IEnumerable<(string Name, string Value)> labels) =>
        "{" + string.Join(",", labels.Select(label => $"{label.Name}=\"{label.Value}\"")) + "}";

    private static string Labels(V2.Request request, IReadOnlyList<uint> references) =>
        Text(references.Chunk(2).Select(pair => (request.Symbols[(int)pair[0]], request.Symbols[(int)pair[1]])));

    private static string Hex(IMessage message) => Convert.ToHexString(message.ToByteArray());
}
