using System.Globalization;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>Walks one stream from its oldest record to its newest and says where its chain does not hold.</summary>
/// <param name="stream">The stream.</param>
/// <param name="checkpoints">What its checkpoints say, by number.</param>
/// <param name="removedTo">The last record that retention has removed, 0 if none.</param>
/// <param name="isPart">Whether only a span of time is looked at: then neither beginning nor end is missed.</param>
internal sealed class StreamVerifier(string stream, IReadOnlyDictionary<long, AuditCheckpoint> checkpoints, long removedTo, bool isPart)
{
    /// <summary>A checkpoint is due after 1,000 records, at the end of a batch of at most as many.</summary>
    private const long MaxRecordsPerCheckpoint = 2000;

    private readonly List<AuditGap> _gaps = [];
    private ChainedRecord? _last;
    private long _lastCheckpoint;

    /// <summary>The first record whose content or place is not what it was, or null.</summary>
    public AuditBreak? Break { get; private set; }

    /// <summary>Records that are missing.</summary>
    public IReadOnlyList<AuditGap> Gaps => _gaps;

    public long Records { get; private set; }

    public string? LastEvent => _last?.Record.Event;

    public ChainPosition? Last => _last is null ? null : new ChainPosition(_last.Seq, _last.Hash);

    /// <summary>What the stream's first record says about the replica's previous stream: its <c>detail</c>.</summary>
    public string? StartDetail { get; private set; }

    /// <summary>Takes the next record, by number.</summary>
    public void Add(ChainedRecord record)
    {
        Records++;
        if (record is { Seq: 1, Record.Event: AuditEvents.Startup })
        {
            StartDetail = record.Record.Detail;
        }

        CheckPlace(record);
        if (!AuditChain.HashOf(record).AsSpan().SequenceEqual(record.Hash))
        {
            Fail(record, "its content is not what was recorded: the hash differs");
        }

        CheckCheckpoint(record);
        _last = record;
    }

    /// <summary>Looks at what should come behind the last record.</summary>
    public void End()
    {
        if (isPart)
        {
            return;
        }

        long last = Math.Max(_last?.Seq ?? 0, removedTo);
        long witnessed = checkpoints.Keys.DefaultIfEmpty(0).Max();
        if (witnessed > last)
        {
            _gaps.Add(new AuditGap(stream, last + 1, witnessed));
        }
    }

    private void CheckPlace(ChainedRecord record)
    {
        if (_last is null)
        {
            if (record.Seq == 1 && record.PrevHash.AsSpan().ContainsAnyExcept((byte)0))
            {
                Fail(record, "it is the first and names one before it");
            }

            if (!isPart && record.Seq > removedTo + 1)
            {
                _gaps.Add(new AuditGap(stream, removedTo + 1, record.Seq - 1));
            }

            _lastCheckpoint = record.Seq - 1;
            return;
        }

        if (record.Seq != _last.Seq + 1)
        {
            if (record.Seq > removedTo + 1)
            {
                _gaps.Add(new AuditGap(stream, Math.Max(_last.Seq, removedTo) + 1, record.Seq - 1));
            }
        }
        else if (!record.PrevHash.AsSpan().SequenceEqual(_last.Hash))
        {
            Fail(record, "it does not follow the record before it");
        }
    }

    private void CheckCheckpoint(ChainedRecord record)
    {
        if (checkpoints.TryGetValue(record.Seq, out AuditCheckpoint? checkpoint))
        {
            _lastCheckpoint = record.Seq;
            if (!checkpoint.Hash.AsSpan().SequenceEqual(record.Hash))
            {
                Fail(record, "its hash is not the one of the checkpoint");
            }
        }
        else if (record.Seq - _lastCheckpoint > MaxRecordsPerCheckpoint)
        {
            Fail(record, string.Create(CultureInfo.InvariantCulture, $"a checkpoint is missing: none between {_lastCheckpoint} and {record.Seq}"));
            _lastCheckpoint = record.Seq;
        }
    }

    private void Fail(ChainedRecord record, string what) => Break ??= new AuditBreak(stream, record.Seq, record.Record.Id, record.Record.At, what);
}
