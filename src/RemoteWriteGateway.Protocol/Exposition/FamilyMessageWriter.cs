using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Writes families as <c>io.prometheus.client.MetricFamily</c> messages, which <see cref="ExpositionReader"/> reads back as they were.</summary>
/// <remarks>Numbers keep their bits. Repeated scalars of native histograms are copied as they came, packed or not.</remarks>
public static class FamilyMessageWriter
{
    /// <summary>Appends a family: its length as a varint, then the message.</summary>
    /// <param name="families">Checked by <see cref="ContentRules"/>.</param>
    /// <param name="family">Which of them.</param>
    /// <param name="group">Its labels are written with each metric, over the metric's own.</param>
    /// <param name="labels">Overwritten.</param>
    /// <param name="output">Receives the message.</param>
    public static void WriteDelimited(
        MetricFamilies families, in FamilyEntry family, GroupingLabels group, SeriesLabels labels, WriteBuffer output)
    {
        // A nested message without the tag: it is begun with one and moved over it.
        int tag = output.Length;
        int start = output.BeginMessage(0);
        Write(families, family, group, labels, output);
        EndDelimited(tag, start, output);
    }

    /// <summary>Appends a family that comes out of a sum: its length as a varint, then the message. Quantiles are left out.</summary>
    /// <param name="pushed">Gives help and unit, and the metrics that begin anew. Checked by <see cref="ContentRules"/>.</param>
    /// <param name="family">Which of them.</param>
    /// <param name="kept">Gives the metrics that go on, their labels merged before.</param>
    /// <param name="metrics">In this order: an index into the metrics of <paramref name="kept"/>, or <c>~index</c> into those of <paramref name="pushed"/>.</param>
    /// <param name="group">Its labels are written with the pushed metrics, over their own.</param>
    /// <param name="labels">Overwritten.</param>
    /// <param name="output">Receives the message.</param>
    public static void WriteDelimited(
        MetricFamilies pushed,
        in FamilyEntry family,
        MetricFamilies kept,
        ReadOnlySpan<int> metrics,
        GroupingLabels group,
        SeriesLabels labels,
        WriteBuffer output)
    {
        int tag = output.Length;
        int start = output.BeginMessage(0);
        WriteHead(pushed, family, output);
        foreach (int metric in metrics)
        {
            (MetricFamilies from, int index) = metric >= 0 ? (kept, metric) : (pushed, ~metric);
            MetricEntry entry = MetricSums.WithoutQuantiles(family.Type, from.Metrics[index]);
            WriteMetric(from, family.Type, entry, metric >= 0 ? GroupingLabels.Empty : group, labels, output);
        }

        WriteTail(pushed, family, output);
        EndDelimited(tag, start, output);
    }

    /// <summary>Appends a family's message without its length.</summary>
    /// <param name="families">Checked by <see cref="ContentRules"/>.</param>
    /// <param name="family">Which of them.</param>
    /// <param name="group">Its labels are written with each metric, over the metric's own.</param>
    /// <param name="labels">Overwritten.</param>
    /// <param name="output">Receives the message.</param>
    public static void Write(
        MetricFamilies families, in FamilyEntry family, GroupingLabels group, SeriesLabels labels, WriteBuffer output)
    {
        WriteHead(families, family, output);
        foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
        {
            WriteMetric(families, family.Type, metric, group, labels, output);
        }

        WriteTail(families, family, output);
    }

    private static void EndDelimited(int tag, int start, WriteBuffer output)
    {
        output.EndMessage(start);
        output.Array.AsSpan(tag + 1, output.Length - tag - 1).CopyTo(output.Array.AsSpan(tag));
        output.Length--;
    }

    private static void WriteHead(MetricFamilies families, in FamilyEntry family, WriteBuffer output) =>
        WriteHead(families.Text(family.Name), families.Text(family.Help), family.Type, output);

    /// <summary>Appends the length that stands before a message in the delimited format.</summary>
    public static void WriteLength(int length, WriteBuffer output)
    {
        output.Reserve(WireWriter.MaxVarintBytes);
        output.Length = WireWriter.WriteVarint(output.Array, output.Length, (uint)length);
    }

