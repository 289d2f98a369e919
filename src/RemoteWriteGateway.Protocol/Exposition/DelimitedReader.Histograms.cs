using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Histograms: classic buckets are taken apart, a native one is left where it stands.</summary>
internal ref partial struct DelimitedReader
{
    private void ReadHistogram(ref WireReader reader, int metric, TextRange message)
    {
        var counts = new HistogramCounts();
        bool hasSum = false;
        ulong sum = 0;
        int firstPoint = families.PointList.Count;
        int exemplars = 0;
        families.MetricList[metric].FirstExemplar = families.ExemplarList.Count;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 2:
                    sum = reader.ReadFixed64(tag);
                    hasSum = true;
                    break;
                case 3:
                    int outerEnd = reader.Enter(tag);
                    ReadBucket(ref reader, metric, message, ref counts, ref exemplars);
                    reader.Leave(outerEnd);
                    break;
                case 15:
                    ReadStart(ref reader, tag, metric);
                    break;
                case 16:
                    // Taken behind all buckets, so that those of one metric stand together.
                    reader.ReadBytes(tag);
                    break;
                default:
                    counts.ReadField(ref reader, tag);
                    break;
            }

            if (families.Series > options.MaxSeriesPerPush)
            {
                return;
            }
        }

        if (reader.HasFault || (counts.IsNative && !IsHistogram(ref reader, message)))
        {
            return;
        }

        ref MetricEntry entry = ref families.MetricList[metric];
        entry.ValueBits = sum;
        entry.CountBits = counts.CountBits;
        entry.Native = counts.IsNative ? message : default;
        entry.Parts |= (hasSum ? MetricParts.Sum : 0) | (counts.HasCount ? MetricParts.Count : 0)
            | (counts.IsFloat ? MetricParts.FloatCounts : 0) | (counts.IsNative ? MetricParts.Native : 0)
            | (counts.HasNegative ? MetricParts.NegativeCount : 0);
        if (counts.IsFloat)
        {
            MakeFloats(families.PointList.Span[firstPoint..]);
        }

        ReadNativeExemplars(ref reader, metric, message);
    }

    /// <summary>Reads the buckets of a native histogram, which were passed over, so that what is taken for one is one.</summary>
    private readonly bool IsHistogram(ref WireReader outer, TextRange message)
    {
        var reader = new WireReader(families.Text(message));
        NativeHistogram.ReadFields(ref reader);
        if (reader.HasFault)
        {
            outer.FailAs(reader);
        }

        return !reader.HasFault;
    }

    private readonly void ReadBucket(ref WireReader reader, int metric, TextRange message, ref HistogramCounts counts, ref int exemplars)
    {
        ulong whole = 0;
        double real = 0;
        ulong bound = 0;
        TextRange exemplar = default;
        bool hasExemplar = false;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    whole = reader.ReadVarint(tag);
                    break;
                case 2:
                    bound = reader.ReadFixed64(tag);
                    break;
                case 3:
                    TextRange range = Within(message, reader.ReadBytes(tag));
                    exemplar = hasExemplar && !reader.HasFault ? Join(exemplar, range) : range;
                    hasExemplar = true;
                    break;
                case 4:
                    real = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            return;
        }

        // Which of both a bucket has is kept in the list as it came; MakeFloats makes them alike.
        bool isFloat = real > 0;
        counts.HasNegative |= real < 0 || double.IsNaN(real);
        counts.IsFloatBucket |= isFloat;
        int kept = -1;
        if (hasExemplar)
        {
            bool hasRoom = exemplars < ExpositionOptions.MaxExemplarsPerMetric;
            kept = hasRoom ? ReadExemplar(ref reader, exemplar, needsTimestamp: false) : -1;
            exemplars += kept >= 0 ? 1 : 0;
            families.DroppedExemplars += hasRoom ? 0 : 1;
        }

        _builder.AddPoint(metric, BitConverter.UInt64BitsToDouble(bound), isFloat ? BitConverter.DoubleToUInt64Bits(real) : whole, kept);
        families.PointList[^1].IsFloat = isFloat;
    }

    private static void MakeFloats(Span<PointEntry> points)
    {
        foreach (ref PointEntry point in points)
        {
            point.Bits = point.IsFloat ? point.Bits : BitConverter.DoubleToUInt64Bits(point.Bits);
        }
    }

    private readonly void ReadNativeExemplars(ref WireReader outer, int metric, TextRange message)
    {
        int first = families.ExemplarList.Count;
        int kept = 0;
        var reader = new WireReader(families.Text(message));
        while (reader.TryReadTag(out WireTag tag) && !outer.HasFault)
        {
            if (tag.Field != 16)
            {
                reader.Skip(tag);
                continue;
            }

            TextRange exemplar = Within(message, reader.ReadBytes(tag));
            if (kept == ExpositionOptions.MaxExemplarsPerMetric)
            {
                families.DroppedExemplars++;
            }
            else if (ReadExemplar(ref outer, exemplar, needsTimestamp: true) >= 0)
            {
                kept++;
            }
        }

        families.MetricList[metric].FirstExemplar = first;
        families.MetricList[metric].Exemplars = kept;
    }

    /// <summary>Index of the exemplar, or −1 if it breaks a rule and was dropped. Bytes that are no exemplar are a fault of <paramref name="outer"/>.</summary>
    private readonly int ReadExemplar(ref WireReader outer, TextRange message, bool needsTimestamp)
    {
        var exemplar = new ExemplarEntry { FirstLabel = families.LabelList.Count };
        var reader = new WireReader(families.Text(message));
        bool isTooMany = false;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1 when families.LabelList.Count - exemplar.FirstLabel > ExemplarRules.MaxCharacters:
                    // Each has a character at least.
                    isTooMany = true;
                    reader.Skip(tag);
                    break;
                case 1:
                    AddLabel(ref reader, tag, message);
                    break;
                case 2:
                    exemplar.ValueBits = reader.ReadFixed64(tag);
                    break;
                case 3:
                    exemplar.HasTimestamp = TryReadTime(ref reader, tag, out long milliseconds);
                    exemplar.TimestampMs = milliseconds;
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            outer.FailAs(reader);
            return -1;
        }

        ReadOnlySpan<LabelRange> labels = families.LabelList.Span[exemplar.FirstLabel..];
        exemplar.Labels = labels.Length;
        if (isTooMany || (needsTimestamp && !exemplar.HasTimestamp) || !ExemplarRules.AreValid(families, labels))
        {
            families.LabelList.Truncate(exemplar.FirstLabel);
            families.DroppedExemplars++;
            return -1;
        }

        return families.ExemplarList.Add(exemplar);
    }

    /// <summary>What a histogram says of its counts, and whether it is a native one.</summary>
    private struct HistogramCounts
    {
        private ulong _whole;
        private double _real;
        private double _zeroReal;

        public bool HasCount { get; private set; }

        /// <summary>Schema, spans or zero bucket are there.</summary>
        public bool IsNative { get; private set; }

        public bool IsFloatBucket { get; set; }

        /// <summary>A count is negative, or no number.</summary>
        public bool HasNegative { get; set; }

        public readonly bool IsFloat => _real > 0 || _zeroReal > 0 || IsFloatBucket;

        public readonly ulong CountBits => !IsFloat ? _whole : BitConverter.DoubleToUInt64Bits(_real > 0 ? _real : _whole);

        public void ReadField(ref WireReader reader, WireTag tag)
        {
            switch (tag.Field)
            {
                case 1:
                    _whole = reader.ReadVarint(tag);
                    HasCount = true;
                    break;
                case 4:
                    _real = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    HasNegative |= _real < 0 || double.IsNaN(_real);
                    HasCount = true;
                    break;
                case 6:
                    IsNative |= BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag)) > 0;
                    break;
                case 7:
                    IsNative |= reader.ReadVarint(tag) > 0;
                    break;
                case 8:
                    _zeroReal = BitConverter.UInt64BitsToDouble(reader.ReadFixed64(tag));
                    IsNative |= _zeroReal > 0;
                    HasNegative |= _zeroReal < 0 || double.IsNaN(_zeroReal);
                    break;
                case >= 9 and <= 14:
                    // Buckets without spans too: their rules then say what is missing.
                    IsNative = true;
                    reader.Skip(tag);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }
    }
}
