namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Writes the classic series that a native histogram with custom bounds becomes in 1.0: <c>_bucket</c> with <c>le</c> for
/// each bound and for +Inf, then <c>_sum</c> and <c>_count</c>. One series entry with one sample each.
/// </summary>
/// <remarks>A stale histogram tells no bounds; it becomes a stale <c>_sum</c> and <c>_count</c>.</remarks>
internal sealed class ClassicSeries(PartScratch scratch)
{
    private const int SampleBytes = 1 + 8 + 1;

    // Where in the scratch the labels of _bucket, _sum and _count begin; those of _bucket are cut where le belongs.
    private int _bucketTail;
    private int _sum;
    private int _count;

    public CustomBoundsHistogram Histogram { get; } = new(scratch);

    /// <summary>How many classic series a histogram with so many bounds becomes.</summary>
    public static long CountFor(int bounds) => bounds + 3L;

    /// <summary>Number of the first entry to write: 0, or that of <c>_sum</c>.</summary>
    public int FirstEntry => Histogram.IsStale ? SumEntry : 0;

    /// <summary>Behind the number of the last entry, <c>_count</c>.</summary>
    public int EndEntry => SumEntry + 2;

    private int SumEntry => Histogram.BoundCount + 1;

    /// <summary>Encodes the labels that all histograms of a series share.</summary>
    /// <param name="source">Who can read the labels.</param>
    /// <param name="series">The series that is replaced.</param>
    public void BeginSeries(OutgoingMessage source, in StampedSeries series)
    {
        scratch.ClassicLabels.Clear();
        _bucketTail = AppendLabels(source, series, "_bucket"u8, hasBound: true);
        _sum = scratch.ClassicLabels.Length;
        AppendLabels(source, series, "_sum"u8, hasBound: false);
        _count = scratch.ClassicLabels.Length;
        AppendLabels(source, series, "_count"u8, hasBound: false);
    }

    /// <summary>Writes the contents of series entry <paramref name="entry"/>, <see cref="FirstEntry"/> to <see cref="EndEntry"/> − 1: labels and one sample.</summary>
    public void AppendEntry(WriteBuffer part, int entry)
    {
        ulong value;
        if (entry < SumEntry)
        {
            AppendBucketLabels(part, entry);
            value = BitConverter.DoubleToUInt64Bits(Histogram.CumulativeCount(entry));
        }
        else if (entry == SumEntry)
        {
            part.Append(scratch.ClassicLabels.Span[_sum.._count]);
            value = Histogram.SumBits;
        }
        else
        {
            part.Append(scratch.ClassicLabels.Span[_count..]);
            value = Histogram.IsStale ? Histogram.SumBits : BitConverter.DoubleToUInt64Bits(Histogram.Count);
        }

        part.AppendVarint(V1Tags.Samples, (uint)(SampleBytes + WireWriter.VarintSize((ulong)Histogram.TimestampMs)));
        part.AppendFixed64(ItemTags.SampleValue, value);
        part.AppendVarint(ItemTags.SampleTimestamp, (ulong)Histogram.TimestampMs);
    }

    /// <summary>Writes the labels of bucket <paramref name="bucket"/> of the histogram.</summary>
    public void AppendBucketLabels(WriteBuffer part, int bucket)
    {
        Span<byte> bound = stackalloc byte[BucketBound.MaxLength];
        bound = bound[..BucketBound.Format(Histogram.Bound(bucket), bound)];

        part.Append(scratch.ClassicLabels.Span[.._bucketTail]);
        AppendLabel(part, "le"u8, bound, []);
        part.Append(scratch.ClassicLabels.Span[_bucketTail.._sum]);
    }

    /// <summary>Encodes the labels with <paramref name="suffix"/> behind the name, and returns where <c>le</c> belongs among them.</summary>
    private int AppendLabels(OutgoingMessage source, in StampedSeries series, ReadOnlySpan<byte> suffix, bool hasBound)
    {
        WriteBuffer labels = scratch.ClassicLabels;
        ReadOnlySpan<byte> stamped = source.Stamped;
        int boundPlace = -1;
        WireReader reader = WireReader.Within(stamped, series.Labels);
        while (source.TryReadLabel(ref reader, out WireRange nameRange, out WireRange valueRange))
        {
            ReadOnlySpan<byte> name = stamped.Slice(nameRange.Start, nameRange.Length);
            ReadOnlySpan<byte> value = stamped.Slice(valueRange.Start, valueRange.Length);
            int order = name.SequenceCompareTo("le"u8);
            if (boundPlace < 0 && order >= 0)
            {
                boundPlace = labels.Length;
            }

            // A writer's own le on the histogram gives way to the bound, as two labels of one name cannot be. It stays on
            // _sum and _count, so that series that differ by it alone do not meet there.
            if (order != 0 || !hasBound)
            {
                AppendLabel(labels, name, value, name.SequenceEqual("__name__"u8) ? suffix : []);
            }
        }

        return boundPlace < 0 ? labels.Length : boundPlace;
    }

    private static void AppendLabel(WriteBuffer buffer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, ReadOnlySpan<byte> suffix)
    {
        int valueLength = value.Length + suffix.Length;
        buffer.AppendVarint(V1Tags.Labels, (uint)(WireWriter.FieldSize(name.Length) + WireWriter.FieldSize(valueLength)));
        buffer.AppendBytes(V1Tags.LabelName, name);
        buffer.AppendVarint(V1Tags.LabelValue, (uint)valueLength);
        buffer.Append(value);
        buffer.Append(suffix);
    }
}
