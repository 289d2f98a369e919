using System.Globalization;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What is wrong with a histogram, and the numbers that its text needs. The default value says that nothing is.</summary>
internal readonly record struct HistogramFault(StampReason Reason, HistogramDetail Detail = HistogramDetail.None, Int128 Actual = default, Int128 Expected = default)
{
    public bool IsNone => Reason == StampReason.None;
}

/// <summary>Which of several rules behind one reason was broken.</summary>
internal enum HistogramDetail
{
    None,
    MixedFlavours,
    NegativeSide,
    PositiveSide,
    ZeroBucket,
    NegativeBuckets,
    UnexpectedBounds,
    Bound,
    TotalCount,
    SpansPastBounds,
}

/// <summary>The rules that a native histogram must meet before a store sees it: §5.3 of the write reference.</summary>
/// <remarks>Some stores answer 500 to what is refused here, which senders repeat for ever.</remarks>
internal static class HistogramRules
{
    /// <summary>The schema whose buckets have the upper bounds that <c>custom_values</c> lists.</summary>
    public const int CustomBoundsSchema = -53;

    private const int MinSchema = -4;
    private const int MaxSchema = 8;

    // Prometheus 3.7 and later reduce schemas up to here to 8.
    private const int MaxReducibleSchema = 52;

    public static HistogramFault Check(in HistogramFields histogram, StampOptions options)
    {
        if (options.RefuseHistograms || (options.RefuseCustomBounds && histogram.IsCustomBounds))
        {
            return new HistogramFault(StampReason.HistogramNotAccepted);
        }

        if (!histogram.IsCustomBounds && !IsKnown(histogram.Schema, options))
        {
            return new HistogramFault(StampReason.HistogramSchemaInvalid, HistogramDetail.None, histogram.Schema);
        }

        long buckets = (long)histogram.Negative.Buckets + histogram.Positive.Buckets;
        if (options.MaxHistogramBuckets > 0 && buckets > options.MaxHistogramBuckets)
        {
            return new HistogramFault(StampReason.HistogramTooManyBuckets, HistogramDetail.None, buckets, options.MaxHistogramBuckets);
        }

        HistogramFault fault = CheckFlavour(histogram);
        fault = fault.IsNone ? CheckBounds(histogram) : fault;
        fault = fault.IsNone ? CheckSide(histogram.Negative, histogram.IsFloat, HistogramDetail.NegativeSide) : fault;
        fault = fault.IsNone ? CheckSide(histogram.Positive, histogram.IsFloat, HistogramDetail.PositiveSide) : fault;
        return fault.IsNone ? CheckTotal(histogram) : fault;
    }

    /// <summary>The text behind the reason's id, without the series.</summary>
    public static string Text(HistogramFault fault, StampOptions options)
    {
        string side = fault.Detail == HistogramDetail.NegativeSide ? "negative" : "positive";
        string actual = fault.Actual.ToString(CultureInfo.InvariantCulture);
        string expected = fault.Expected.ToString(CultureInfo.InvariantCulture);
        return (fault.Reason, fault.Detail) switch
        {
            (StampReason.HistogramNotAccepted, _) => "store takes no native histograms of this kind",
            (StampReason.HistogramSchemaInvalid, _) => $"schema {actual} cannot be stored",
            (StampReason.HistogramTooManyBuckets, _) => $"{actual} buckets, limit {options.MaxHistogramBuckets} (maxHistogramBuckets)",
            (StampReason.HistogramCountMismatch, _) => $"count says {expected}, buckets hold {actual}",
            (StampReason.HistogramBucketsMismatch, HistogramDetail.MixedFlavours) => "buckets or zero bucket are of another kind (integer, float) than the count",
            (StampReason.HistogramBucketsMismatch, _) => $"{side} spans need {expected} buckets, got {actual}",
            (StampReason.HistogramNegativeCount, HistogramDetail.ZeroBucket) => "zero bucket: count is negative",
            (StampReason.HistogramNegativeCount, HistogramDetail.TotalCount) => "count is negative",
            (StampReason.HistogramNegativeCount, _) => $"{side} bucket {actual}: count is negative or past 64 bits",
            (StampReason.HistogramSpanInvalid, HistogramDetail.SpansPastBounds) => $"spans reach to bucket {actual}: custom bounds have {expected}",
            (StampReason.HistogramSpanInvalid, _) => $"{side} span {actual}: offset is negative",
            (_, HistogramDetail.ZeroBucket) => "custom bounds allow no zero bucket",
            (_, HistogramDetail.NegativeBuckets) => "custom bounds allow no negative buckets",
            (_, HistogramDetail.UnexpectedBounds) => $"schema {actual} allows no custom bounds",
            _ => $"bound {actual}: not finite or not above the one before",
        };
    }

