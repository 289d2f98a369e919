using System.Text;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Random requests of the shape that stamping gives them: labels sorted by bytes, samples or histograms in a series.</summary>
internal sealed class StampedRequests(int seed)
{
    /// <summary>The double that marks the end of a series.</summary>
    public static readonly double Stale = BitConverter.UInt64BitsToDouble(0x7ff0_0000_0000_0002);

    /// <summary>Bounds of histograms with custom bounds, and how Prometheus prints them.</summary>
    public static readonly (double Bound, string Text)[] Bounds =
    [
        (-1e6, "-1e+06"), (-2.5, "-2.5"), (0, "0.0"), (0.00001, "1e-05"), (0.005, "0.005"), (0.25, "0.25"), (1, "1.0"), (2.5, "2.5"),
        (100, "100.0"), (123456, "123456.0"), (1e6, "1e+06"), (12345678, "1.2345678e+07"), (1e21, "1e+21"),
    ];

    private static readonly string[] LabelNames =
        ["A", "__type__", "instance", "job", "l", "le", "lea", "tenant", "zone", "ﬂavour", "～", "\U0001F30D", "with.dots and blank"];

    private static readonly string[] MetricNames =
        ["up", "rpc_seconds", "rpc_seconds_bucket", "rpc_seconds_sum", "rpc_seconds_count", "temperature.celsius", "_sum", "größe_total"];

