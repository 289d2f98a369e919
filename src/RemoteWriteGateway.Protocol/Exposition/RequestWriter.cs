using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>What metadata says of a series. The numbers are those of remote write.</summary>
public enum SeriesType
{
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
}

/// <summary>Writes one remote write 2.0 message series by series: field numbers in <c>proto/write_v2.proto</c>. Kept and filled again; not thread-safe.</summary>
/// <remarks>
/// The bytes depend on the calls alone: symbols are numbered in the order in which they first occur. A series is begun with its labels, then has
/// its items, its metadata, and is ended.
/// </remarks>
public sealed class RequestWriter
{
    private const byte StartTimestampTag = 3 << 3;
    private const byte ResetHintTag = 14 << 3;
    private const ulong GaugeHint = 3;

    private readonly WriteBuffer _series = new();
    private readonly WriteBuffer _texts = new();
    private readonly ScratchList<TextRange> _symbols = new();
    private readonly HashIndex _index = new();
    private int _start;
    private int _symbolBytes;

    public RequestWriter() => Clear();

    /// <summary>Bytes of the message so far, a few of them counted too much.</summary>
    public int Length => _series.Length + _symbolBytes;

    /// <summary>Samples, histograms and exemplars so far.</summary>
    public ItemCounts Items { get; private set; }

    /// <summary>Forgets the message. Numbers of symbols that were given out are void.</summary>
    public void Clear()
    {
        _series.Clear();
        _texts.Clear();
        _symbols.Clear();
        _index.Clear();
        _symbolBytes = 0;
        Items = default;

        // The first symbol has to be the empty string.
        Symbol(default);
    }

    /// <summary>The number of a text in this message.</summary>
    public uint Symbol(ReadOnlySpan<byte> text)
    {
        uint hash = HashIndex.Hash(text);
        int probe = 0;
        for (int item = _index.Next(hash, ref probe); item >= 0; item = _index.Next(hash, ref probe))
        {
            TextRange known = _symbols[item];
            if (_texts.Span.Slice(known.Start, known.Length).SequenceEqual(text))
            {
                return (uint)item;
            }
        }

        int added = _symbols.Add(new TextRange(_texts.Length, text.Length));
        _texts.Append(text);
        _index.Add(hash, added);
        _symbolBytes += WireWriter.FieldSize(text.Length);
        return (uint)added;
    }

    /// <summary>Begins a series.</summary>
    /// <param name="labels">Name and value of each label by their numbers, in ascending order of names; <c>__name__</c> is one of them.</param>
    public void BeginSeries(ReadOnlySpan<uint> labels)
    {
        _start = _series.BeginMessage(V2Tags.Series);
        AppendRefs(V2Tags.LabelRefs, labels);
    }

    /// <summary>Adds a sample.</summary>
    /// <param name="valueBits">Bits of the value.</param>
    /// <param name="timestampMs">When it was.</param>
    /// <param name="startMs">When the counting began, 0 = not known.</param>
    public void AddSample(ulong valueBits, long timestampMs, long startMs)
    {
        int start = _series.BeginMessage(V2Tags.Samples);
        if (valueBits != 0)
        {
            _series.AppendFixed64(ItemTags.SampleValue, valueBits);
        }

        _series.AppendVarint(ItemTags.SampleTimestamp, (ulong)timestampMs);
        if (startMs != 0)
        {
            _series.AppendVarint(StartTimestampTag, (ulong)startMs);
        }

        _series.EndMessage(start);
        Items += new ItemCounts(1, 0, 0);
    }

    /// <summary>Adds a native histogram.</summary>
    /// <param name="histogram">As it was pushed.</param>
    /// <param name="isEmpty">Writes it without any observation, of the same flavour and schema.</param>
    /// <param name="isGauge">Its counts may fall.</param>
    /// <param name="timestampMs">When it was.</param>
    /// <param name="startMs">When the counting began, 0 = not known.</param>
    public void AddHistogram(NativeHistogram histogram, bool isEmpty, bool isGauge, long timestampMs, long startMs)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        int start = _series.BeginMessage(V2Tags.Histograms);
        NativeHistogramMessage.Append(histogram, isEmpty, _series);
        EndHistogram(start, isGauge, timestampMs, startMs);
    }

    /// <summary>Adds the marker that ends a series of native histograms.</summary>
    public void AddStaleHistogram(long timestampMs)
    {
        int start = _series.BeginMessage(V2Tags.Histograms);
        _series.AppendFixed64(NativeHistogramMessage.SumTag, ItemRules.StaleMarkerBits);
        EndHistogram(start, isGauge: false, timestampMs, 0);
    }

    /// <summary>Adds the marker that ends a series.</summary>
    public void AddStaleSample(long timestampMs) => AddSample(ItemRules.StaleMarkerBits, timestampMs, 0);

    /// <summary>Adds an exemplar.</summary>
    /// <param name="labels">Name and value of each label by their numbers; may be empty.</param>
    /// <param name="valueBits">Bits of the value.</param>
    /// <param name="timestampMs">When it was.</param>
    public void AddExemplar(ReadOnlySpan<uint> labels, ulong valueBits, long timestampMs)
    {
        int start = _series.BeginMessage(V2Tags.Exemplars);
        if (!labels.IsEmpty)
        {
            AppendRefs(ItemTags.ExemplarLabels, labels);
        }

        ItemRules.AppendExemplarNumbers(_series, new ExemplarFields(valueBits, timestampMs));
        _series.EndMessage(start);
        Items += new ItemCounts(0, 0, 1);
    }

    /// <summary>Ends the series with its metadata.</summary>
    public void EndSeries(SeriesType type, uint help, uint unit)
    {
        int start = _series.BeginMessage(V2Tags.Metadata);
        AppendUnlessZero(V2Tags.MetadataType, (ulong)type);
        AppendUnlessZero(V2Tags.MetadataHelp, help);
        AppendUnlessZero(V2Tags.MetadataUnit, unit);
        _series.EndMessage(start);
        _series.EndMessage(_start);
    }

    /// <summary>Appends the whole message to <paramref name="output"/>.</summary>
    public void WriteTo(WriteBuffer output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Reserve(Length);
        foreach (TextRange symbol in _symbols.Span)
        {
            output.AppendBytes(V2Tags.Symbols, _texts.Span.Slice(symbol.Start, symbol.Length));
        }

        output.Append(_series.Span);
    }

    private void EndHistogram(int start, bool isGauge, long timestampMs, long startMs)
    {
        if (isGauge)
        {
            _series.AppendVarint(ResetHintTag, GaugeHint);
        }

        _series.AppendVarint(15 << 3, (ulong)timestampMs);
        if (startMs != 0)
        {
            // Number 17: a tag of two bytes.
            _series.Append([(17 << 3 & 0x7F) | 0x80]);
            _series.AppendVarint(17 >> 4, (ulong)startMs);
        }

        _series.EndMessage(start);
        Items += new ItemCounts(0, 1, 0);
    }

    private void AppendRefs(byte tag, ReadOnlySpan<uint> refs)
    {
        int start = _series.BeginMessage(tag);
        _series.Reserve(refs.Length * WireWriter.MaxVarintBytes);
        foreach (uint one in refs)
        {
            _series.Length = WireWriter.WriteVarint(_series.Array, _series.Length, one);
        }

        _series.EndMessage(start);
    }

    private void AppendUnlessZero(byte tag, ulong value)
    {
        if (value != 0)
        {
            _series.AppendVarint(tag, value);
        }
    }
}
