using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// Writes families as text 0.0.4, as Prometheus' own library does: HELP and TYPE, then a line a series; the infinite bucket completed
/// from the count. In names, what the format has no place for becomes an underscore (<c>escaping=underscores</c>).
/// </summary>
public static class TextFormatWriter
{
    /// <summary>Writes HELP (if there is any) and TYPE.</summary>
    /// <param name="name">Of the family, valid UTF-8.</param>
    /// <param name="help">Not escaped.</param>
    /// <param name="type">Its type.</param>
    /// <param name="output">Receives the lines.</param>
    public static void WriteHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, FamilyType type, WriteBuffer output)
    {
        if (!help.IsEmpty)
        {
            output.Append("# HELP "u8);
            WriteName(name, isMetric: true, output);
            output.Append(" "u8);
            WriteEscaped(help, withQuotes: false, output);
            output.Append("\n"u8);
        }

        output.Append("# TYPE "u8);
        WriteName(name, isMetric: true, output);
        output.Append(" "u8);
        output.Append(TypeNames.Of(type));
        output.Append("\n"u8);
    }

    /// <summary>Writes the lines of one metric.</summary>
    /// <param name="families">Where it stands.</param>
    /// <param name="family">Its family.</param>
    /// <param name="metric">Not one that has nothing but a native histogram: text has no form for that, and it is written as an empty classic one.</param>
    /// <param name="labels">Merged with those of its group.</param>
    /// <param name="instance">Adds <c>instance=""</c> if there is no such label, so that a scrape does not fill it in.</param>
    /// <param name="output">Receives the lines.</param>
    public static void WriteMetric(
        MetricFamilies families, in FamilyEntry family, in MetricEntry metric, SeriesLabels labels, bool instance, WriteBuffer output)
    {
        ReadOnlySpan<byte> name = families.Text(family.Name);
        var line = new SeriesLine(name, labels, instance && !labels.Contains("instance"u8), output);
        if (!FamilyBuilder.IsWhole(family.Type))
        {
            line.Write(default, default, 0, metric.Value);
            return;
        }

        bool isSummary = family.Type == FamilyType.Summary;
        ReadOnlySpan<PointEntry> points = families.PointsOf(metric);
        foreach (ref readonly PointEntry point in points)
        {
            if (isSummary)
            {
                line.Write(default, "quantile"u8, point.Bound, BitConverter.UInt64BitsToDouble(point.Bits));
            }
            else
            {
                line.Write("_bucket"u8, "le"u8, point.Bound, metric.CountOf(point));
            }
        }

        if (!isSummary && points is not [.., { Bound: double.PositiveInfinity }])
        {
            line.Write("_bucket"u8, "le"u8, double.PositiveInfinity, metric.Count);
        }

        line.Write(family.HasGaugeSuffixes ? "_gsum"u8 : "_sum"u8, default, 0, metric.Value);
        line.Write(family.HasGaugeSuffixes ? "_gcount"u8 : "_count"u8, default, 0, metric.Count);
    }

    /// <summary>Writes the line of a gauge that stands in no body.</summary>
    public static void WriteGauge(ReadOnlySpan<byte> name, IEnumerable<KeyValuePair<string, string>> labels, double value, WriteBuffer output)
    {
        WriteName(name, isMetric: true, output);
        ReadOnlySpan<byte> before = "{"u8;
        foreach ((string label, string held) in labels)
        {
            output.Append(before);
            before = ","u8;
            WriteName(Encoding.UTF8.GetBytes(label), isMetric: false, output);
            output.Append("=\""u8);
            WriteEscaped(Encoding.UTF8.GetBytes(held), withQuotes: true, output);
            output.Append("\""u8);
        }

        Span<byte> number = stackalloc byte[NumberText.MaxLength];
        output.Append(before[0] == ',' ? "} "u8 : " "u8);
        output.Append(number[..NumberText.Format(value, number)]);
        output.Append("\n"u8);
    }

    private static void WriteName(ReadOnlySpan<byte> name, bool isMetric, WriteBuffer output)
    {
        if (NameRules.IsLegacy(name, isMetric))
        {
            output.Append(name);
            return;
        }

        bool isFirst = true;
        while (!name.IsEmpty)
        {
            Rune.DecodeFromUtf8(name, out Rune rune, out int length);
            bool isPlain = rune.IsAscii && NameRules.IsLegacy([isFirst ? (byte)rune.Value : (byte)'_', (byte)rune.Value], isMetric);
            output.Append(isPlain ? name[..length] : "_"u8);
            name = name[length..];
            isFirst = false;
        }
    }

    private static void WriteEscaped(ReadOnlySpan<byte> text, bool withQuotes, WriteBuffer output)
    {
        while (!text.IsEmpty)
        {
            int plain = withQuotes ? text.IndexOfAny((byte)'\\', (byte)'\n', (byte)'"') : text.IndexOfAny((byte)'\\', (byte)'\n');
            if (plain < 0)
            {
                output.Append(text);
                return;
            }

            output.Append(text[..plain]);
            output.Append(text[plain] switch { (byte)'\\' => "\\\\"u8, (byte)'"' => "\\\""u8, _ => "\\n"u8 });
            text = text[(plain + 1)..];
        }
    }

    /// <summary>Writes the series of one metric, which differ by suffix and bound.</summary>
    private readonly ref struct SeriesLine(ReadOnlySpan<byte> name, SeriesLabels labels, bool addInstance, WriteBuffer output)
    {
        private readonly ReadOnlySpan<byte> _name = name;

        public void Write(ReadOnlySpan<byte> suffix, ReadOnlySpan<byte> boundName, double bound, double value)
        {
            WriteName(_name, isMetric: true, output);
            output.Append(suffix);
            bool isFirst = true;
            bool isInstanceDue = addInstance;
            for (int i = 0; i < labels.Count; i++)
            {
                if (isInstanceDue && labels.Name(i).SequenceCompareTo("instance"u8) > 0)
                {
                    WriteLabel("instance"u8, default, ref isFirst);
                    isInstanceDue = false;
                }

                WriteLabel(labels.Name(i), labels.Value(i), ref isFirst);
            }

            if (isInstanceDue)
            {
                WriteLabel("instance"u8, default, ref isFirst);
            }

            Span<byte> number = stackalloc byte[NumberText.MaxLength];
            if (!boundName.IsEmpty)
            {
                WriteLabel(boundName, number[..NumberText.Format(bound, number)], ref isFirst);
            }

            output.Append(isFirst ? " "u8 : "} "u8);
            // Zero has no sign in this format.
            output.Append(number[..NumberText.Format(value == 0 ? 0 : value, number)]);
            output.Append("\n"u8);
        }

        private void WriteLabel(ReadOnlySpan<byte> label, ReadOnlySpan<byte> value, ref bool isFirst)
        {
            output.Append(isFirst ? "{"u8 : ","u8);
            isFirst = false;
            WriteName(label, isMetric: false, output);
            output.Append("=\""u8);
            WriteEscaped(value, withQuotes: true, output);
            output.Append("\""u8);
        }
    }
}