    private static void WriteTail(MetricFamilies families, in FamilyEntry family, WriteBuffer output)
    {
        if (!family.Unit.IsEmpty)
        {
            output.AppendBytes(Bytes(5), families.Text(family.Unit));
        }
    }

    /// <summary>Begins the message of a family that is put together from several: name, help and type. Metrics follow by <see cref="AddMetric"/>.</summary>
    public static void WriteHead(ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, FamilyType type, WriteBuffer output)
    {
        output.AppendBytes(Bytes(1), name);
        if (!help.IsEmpty)
        {
            output.AppendBytes(Bytes(2), help);
        }

        output.AppendVarint(Varint(3), (ulong)type);
    }

    /// <summary>Adds a metric to a family's message.</summary>
    /// <param name="families">Where the metric stands.</param>
    /// <param name="type">Of the family.</param>
    /// <param name="metric">Which of them.</param>
    /// <param name="labels">Merged with those of its group.</param>
    /// <param name="instance">Adds <c>instance=""</c> if there is no such label, so that a scrape does not fill it in.</param>
    /// <param name="output">Receives the field.</param>
    public static void AddMetric(
        MetricFamilies families, FamilyType type, in MetricEntry metric, SeriesLabels labels, bool instance, WriteBuffer output)
    {
        int start = output.BeginMessage(Bytes(4));
        if (instance && !labels.Contains("instance"u8))
        {
            WriteLabel("instance"u8, default, output);
        }

        WriteFields(families, type, metric, labels, output);
        output.EndMessage(start);
    }

    /// <summary>Adds a gauge that stands in no body.</summary>
    public static void AddGauge(IEnumerable<KeyValuePair<string, string>> labels, double value, WriteBuffer output)
    {
        int start = output.BeginMessage(Bytes(4));
        foreach ((string name, string held) in labels)
        {
            WriteLabel(System.Text.Encoding.UTF8.GetBytes(name), System.Text.Encoding.UTF8.GetBytes(held), output);
        }

        int gauge = output.BeginMessage(Bytes(2));
        output.AppendFixed64(Fixed64(1), BitConverter.DoubleToUInt64Bits(value));
        output.EndMessage(gauge);
        output.EndMessage(start);
    }

    private static void WriteLabel(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, WriteBuffer output)
    {
        int label = output.BeginMessage(Bytes(1));
        output.AppendBytes(Bytes(1), name);
        output.AppendBytes(Bytes(2), value);
        output.EndMessage(label);
    }

    private static void WriteMetric(
        MetricFamilies families, FamilyType type, in MetricEntry metric, GroupingLabels group, SeriesLabels labels, WriteBuffer output)
    {
        labels.Merge(families, metric, group);
        int start = output.BeginMessage(Bytes(4));
        WriteFields(families, type, metric, labels, output);
        output.EndMessage(start);
    }

    private static void WriteFields(MetricFamilies families, FamilyType type, in MetricEntry metric, SeriesLabels labels, WriteBuffer output)
    {
        for (int i = 0; i < labels.Count; i++)
        {
            WriteLabel(labels.Name(i), labels.Value(i), output);
        }

        int value = output.BeginMessage(Bytes(type switch
        {
            FamilyType.Gauge => 2,
            FamilyType.Counter => 3,
            FamilyType.Summary => 4,
            FamilyType.Untyped => 5,
            _ => 7,
        }));
        switch (type)
        {
            case FamilyType.Summary:
                WriteSummary(families, metric, output);
                break;
            case FamilyType.Histogram or FamilyType.GaugeHistogram:
                WriteHistogram(families, metric, output);
                break;
            default:
                output.AppendFixed64(Fixed64(1), metric.ValueBits);
                if (type == FamilyType.Counter)
                {
                    WriteExemplars(families, families.ExemplarsOf(metric), 2, output);
                    WriteTime(metric.Has(MetricParts.Start), metric.StartMs, 3, output);
                }

                break;
        }

        output.EndMessage(value);
    }

    private static void WriteSummary(MetricFamilies families, in MetricEntry metric, WriteBuffer output)
    {
        output.AppendVarint(Varint(1), metric.CountBits);
        output.AppendFixed64(Fixed64(2), metric.ValueBits);
        foreach (ref readonly PointEntry point in families.PointsOf(metric))
        {
            int start = output.BeginMessage(Bytes(3));
            output.AppendFixed64(Fixed64(1), BitConverter.DoubleToUInt64Bits(point.Bound));
            output.AppendFixed64(Fixed64(2), point.Bits);
            output.EndMessage(start);
        }

        WriteTime(metric.Has(MetricParts.Start), metric.StartMs, 4, output);
    }

