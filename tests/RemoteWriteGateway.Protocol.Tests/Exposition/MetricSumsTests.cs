using Google.Protobuf;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.Messages.Client;
using RemoteWriteGateway.Protocol.RemoteWrite;
using BucketSpan = RemoteWriteGateway.Protocol.Messages.Client.BucketSpan;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

/// <summary>Adding pushed metrics to stored ones: native histograms, exemplars, and what cannot be added.</summary>
public sealed class MetricSumsTests
{
    [Fact]
    public void Native_histograms_of_one_layout_add_bucket_by_bucket()
    {
        Histogram sum = Add(
            Native(schema: 3, threshold: 0.001, zero: 1, (-2, 4), (0, 1), (5, 2)),
            Native(schema: 3, threshold: 0.001, zero: 2, (0, 10), (1, 20)))!;

        Assert.Equal((3, 0.001, 3UL), (sum.Schema, sum.ZeroThreshold, sum.ZeroCount));
        Assert.Equal([(-2, 4.0), (0, 11.0), (1, 20.0), (5, 2.0)], Buckets(sum));
        Assert.Equal((40UL, 2.0), (sum.SampleCount, sum.SampleSum));
    }

    /// <summary>At schema 0 bucket 1 holds (1, 2], which at schema 2 are buckets 1 to 4.</summary>
    [Fact]
    public void The_lower_schema_wins()
    {
        Histogram sum = Add(
            Native(schema: 2, threshold: 0.001, zero: 0, (-4, 1), (-3, 2), (0, 4), (1, 8), (4, 16), (5, 32)),
            Native(schema: 0, threshold: 0.001, zero: 0, (1, 100)))!;

        Assert.Equal(0, sum.Schema);
        Assert.Equal([(-1, 1.0), (0, 6.0), (1, 124.0), (2, 32.0)], Buckets(sum));
    }

    /// <summary>A threshold of 1.5 cuts bucket 1, (1, 2]: the zero bucket is widened to 2.</summary>
    [Fact]
    public void The_wider_zero_bucket_wins_and_takes_the_buckets_that_it_meets()
    {
        Histogram sum = Add(
            Native(schema: 0, threshold: 0.25, zero: 1, (-1, 2), (0, 4), (1, 8), (2, 16)),
            Native(schema: 0, threshold: 1.5, zero: 100, (2, 1)))!;

        Assert.Equal((2.0, 115UL), (sum.ZeroThreshold, sum.ZeroCount));
        Assert.Equal([(2, 17.0)], Buckets(sum));
    }

    [Fact]
    public void Whole_counts_and_floats_give_floats()
    {
        Histogram floats = new()
        {
            Schema = 0, ZeroThreshold = 0.25, SampleCountFloat = 1.5, SampleSum = 1, PositiveSpan = { new BucketSpan { Offset = 1, Length = 1 } }, PositiveCount = { 1.5 },
        };

        Histogram sum = Add(Native(schema: 0, threshold: 0.25, zero: 0, (1, 2)), floats)!;

        Assert.Equal((3.5, 0UL), (sum.SampleCountFloat, sum.SampleCount));
        Assert.Equal([3.5], sum.PositiveCount);
    }

    [Fact]
    public void Negative_buckets_add_too_and_an_empty_one_stays_native()
    {
        Histogram negative = new()
        {
            Schema = 0, ZeroThreshold = 0.25, SampleCount = 3, SampleSum = -5, NegativeSpan = { new BucketSpan { Offset = 1, Length = 2 } }, NegativeDelta = { 1, 1 },
        };
        Histogram sum = Add(negative, negative)!;
        Assert.Equal([2L, 2L], sum.NegativeDelta);
        Assert.Equal((1, 2U), (sum.NegativeSpan[0].Offset, sum.NegativeSpan[0].Length));

        Histogram empty = new() { Schema = 1, PositiveSpan = { new BucketSpan() } };
        sum = Add(empty, empty)!;
        Assert.Equal((1, 1, 0U), (sum.Schema, sum.PositiveSpan.Count, sum.PositiveSpan[0].Length));
    }

