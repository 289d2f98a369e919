using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Each rule of native histograms, kept and broken, by both protocols.</summary>
public sealed class HistogramRulesTests
{
    private const long Now = StampRunner.NowMs;

    public static TheoryData<string, V1.Histogram> Valid => new()
    {
        { "nothing in it", new V1.Histogram { Timestamp = Now } },
        { "stale", new V1.Histogram { Timestamp = Now, Sum = BitConverter.UInt64BitsToDouble(0x7ff0_0000_0000_0002) } },
        { "integer", Integer() },
        { "float", Float() },
        { "custom bounds", CustomBounds() },
        { "custom bounds, none of them", CustomBounds(h => { h.CustomValues.Clear(); h.PositiveSpans.Clear(); h.PositiveDeltas.Clear(); h.CountInt = 0; }) },
        { "custom bounds, float", CustomBounds(h => { h.PositiveDeltas.Clear(); h.PositiveCounts.Add([1, 2, 0]); h.CountFloat = 3; }) },
        { "first span with a negative offset", Integer(h => h.PositiveSpans[0].Offset = -7) },
        { "sum is NaN and some observations are in no bucket", Integer(h => { h.Sum = double.NaN; h.CountInt += 5; }) },
        { "float whose buckets do not add up", Float(h => h.CountFloat = 1000) },
        { "float with NaN in a bucket", Float(h => h.PositiveCounts[0] = double.NaN) },
        { "float zero bucket", Float(h => h.ZeroCountFloat = 2.5) },
        { "widest resolution", Integer(h => h.Schema = -4) },
        { "finest resolution", Integer(h => h.Schema = 8) },
        { "empty spans between", Integer(h => h.PositiveSpans.Insert(1, new V1.BucketSpan { Offset = 3, Length = 0 })) },
        { "any reset hint", Integer(h => h.ResetHint = (V1.Histogram.Types.ResetHint)77) },
    };

