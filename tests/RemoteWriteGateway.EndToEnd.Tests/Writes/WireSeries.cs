using Google.Protobuf;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.EndToEnd.Tests.Writes;

/// <summary>One series entry of a write request, written once and sent as either version of the protocol.</summary>
/// <param name="Labels">In the order in which they are sent; sorted and complete is for the test to do or not to do.</param>
internal sealed record WireSeries(IReadOnlyList<(string Name, string Value)> Labels)
{
    /// <summary>What a stale marker looks like.</summary>
    public static readonly double StaleMarker = BitConverter.Int64BitsToDouble(0x7ff0_0000_0000_0002);

    public IReadOnlyList<(long TimestampMs, double Value)> Samples { get; init; } = [];

    /// <summary>Timestamps and all; the messages of both versions have the same bytes.</summary>
    public IReadOnlyList<V1.Histogram> Histograms { get; init; } = [];

    public IReadOnlyList<(long TimestampMs, double Value, IReadOnlyList<(string Name, string Value)> Labels)> Exemplars { get; init; } = [];

    /// <summary>Metadata, for 2.0 only.</summary>
    public V2.Metadata.Types.MetricType? Type { get; init; }

    /// <summary>When the counting of its samples began, for 2.0 only; 0 is unset.</summary>
    public long StartTimestampMs { get; init; }

    /// <summary>A series with one sample.</summary>
    public static WireSeries Of(string metric, long timestampMs, double value, params (string Name, string Value)[] labels) =>
        new([("__name__", metric), .. labels]) { Samples = [(timestampMs, value)] };

    /// <summary>The series as a <c>prometheus.WriteRequest</c>.</summary>
    public static byte[] ToV1(IEnumerable<WireSeries> series)
    {
        V1.WriteRequest request = new();
        foreach (WireSeries one in series)
        {
            V1.TimeSeries message = new();
            message.Labels.AddRange(one.Labels.Select(label => new V1.Label { Name = label.Name, Value = label.Value }));
            message.Samples.AddRange(one.Samples.Select(sample => new V1.Sample { Timestamp = sample.TimestampMs, Value = sample.Value }));
            message.Histograms.AddRange(one.Histograms);
            foreach ((long timestampMs, double value, IReadOnlyList<(string Name, string Value)> labels) in one.Exemplars)
            {
                V1.Exemplar exemplar = new() { Timestamp = timestampMs, Value = value };
                exemplar.Labels.AddRange(labels.Select(label => new V1.Label { Name = label.Name, Value = label.Value }));
                message.Exemplars.Add(exemplar);
            }

            request.Timeseries.Add(message);
        }

        return request.ToByteArray();
    }

    /// <summary>The series as an <c>io.prometheus.write.v2.Request</c>, each text once in its symbols.</summary>
    public static V2.Request ToV2(IEnumerable<WireSeries> series)
    {
        V2.Request request = new() { Symbols = { "" } };
        uint Reference(string text)
        {
            int known = request.Symbols.IndexOf(text);
            if (known >= 0)
            {
                return (uint)known;
            }

            request.Symbols.Add(text);
            return (uint)request.Symbols.Count - 1;
        }

        IEnumerable<uint> References(IEnumerable<(string Name, string Value)> labels) =>
            labels.SelectMany(label => new[] { Reference(label.Name), Reference(label.Value) });

        foreach (WireSeries one in series)
        {
            V2.TimeSeries message = new();
            message.LabelsRefs.AddRange(References(one.Labels));
            message.Samples.AddRange(one.Samples.Select(sample =>
                new V2.Sample { Timestamp = sample.TimestampMs, Value = sample.Value, StartTimestamp = one.StartTimestampMs }));
            message.Histograms.AddRange(one.Histograms.Select(histogram => V2.Histogram.Parser.ParseFrom(histogram.ToByteArray())));
            foreach ((long timestampMs, double value, IReadOnlyList<(string Name, string Value)> labels) in one.Exemplars)
            {
                V2.Exemplar exemplar = new() { Timestamp = timestampMs, Value = value };
                exemplar.LabelsRefs.AddRange(References(labels));
                message.Exemplars.Add(exemplar);
            }

            if (one.Type is V2.Metadata.Types.MetricType type)
            {
                message.Metadata = new V2.Metadata { Type = type, HelpRef = Reference("Help of a test."), UnitRef = Reference("seconds") };
            }

            request.Timeseries.Add(message);
        }

        return request;
    }

    /// <summary>The same as the gateway must make it: sorted, nothing empty, no tenant but this one.</summary>
    public WireSeries StampedWith(string tenant) => this with
    {
        Labels = [.. Labels
            .Where(label => label.Value.Length > 0 && label.Name != "tenant")
            .Append((Name: "tenant", Value: tenant))
            .OrderBy(label => label.Name, StringComparer.Ordinal)],
    };
}
