using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A 1.0 message out of a 2.0 request: references become names and values, and what 1.0 cannot say is left out and counted.</summary>
internal sealed class TranslatedMessage : OutgoingMessage
{
    // The last field of a sample and of a histogram that both protocols have; the one behind it is the start timestamp of 2.0.
    private const int LastSampleField = 2;
    private const int LastHistogramField = 16;

    /// <summary>Bytes of a label besides name and value with their lengths, and what short copies write past its end.</summary>
    private const int MaxLabelOverhead = 1 + WireWriter.MaxVarintBytes + 2 + WriteBuffer.Slack;

    private readonly StampedSymbols _symbols;
    private readonly MetadataFamilies _families;
    private bool _forwardsMetadata;

    public TranslatedMessage(WriteWork work)
        : base(work, V1Tags.Series)
    {
        _symbols = work.PartScratch.Symbols;
        _families = new MetadataFamilies(work);
    }

    public override int FirstEntry => _symbols.End;

    protected override int FamilyCount => _families.Count;

    public override void Begin(OutgoingOptions options)
    {
        base.Begin(options);
        _symbols.Read();
        _families.Clear();
        _forwardsMetadata = options.ForwardMetadata;
    }

    public override void TakeBackTo(in MessageMark mark)
    {
        base.TakeBackTo(mark);
        _families.TakeBackTo(mark.Families);
    }

    public override void AppendLabels(in StampedSeries series) => AppendLabels(V1Tags.Labels, series.Labels);

    public override void AppendItem(ItemKind kind, WireRange contents)
    {
        switch (kind)
        {
            case ItemKind.Sample when IsPlainSample(Slice(contents)):
                Part.AppendBytes(V1Tags.Samples, Slice(contents));
                break;
            case ItemKind.Sample:
                AppendWithoutStart(V1Tags.Samples, contents, LastSampleField);
                break;
            case ItemKind.Histogram:
                AppendWithoutStart(V1Tags.Histograms, contents, LastHistogramField);
                break;
            default:
                AppendExemplar(contents);
                break;
        }

        Count(kind);
    }

    /// <summary>Writes the metadata of the series' family as an entry of its own, once per request, or counts it as lost.</summary>
    public override void AppendMetadata(in StampedSeries series)
    {
        if (series.CreatedTimestamp != 0)
        {
            CountLosses(new TranslationLosses(StartTimestamps: 1, 0, 0, 0));
        }

        if (series.Metadata.Length == 0)
        {
            return;
        }

        ReadMetadata(series.Metadata, out ulong type, out uint help, out uint unit);
        if (type == 0 && _symbols.Text(help).Length == 0 && _symbols.Text(unit).Length == 0)
        {
            return;
        }

        bool isSaid = false;
        if (_forwardsMetadata)
        {
            WireRange family = FamilyName(series.Labels, type);
            if (_families.TryAdd(family, type, help, unit, out isSaid))
            {
                AppendFamily(family, type, help, unit);
            }
        }

        if (!isSaid)
        {
            CountLosses(new TranslationLosses(0, Metadata: 1, 0, 0));
        }
    }

    public override bool TryReadLabel(ref WireReader reader, out WireRange name, out WireRange value)
    {
        name = default;
        value = default;
        if (reader.Position >= reader.End)
        {
            return false;
        }

        name = _symbols.Text((uint)reader.ReadVarint());
        value = _symbols.Text((uint)reader.ReadVarint());
        StampedSeries.ThrowIfFaulty(reader);
        return true;
    }

    private void AppendLabels(byte tag, WireRange references)
    {
        byte[] from = Work.Stamped.Array;
        ReadOnlySpan<int> starts = _symbols.Starts;
        ReadOnlySpan<byte> refs = from.AsSpan(references.Start, references.Length);
        byte[] to = Part.Array;
        int at = Part.Length;
        for (int i = 0; i < refs.Length;)
        {
            // A symbol's length and text stand behind its tag just as they do in a label behind another one.
            int name = ReadReference(refs, ref i);
            int value = ReadReference(refs, ref i);
            int nameStart = starts[name] + 1;
            int nameLength = starts[name + 1] - nameStart;
            int valueStart = starts[value] + 1;
            int valueLength = starts[value + 1] - valueStart;
            int length = 2 + nameLength + valueLength;
            if (at + length + MaxLabelOverhead > to.Length)
            {
                Part.Length = at;
                Part.Reserve(length + MaxLabelOverhead);
                to = Part.Array;
            }

            to[at++] = tag;
            at = WireWriter.WriteVarint(to, at, (uint)length);
            to[at++] = V1Tags.LabelName;
            at = FastBytes.Copy(from, nameStart, nameLength, to, at);
            to[at++] = V1Tags.LabelValue;
            at = FastBytes.Copy(from, valueStart, valueLength, to, at);
        }

        Part.Length = at;
    }

    /// <summary>A reference, of one or two bytes as a rule.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ReadReference(ReadOnlySpan<byte> refs, ref int position)
    {
        int first = refs[position];
        if (first < 0x80)
        {
            position++;
            return first;
        }

        int second = refs[position + 1];
        if (second < 0x80)
        {
            position += 2;
            return (second << 7) | (first & 0x7F);
        }

        return ReadLongReference(refs, ref position);
    }

    private static int ReadLongReference(ReadOnlySpan<byte> refs, ref int position)
    {
        WireReader reader = WireReader.Within(refs, new WireRange(position, refs.Length - position));
        int reference = (int)(uint)reader.ReadVarint();
        StampedSeries.ThrowIfFaulty(reader);
        position = reader.Position;
        return reference;
    }

