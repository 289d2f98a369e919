using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// Takes what is to be on record, and never makes a write wait: single records go through a bounded channel to the one
/// <see cref="AuditWriter"/>, folded ones wait in their table until it takes them down.
/// </summary>
internal sealed class AuditLog
{
    private const int Capacity = 65_536;

    private readonly Channel<AuditEntry> _entries = Channel.CreateBounded<AuditEntry>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly RefusalRate _rate;
    private readonly bool _stopsWrites;
    private volatile bool _isAvailable = true;

    public AuditLog(IOptions<AuditOptions> options, TimeProvider time)
    {
        _stopsWrites = options.Value.StopWrites;
        _rate = new RefusalRate(time);
        Folds = new FoldTable(time);
    }

    /// <summary>
    /// False while the audit cannot be written: neither the catalog nor the spool takes records. Then reads, pushes and the admin API are
    /// refused with <see cref="AuditRefusals.Unavailable"/>, writes only if the options say so.
    /// </summary>
    public bool IsAvailable
    {
        get => _isAvailable;
        internal set => _isAvailable = value;
    }

    /// <summary>Whether requests of a route are refused now, because they could not be put on record.</summary>
    public bool Refuses(AuditedRoute route) => !IsAvailable && (route.NeedsAudit || _stopsWrites);

    internal FoldTable Folds { get; }

    internal ChannelReader<AuditEntry> Entries => _entries.Reader;

    /// <summary>Puts an event on record: it is in the catalog or the spool within 250 ms. Returns at once, whatever the state of either.</summary>
    public void Add(AuditRecord record)
    {
        if (!_entries.Writer.TryWrite(new AuditEntry(record, null)))
        {
            // No room: it is counted instead, with what tells most.
            FoldKey key = new(record.Event, record.Outcome)
            {
                Caller = record.Caller, Tenant = record.Tenant, Route = record.Route, Reason = record.Reason, PolicyVersion = record.PolicyVersion,
            };
            Folds.Add(key, new FoldCounts(record.Count));
        }
    }

    /// <summary>Puts an event on record before what it is about: returns when the record is durable, in the catalog or the spool.</summary>
    /// <exception cref="AuditUnavailableException">It cannot be written; what it is about must not be done.</exception>
    public async Task WriteAheadAsync(AuditRecord record, CancellationToken cancellationToken)
    {
        if (!IsAvailable)
        {
            throw AuditUnavailableException.NotWritten();
        }

        TaskCompletionSource durable = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await SendAsync(new AuditEntry(record, durable), cancellationToken);
        await durable.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Returns when everything that was put on record before, folds included, is durable.</summary>
    /// <exception cref="AuditUnavailableException">It cannot be written.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource durable = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await SendAsync(new AuditEntry(null, durable) { WantsFolds = true }, cancellationToken);
        await durable.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Has the writer look what is due. It looks anyway if there is no room for this.</summary>
    internal void Wake() => _entries.Writer.TryWrite(default);

    /// <summary>Takes nothing more; what is there is written.</summary>
    internal void Close() => _entries.Writer.TryComplete();

    /// <summary>After the writer's end: refuses those who wait.</summary>
    internal void Refuse(PendingBatch pending)
    {
        Close();
        pending.Refuse(0, DateTimeOffset.MinValue);
        while (_entries.Reader.TryRead(out AuditEntry entry))
        {
            entry.Durable?.TrySetException(AuditUnavailableException.NotWritten());
        }
    }

    private async ValueTask SendAsync(AuditEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            await _entries.Writer.WriteAsync(entry, cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw AuditUnavailableException.NotWritten();
        }
    }

    /// <summary>Counts an allowed write.</summary>
    internal void FoldWrite(AuditScope scope, IPAddress? address, long samples, long series, long bodyBytes)
    {
        FoldKey key = new(AuditEvents.WriteSummary, AuditOutcomes.Allow)
        {
            Caller = scope.Caller,
            Tenant = scope.Tenant,
            Bindings = scope.Bindings,
            PolicyVersion = scope.PolicyVersion,
            Permission = scope.Permission,
            Address = address,
        };
        Folds.Add(key, new FoldCounts(1, samples, series, bodyBytes));
    }

    /// <summary>Counts an allowed push.</summary>
    internal void FoldPush(AuditScope scope, IPAddress? address, string job, long series, long bodyBytes)
    {
        FoldKey key = new(AuditEvents.PushSummary, AuditOutcomes.Allow)
        {
            Caller = scope.Caller,
            Tenant = scope.Tenant,
            Bindings = scope.Bindings,
            PolicyVersion = scope.PolicyVersion,
            Permission = scope.Permission,
            Address = address,
            Extra = ("job", job),
        };
        Folds.Add(key, new FoldCounts(1, series, series, bodyBytes));
    }

    /// <summary>Puts a refusal on record, or counts it if there are too many of them.</summary>
    internal void AddRefusal(AuditScope scope, string reason, int statusCode, IPAddress? address)
    {
        string outcome = AuditOutcomes.OfStatus(statusCode);
        if (_rate.TryTake(address, reason)
            && _entries.Writer.TryWrite(new AuditEntry(scope.Record(AuditEvents.Refusal, outcome), null)))
        {
            return;
        }

        FoldKey key = new(AuditEvents.Refusal, outcome) { Address = address, Route = scope.Route, Reason = reason, HttpStatus = statusCode };
        Folds.Add(key, new FoldCounts(1));
    }
}

/// <summary>One entry on its way to the writer.</summary>
/// <param name="Record">What is to be written; null if it only waits, or only wakes the writer.</param>
/// <param name="Durable">Completed when that is durable; null if nobody waits.</param>
internal readonly record struct AuditEntry(AuditRecord? Record, TaskCompletionSource? Durable)
{
    /// <summary>Folds are to be taken down as well.</summary>
    public bool WantsFolds { get; init; }
}
