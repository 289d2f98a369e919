using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Translation and expansion on the generated classes, as plainly as it can be said: what <see cref="OutgoingParts"/> is compared with.</summary>
internal static class ReferenceTranslation
{
    public static V1.WriteRequest Translate(V2.Request request, bool expand, out TranslationLosses losses)
    {
        var translated = new V1.WriteRequest();
        long starts = 0;
        long metadata = 0;
        foreach (V2.TimeSeries series in request.Timeseries)
        {
            var to = new V1.TimeSeries();
            to.Labels.Add(Labels(request, series.LabelsRefs));
            to.Samples.Add(series.Samples.Select(sample => new V1.Sample { Value = sample.Value, Timestamp = sample.Timestamp }));
            to.Histograms.Add(series.Histograms.Select(Histogram));
            to.Exemplars.Add(series.Exemplars.Select(exemplar => Exemplar(request, exemplar)));
            translated.Timeseries.Add(to);

            starts += series.Samples.Count(sample => sample.StartTimestamp != 0)
                + series.Histograms.Count(histogram => histogram.StartTimestamp != 0)
                + (series.CreatedTimestamp != 0 ? 1 : 0);
            metadata += series.Metadata is { } about && SaysSomething(request, about) ? 1 : 0;
        }

        losses = new TranslationLosses(starts, metadata, 0, 0);
        if (!expand)
        {
            return translated;
        }

        V1.WriteRequest expanded = Expand(translated, out long layouts);
        losses = losses with { CustomBoundsLayouts = layouts };
        return expanded;
    }

    /// <summary>The first metadata of each family, in the order of the series.</summary>
    public static List<string> Families(V2.Request request)
    {
        var families = new Dictionary<string, string>();
        foreach (V2.TimeSeries series in request.Timeseries.Where(series => series.Metadata is { } about && SaysSomething(request, about)))
        {
            string name = Labels(request, series.LabelsRefs).Single(label => label.Name == "__name__").Value;
            if (series.Metadata.Type is V2.Metadata.Types.MetricType.Histogram or V2.Metadata.Types.MetricType.Gaugehistogram or V2.Metadata.Types.MetricType.Summary)
            {
                string suffix = new[] { "_bucket", "_sum", "_count", "" }.First(name.EndsWith);
                name = name[..^suffix.Length];
            }

            families.TryAdd(name, $"{name} {(V1.MetricMetadata.Types.MetricType)series.Metadata.Type} {request.Symbols[(int)series.Metadata.HelpRef]} {request.Symbols[(int)series.Metadata.UnitRef]}");
        }

        return [.. families.Values];
    }

    /// <param name="request">A 1.0 request.</param>
    /// <param name="layouts">How many histograms were expanded.</param>
    /// <param name="print">Prints a bound; by default those of <see cref="StampedRequests.Bounds"/>.</param>
    public static V1.WriteRequest Expand(V1.WriteRequest request, out long layouts, Func<double, string>? print = null)
    {
        print ??= bound => StampedRequests.Bounds.Single(b => b.Bound == bound).Text;
        var expanded = new V1.WriteRequest { Metadata = { request.Metadata } };
        layouts = 0;
        foreach (V1.TimeSeries series in request.Timeseries)
        {
            List<V1.Histogram> custom = [.. series.Histograms.Where(histogram => histogram.Schema == -53)];
            layouts += custom.Count;
            V1.TimeSeries rest = series.Clone();
            if (custom.Count > 0)
            {
                rest.Histograms.Clear();
                rest.Histograms.Add(series.Histograms.Where(histogram => histogram.Schema != -53));
                rest.Exemplars.Clear();
            }

            if (rest.Samples.Count + rest.Histograms.Count + rest.Exemplars.Count > 0)
            {
                expanded.Timeseries.Add(rest);
            }

            expanded.Timeseries.Add(custom.SelectMany(histogram => Classic(series, histogram, print)));
            if (custom.Count > 0)
            {
                expanded.Timeseries.Add(series.Exemplars.Select(exemplar => new V1.TimeSeries
                {
                    Labels = { BucketLabels(series, BoundText(custom[^1], exemplar.Value, print)) },
                    Exemplars = { exemplar },
                }));
            }
        }

        return expanded;
    }

