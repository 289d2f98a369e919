using System.Globalization;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>
/// Series as one line each, for tests: <c>up{job="a"} 1 2@-5s</c> is a series with two samples, the first one now, the second
/// five seconds ago. A name in front is the label <c>__name__</c>; labels keep their order and may be repeated or empty.
/// </summary>
internal static class SeriesText
{
    public static IReadOnlyList<V1.TimeSeries> Parse(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ParseLine)];

    public static string Print(IEnumerable<V1.TimeSeries> series) => string.Join('\n', series.Select(PrintLine));

    private static V1.TimeSeries ParseLine(string line)
    {
        var series = new V1.TimeSeries();
        int brace = line.IndexOf('{', StringComparison.Ordinal);
        if (brace > 0)
        {
            series.Labels.Add(new V1.Label { Name = "__name__", Value = line[..brace] });
        }

        int position = brace + 1;
        while (line[position] != '}')
        {
            int equals = line.IndexOf("=\"", position, StringComparison.Ordinal);
            int end = line.IndexOf('"', equals + 2);
            series.Labels.Add(new V1.Label { Name = line[position..equals], Value = line[(equals + 2)..end] });
            position = line[end + 1] == ',' ? end + 2 : end + 1;
        }

        foreach (string sample in line[(position + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = sample.Split('@');
            long offsetMs = parts.Length > 1 ? (long)(double.Parse(parts[1].TrimEnd('s'), CultureInfo.InvariantCulture) * 1000) : 0;
            series.Samples.Add(new V1.Sample { Value = double.Parse(parts[0], CultureInfo.InvariantCulture), Timestamp = StampRunner.NowMs + offsetMs });
        }

        return series;
    }

    private static string PrintLine(V1.TimeSeries series)
    {
        V1.Label? name = series.Labels.FirstOrDefault(static label => label.Name == "__name__");
        IEnumerable<string> labels = series.Labels.Where(label => label != name).Select(static label => $"{label.Name}=\"{label.Value}\"");
        IEnumerable<string> samples = series.Samples.Select(static sample =>
        {
            string value = sample.Value.ToString(CultureInfo.InvariantCulture);
            long offsetMs = sample.Timestamp - StampRunner.NowMs;
            return offsetMs == 0 ? value : string.Create(CultureInfo.InvariantCulture, $"{value}@{offsetMs / 1000.0}s");
        });
        return $"{name?.Value}{{{string.Join(',', labels)}}} {string.Join(' ', samples)}".TrimEnd();
    }
}