    [Theory, MemberData(nameof(Valid))]
    public void A_valid_histogram_passes_as_it_is(string what, V1.Histogram histogram)
    {
        Assert.NotEmpty(what);
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            StampOutcome outcome = Run(protocol, histogram);
            Assert.False(outcome.Result.HasRefusals);
            Assert.Equal(new ItemCounts(0, 1, 0), outcome.Result.Accepted);
            Assert.Equal(histogram, Assert.Single(Assert.Single(outcome.Series).Histograms));
            Assert.Equal(histogram.Schema == -53, outcome.Result.HasCustomBounds);
            Assert.Equal(what == "stale" ? 1 : 0, outcome.Result.StaleMarkers);
        }
    }

    public static TheoryData<StampReason, string, V1.Histogram> Invalid => new()
    {
        { StampReason.HistogramSchemaInvalid, "schema -5 cannot be stored", Integer(h => h.Schema = -5) },
        { StampReason.HistogramSchemaInvalid, "schema -9 cannot be stored", Integer(h => h.Schema = -9) },
        { StampReason.HistogramSchemaInvalid, "schema -54 cannot be stored", Integer(h => h.Schema = -54) },
        { StampReason.HistogramSchemaInvalid, "schema 9 cannot be stored", Integer(h => h.Schema = 9) },
        { StampReason.HistogramSchemaInvalid, "schema 53 cannot be stored", Integer(h => h.Schema = 53) },
        { StampReason.HistogramSchemaInvalid, "schema -2147483648 cannot be stored", Integer(h => h.Schema = int.MinValue) },
        { StampReason.HistogramTooManyBuckets, "1001 buckets, limit 1000 (maxHistogramBuckets)", Integer(h => h.PositiveDeltas.Add(new long[996])) },
        { StampReason.HistogramBucketsMismatch, "positive spans need 4 buckets, got 3", Integer(h => h.PositiveSpans[1].Length = 2) },
        { StampReason.HistogramBucketsMismatch, "negative spans need 4294967295 buckets, got 2", Integer(h => h.NegativeSpans[0].Length = uint.MaxValue) },
        { StampReason.HistogramBucketsMismatch, "buckets or zero bucket are of another kind (integer, float) than the count", Integer(h => h.PositiveCounts.Add(1)) },
        { StampReason.HistogramBucketsMismatch, "buckets or zero bucket are of another kind (integer, float) than the count", Float(h => h.NegativeDeltas.Add(1)) },
        { StampReason.HistogramBucketsMismatch, "buckets or zero bucket are of another kind (integer, float) than the count", Integer(h => h.ZeroCountFloat = 1) },
        { StampReason.HistogramBucketsMismatch, "buckets or zero bucket are of another kind (integer, float) than the count", Float(h => h.ZeroCountInt = 1) },
        { StampReason.HistogramSpanInvalid, "positive span 1: offset is negative", Integer(h => h.PositiveSpans[1].Offset = -1) },
        { StampReason.HistogramNegativeCount, "positive bucket 2: count is negative or past 64 bits", Integer(h => h.PositiveDeltas[2] = -100) },
        { StampReason.HistogramNegativeCount, "negative bucket 1: count is negative or past 64 bits", Integer(h => { h.NegativeDeltas[0] = 1; h.NegativeDeltas[1] = long.MaxValue; }) },
        { StampReason.HistogramNegativeCount, "positive bucket 1: count is negative or past 64 bits", Float(h => h.PositiveCounts[1] = -0.5) },
        { StampReason.HistogramNegativeCount, "count is negative", Float(h => h.CountFloat = -1) },
        { StampReason.HistogramNegativeCount, "zero bucket: count is negative", Float(h => h.ZeroCountFloat = -1) },
        { StampReason.HistogramCountMismatch, "count says 10, buckets hold 11", Integer(h => h.CountInt = 10) },
        { StampReason.HistogramCountMismatch, "count says 12, buckets hold 11", Integer(h => h.CountInt = 12) },
        { StampReason.HistogramCountMismatch, "count says 10, buckets hold 11", Integer(h => { h.CountInt = 10; h.Sum = double.NaN; }) },
        { StampReason.HistogramCountMismatch, "count says 11, buckets hold 18446744073709551624", Integer(h => h.ZeroCountInt = ulong.MaxValue - 2) },
        { StampReason.HistogramCustomBoundsInvalid, "schema 3 allows no custom bounds", Integer(h => h.CustomValues.Add(1)) },
        { StampReason.HistogramCustomBoundsInvalid, "bound 1: not finite or not above the one before", CustomBounds(h => h.CustomValues[1] = 1) },
        { StampReason.HistogramCustomBoundsInvalid, "bound 0: not finite or not above the one before", CustomBounds(h => h.CustomValues[0] = double.NegativeInfinity) },
        { StampReason.HistogramCustomBoundsInvalid, "bound 2: not finite or not above the one before", CustomBounds(h => h.CustomValues[2] = double.PositiveInfinity) },
        { StampReason.HistogramCustomBoundsInvalid, "bound 1: not finite or not above the one before", CustomBounds(h => h.CustomValues[1] = double.NaN) },
        { StampReason.HistogramCustomBoundsInvalid, "custom bounds allow no zero bucket", CustomBounds(h => h.ZeroCountInt = 1) },
        { StampReason.HistogramCustomBoundsInvalid, "custom bounds allow no zero bucket", CustomBounds(h => h.ZeroThreshold = 0.1) },
        { StampReason.HistogramCustomBoundsInvalid, "custom bounds allow no negative buckets", CustomBounds(h => h.NegativeSpans.Add(new V1.BucketSpan())) },
        { StampReason.HistogramSpanInvalid, "positive span 0: offset is negative", CustomBounds(h => h.PositiveSpans[0].Offset = -1) },
        { StampReason.HistogramSpanInvalid, "spans reach to bucket 5: custom bounds have 4", CustomBounds(h => h.PositiveSpans[0].Offset = 2) },
        { StampReason.HistogramSpanInvalid, "spans reach to bucket 4294967295: custom bounds have 4", CustomBounds(h => h.PositiveSpans[0].Length = uint.MaxValue) },
    };

    [Theory, MemberData(nameof(Invalid))]
    public void A_histogram_that_breaks_a_rule_is_left_out(StampReason reason, string text, V1.Histogram histogram)
    {
        foreach (WriteProtocol protocol in new[] { WriteProtocol.V1, WriteProtocol.V2 })
        {
            StampOutcome outcome = Run(protocol, histogram, Integer());
            Assert.Equal(reason, outcome.OnlyReason);
            Assert.Equal(new ItemCounts(0, 1, 0), outcome.Result.Refused(reason));
            Assert.Equal(text + ": up{}", outcome.Result.Text(reason));
            Assert.Equal(Integer(), Assert.Single(Assert.Single(outcome.Series).Histograms));
        }
    }

    [Fact]
    public void Fine_resolutions_pass_where_the_store_reduces_them()
    {
        StampOptions options = StampRunner.Ours with { AllowHighResolution = true };
        Assert.False(Run(WriteProtocol.V1, options, Integer(static h => h.Schema = 9)).Result.HasRefusals);
        Assert.False(Run(WriteProtocol.V1, options, Integer(static h => h.Schema = 52)).Result.HasRefusals);
        Assert.True(Run(WriteProtocol.V1, options, Integer(static h => h.Schema = 53)).Result.HasRefusals);
        Assert.True(Run(WriteProtocol.V1, options, Integer(static h => h.Schema = -9)).Result.HasRefusals);
    }

    [Fact]
    public void A_store_that_takes_none_or_not_these_gets_none()
    {
        StampOptions none = StampRunner.Ours with { RefuseHistograms = true };
        StampOptions noCustom = StampRunner.Ours with { RefuseCustomBounds = true };
        Assert.Equal(StampReason.HistogramNotAccepted, Run(WriteProtocol.V1, none, Integer()).OnlyReason);
        Assert.Equal(StampReason.HistogramNotAccepted, Run(WriteProtocol.V1, noCustom, CustomBounds()).OnlyReason);
        Assert.False(Run(WriteProtocol.V1, noCustom, Integer()).Result.HasRefusals);
    }

    [Fact]
    public void The_number_of_buckets_can_be_without_limit()
    {
        V1.Histogram many = Integer(static h => { h.PositiveSpans[1].Length = 100_001; h.PositiveDeltas.Add(new long[100_000]); h.CountInt = 400_011; });
        Assert.False(Run(WriteProtocol.V1, StampRunner.Ours with { MaxHistogramBuckets = 0 }, many).Result.HasRefusals);
    }

    [Fact]
    public void The_last_member_of_a_oneof_decides()
    {
        // count_int 7, then count_float 3: a float histogram. zero_count_float 5, then zero_count_int 0: no zero bucket.
        byte[] count = [0x08, 7, 0x11, .. BitConverter.GetBytes(3.0), 0x39, .. BitConverter.GetBytes(5.0), 0x30, 0];
        byte[] histogram = [.. count, 0x78, .. Varint(Now)];
        byte[] label = StampLabelTests.Field(V1Tags.Labels, [.. StampLabelTests.Field(V1Tags.LabelName, "__name__"), .. StampLabelTests.Field(V1Tags.LabelValue, "up")]);
        byte[] series = [.. label, .. StampLabelTests.Field(V1Tags.Histograms, histogram)];
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, StampLabelTests.Field(V1Tags.Series, series));
        Assert.False(outcome.Result.HasRefusals);
        Assert.NotEqual(-1, outcome.Output.AsSpan().IndexOf(histogram));
    }

    [Fact]
    public void Buckets_are_read_packed_in_runs_and_one_by_one()
    {
        // Deltas 2, 1, -1 (zigzag 4, 2, 1) in one run, one alone, one run; spans 0+3.
        byte[] spans = StampLabelTests.Field((11 << 3) | 2, [0x10, 3]);
        byte[] deltas = [.. StampLabelTests.Field((12 << 3) | 2, [4]), 12 << 3, 2, .. StampLabelTests.Field((12 << 3) | 2, [1])];
        byte[] histogram = [.. deltas, .. spans, 0x08, 7, 0x78, .. Varint(Now)];
        byte[] label = StampLabelTests.Field(V1Tags.Labels, [.. StampLabelTests.Field(V1Tags.LabelName, "__name__"), .. StampLabelTests.Field(V1Tags.LabelValue, "up")]);
        byte[] series = [.. label, .. StampLabelTests.Field(V1Tags.Histograms, histogram)];
        StampOutcome outcome = StampRunner.Run(WriteProtocol.V1, StampLabelTests.Field(V1Tags.Series, series));
        Assert.False(outcome.Result.HasRefusals);
        Assert.Equal(1, outcome.Result.Accepted.Histograms);
    }

    private static StampOutcome Run(WriteProtocol protocol, params V1.Histogram[] histograms) => Run(protocol, StampRunner.Ours, histograms);

    private static StampOutcome Run(WriteProtocol protocol, StampOptions options, params V1.Histogram[] histograms) => StampRunner.Run(
        protocol,
        new V1.TimeSeries { Labels = { new V1.Label { Name = "__name__", Value = "up" } }, Histograms = { histograms } },
        options);

    /// <summary>Negative buckets 1, 3; zero bucket 0; positive buckets 2, 1, 4: 11 observations.</summary>
    private static V1.Histogram Integer(Action<V1.Histogram>? change = null)
    {
        var histogram = new V1.Histogram
        {
            CountInt = 11,
            Sum = 12.5,
            Schema = 3,
            ZeroThreshold = 1e-128,
            ZeroCountInt = 0,
            NegativeSpans = { new V1.BucketSpan { Offset = 0, Length = 2 } },
            NegativeDeltas = { 1, 2 },
            PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 2 }, new V1.BucketSpan { Offset = 2, Length = 1 } },
            PositiveDeltas = { 2, -1, 3 },
            ResetHint = V1.Histogram.Types.ResetHint.No,
            Timestamp = Now,
        };
        change?.Invoke(histogram);
        return histogram;
    }

    private static V1.Histogram Float(Action<V1.Histogram>? change = null)
    {
        V1.Histogram histogram = Integer();
        histogram.CountFloat = 11;
        histogram.ZeroCountFloat = 0;
        histogram.NegativeDeltas.Clear();
        histogram.NegativeCounts.Add([1, 3]);
        histogram.PositiveDeltas.Clear();
        histogram.PositiveCounts.Add([2, 1, 4]);
        change?.Invoke(histogram);
        return histogram;
    }

    /// <summary>Bounds 1, 2, 5 and the one above; buckets 1, 2, 0 of the first three.</summary>
    private static V1.Histogram CustomBounds(Action<V1.Histogram>? change = null)
    {
        var histogram = new V1.Histogram
        {
            CountInt = 3,
            Schema = -53,
            PositiveSpans = { new V1.BucketSpan { Offset = 0, Length = 3 } },
            PositiveDeltas = { 1, 1, -2 },
            CustomValues = { 1, 2, 5 },
            Timestamp = Now,
        };
        change?.Invoke(histogram);
        return histogram;
    }

    private static byte[] Varint(long value)
    {
        byte[] bytes = new byte[WireWriter.VarintSize((ulong)value)];
        WireWriter.WriteVarint(bytes, 0, (ulong)value);
        return bytes;
    }
}