    /// <summary>At schema 1 bucket 0 holds (0.7, 1], 1 (1, 1.4], 2 (1.4, 2], 3 (2, 2.8] and 4 (2.8, 4]; at schema 0 bucket 0 (0.5, 1], 1 (1, 2], 2 (2, 4].</summary>
    [Fact]
    public void A_sum_of_more_buckets_than_the_limit_is_kept_at_a_lower_resolution()
    {
        Histogram odd = Native(schema: 1, threshold: 0.001, zero: 1, (1, 1), (3, 4));
        Histogram even = Native(schema: 1, threshold: 0.001, zero: 1, (0, 8), (2, 16), (4, 32));

        Histogram whole = Add(odd, even, maxBuckets: 5)!;
        Assert.Equal((1, 5), (whole.Schema, Buckets(whole).Count()));

        Histogram sum = Add(odd, even, maxBuckets: 4)!;
        Assert.Equal((0, 2UL), (sum.Schema, sum.ZeroCount));
        Assert.Equal([(0, 8.0), (1, 17.0), (2, 36.0)], Buckets(sum));
    }

    [Fact]
    public void What_has_too_many_buckets_at_any_resolution_begins_anew()
    {
        // At the lowest schema, −4, a bucket is 2^16 times wider than the one before: these two stay two.
        Histogram low = Native(schema: 0, threshold: 0, zero: 0, (1, 1));
        Histogram high = Native(schema: 0, threshold: 0, zero: 0, (100, 1));

        Assert.Equal(-4, Add(low, Native(schema: 0, threshold: 0, zero: 0, (16, 1)), maxBuckets: 1)!.Schema);
        Assert.Null(Add(low, high, maxBuckets: 1));
    }

    [Fact]
    public void A_native_and_a_classic_one_cannot_be_added()
    {
        Histogram classic = new() { SampleCount = 2, SampleSum = 3, Bucket = { new Bucket { UpperBound = 1, CumulativeCount = 2 } } };

        Assert.Null(Add(Native(schema: 0, threshold: 0.25, zero: 0, (1, 2)), classic));
        Assert.Null(Add(classic, Native(schema: 0, threshold: 0.25, zero: 0, (1, 2))));
    }

    [Fact]
    public void A_count_that_would_have_no_place_begins_anew()
    {
        Histogram most = new() { SampleCount = ulong.MaxValue, SampleSum = 1, Bucket = { new Bucket { UpperBound = 1, CumulativeCount = 1 } } };

        Assert.Null(Add(most, most));
    }

