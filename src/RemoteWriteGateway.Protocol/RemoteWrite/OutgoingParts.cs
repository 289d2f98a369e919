namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>
/// Yields the messages, in order, that a stamped request leaves as: the request itself where nothing is to be changed, its
/// translation from 2.0 to 1.0, or consecutive parts of either that are no larger than the store takes.
/// </summary>
/// <remarks>
/// Reads <see cref="WriteWork.Stamped"/>, which <see cref="SeriesStamper"/> wrote and which is trusted to be well formed.
/// One message at a time is made, on demand, and cut while it is written: first between series; a series that alone is too
/// large, between its items; a histogram whose classic series alone are too many, between them. A single item that is too
/// large all the same leaves as it is, for the store to judge. One object can be begun again for the next request.
/// </remarks>
public sealed partial class OutgoingParts
{
    private static readonly WriteWork Nothing = new();

    private WriteWork _work = Nothing;
    private WriteProtocol _from;
    private int _maxBytes;

    /// <summary>Null if the request itself is the one message.</summary>
    private OutgoingMessage? _message;
    private bool _expands;
    private bool _isAtEnd;

    // The entry that comes next, and how far it is written already.
    private int _position;
    private SeriesCursor _cursor;

    // Where the message can end before what is being written; of no use at length 0, as nothing stands before it then.
    private Cut _beforeSeries;
    private Cut _beforeHistogram;

    // Whether the series that is being written does not fit in a message of its own.
    private bool _cutsWithinSeries;

    /// <summary>The message, not compressed, in the protocol to leave in; valid until the next call.</summary>
    public ReadOnlySpan<byte> Current => _message is null ? _work.Stamped.Span : _work.Part.Span;

    /// <summary>
    /// Items of the sender that are in <see cref="Current"/>: an expanded histogram counts as one histogram, in the message
    /// that has its end.
    /// </summary>
    public ItemCounts CurrentItems =>
        _message?.Items ?? _work.Result.Accepted - new ItemCounts(0, 0, _work.Result.DroppedExemplars);

    /// <summary>Whether <see cref="Current"/> is all of the request, as it was stamped.</summary>
    public bool IsWhole => _message is null;

    /// <summary>Whether nothing comes after <see cref="Current"/>.</summary>
    public bool IsLast => _isAtEnd;

    /// <summary>What was left out in all messages so far.</summary>
    public TranslationLosses Losses => _message?.Losses ?? default;

    /// <summary>Starts at the request's beginning.</summary>
    /// <param name="from">The protocol of <see cref="WriteWork.Stamped"/>.</param>
    /// <param name="to">The protocol to leave in: the same one, or 1.0.</param>
    /// <param name="options">What the store takes.</param>
    /// <param name="work">
    /// The request and, of its result, what is accepted and whether there is output and custom bounds.
    /// <see cref="WriteWork.Part"/> is overwritten.
    /// </param>
    /// <exception cref="ArgumentException">From 1.0 to 2.0, which nothing asks for.</exception>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public void Begin(WriteProtocol from, WriteProtocol to, OutgoingOptions options, WriteWork work)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxRequestBytes, nameof(options));

        _work = work;
        _from = from;
        _maxBytes = options.MaxRequestBytes;
        _expands = to == WriteProtocol.V1 && options.ExpandCustomBounds && work.Result.HasCustomBounds;
        _isAtEnd = !work.Result.HasOutput;
        _cursor = default;
        _cutsWithinSeries = false;

