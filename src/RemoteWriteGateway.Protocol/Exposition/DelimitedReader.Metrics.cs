using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>One <c>Metric</c> message and what it holds.</summary>
internal ref partial struct DelimitedReader
{
    private ExpositionFault ReadMetric(WireRange message, int family)
    {
        int firstLabel = families.LabelList.Count;
        FamilyType type = families.FamilyList[family].Type;
        MetricParts parts = MetricParts.None;
        // Where the value is; a message given twice is merged, and bytes one behind the other are just that.
        TextRange value = default;
        WireReader reader = WireReader.Within(_body, message);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    if (!AddLabel(ref reader, tag))
                    {
                        return Malformed("not valid wire data");
                    }

                    if (families.LabelList.Count - firstLabel > options.MaxRawLabels)
                    {
                        return ExpositionText.TooManyRawLabels(options, Where());
                    }

                    break;
                case >= 2 and <= 5 or 7:
                    WireRange range = reader.ReadBytes(tag);
                    if (tag.Field == ValueField(type))
                    {
                        value = (parts & MetricParts.Value) != 0 && !reader.HasFault ? Join(value, At(range)) : At(range);
                        parts |= MetricParts.Value;
                    }
                    else
                    {
                        parts |= MetricParts.OtherValue;
                    }

                    break;
                case 6:
                    reader.ReadVarint(tag);
                    parts |= MetricParts.Timestamp;
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            return Malformed("not valid wire data");
        }

        int metric = _builder.AddMetric(family, firstLabel, _number);
        families.MetricList[metric].Parts = parts;
        return (parts & MetricParts.Value) == 0 || ReadValue(metric, type, value) ? default : Malformed("not valid wire data");
    }

    private static int ValueField(FamilyType type) => type switch
    {
        FamilyType.Gauge => 2,
        FamilyType.Counter => 3,
        FamilyType.Summary => 4,
        FamilyType.Untyped => 5,
        _ => 7,
    };

    /// <summary>Both, one behind the other. What was joined last grows in its place, so that however many there are, each byte is copied once.</summary>
    private readonly TextRange Join(TextRange first, TextRange second)
    {
        int start = ~first.Start;
        if (first.Start >= 0 || start + first.Length != families.Copied.Length)
        {
            start = families.Copied.Length;
            families.Copied.Append(families.Text(first));
        }

        // Read before it is appended to: the buffer may move.
        families.Copied.Append(families.Text(second));
        return new TextRange(~start, first.Length + second.Length);
    }

    private bool ReadValue(int metric, FamilyType type, TextRange value)
    {
        var reader = new WireReader(families.Text(value));
        switch (type)
        {
            case FamilyType.Counter:
                ReadCounter(ref reader, metric, value);
                break;
            case FamilyType.Gauge or FamilyType.Untyped:
                ReadPlain(ref reader, metric);
                break;
            case FamilyType.Summary:
                ReadSummary(ref reader, metric);
                break;
            default:
                ReadHistogram(ref reader, metric, value);
                break;
        }

        return !reader.HasFault;
    }

    private readonly void ReadPlain(ref WireReader reader, int metric)
    {
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field == 1)
            {
                families.MetricList[metric].ValueBits = reader.ReadFixed64(tag);
            }
            else
            {
                reader.Skip(tag);
            }
        }
    }

    private readonly void ReadCounter(ref WireReader reader, int metric, TextRange value)
    {
        families.MetricList[metric].FirstExemplar = families.ExemplarList.Count;
        TextRange exemplar = default;
        bool hasExemplar = false;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    families.MetricList[metric].ValueBits = reader.ReadFixed64(tag);
                    break;
                case 2:
                    TextRange range = Within(value, reader.ReadBytes(tag));
                    exemplar = hasExemplar && !reader.HasFault ? Join(exemplar, range) : range;
                    hasExemplar = true;
                    break;
                case 3:
                    ReadStart(ref reader, tag, metric);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (hasExemplar && !reader.HasFault && ReadExemplar(ref reader, exemplar, needsTimestamp: false) >= 0)
        {
            families.MetricList[metric].Exemplars = 1;
        }
    }

    private readonly void ReadSummary(ref WireReader reader, int metric)
    {
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    families.MetricList[metric].CountBits = reader.ReadVarint(tag);
                    families.MetricList[metric].Parts |= MetricParts.Count;
                    break;
                case 2:
                    families.MetricList[metric].ValueBits = reader.ReadFixed64(tag);
                    families.MetricList[metric].Parts |= MetricParts.Sum;
                    break;
                case 3:
                    int outerEnd = reader.Enter(tag);
                    ReadQuantile(ref reader, metric);
                    reader.Leave(outerEnd);
                    break;
                case 4:
                    ReadStart(ref reader, tag, metric);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }

            if (families.Series > options.MaxSeriesPerPush)
            {
                return;
            }
        }
    }

    private readonly void ReadQuantile(ref WireReader reader, int metric)
    {
        ulong quantile = 0;
        ulong value = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    quantile = reader.ReadFixed64(tag);
                    break;
                case 2:
                    value = reader.ReadFixed64(tag);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        _builder.AddPoint(metric, BitConverter.UInt64BitsToDouble(quantile), value, exemplar: -1);
    }

    private readonly void ReadStart(ref WireReader reader, WireTag tag, int metric)
    {
        if (TryReadTime(ref reader, tag, out long milliseconds))
        {
            families.MetricList[metric].StartMs = milliseconds;
            families.MetricList[metric].Parts |= MetricParts.Start;
        }
    }

    /// <summary>A <c>google.protobuf.Timestamp</c>, rounded down to milliseconds. False if it has no place in them: then it is none.</summary>
    private static bool TryReadTime(ref WireReader reader, WireTag tag, out long milliseconds)
    {
        long seconds = 0;
        int nanoseconds = 0;
        int outerEnd = reader.Enter(tag);
        while (reader.TryReadTag(out WireTag field))
        {
            switch (field.Field)
            {
                case 1:
                    seconds = (long)reader.ReadVarint(field);
                    break;
                case 2:
                    nanoseconds = (int)reader.ReadVarint(field);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }

        reader.Leave(outerEnd);
        Int128 exact = ((Int128)seconds * 1000) + (int)Math.Floor(nanoseconds / 1e6);
        bool fits = exact >= long.MinValue && exact <= long.MaxValue;
        milliseconds = fits ? (long)exact : 0;
        return fits && !reader.HasFault;
    }

    private readonly bool AddLabel(ref WireReader reader, WireTag tag) => AddLabel(ref reader, tag, new TextRange(0, 0));

    /// <summary>A <c>LabelPair</c> into the list of labels. <paramref name="container"/>: where the bytes that are read stand.</summary>
    private readonly bool AddLabel(ref WireReader reader, WireTag tag, TextRange container)
    {
        TextRange name = default;
        TextRange value = default;
        int outerEnd = reader.Enter(tag);
        while (reader.TryReadTag(out WireTag field))
        {
            switch (field.Field)
            {
                case 1:
                    name = Within(container, reader.ReadBytes(field));
                    break;
                case 2:
                    value = Within(container, reader.ReadBytes(field));
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }

        reader.Leave(outerEnd);
        families.LabelList.Add(new LabelRange(name, value));
        return !reader.HasFault;
    }

    /// <summary>A range that was found within <paramref name="container"/>.</summary>
    private static TextRange Within(TextRange container, WireRange range) => container.Start >= 0
        ? new TextRange(container.Start + range.Start, range.Length)
        : new TextRange(~(~container.Start + range.Start), range.Length);
}