    private static readonly Comparer<string> ByBytes =
        Comparer<string>.Create((a, b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b)));

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, uint> _symbols = [];

    public V2.Request V2Request(int series)
    {
        var request = new V2.Request { Symbols = { "" } };
        _symbols.Clear();
        _symbols.Add("", 0);
        for (int i = 0; i < series; i++)
        {
            request.Timeseries.Add(V2Series(request));
        }

        return request;
    }

    /// <summary>A 1.0 request without 2.0's own fields, also with metadata entries between the series.</summary>
    public V1.WriteRequest V1Request(int series)
    {
        V1.WriteRequest request = ReferenceTranslation.Translate(V2Request(series), expand: false, out _);
        for (int i = _random.Next(4); i > 0; i--)
        {
            request.Metadata.Add(new V1.MetricMetadata { MetricFamilyName = Pick(MetricNames), Help = Text(_random.Next(300)), Type = V1.MetricMetadata.Types.MetricType.Counter });
        }

        return request;
    }

    private uint Symbol(V2.Request request, string text)
    {
        if (!_symbols.TryGetValue(text, out uint index))
        {
            index = (uint)request.Symbols.Count;
            request.Symbols.Add(text);
            _symbols.Add(text, index);
        }

        return index;
    }

    private uint[] References(V2.Request request, params IEnumerable<(string Name, string Value)> labels) =>
        [.. labels.SelectMany(label => new[] { Symbol(request, label.Name), Symbol(request, label.Value) })];

    private V2.TimeSeries V2Series(V2.Request request)
    {
        var series = new V2.TimeSeries();
        IEnumerable<(string, string)> labels = LabelNames
            .Where(_ => _random.Next(3) == 0)
            .Select(name => (name, Text(_random.Next(1, 40))))
            .Append(("__name__", Pick(MetricNames)))
            .OrderBy(label => label.Item1, ByBytes);
        series.LabelsRefs.Add(References(request, labels));

        bool hasHistograms = _random.Next(3) == 0;
        for (int i = _random.Next(4); i >= 0; i--)
        {
            if (hasHistograms)
            {
                series.Histograms.Add(Histogram());
            }
            else
            {
                series.Samples.Add(new V2.Sample { Value = Value(), Timestamp = Timestamp(), StartTimestamp = _random.Next(3) == 0 ? Timestamp() : 0 });
            }
        }

        for (int i = _random.Next(6) - 3; i > 0; i--)
        {
            series.Exemplars.Add(Exemplar(request));
        }

        if (_random.Next(8) == 0 && series.Exemplars.Count > 0)
        {
            series.Samples.Clear();
            series.Histograms.Clear();
        }

        series.Metadata = _random.Next(3) == 0 ? null : Metadata(request);
        series.CreatedTimestamp = _random.Next(5) == 0 ? Timestamp() : 0;
        return series;
    }

    private V2.Exemplar Exemplar(V2.Request request)
    {
        var exemplar = new V2.Exemplar { Value = Value(), Timestamp = Timestamp() };
        if (_random.Next(4) > 0)
        {
            exemplar.LabelsRefs.Add(References(request, ("trace_id", Text(32)), ("tenant", "")));
        }

        return exemplar;
    }

    private V2.Metadata Metadata(V2.Request request) => new()
    {
        Type = (V2.Metadata.Types.MetricType)_random.Next(8),
        HelpRef = _random.Next(3) == 0 ? 0 : Symbol(request, Text(_random.Next(2))),
        UnitRef = _random.Next(3) == 0 ? Symbol(request, "seconds") : 0,
    };

    private V2.Histogram Histogram()
    {
        var histogram = new V2.Histogram { Timestamp = Timestamp(), Sum = Value(), ResetHint = (V2.Histogram.Types.ResetHint)_random.Next(4) };
        if (_random.Next(3) == 0)
        {
            histogram.StartTimestamp = Timestamp();
        }

        if (_random.Next(2) == 0)
        {
            FillExponential(histogram);
        }
        else
        {
            FillCustom(histogram);
        }

        return histogram;
    }

    private void FillExponential(V2.Histogram histogram)
    {
        histogram.Schema = _random.Next(-4, 9);
        histogram.ZeroThreshold = 0.001;
        histogram.CountInt = 12;
        histogram.ZeroCountInt = 3;
        histogram.PositiveSpans.Add(new V2.BucketSpan { Offset = _random.Next(-9, 9), Length = 2 });
        histogram.PositiveDeltas.Add([4, -1]);
        histogram.NegativeSpans.Add(new V2.BucketSpan { Offset = 1, Length = 1 });
        histogram.NegativeDeltas.Add(2);
    }

    private void FillCustom(V2.Histogram histogram)
    {
        histogram.Schema = -53;
        histogram.CustomValues.Add(Bounds.Where(_ => _random.Next(2) == 0).Select(bound => bound.Bound));
        bool isFloat = _random.Next(2) == 0;
        long last = 0;
        long total = 0;

        // Spans walk over the buckets, of which there is one more than bounds.
        int bucket = 0;
        while (true)
        {
            int offset = _random.Next(3);
            int length = _random.Next(4);
            if (bucket + offset + length > histogram.CustomValues.Count + 1)
            {
                break;
            }

            bucket += offset + length;
            histogram.PositiveSpans.Add(new V2.BucketSpan { Offset = offset, Length = (uint)length });
            for (int i = 0; i < length; i++)
            {
                long count = _random.Next(1000);
                total += count;
                if (isFloat)
                {
                    histogram.PositiveCounts.Add(count / 8.0);
                }
                else
                {
                    histogram.PositiveDeltas.Add(count - last);
                    last = count;
                }
            }

            if (offset + length == 0)
            {
                break;
            }
        }

        if (isFloat)
        {
            histogram.CountFloat = total / 8.0;
        }
        else
        {
            histogram.CountInt = (ulong)total;
        }
    }

    private double Value() => _random.Next(6) switch
    {
        0 => Stale,
        1 => BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue)),
        2 => BitConverter.UInt64BitsToDouble(0x7ff8_0000_0000_0000UL | (uint)_random.Next()),
        3 => 0,
        _ => _random.Next(1000),
    };

    private long Timestamp() => _random.Next(8) == 0 ? -_random.NextInt64(1, 1L << 40) : _random.NextInt64(0, 1L << 42);

    private string Text(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)('a' + _random.Next(26))));

    private string Pick(string[] texts) => texts[_random.Next(texts.Length)];
}