        bool passesThrough = from == to && !_expands && work.Stamped.Length <= _maxBytes;
        _message = _isAtEnd || passesThrough ? null : Open(from, to, options, work);
        _position = _message?.FirstEntry ?? 0;
    }

    /// <summary>Goes to the next message. False if there is none left.</summary>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public bool MoveNext()
    {
        if (_isAtEnd)
        {
            return false;
        }

        if (_message is null)
        {
            _isAtEnd = true;
            return true;
        }

        _message.Start();
        bool hasRoom = true;
        while (hasRoom && TryReadEntry(out WireTag tag, out WireRange entry))
        {
            hasRoom = tag.Raw == V1Tags.Metadata ? WriteMetadata(_message, entry) : WriteSeries(_message, entry);
            if (_cursor.Step == SeriesStep.Done)
            {
                _cursor.Begin(SeriesStep.Metadata);
                _position = entry.End;
                _cutsWithinSeries = false;
            }
            else if (_work.Part.Length == 0)
            {
                // Too large for an empty message: once more, to be cut wherever it can be.
                _cutsWithinSeries = true;
                hasRoom = true;
            }
        }

        _message.Finish();
        _isAtEnd = hasRoom;
        return _work.Part.Length > 0;
    }

    /// <summary>Lets go of the request, so that its buffers are not held by what waits for the next one.</summary>
    public void End()
    {
        _work = Nothing;
        _message = null;
        _isAtEnd = true;
    }

    private static OutgoingMessage Open(WriteProtocol from, WriteProtocol to, OutgoingOptions options, WriteWork work)
    {
        PartScratch scratch = work.PartScratch;
        OutgoingMessage message = (from, to) switch
        {
            (WriteProtocol.V1, WriteProtocol.V1) => scratch.Copied,
            (WriteProtocol.V2, WriteProtocol.V2) => scratch.Split,
            (WriteProtocol.V2, WriteProtocol.V1) => scratch.Translated,
            _ => throw new ArgumentException($"Nothing is translated from {from} to {to}.", nameof(to)),
        };
        message.Begin(options);
        return message;
    }

    private bool TryReadEntry(out WireTag tag, out WireRange entry)
    {
        ReadOnlySpan<byte> stamped = _work.Stamped.Span;
        WireReader reader = WireReader.Within(stamped, new WireRange(_position, stamped.Length - _position));
        bool found = reader.TryReadTag(out tag);
        entry = found ? reader.ReadBytes(tag) : default;
        StampedSeries.ThrowIfFaulty(reader);
        return found;
    }

    private bool WriteMetadata(OutgoingMessage message, WireRange entry)
    {
        _beforeSeries = CutHere(message);
        _beforeHistogram = default;
        message.CopyMetadata(entry);
        _cursor.Step = SeriesStep.Done;
        return Keep(message, _beforeSeries);
    }

    private Cut CutHere(OutgoingMessage message) => new(message.Mark(), _cursor);

    /// <summary>A cut within a series, which is not worth remembering as long as series are written whole.</summary>
    private Cut InnerCutHere(OutgoingMessage message) => _cutsWithinSeries ? CutHere(message) : default;

    /// <summary>
    /// Looks at the message's size after something was written. If it is too large, the message ends before the series that
    /// is being written; or, if that is the first one and cut within, before its histogram, or before what was written last.
    /// </summary>
    /// <returns>False if the message is full.</returns>
    private bool Keep(OutgoingMessage message, in Cut beforeLast)
    {
        if (message.Size <= _maxBytes)
        {
            return true;
        }

        Cut cut = _beforeSeries;
        if (!cut.IsUseful && _cutsWithinSeries)
        {
            cut = _beforeHistogram.IsUseful ? _beforeHistogram : beforeLast;
            if (!cut.IsUseful)
            {
                // Nothing but this one item: it cannot be made smaller, and what the store says to it is the answer.
                return false;
            }
        }

        message.TakeBackTo(cut.Mark);
        _cursor = cut.Cursor;
        return false;
    }

    /// <summary>The steps in which a series is written.</summary>
    private enum SeriesStep
    {
        Metadata,
        Items,
        Histograms,
        Exemplars,
        Done,
    }

    /// <summary>Where to go on with a series that is cut.</summary>
    private struct SeriesCursor
    {
        public SeriesStep Step;

        /// <summary>Where the next item of the step stands in the request; 0 is the first one.</summary>
        public int Position;

        /// <summary>Which of the classic series of the histogram at <see cref="Position"/> comes next.</summary>
        public int ClassicEntry;

        public void Begin(SeriesStep step)
        {
            // Field by field: a new value, copied whole right after it was put together, stalls for every series.
            Step = step;
            Position = 0;
            ClassicEntry = 0;
        }
    }

    /// <summary>A place where the message may end: its state there, and where the next one goes on.</summary>
    private readonly record struct Cut(MessageMark Mark, SeriesCursor Cursor)
    {
        public bool IsUseful => Mark.Length > 0;
    }
}