    private static bool IsKnown(int schema, StampOptions options) =>
        schema is >= MinSchema and <= MaxSchema
        || (options.AllowHighResolution && schema is > MaxSchema and <= MaxReducibleSchema);

    private static HistogramFault CheckFlavour(in HistogramFields histogram)
    {
        // A zero count of the other flavour would read as 0 to the store: the number would be lost without a word.
        bool isMixed = histogram.IsFloat
            ? histogram.Negative.Deltas + histogram.Positive.Deltas > 0 || (!histogram.IsZeroFloat && histogram.ZeroCountInt != 0)
            : histogram.Negative.Counts + histogram.Positive.Counts > 0 || (histogram.IsZeroFloat && histogram.ZeroCountFloat != 0);
        if (isMixed)
        {
            return new HistogramFault(StampReason.HistogramBucketsMismatch, HistogramDetail.MixedFlavours);
        }

        if (histogram.IsFloat && histogram.CountFloat < 0)
        {
            return new HistogramFault(StampReason.HistogramNegativeCount, HistogramDetail.TotalCount);
        }

        return histogram.IsFloat && histogram.ZeroCountFloat < 0 && histogram.IsZeroFloat
            ? new HistogramFault(StampReason.HistogramNegativeCount, HistogramDetail.ZeroBucket)
            : default;
    }

    private static HistogramFault CheckBounds(in HistogramFields histogram)
    {
        if (!histogram.IsCustomBounds)
        {
            return histogram.Bounds > 0
                ? new HistogramFault(StampReason.HistogramCustomBoundsInvalid, HistogramDetail.UnexpectedBounds, histogram.Schema)
                : default;
        }

        if (histogram.BadBound >= 0)
        {
            return new HistogramFault(StampReason.HistogramCustomBoundsInvalid, HistogramDetail.Bound, histogram.BadBound);
        }

        bool hasZeroCount = histogram.IsZeroFloat ? histogram.ZeroCountFloat != 0 : histogram.ZeroCountInt != 0;
        if (hasZeroCount || histogram.ZeroThreshold != 0)
        {
            return new HistogramFault(StampReason.HistogramCustomBoundsInvalid, HistogramDetail.ZeroBucket);
        }

        if (histogram.Negative.Spans + histogram.Negative.Buckets > 0)
        {
            return new HistogramFault(StampReason.HistogramCustomBoundsInvalid, HistogramDetail.NegativeBuckets);
        }

        if (histogram.Positive.FirstOffset < 0)
        {
            return new HistogramFault(StampReason.HistogramSpanInvalid, HistogramDetail.PositiveSide, 0);
        }

        return histogram.Positive.NegativeOffsetSpan < 0 && histogram.Positive.SpanEnd > histogram.Bounds + 1L
            ? new HistogramFault(StampReason.HistogramSpanInvalid, HistogramDetail.SpansPastBounds, histogram.Positive.SpanEnd, histogram.Bounds + 1L)
            : default;
    }

    private static HistogramFault CheckSide(in HistogramSide side, bool isFloat, HistogramDetail detail)
    {
        if (side.NegativeOffsetSpan >= 0)
        {
            return new HistogramFault(StampReason.HistogramSpanInvalid, detail, side.NegativeOffsetSpan);
        }

        if (side.SpanBuckets != side.Buckets)
        {
            return new HistogramFault(StampReason.HistogramBucketsMismatch, detail, side.Buckets, side.SpanBuckets);
        }

        int badBucket = isFloat ? side.BadCount : side.BadDelta;
        return badBucket >= 0 ? new HistogramFault(StampReason.HistogramNegativeCount, detail, badBucket) : default;
    }

    private static HistogramFault CheckTotal(in HistogramFields histogram)
    {
        if (histogram.IsFloat)
        {
            // Sums of floats are rounded: not compared.
            return default;
        }

        Int128 buckets = histogram.Negative.Total + histogram.Positive.Total + histogram.ZeroCountInt;
        // Observations of NaN are in the count and in no bucket.
        bool fits = double.IsNaN(BitConverter.UInt64BitsToDouble(histogram.SumBits))
            ? buckets <= histogram.CountInt
            : buckets == histogram.CountInt;
        return fits ? default : new HistogramFault(StampReason.HistogramCountMismatch, HistogramDetail.None, buckets, histogram.CountInt);
    }
}
