using Google.Protobuf.WellKnownTypes;
using RemoteWriteGateway.Protocol.Messages.Client;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

/// <summary>Makes valid families of every type with the generated classes.</summary>
internal sealed class RandomFamilies(Random random)
{
    public static IEnumerable<byte[]> Some(int count) =>
        Enumerable.Range(0, count).Select(seed => DelimitedTests.Body(new RandomFamilies(new Random(seed)).Next()));

    public MetricFamily[] Next() => [.. Enumerable.Range(0, random.Next(1, 4)).Select(Family)];

    private MetricFamily Family(int number)
    {
        MetricFamily family = new() { Name = $"m{number}", Type = (MetricType)random.Next(6), Help = random.Next(2) == 0 ? "Help é" : "" };
        for (int i = random.Next(4); i > 0; i--)
        {
            Metric metric = new() { Label = { new LabelPair { Name = "n", Value = $"{i}" }, new LabelPair { Name = "b", Value = "é" } } };
            switch (family.Type)
            {
                case MetricType.Counter:
                    metric.Counter = new Counter { Value = Value(), Exemplar = Exemplar(), StartTimestamp = Time() };
                    break;
                case MetricType.Gauge:
                    metric.Gauge = new Gauge { Value = Value() };
                    break;
                case MetricType.Untyped:
                    metric.Untyped = new Untyped { Value = Value() };
                    break;
                case MetricType.Summary:
                    metric.Summary = new Summary { SampleCount = (ulong)random.NextInt64(), SampleSum = Value(), StartTimestamp = Time(), Quantile = { new Quantile { Quantile_ = 0.5, Value = Value() } } };
                    break;
                default:
                    metric.Histogram = Histogram();
                    break;
            }

            family.Metric.Add(metric);
        }

        return family;
    }

    private Histogram Histogram()
    {
        Histogram histogram = new() { SampleSum = Value(), SampleCount = 5, StartTimestamp = Time() };
        if (random.Next(2) == 0)
        {
            histogram.Bucket.Add(new Bucket { UpperBound = 1, CumulativeCount = 3, Exemplar = Exemplar() });
            histogram.Bucket.Add(new Bucket { UpperBound = double.PositiveInfinity, CumulativeCount = 5 });
        }

        switch (random.Next(3))
        {
            case 0:
                histogram.SampleSum = 1;
                histogram.ZeroCount = 1;
                histogram.ZeroThreshold = 0.5;
                histogram.NegativeSpan.Add(new BucketSpan { Offset = 2, Length = 1 });
                histogram.NegativeDelta.Add(1);
                histogram.PositiveSpan.Add(new BucketSpan { Offset = -3, Length = 2 });
                histogram.PositiveDelta.Add([1, 1]);
                histogram.Exemplars.Add(new Exemplar { Value = 1, Timestamp = new Timestamp { Seconds = 9 } });
                break;
            case 1:
                histogram.SampleCountFloat = 2.5;
                histogram.PositiveSpan.Add(new BucketSpan { Offset = 0, Length = 1 });
                histogram.PositiveCount.Add(2.5);
                break;
        }

        return histogram;
    }

    private double Value() => random.Next(4) switch { 0 => 0, 1 => random.Next(1000), 2 => random.NextDouble() * 1e9, _ => double.PositiveInfinity };

    private Exemplar? Exemplar() => random.Next(2) == 0 ? null : new Exemplar { Value = Value(), Label = { new LabelPair { Name = "trace", Value = "abc" } }, Timestamp = Time() };

    private Timestamp? Time() => random.Next(2) == 0 ? null : new Timestamp { Seconds = random.Next(), Nanos = random.Next(1000) * 1_000_000 };
}
