using System.Globalization;
using RemoteWriteGateway.Tests.Forwarding;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>Messages in words: <c>rows_total{job="nightly"} 5 @1000 start=500 counter</c>, markers as <c>stale</c>, exemplars behind <c>#</c>.</summary>
internal static class SampleLines
{
    private const long StaleBits = 0x7ff0_0000_0000_0002;

    /// <summary>Every item of a message, one line each; without metadata.</summary>
    public static IReadOnlyList<string> Of(ReceivedRequest request) => request.Protocol == Protocol.RemoteWrite.WriteProtocol.V1 ? Of(request.AsV1) : Of(request.AsV2, withMetadata: false);

    public static IReadOnlyList<string> Of(V1.WriteRequest message) =>
        [.. message.Timeseries.SelectMany(series => series.Samples.Select(sample =>
            $"{Name(series.Labels.Select(label => (label.Name, label.Value)))} {Value(sample.Value)} @{sample.Timestamp}"))];

    public static IReadOnlyList<string> Of(V2.Request message, bool withMetadata = true)
    {
        List<string> lines = [];
        foreach (V2.TimeSeries series in message.Timeseries)
        {
            string name = Name(series.LabelsRefs.Chunk(2).Select(pair => (message.Symbols[(int)pair[0]], message.Symbols[(int)pair[1]])));
            string metadata = withMetadata
                ? $" {series.Metadata.Type.ToString().ToLowerInvariant()}"
                  + (series.Metadata.HelpRef == 0 ? "" : $" help={message.Symbols[(int)series.Metadata.HelpRef]}")
                  + (series.Metadata.UnitRef == 0 ? "" : $" unit={message.Symbols[(int)series.Metadata.UnitRef]}")
                : "";
            lines.AddRange(series.Samples.Select(sample => $"{name} {Value(sample.Value)} @{sample.Timestamp}{Start(sample.StartTimestamp)}{metadata}"));
            lines.AddRange(series.Histograms.Select(histogram => $"{name} {Value(histogram)} @{histogram.Timestamp}{Start(histogram.StartTimestamp)}{metadata}"));
            lines.AddRange(series.Exemplars.Select(exemplar =>
                $"{name} # {{{string.Join(",", exemplar.LabelsRefs.Chunk(2).Select(pair => $"{message.Symbols[(int)pair[0]]}=\"{message.Symbols[(int)pair[1]]}\""))}}} {Value(exemplar.Value)} @{exemplar.Timestamp}"));
        }

        return lines;
    }

    private static string Name(IEnumerable<(string Name, string Value)> labels)
    {
        (string Name, string Value)[] all = [.. labels];
        Assert.Equal(all.Select(label => label.Name).Order(StringComparer.Ordinal), all.Select(label => label.Name));
        return all.Single(label => label.Name == "__name__").Value
            + "{" + string.Join(",", all.Where(label => label.Name != "__name__").Select(label => $"{label.Name}=\"{label.Value}\"")) + "}";
    }

    private static string Value(V2.Histogram histogram)
    {
        if (BitConverter.DoubleToInt64Bits(histogram.Sum) == StaleBits)
        {
            return "stale histogram";
        }

        string count = histogram.CountCase == V2.Histogram.CountOneofCase.CountFloat ? Value(histogram.CountFloat) + "f" : $"{histogram.CountInt}";
        string hint = histogram.ResetHint == V2.Histogram.Types.ResetHint.Unspecified ? "" : $" {histogram.ResetHint}";
        return $"histogram count={count} sum={Value(histogram.Sum)} schema={histogram.Schema} buckets={histogram.PositiveDeltas.Count + histogram.PositiveCounts.Count}{hint}";
    }

    private static string Value(double value) =>
        BitConverter.DoubleToInt64Bits(value) == StaleBits ? "stale" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Start(long start) => start == 0 ? "" : $" start={start}";
}