    /// <summary>Whether a sample is just a value and a timestamp, as nearly all are, so that none of its fields need be looked for.</summary>
    private static bool IsPlainSample(ReadOnlySpan<byte> sample)
    {
        // Tag, 8 bytes, tag, and a varint that ends with the sample.
        const int Varint = 1 + 8 + 1;
        if (sample.Length <= Varint || sample[0] != ItemTags.SampleValue || sample[Varint - 1] != ItemTags.SampleTimestamp)
        {
            return false;
        }

        int last = Varint;
        while (last < sample.Length && sample[last] >= 0x80)
        {
            last++;
        }

        return last == sample.Length - 1;
    }

    /// <summary>Copies a sample or a histogram, which are the same in both protocols but for the start timestamp and what future versions add.</summary>
    private void AppendWithoutStart(byte tag, WireRange contents, int lastField)
    {
        bool isSame = true;
        bool hasStart = false;
        int unknown = 0;
        WireReader reader = WireReader.Within(Stamped, contents);
        while (reader.TryReadTag(out WireTag part))
        {
            if (part.Field <= lastField)
            {
                reader.Skip(part);
                continue;
            }

            isSame = false;
            if (part.Field == lastField + 1)
            {
                hasStart = reader.ReadVarint(part) != 0;
            }
            else
            {
                unknown++;
                reader.Skip(part);
            }
        }

        StampedSeries.ThrowIfFaulty(reader);
        if (isSame)
        {
            Part.AppendBytes(tag, Slice(contents));
            return;
        }

        CountLosses(new TranslationLosses(hasStart ? 1 : 0, 0, 0, unknown));
        AppendFields(tag, contents, lastField);
    }

    /// <summary>Copies the fields up to <paramref name="lastField"/> of a message.</summary>
    private void AppendFields(byte tag, WireRange contents, int lastField)
    {
        int start = Part.BeginMessage(tag);
        int fieldStart = contents.Start;
        WireReader reader = WireReader.Within(Stamped, contents);
        while (reader.TryReadTag(out WireTag part))
        {
            reader.Skip(part);
            if (part.Field <= lastField)
            {
                Part.Append(Stamped[fieldStart..reader.Position]);
            }

            fieldStart = reader.Position;
        }

        Part.EndMessage(start);
    }

    private void AppendFamily(WireRange name, ulong type, uint help, uint unit)
    {
        int start = Part.BeginMessage(V1Tags.Metadata);
        Part.AppendVarint(V1Tags.MetadataType, type);
        Part.AppendBytes(V1Tags.MetadataName, Slice(name));
        Part.AppendBytes(V1Tags.MetadataHelp, Slice(_symbols.Text(help)));
        Part.AppendBytes(V1Tags.MetadataUnit, Slice(_symbols.Text(unit)));
        Part.EndMessage(start);
    }

    private void AppendExemplar(WireRange contents)
    {
        int start = Part.BeginMessage(V1Tags.Exemplars);
        WireReader reader = WireReader.Within(Stamped, contents);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Raw)
            {
                case ItemTags.ExemplarLabels:
                    AppendLabels(ItemTags.ExemplarLabels, reader.ReadBytes(tag));
                    break;
                case ItemTags.ExemplarValue:
                    Part.AppendFixed64(ItemTags.ExemplarValue, reader.ReadFixed64(tag));
                    break;
                default:
                    Part.AppendVarint(ItemTags.ExemplarTimestamp, reader.ReadVarint(tag));
                    break;
            }
        }

        StampedSeries.ThrowIfFaulty(reader);
        Part.EndMessage(start);
    }

    private void ReadMetadata(WireRange contents, out ulong type, out uint help, out uint unit)
    {
        type = 0;
        help = 0;
        unit = 0;
        WireReader reader = WireReader.Within(Stamped, contents);
        while (reader.TryReadTag(out WireTag tag))
        {
            ulong value = reader.ReadVarint(tag);
            switch (tag.Raw)
            {
                case V2Tags.MetadataType:
                    type = value;
                    break;
                case V2Tags.MetadataHelp:
                    help = (uint)value;
                    break;
                default:
                    unit = (uint)value;
                    break;
            }
        }

        StampedSeries.ThrowIfFaulty(reader);
    }

    /// <summary>The name of the family of a series: its metric name, without what the series of a histogram or summary add to it.</summary>
    private WireRange FamilyName(WireRange labels, ulong type)
    {
        WireReader reader = WireReader.Within(Stamped, labels);
        while (TryReadLabel(ref reader, out WireRange name, out WireRange value))
        {
            if (Slice(name).SequenceEqual("__name__"u8))
            {
                return type is MetadataTypes.Histogram or MetadataTypes.GaugeHistogram or MetadataTypes.Summary
                    ? value with { Length = value.Length - SuffixLength(Slice(value)) }
                    : value;
            }
        }

        return default;
    }

    private static int SuffixLength(ReadOnlySpan<byte> name) =>
        name.EndsWith("_bucket"u8) ? "_bucket".Length
        : name.EndsWith("_sum"u8) ? "_sum".Length
        : name.EndsWith("_count"u8) ? "_count".Length
        : 0;
}

/// <summary>Numbers of metric types, the same in both protocols.</summary>
internal static class MetadataTypes
{
    public const ulong Histogram = 3;
    public const ulong GaugeHistogram = 4;
    public const ulong Summary = 5;
}
