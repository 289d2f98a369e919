using System.IO.Hashing;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>What a push may say, whichever format it came in; none of it needs to know what is stored. Its refusals are traced ones.</summary>
/// <remarks>
/// Names and labels, values that fit the type, no timestamps, sound histograms, no series twice. What concerns other groups
/// (types, names and series that they hold) is for the catalog.
/// </remarks>
public static class ContentRules
{
    /// <summary>Checks what <see cref="ExpositionReader"/> read, under the labels of its group, and leaves the hash of each metric in <see cref="MetricFamilies.Hashes"/>.</summary>
    /// <param name="families">As read. Labels that the stamp would take away or rename leave or get their new names here.</param>
    /// <param name="group">The labels of the path. They overwrite those of the body before metrics are compared.</param>
    /// <param name="options">The tenant's.</param>
    /// <returns>The first fault in the order of families, or none.</returns>
    public static ExpositionFault Check(MetricFamilies families, GroupingLabels group, ExpositionOptions options)
    {
        RulesScratch scratch = families.Builder.Rules;
        scratch.Clear();
        StampOptions limits = options.HistogramLimits;
        foreach (ref readonly FamilyEntry family in families.Families)
        {
            var check = new FamilyCheck(families, family, options, limits);
            ExpositionFault fault = check.Name();
            if (!fault.IsNone)
            {
                return fault;
            }

            foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
            {
                if (StampedLabels.Settle(families, metric, options.Limits.Plan) is { } reserved)
                {
                    return new ExpositionFault(
                        ExpositionReason.ReservedLabel,
                        $"{families.Place(metric)}: label {ExpositionText.Excerpt(families.Text(reserved))} is set by the gateway; leave it out");
                }

                fault = check.Metric(metric, group, scratch);
                fault = fault.IsNone ? AddHash(families, family, metric, group, scratch) : fault;
                if (!fault.IsNone)
                {
                    return fault;
                }
            }
        }

        return default;
    }

    /// <summary>
    /// The hash by which a metric is known in the catalog: XxHash128 over the name and the labels at the store, each behind its length as
    /// four bytes, little endian, by ascending name. Bounds (<c>le</c>, <c>quantile</c>) are not labels here: a histogram is one metric.
    /// </summary>
    /// <param name="name">The family's.</param>
    /// <param name="labels">As merged with the group's.</param>
    /// <param name="scratch">Overwritten.</param>
    public static UInt128 Hash(ReadOnlySpan<byte> name, SeriesLabels labels, WriteBuffer scratch)
    {
        scratch.Clear();
        Append(scratch, name);
        for (int i = 0; i < labels.Count; i++)
        {
            Append(scratch, labels.Name(i));
            Append(scratch, labels.Value(i));
        }

        return XxHash128.HashToUInt128(scratch.Span);
    }

    private static ExpositionFault AddHash(
        MetricFamilies families, in FamilyEntry family, in MetricEntry metric, GroupingLabels group, RulesScratch scratch)
    {
        scratch.Labels.Merge(families, metric, group);
        ReadOnlySpan<byte> name = families.Text(family.Name);
        UInt128 hash = Hash(name, scratch.Labels, scratch.Key);
        // Hashed once more under this process' secret: what the catalog needs to be the same everywhere, a body could be built to collide in.
        uint bucket = HashIndex.Hash(System.Runtime.InteropServices.MemoryMarshal.AsBytes(new ReadOnlySpan<UInt128>(in hash)));
        int probe = 0;
        for (int item = scratch.Seen.Next(bucket, ref probe); item >= 0; item = scratch.Seen.Next(bucket, ref probe))
        {
            if (scratch.Hashes[item] == hash)
            {
                MetricEntry first = families.Metrics[item];
                return new ExpositionFault(
                    ExpositionReason.SeriesDuplicate,
                    $"{families.Place(metric)}: {SeriesText.Of(name, scratch.Labels)} is in the push twice, first in {families.Place(first)}");
            }
        }

        scratch.Seen.Add(bucket, scratch.Hashes.Add(hash));
        return default;
    }

    private static void Append(WriteBuffer buffer, ReadOnlySpan<byte> text)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        buffer.Append(length);
        buffer.Append(text);
    }
}
