using System.Collections.Immutable;
using System.Diagnostics;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// What is to be on record about one request, filled on its way: <c>Identity</c> says who called, <c>Tenancy</c> what was asked and granted,
/// the feature what it did. A feature of the <see cref="HttpContext"/>, opened before anything is decided and closed when all is over.
/// </summary>
/// <remarks>
/// What a route's <see cref="AuditedRoute"/> says is recorded when the request is over; refusals by identity and policy, and writes, where they
/// are decided, before their answer. Not to be kept beyond the request: scopes are used again.
/// </remarks>
internal sealed class AuditScope(AuditLog log, TimeProvider time)
{
    private HttpContext? _http;
    private long _started;
    private AuditedRoute? _route;
    private bool _isWritten;
    private bool _isAhead;
    private bool _isOver;
    private string? _refusedReason;
    private int _refusedStatus;

    /// <summary>The caller's columns, once the token is validated.</summary>
    public AuditCaller? Caller { get; set; }

    /// <summary>The permission that the route asks for.</summary>
    public string? Permission { get; set; }

    /// <summary>The policy that decided.</summary>
    public string? PolicyVersion { get; set; }

    /// <summary>The bindings that granted.</summary>
    public ImmutableArray<string> Bindings { get; set; }

    public ImmutableArray<Guid> GroupsMatched { get; set; }

    /// <summary>The tenant, when it is exactly one.</summary>
    public string? Tenant { get; set; }

    /// <summary>The tenants, when they are several.</summary>
    public ImmutableArray<string> Tenants { get; set; }

    public ImmutableArray<string> TenantsRequested { get; set; }

    /// <summary>What a read asked and got.</summary>
    public AuditQuery? Query { get; set; }

    /// <summary>The id of the record that the request becomes, where somebody must know it before; null for any.</summary>
    public Guid? RecordId { get; set; }

    /// <summary>What is only told of this event: a JSON object. Never a token or a label value of samples.</summary>
    public string? Detail { get; set; }

    /// <summary>Whether the scope may be used again: not if the answer's start still refers to it.</summary>
    internal bool IsReusable => !_isAhead;

    /// <summary>The request's scope; null where the host has no audit.</summary>
    public static AuditScope? Of(HttpContext http) => http.Features.Get<AuditScope>();

    /// <summary>
    /// Identity and policy let the request through: from here on it is recorded as its route says. If it must be on record before its
    /// answer, the answer waits for that.
    /// </summary>
    /// <returns>Null, or the refusal of a request that nothing may be done for while the audit cannot be written.</returns>
    public Refusal? Begin()
    {
        AuditedRoute? route = Http.GetEndpoint()?.Metadata.GetMetadata<AuditedRoute>();
        if (route is not null && log.Refuses(route))
        {
            return AuditRefusals.Unavailable;
        }

        _route = route;
        if (route is { IsAheadOfAnswer: true } && !_isAhead)
        {
            _isAhead = true;
            Http.Response.OnStarting(static state => ((AuditScope)state).WriteAheadOfAnswerAsync(), this);
        }

        return null;
    }

    /// <summary>Puts an event on record that happened on the request's way, beside what the request is on record as.</summary>
    public void Add(string auditEvent) => log.Add(Record(auditEvent, AuditOutcomes.Allow));

    /// <summary>
    /// The request was refused, by whomever; the first reason counts. Of a read and an admin call that were let through it is told in their
    /// own record, of all others it is a <c>refusal</c>.
    /// </summary>
    public void Refuse(string reason, int statusCode)
    {
        if (_refusedReason is not null)
        {
            return;
        }

        _refusedReason = reason;
        _refusedStatus = statusCode;
        if (_route is null or { IsFolded: true })
        {
            log.AddRefusal(this, reason, statusCode, Http.Connection.RemoteIpAddress);
        }
    }

    /// <summary>An allowed write was written, at least in part: it counts in its fold.</summary>
    /// <param name="samples">Samples and histograms that the store has.</param>
    /// <param name="series">Series of the request that were not refused.</param>
    /// <param name="bodyBytes">The body as it was received.</param>
    public void AddWritten(long samples, long series, long bodyBytes) =>
        log.FoldWrite(this, Http.Connection.RemoteIpAddress, samples, series, bodyBytes);

    /// <summary>An allowed push was stored: it counts in its fold.</summary>
    /// <param name="job">The job that its path names.</param>
    /// <param name="series">Series of the push.</param>
    /// <param name="bodyBytes">The body as it was received.</param>
    public void AddPushed(string job, long series, long bodyBytes) =>
        log.FoldPush(this, Http.Connection.RemoteIpAddress, job, series, bodyBytes);