    private static IEnumerable<V1.TimeSeries> Classic(V1.TimeSeries series, V1.Histogram histogram, Func<double, string> print)
    {
        bool isFloat = histogram.CountCase == V1.Histogram.CountOneofCase.CountFloat;
        double count = isFloat ? histogram.CountFloat : histogram.CountInt;
        bool isStale = Flat.Bits(histogram.Sum) == Flat.Bits(StampedRequests.Stale);
        if (!isStale)
        {
            double[] buckets = new double[histogram.CustomValues.Count + 1];
            int bucket = 0;
            int next = 0;
            long running = 0;
            foreach (V1.BucketSpan span in histogram.PositiveSpans)
            {
                bucket += span.Offset;
                for (int i = 0; i < span.Length; i++)
                {
                    running += isFloat ? 0 : histogram.PositiveDeltas[next];
                    buckets[bucket++] = isFloat ? histogram.PositiveCounts[next] : running;
                    next++;
                }
            }

            for (int i = 0; i < histogram.CustomValues.Count; i++)
            {
                yield return Series(BucketLabels(series, print(histogram.CustomValues[i])), buckets[..(i + 1)].Sum(), histogram.Timestamp);
            }

            yield return Series(BucketLabels(series, "+Inf"), count, histogram.Timestamp);
        }

        yield return Series(Renamed(series, "_sum"), histogram.Sum, histogram.Timestamp);
        yield return Series(Renamed(series, "_count"), isStale ? histogram.Sum : count, histogram.Timestamp);
    }

    private static string BoundText(V1.Histogram histogram, double value, Func<double, string> print) =>
        histogram.CustomValues.Where(bound => value <= bound).Select(print).FirstOrDefault("+Inf");

    private static V1.TimeSeries Series(IEnumerable<V1.Label> labels, double value, long timestamp) =>
        new() { Labels = { labels }, Samples = { new V1.Sample { Value = value, Timestamp = timestamp } } };

    private static List<V1.Label> BucketLabels(V1.TimeSeries series, string bound)
    {
        List<V1.Label> labels = [.. Renamed(series, "_bucket").Where(label => label.Name != "le")];
        labels.Insert(labels.Count(label => string.CompareOrdinal(label.Name, "le") < 0), new V1.Label { Name = "le", Value = bound });
        return labels;
    }

    private static IEnumerable<V1.Label> Renamed(V1.TimeSeries series, string suffix) =>
        series.Labels.Select(label => new V1.Label { Name = label.Name, Value = label.Name == "__name__" ? label.Value + suffix : label.Value });

    private static IEnumerable<V1.Label> Labels(V2.Request request, IEnumerable<uint> references) =>
        references.Chunk(2).Select(pair => new V1.Label { Name = request.Symbols[(int)pair[0]], Value = request.Symbols[(int)pair[1]] });

    private static V1.Exemplar Exemplar(V2.Request request, V2.Exemplar exemplar) =>
        new() { Labels = { Labels(request, exemplar.LabelsRefs) }, Value = exemplar.Value, Timestamp = exemplar.Timestamp };

    private static bool SaysSomething(V2.Request request, V2.Metadata metadata) =>
        metadata.Type != 0 || request.Symbols[(int)metadata.HelpRef].Length + request.Symbols[(int)metadata.UnitRef].Length > 0;

    private static V1.Histogram Histogram(V2.Histogram from)
    {
        var to = new V1.Histogram
        {
            Sum = from.Sum,
            Schema = from.Schema,
            ZeroThreshold = from.ZeroThreshold,
            NegativeSpans = { from.NegativeSpans.Select(Span) },
            NegativeDeltas = { from.NegativeDeltas },
            NegativeCounts = { from.NegativeCounts },
            PositiveSpans = { from.PositiveSpans.Select(Span) },
            PositiveDeltas = { from.PositiveDeltas },
            PositiveCounts = { from.PositiveCounts },
            ResetHint = (V1.Histogram.Types.ResetHint)from.ResetHint,
            Timestamp = from.Timestamp,
            CustomValues = { from.CustomValues },
        };
        switch (from.CountCase)
        {
            case V2.Histogram.CountOneofCase.CountInt:
                to.CountInt = from.CountInt;
                break;
            case V2.Histogram.CountOneofCase.CountFloat:
                to.CountFloat = from.CountFloat;
                break;
        }

        switch (from.ZeroCountCase)
        {
            case V2.Histogram.ZeroCountOneofCase.ZeroCountInt:
                to.ZeroCountInt = from.ZeroCountInt;
                break;
            case V2.Histogram.ZeroCountOneofCase.ZeroCountFloat:
                to.ZeroCountFloat = from.ZeroCountFloat;
                break;
        }

        return to;
    }

    private static V1.BucketSpan Span(V2.BucketSpan span) => new() { Offset = span.Offset, Length = span.Length };
}