    /// <summary>Against the plain way: decode both, add by bound at the lower schema. Zero buckets alike, so that nothing is widened.</summary>
    [Fact]
    public void Random_histograms_add_as_their_counts_do()
    {
        Random random = new(7);
        for (int i = 0; i < 300; i++)
        {
            (int Index, int Count)[] a = Random(random), b = Random(random);
            int schemaA = random.Next(-4, 9), schemaB = random.Next(-4, 9);
            Histogram sum = Add(Native(schemaA, 1e-300, 1, a), Native(schemaB, 1e-300, 2, b))!;

            int schema = Math.Min(schemaA, schemaB);
            IEnumerable<(int, double)> expected = a.Select(one => (Wide(one.Index, schemaA - schema), one.Count))
                .Concat(b.Select(one => (Wide(one.Index, schemaB - schema), one.Count)))
                .GroupBy(one => one.Item1).Select(one => (one.Key, (double)one.Sum(count => count.Count))).OrderBy(one => one.Key);
            Assert.Equal(expected, Buckets(sum));
        }

        static int Wide(int index, int steps) => (int)Math.Ceiling(index / Math.Pow(2, steps));
        static (int Index, int Count)[] Random(Random random) =>
            [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(-40, 40)).Distinct().Order().Select(index => (index, random.Next(1, 1000)))];
    }

    [Fact]
    public void Exemplars_are_those_of_the_push()
    {
        static MetricFamily Counter(double value, string? trace) => new()
        {
            Name = "c",
            Metric =
            {
                new Metric
                {
                    Counter = new Counter { Value = value, Exemplar = trace is null ? null : new Exemplar { Value = 1, Label = { new LabelPair { Name = "trace", Value = trace } } } },
                },
            },
        };

        Assert.Equal("new", Sum(Counter(1, "old"), Counter(2, "new"))!.Metric[0].Counter.Exemplar.Label[0].Value);
        Assert.Null(Sum(Counter(1, "old"), Counter(2, null))!.Metric[0].Counter.Exemplar);
    }

    [Fact]
    public void A_lower_bucket_of_a_native_histogram_is_a_reset()
    {
        MetricFamilies before = Read(Family(Native(0, 0.25, 1, (1, 5), (2, 5))));
        MetricFamilies same = Read(Family(Native(0, 0.25, 1, (1, 5), (2, 6))));
        MetricFamilies lower = Read(Family(Native(0, 0.25, 1, (1, 4), (2, 9))));

        Assert.False(MetricSums.IsLower(same, same.Metrics[0], FamilyType.Histogram, before, before.Metrics[0]));
        Assert.True(MetricSums.IsLower(lower, lower.Metrics[0], FamilyType.Histogram, before, before.Metrics[0]));
    }

    [Fact]
    public void Start_times_of_text_stand_in_gauges_beside_the_family()
    {
        MetricFamilies families = Pushed.Read(
            """
            # TYPE c_total counter
            c_total{a="x"} 1
            c_total{a="y"} 1
            # TYPE c_created gauge
            c_created{a="y"} 1700000000.1239
            # TYPE h histogram
            h_bucket{le="+Inf"} 1
            h_sum 1
            h_count 1
            # TYPE h_created gauge
            h_created 7
            # TYPE s summary
            s_sum 1
            s_count 1
            # TYPE s_created counter
            s_created 7

            """u8.ToArray(),
            ExpositionFormat.Text);

        CreatedGauges.Apply(families, GroupingLabels.Empty);

        Assert.Equal(
            [0, 1_700_000_000_123, 0, 7000, 0, 0, 0], families.Metrics.ToArray().Select(metric => metric.Has(MetricParts.Start) ? metric.StartMs : 0));
    }

    private static Histogram Native(int schema, double threshold, ulong zero, params (int Index, int Count)[] buckets)
    {
        Histogram histogram = new()
        {
            Schema = schema, ZeroThreshold = threshold, ZeroCount = zero, SampleCount = zero + (ulong)buckets.Sum(bucket => bucket.Count), SampleSum = 1,
        };
        int next = 0;
        long before = 0;
        foreach ((int index, int count) in buckets)
        {
            histogram.PositiveSpan.Add(new BucketSpan { Offset = index - next, Length = 1 });
            histogram.PositiveDelta.Add(count - before);
            next = index + 1;
            before = count;
        }

        return histogram;
    }

    private static IEnumerable<(int Index, double Count)> Buckets(Histogram histogram)
    {
        int index = 0;
        int next = 0;
        long count = 0;
        foreach (BucketSpan span in histogram.PositiveSpan)
        {
            index += span.Offset;
            for (int i = 0; i < span.Length; i++, index++)
            {
                count += histogram.PositiveDelta[next++];
                yield return (index, count);
            }
        }
    }

    private static MetricFamily Family(Histogram histogram) =>
        new() { Name = "h", Type = MetricType.Histogram, Metric = { new Metric { Histogram = histogram } } };

    private static Histogram? Add(Histogram kept, Histogram pushed, int maxBuckets = 0) =>
        Sum(Family(kept), Family(pushed), maxBuckets)?.Metric[0].Histogram;

    /// <returns>Null if they cannot be added.</returns>
    private static MetricFamily? Sum(MetricFamily kept, MetricFamily pushed, int maxBuckets = 0)
    {
        MetricFamilies stored = Read(kept);
        MetricFamilies families = Read(pushed);
        if (!MetricSums.TryAdd(stored, 0, families.Families[0].Type, families, families.Metrics[0], maxBuckets))
        {
            return null;
        }

        WriteBuffer output = new();
        FamilyMessageWriter.WriteDelimited(families, families.Families[0], stored, [0], GroupingLabels.Empty, new SeriesLabels(), output);
        return MetricFamily.Parser.ParseDelimitedFrom(new MemoryStream(output.Span.ToArray()));
    }

    private static MetricFamilies Read(MetricFamily family)
    {
        using MemoryStream body = new();
        family.WriteDelimitedTo(body);
        return Pushed.Read(body.ToArray(), ExpositionFormat.Protobuf);
    }
}