    /// <summary>A record with all that is known of the request so far, for an event of its own, for example a revocation.</summary>
    /// <param name="auditEvent">One of <see cref="AuditEvents"/>.</param>
    /// <param name="outcome">One of <see cref="AuditOutcomes"/>.</param>
    public AuditRecord Record(string auditEvent, string outcome) => new()
    {
        At = time.GetUtcNow(),
        Event = auditEvent,
        Outcome = outcome,
        Reason = _refusedReason,
        HttpStatus = _refusedReason is null ? null : _refusedStatus,
        Caller = Caller,
        GroupsMatched = GroupsMatched,
        Bindings = Bindings,
        PolicyVersion = PolicyVersion,
        Permission = Permission,
        Tenant = Tenant,
        Tenants = Tenants,
        TenantsRequested = TenantsRequested,
        RemoteIp = Http.Connection.RemoteIpAddress?.ToString(),
        UserAgent = Http.Request.Headers.UserAgent,
        RequestId = Http.TraceIdentifier,
        TraceParent = TraceParents.Of(Http.Request),
        Method = Http.Request.Method,
        Route = RouteOf(Http),
        QueryText = Query?.Text,
        QuerySha256 = Query?.Sha256 ?? default,
        QueryStart = Query?.Start,
        QueryEnd = Query?.End,
        QueryStepMs = Query?.StepMs,
        DurationUs = (long)Stopwatch.GetElapsedTime(_started).TotalMicroseconds,
        ResultSeries = Query?.ResultSeries,
        ResultBytes = Query?.ResultBytes,
        Detail = Detail,
    };

    /// <summary>
    /// The record of the request for a change that writes it in its own transaction. When that has committed, <see cref="ChangeIsRecorded"/> is called.
    /// </summary>
    public AuditRecord RecordOfChange() => Record(_route?.Event ?? AuditEvents.Admin, AuditOutcomes.Allow);

    /// <summary>The change is on record. There is no other record of the request, unless it then fails.</summary>
    public void ChangeIsRecorded() => _isWritten = true;

    /// <summary>
    /// Puts the request on record before what it changes: returns when the record is durable. A change that then fails is to be refused as
    /// usual (<see cref="Refuse"/>, or a status of 400 or more), which makes a second record.
    /// </summary>
    /// <exception cref="AuditUnavailableException">The audit cannot be written: nothing may be changed.</exception>
    public async Task WriteAheadOfChangeAsync(CancellationToken cancellationToken)
    {
        await log.WriteAheadAsync(RecordOfChange(), cancellationToken);
        ChangeIsRecorded();
    }

    internal void Open(HttpContext http)
    {
        _http = http;
        _started = Stopwatch.GetTimestamp();
    }

    /// <summary>Takes the request down, unless it has been. Returns at once except for what must be on record ahead of the answer.</summary>
    internal ValueTask CloseAsync()
    {
        if (_isAhead)
        {
            return new ValueTask(WriteAheadOfAnswerAsync());
        }

        // What was put on record before a change is all there is to tell, unless the change failed.
        if (_route is { IsFolded: false } && (!_isWritten || StatusCode >= 400))
        {
            log.Add(_isWritten ? Handled() with { Outcome = AuditOutcomes.Error } : Handled());
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Forgets the request.</summary>
    internal void Clear()
    {
        _http = null;
        _route = null;
        _isWritten = false;
        _refusedReason = null;
        Caller = null;
        Permission = null;
        PolicyVersion = null;
        Bindings = default;
        GroupsMatched = default;
        Tenant = null;
        Tenants = default;
        TenantsRequested = default;
        Query = null;
        RecordId = null;
        Detail = null;
    }

    /// <summary>The pattern of the request's route.</summary>
    internal static string RouteOf(HttpContext http) => (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "_unknown";

    internal string Route => RouteOf(Http);

    private HttpContext Http => _http ?? throw new InvalidOperationException("The audit scope is used after its request.");

    private int StatusCode => _refusedReason is null ? Http.Response.StatusCode : _refusedStatus;

    private AuditRecord Handled() => Record(_route?.Event ?? AuditEvents.Admin, AuditOutcomes.OfStatus(StatusCode)) with
    {
        Id = RecordId ?? Guid.CreateVersion7(),
        HttpStatus = StatusCode,
    };

    /// <summary>
    /// Puts the request on record before its answer, whose status is set already: returns when the record is durable. Where nobody calls it,
    /// it is done when the answer starts.
    /// </summary>
    /// <exception cref="AuditUnavailableException">The audit cannot be written: nothing may be answered.</exception>
    public async Task WriteAheadOfAnswerAsync()
    {
        // What was put on record before a change is all there is to tell, unless the change failed.
        if (_isOver || (_isWritten && StatusCode < 400))
        {
            return;
        }

        _isOver = true;
        AuditRecord record = Handled();
        await log.WriteAheadAsync(_isWritten ? record with { Outcome = AuditOutcomes.Error } : record, CancellationToken.None);
    }
}

/// <summary>What a read asked and got.</summary>
internal sealed record AuditQuery
{
    /// <summary>The client's text; null if texts are not recorded.</summary>
    public string? Text { get; init; }

    /// <summary>SHA-256 of the whole text.</summary>
    public ImmutableArray<byte> Sha256 { get; init; }

    public DateTimeOffset? Start { get; init; }

    public DateTimeOffset? End { get; init; }

    public long? StepMs { get; init; }

    public long? ResultSeries { get; init; }

    public long? ResultBytes { get; init; }
}
