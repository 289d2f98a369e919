namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Where a text stands: read it by <see cref="MetricFamilies.Text"/>. Not negative: in the body; negative: <c>~Start</c> in what was copied.</summary>
public readonly record struct TextRange(int Start, int Length)
{
    public bool IsEmpty => Length == 0;

    public override string ToString() => Start < 0 ? $"copy {~Start}+{Length}" : $"{Start}+{Length}";
}

/// <summary>What a family measures. The numbers are those of <c>io.prometheus.client.MetricType</c>.</summary>
public enum FamilyType
{
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
    GaugeHistogram = 5,
}

/// <summary>All metrics of one name.</summary>
public record struct FamilyEntry
{
    /// <summary>The name as it is stored: of a counter of OpenMetrics with <c>_total</c>.</summary>
    public TextRange Name { get; internal set; }

    /// <summary>Unescaped, valid UTF-8; empty if there is none.</summary>
    public TextRange Help { get; internal set; }

    /// <summary>OpenMetrics and protobuf; empty if there is none.</summary>
    public TextRange Unit { get; internal set; }

    public FamilyType Type { get; internal set; }

    /// <summary>A gauge histogram whose sum and count came as <c>_gsum</c> and <c>_gcount</c>, as OpenMetrics has them, and keep these names.</summary>
    public bool HasGaugeSuffixes { get; internal set; }

    /// <summary>Its metrics stand at this index of <see cref="MetricFamilies.Metrics"/> and behind.</summary>
    public int FirstMetric { get; internal set; }

    public int Metrics { get; internal set; }

    /// <summary>Line of the text, or number of the family, counted from 1, for messages.</summary>
    public int Line { get; internal set; }

    internal FamilyMarks Marks { get; set; }
}

/// <summary>What the text has said of a family so far.</summary>
[Flags]
internal enum FamilyMarks
{
    None = 0,
    Type = 1,
    Help = 2,
    Unit = 4,
    Samples = 8,
}

/// <summary>What a metric has besides labels and value.</summary>
[Flags]
public enum MetricParts
{
    None = 0,

    /// <summary>A timestamp, which no push may have: <see cref="ContentRules"/> refuses it.</summary>
    Timestamp = 1,

    /// <summary><see cref="MetricEntry.StartMs"/> is set.</summary>
    Start = 2,

    /// <summary>Counts are doubles: a float histogram.</summary>
    FloatCounts = 4,

    /// <summary>A native histogram stands in <see cref="MetricEntry.Native"/>, beside the classic buckets if there are any.</summary>
    Native = 8,

    /// <summary>The sender gave a sum, a count: absent ones are 0.</summary>
    Sum = 16,
    Count = 32,

    /// <summary>The value that the family's type asks for was there.</summary>
    Value = 64,

    /// <summary>A value of another type was there.</summary>
    OtherValue = 128,

    /// <summary>While reading text: counts are doubles that may yet turn out to be whole numbers.</summary>
    TextCounts = 256,

    /// <summary>A count was negative or no number, which <see cref="ContentRules"/> refuses.</summary>
    NegativeCount = 512,
}

/// <summary>One label set of a family: a value, or a whole summary or histogram.</summary>
public record struct MetricEntry
{
    /// <summary>Index of its family.</summary>
    public int Family { get; internal set; }

    internal int FirstLabel { get; set; }

    /// <summary>Labels, without <c>__name__</c>, and without <c>le</c> and <c>quantile</c> where these are bounds.</summary>
    public int Labels { get; internal set; }

    internal int FirstPoint { get; set; }

    /// <summary>Buckets of a classic histogram, quantiles of a summary.</summary>
    public int Points { get; internal set; }

    internal int FirstExemplar { get; set; }

    /// <summary>Exemplars of the counter or of the native histogram; those of classic buckets hang on <see cref="PointEntry.Exemplar"/>.</summary>
    public int Exemplars { get; internal set; }

    public MetricParts Parts { get; internal set; }

    /// <summary>Bits of the value (counter, gauge, untyped) or of the sum (summary, histogram), as they came: stale markers and other NaNs keep theirs.</summary>
    public ulong ValueBits { get; internal set; }

    /// <summary>Count of a summary or histogram: a whole number, or the bits of a double with <see cref="MetricParts.FloatCounts"/>.</summary>
    public ulong CountBits { get; internal set; }

    /// <summary>When the counting started, in ms since 1970, with <see cref="MetricParts.Start"/>.</summary>
    public long StartMs { get; internal set; }

    /// <summary>The <c>io.prometheus.client.Histogram</c> message with <see cref="MetricParts.Native"/>; read it by <see cref="NativeHistogram.Read"/>.</summary>
    public TextRange Native { get; internal set; }

    /// <summary>Line of its first sample in the text, or number of the family in protobuf, counted from 1, for messages.</summary>
    public int Line { get; internal set; }

    public readonly bool Has(MetricParts part) => (Parts & part) != 0;

    public readonly double Value => BitConverter.UInt64BitsToDouble(ValueBits);

    /// <summary>The count as a store sees it.</summary>
    public readonly double Count => Has(MetricParts.FloatCounts) ? BitConverter.UInt64BitsToDouble(CountBits) : CountBits;

    /// <summary>The count of one of its buckets as a store sees it.</summary>
    public readonly double CountOf(in PointEntry bucket) =>
        Has(MetricParts.FloatCounts) ? BitConverter.UInt64BitsToDouble(bucket.Bits) : bucket.Bits;
}

/// <summary>A label of a metric or exemplar.</summary>
public readonly record struct LabelRange(TextRange Name, TextRange Value);

/// <summary>A bucket of a classic histogram, or a quantile of a summary.</summary>
public record struct PointEntry
{
    /// <summary>Upper bound, inclusive; or the quantile. Never NaN. Points of a metric ascend by it.</summary>
    public double Bound { get; internal set; }

    /// <summary>Of a bucket: everything up to the bound, as <see cref="MetricEntry.CountBits"/>; of a quantile: the bits of its value.</summary>
    public ulong Bits { get; internal set; }

    /// <summary>Index into <see cref="MetricFamilies.Exemplars"/>, or −1.</summary>
    public int Exemplar { get; internal set; }

    internal int Metric { get; set; }

    internal bool IsFloat { get; set; }
}

/// <summary>An exemplar that passed the rules.</summary>
public record struct ExemplarEntry
{
    internal int FirstLabel { get; set; }

    public int Labels { get; internal set; }

    public ulong ValueBits { get; internal set; }

    public bool HasTimestamp { get; internal set; }

    /// <summary>ms since 1970.</summary>
    public long TimestampMs { get; internal set; }
}
