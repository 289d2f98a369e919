using System.Text;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>What a sample's line is to its family.</summary>
internal enum SampleRole
{
    /// <summary>The value of a counter, gauge or untyped metric.</summary>
    Value,

    /// <summary>A sample of a summary or histogram by its plain name: a quantile, or nothing.</summary>
    Bare,
    Bucket,
    Count,
    Sum,

    /// <summary>OpenMetrics: when the counting started.</summary>
    Created,

    /// <summary>OpenMetrics: sum and count of a gauge histogram.</summary>
    GaugeCount,
    GaugeSum,
}

/// <summary>A sample's line as it was read, without its labels.</summary>
internal readonly record struct SampleFields(TextRange Name, double Bound, ulong Bits, bool HasTimestamp)
{
    public bool HasBound => !double.IsNaN(Bound);

    public double Value => BitConverter.UInt64BitsToDouble(Bits);
}

/// <summary>Suffixes and bounds of summaries and histograms.</summary>
internal static class SampleRoles
{
    /// <summary>The label of a type's samples that is a number; empty if it has none.</summary>
    public static ReadOnlySpan<byte> BoundOf(FamilyType type) => type switch
    {
        FamilyType.Histogram or FamilyType.GaugeHistogram => "le"u8,
        FamilyType.Summary => "quantile"u8,
        _ => default,
    };

    /// <summary>Splits <c>x_bucket</c>, <c>x_count</c> and <c>x_sum</c>.</summary>
    public static bool TrySplit(ReadOnlySpan<byte> name, out int baseLength, out SampleRole role)
    {
        (int suffix, role) = name switch
        {
            _ when name.EndsWith("_bucket"u8) => ("_bucket".Length, SampleRole.Bucket),
            _ when name.EndsWith("_count"u8) => ("_count".Length, SampleRole.Count),
            _ when name.EndsWith("_sum"u8) => ("_sum".Length, SampleRole.Sum),
            _ => (0, SampleRole.Value),
        };
        baseLength = name.Length - suffix;
        return suffix > 0 && baseLength > 0;
    }

    public static bool Belongs(SampleRole role, FamilyType type) =>
        FamilyBuilder.IsWhole(type) && (role != SampleRole.Bucket || type != FamilyType.Summary);

    /// <summary>The count that a sample gives: a whole number, or else the bits of a double, never negative.</summary>
    public static bool TryGetCount(in SampleFields sample, bool isWhole, scoped ref LineScanner scan, MetricFamilies families, int family, out ulong count)
    {
        double value = sample.Value;
        count = isWhole ? (ulong)value : sample.Bits;
        bool isCount = double.IsFinite(value) && value >= 0
            && (!isWhole || (value < 18446744073709551616.0 && value == Math.Floor(value)));
        return isCount || scan.Fail(NoCount(value, scan.Text(families.FamilyList[family].Name)));
    }

    private static string NoCount(double value, ReadOnlySpan<byte> family)
    {
        string name = ExpositionText.Excerpt(family);
        return value < 0 ? $"negative count of {name}"
            : double.IsFinite(value) ? $"the count of {name} must be a whole number below 2^64, found {Print(value)}"
            : $"{Print(value)} is no count of {name}";
    }

    private static string Print(double value)
    {
        Span<byte> text = stackalloc byte[NumberText.MaxLength];
        return Encoding.ASCII.GetString(text[..NumberText.Format(value, text)]);
    }
}