    private static void WriteHistogram(MetricFamilies families, in MetricEntry metric, WriteBuffer output)
    {
        bool isFloat = metric.Has(MetricParts.FloatCounts);
        WriteCount(isFloat, metric.CountBits, 1, output);
        output.AppendFixed64(Fixed64(2), metric.ValueBits);
        foreach (ref readonly PointEntry point in families.PointsOf(metric))
        {
            int start = output.BeginMessage(Bytes(3));
            WriteCount(isFloat, point.Bits, 1, output);
            output.AppendFixed64(Fixed64(2), BitConverter.DoubleToUInt64Bits(point.Bound));
            if (point.Exemplar >= 0)
            {
                WriteExemplars(families, families.Exemplars.Slice(point.Exemplar, 1), 3, output);
            }

            output.EndMessage(start);
        }

        if (metric.Has(MetricParts.Native))
        {
            CopyNative(families.Text(metric.Native), output);
        }

        WriteTime(metric.Has(MetricParts.Start), metric.StartMs, 15, output);
        if (metric.Exemplars > 0)
        {
            WriteExemplars(families, families.ExemplarsOf(metric), 16, output);
        }
    }

    /// <summary>A count of a histogram or bucket: in the fields of both, the float is number 4.</summary>
    private static void WriteCount(bool isFloat, ulong bits, int field, WriteBuffer output)
    {
        if (isFloat)
        {
            output.AppendFixed64(Fixed64(4), bits);
        }
        else
        {
            output.AppendVarint(Varint(field), bits);
        }
    }

    /// <summary>Schema, zero bucket, spans and buckets, field by field.</summary>
    private static void CopyNative(ReadOnlySpan<byte> message, WriteBuffer output)
    {
        var reader = new WireReader(message);
        int start = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            reader.Skip(tag);
            if (tag.Field is >= 5 and <= 14)
            {
                output.Append(message[start..reader.Position]);
            }

            start = reader.Position;
        }
    }

    private static void WriteExemplars(MetricFamilies families, ReadOnlySpan<ExemplarEntry> exemplars, int field, WriteBuffer output)
    {
        foreach (ref readonly ExemplarEntry exemplar in exemplars)
        {
            int start = BeginWide(field, output);
            foreach (ref readonly LabelRange label in families.LabelsOf(exemplar))
            {
                int pair = output.BeginMessage(Bytes(1));
                output.AppendBytes(Bytes(1), families.Text(label.Name));
                output.AppendBytes(Bytes(2), families.Text(label.Value));
                output.EndMessage(pair);
            }

            output.AppendFixed64(Fixed64(2), exemplar.ValueBits);
            WriteTime(exemplar.HasTimestamp, exemplar.TimestampMs, 3, output);
            output.EndMessage(start);
        }
    }

    private static void WriteTime(bool isSet, long milliseconds, int field, WriteBuffer output)
    {
        if (!isSet)
        {
            return;
        }

        long seconds = Math.DivRem(milliseconds, 1000, out long rest);
        seconds -= rest < 0 ? 1 : 0;
        rest += rest < 0 ? 1000 : 0;
        int start = BeginWide(field, output);
        output.AppendVarint(Varint(1), (ulong)seconds);
        output.AppendVarint(Varint(2), (ulong)(rest * 1_000_000));
        output.EndMessage(start);
    }

    /// <summary>Begins a message whose field may be 16, which has a tag of two bytes.</summary>
    private static int BeginWide(int field, WriteBuffer output)
    {
        if (field < 16)
        {
            return output.BeginMessage(Bytes(field));
        }

        output.Append([(byte)(0x80 | ((field << 3) & 0x7F) | (int)WireType.Bytes)]);
        return output.BeginMessage((byte)(field >> 4));
    }

    private static byte Bytes(int field) => WireTag.Of(field, WireType.Bytes);

    private static byte Varint(int field) => WireTag.Of(field, WireType.Varint);

    private static byte Fixed64(int field) => WireTag.Of(field, WireType.Fixed64);
}
