namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A 1.0 message out of a 2.0 request: references become names and values, and what 1.0 cannot say is left out and counted.</summary>
internal sealed class TranslatedMessage : OutgoingMessage
{
    // The last field of a sample and of a histogram that both protocols have; the one behind it is the start timestamp of 2.0.
    private const int LastSampleField = 2;
    private const int LastHistogramField = 16;

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

        ReadMetadata(series.Metadata, out ulong type, out uint help, out uint unit);
        WireRange helpText = _symbols.Text(help);
        WireRange unitText = _symbols.Text(unit);
        if (type == 0 && helpText.Length == 0 && unitText.Length == 0)
        {
            return;
        }

        WireRange name = FamilyName(series.Labels, type);
        bool isSame = false;
        if (_forwardsMetadata && _families.TryAdd(name, type, help, unit, out isSame))
        {
            int start = Part.BeginMessage(V1Tags.Metadata);
            Part.AppendVarint(V1Tags.MetadataType, type);
            Part.AppendBytes(V1Tags.MetadataName, Slice(name));
            Part.AppendBytes(V1Tags.MetadataHelp, Slice(helpText));
            Part.AppendBytes(V1Tags.MetadataUnit, Slice(unitText));
            Part.EndMessage(start);
        }
        else if (!isSame)
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
        ReadOnlySpan<byte> stamped = Stamped;
        ReadOnlySpan<int> starts = _symbols.Starts;
        WireReader reader = WireReader.Within(stamped, references);
        while (reader.Position < reader.End)
        {
            // A symbol's length and text stand behind its tag just as they do in a label behind another one.
            int name = (int)reader.ReadVarint();
            int value = (int)reader.ReadVarint();
            ReadOnlySpan<byte> nameBytes = stamped[(starts[name] + 1)..starts[name + 1]];
            ReadOnlySpan<byte> valueBytes = stamped[(starts[value] + 1)..starts[value + 1]];

            int length = 2 + nameBytes.Length + valueBytes.Length;
            Part.Reserve(1 + WireWriter.MaxVarintBytes + length);
            byte[] to = Part.Array;
            int at = Part.Length;
            to[at++] = tag;
            at = WireWriter.WriteVarint(to, at, (uint)length);
            to[at++] = V1Tags.LabelName;
            nameBytes.CopyTo(to.AsSpan(at));
            at += nameBytes.Length;
            to[at++] = V1Tags.LabelValue;
            valueBytes.CopyTo(to.AsSpan(at));
            Part.Length = at + valueBytes.Length;
        }

        StampedSeries.ThrowIfFaulty(reader);
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
