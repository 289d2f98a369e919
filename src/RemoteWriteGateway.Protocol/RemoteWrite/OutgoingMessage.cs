namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A state of an <see cref="OutgoingMessage"/> that it can be taken back to.</summary>
internal readonly record struct MessageMark(int Length, int OpenEntry, int Symbols, int Families, ItemCounts Items, TranslationLosses Losses);

/// <summary>One outgoing message in the making, in <see cref="WriteWork.Part"/>. Derived types say how labels, items and metadata leave.</summary>
/// <remarks>
/// A series entry is opened, gets its labels and items, and is closed. Whatever was written since a <see cref="Mark"/> can be
/// taken back, so that the caller writes first and sees then whether it was too much.
/// </remarks>
internal abstract class OutgoingMessage
{
    private const int NoEntry = -1;

    /// <summary>Room left for the length of a series entry: two bytes fit 128 to 16,383, as nearly all have. Others are moved.</summary>
    private const int EntryLengthRoom = 2;

    private readonly byte _seriesTag;
    private int _openEntry = NoEntry;
    private TranslationLosses _losses;

    /// <param name="work">The request, whose <see cref="WriteWork.Part"/> is overwritten.</param>
    /// <param name="seriesTag">First byte of a series entry.</param>
    protected OutgoingMessage(WriteWork work, byte seriesTag)
    {
        Work = work;
        _seriesTag = seriesTag;
    }

    /// <summary>The request that messages are made of.</summary>
    public ReadOnlySpan<byte> Stamped => Work.Stamped.Span;

    /// <summary>Where the request's first entry stands: behind the symbols.</summary>
    public virtual int FirstEntry => 0;

    /// <summary>Bytes that the message has if it is finished now.</summary>
    public virtual long Size =>
        _openEntry == NoEntry
            ? Part.Length
            : Part.Length + WireWriter.VarintSize((uint)(Part.Length - ContentsOf(_openEntry))) - EntryLengthRoom;

    /// <summary>Items of the sender in the message.</summary>
    public ItemCounts Items { get; private set; }

    /// <summary>What was left out in this message and those before.</summary>
    public TranslationLosses Losses => _losses;

    /// <summary>For histograms with custom bounds.</summary>
    public ClassicSeries Classic => Work.PartScratch.Classic;

    protected WriteWork Work { get; }

    protected WriteBuffer Part => Work.Part;

    protected virtual int SymbolCount => 0;

    protected virtual int FamilyCount => 0;

    /// <summary>Begins a request.</summary>
    public virtual void Begin(OutgoingOptions options) => _losses = default;

    /// <summary>Begins a message.</summary>
    public virtual void Start()
    {
        Part.Clear();
        Items = default;
        _openEntry = NoEntry;
    }

    /// <summary>Completes the message.</summary>
    public virtual void Finish() => CloseEntry();

    public MessageMark Mark() => new(Part.Length, _openEntry, SymbolCount, FamilyCount, Items, _losses);

    /// <summary>Takes back what was written since <paramref name="mark"/>.</summary>
    public virtual void TakeBackTo(in MessageMark mark)
    {
        Part.Length = mark.Length;
        _openEntry = mark.OpenEntry;
        Items = mark.Items;
        _losses = mark.Losses;
    }

    /// <summary>Opens a series entry; labels come next.</summary>
    public void OpenEntry()
    {
        Part.Reserve(1 + EntryLengthRoom);
        _openEntry = Part.Length;
        Part.Array[_openEntry] = _seriesTag;
        Part.Length = ContentsOf(_openEntry);
    }

    /// <summary>Closes the series entry, if one is open: only now is its length known.</summary>
    public void CloseEntry()
    {
        if (_openEntry == NoEntry)
        {
            return;
        }

        int contents = ContentsOf(_openEntry);
        int length = Part.Length - contents;
        int lengthBytes = WireWriter.VarintSize((uint)length);
        if (lengthBytes != EntryLengthRoom)
        {
            Part.Reserve(lengthBytes);
            Part.Array.AsSpan(contents, length).CopyTo(Part.Array.AsSpan(_openEntry + 1 + lengthBytes));
            Part.Length += lengthBytes - EntryLengthRoom;
        }

        WireWriter.WriteVarint(Part.Array, _openEntry + 1, (uint)length);
        _openEntry = NoEntry;
    }

    /// <summary>Writes the labels of the series into the open entry, and what else stands before its items.</summary>
    public abstract void AppendLabels(in StampedSeries series);

    /// <summary>Writes an item into the open entry.</summary>
    public abstract void AppendItem(ItemKind kind, WireRange contents);

    /// <summary>Writes what a request says of a series outside of its entry.</summary>
    public virtual void AppendMetadata(in StampedSeries series)
    {
    }

    /// <summary>Copies a metadata entry of a 1.0 request.</summary>
    public void CopyMetadata(WireRange contents) => Part.AppendBytes(V1Tags.Metadata, Slice(contents));

    /// <summary>Reads the next label of a series.</summary>
    /// <param name="reader">A reader within <see cref="StampedSeries.Labels"/>.</param>
    /// <param name="name">Where its name stands in the request.</param>
    /// <param name="value">Where its value stands.</param>
    public abstract bool TryReadLabel(ref WireReader reader, out WireRange name, out WireRange value);

    /// <summary>Counts an item of the sender that is in the message now.</summary>
    public void Count(ItemKind kind) => Items += kind switch
    {
        ItemKind.Sample => new ItemCounts(1, 0, 0),
        ItemKind.Histogram => new ItemCounts(0, 1, 0),
        _ => new ItemCounts(0, 0, 1),
    };

    public void CountLosses(TranslationLosses losses) => _losses += losses;

    protected ReadOnlySpan<byte> Slice(WireRange range) => Stamped.Slice(range.Start, range.Length);

    private static int ContentsOf(int entry) => entry + 1 + EntryLengthRoom;
}
