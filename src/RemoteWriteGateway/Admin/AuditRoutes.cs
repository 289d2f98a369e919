using System.Collections.Immutable;
using System.Globalization;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>A place in a stream that is on record elsewhere as well: in the log.</summary>
/// <param name="Stream">The run of a process.</param>
/// <param name="Seq">The number of the record.</param>
/// <param name="Ts">When the checkpoint was made.</param>
/// <param name="Hash">The record's hash, in hex.</param>
/// <param name="Events">How many records the stream has up to there.</param>
internal sealed record CheckpointItem(string Stream, long Seq, DateTimeOffset Ts, string Hash, long Events);

/// <summary>What part of the audit is to be verified: all of it if nothing is given.</summary>
internal sealed record VerifyRequest
{
    /// <summary>The first moment.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The first moment that is not asked for any more.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>One run of a process, as records name it.</summary>
    public string? Stream { get; init; }
}

/// <summary>
/// Who did what. Whoever holds <c>audit:read</c> on some tenants sees the records of those, and of records that are also about others
/// neither their names nor what was asked of them; by <c>allTenants</c> also the records without a tenant.
/// </summary>
internal sealed class AuditRoutes(AuditSearch search, AuditVerifier verifier, TenancyRefusals refusals)
{
    private const string Base = "/admin/v1/audit";

    private static readonly ImmutableArray<QueryParameter> Filters =
    [
        new("from", "The first moment.") { Format = "date-time" },
        new("to", "The first moment that is not asked for any more.") { Format = "date-time" },
        new("event", "What happened.") { Values = [.. AuditEvents.All] },
        new("outcome", "How it ended.") { Values = [.. AuditOutcomes.All] },
        new("reason", "The id of a reason, as in a refusal."),
        new("subject", "Object id of the user or service principal.") { Format = "uuid" },
        new("client", "Client id of the app that presented the token.") { Format = "uuid" },
        new("tenant", "The record's tenant, or one of its tenants."),
        new("permission", "The permission that was asked for.") { Values = Permissions.All },
        new("requestId", "The id of a request, as in its answer."),
        new("policyVersion", "The policy that decided."),
    ];

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(
                Base, "searchAudit", Permissions.AuditRead, "Records of the tenants that the caller may see, newest first.", typeof(Page<AuditItem>)) with
            {
                Query = [.. Filters, .. Paging.Parameters],
            },
            SearchAsync);
        routes.Add(
            AdminRoute.Get(
                Base + "/export", "exportAudit", Permissions.AuditRead,
                "The same as a stream, oldest first, with their places in the chain. The last line says how many there were: an export without it was cut off.",
                typeof(AuditItem)) with
            {
                Query = [.. Filters, new QueryParameter("format", "ndjson if left out.") { Values = ["ndjson", "csv"] }],
                MediaTypes = [AuditExport.MediaTypeOf(AuditExportFormat.Ndjson), "text/csv"],
            },
            ExportAsync);
        routes.Add(
            AdminRoute.Get(
                Base + "/checkpoints", "listAuditCheckpoints", Permissions.AuditRead, "Checkpoints of the chains, newest first; they are in the log as well.",
                typeof(Page<CheckpointItem>)) with
            {
                Choice = TenantChoice.All,
                Query = [new QueryParameter("stream", "One run of a process."), .. Paging.Parameters],
            },
            ListCheckpointsAsync);
        routes.Add(
            AdminRoute.Post(
                Base + "/verify", "verifyAudit", Permissions.AuditRead, "Walks the chains and says what does not hold.", typeof(AuditVerification)) with
            {
                Choice = TenantChoice.All,
                Body = typeof(VerifyRequest),
            },
            VerifyAsync);
        routes.Add(
            AdminRoute.Get(
                Base + "/{id}", "getAuditRecord", Permissions.AuditRead, "One record, with its place in the chain.", typeof(AuditItem)) with
            {
                Problems = [(404, AdminProblems.NotFoundReason)],
            },
            GetAsync);
    }

    private async Task<AdminAnswer> SearchAsync(AdminCall call)
    {
        Paging paging = Paging.Read(call.Query, call.Route);
        AuditFilter filter = FilterOf(call.Query);
        AuditCursor? cursor = paging.After is { } after ? CursorOf(after) : null;
        if ((call.Query.Refusal ?? BeyondReach(call.Access, filter)) is { } refusal)
        {
            return refusal;
        }

        AuditPage page = await search.SearchAsync(filter, ReachOf(call.Access), cursor, paging.Limit, call.Aborted);
        return AdminAnswer.Ok(new Page<AuditItem>(
            [.. page.Items.Select(one => AuditItem.Of(one, withChain: false))],
            page.Next is { } next ? paging.CursorAfter(PositionOf(next.At, next.Stream, next.Seq)) : null));
    }

    private async Task<AdminAnswer> GetAsync(AdminCall call)
    {
        // One that may not be seen is answered like one that is not there.
        SeenRecord? found = Guid.TryParseExact(call.PathValue("id"), "D", out Guid id)
            ? await search.FindAsync(id, ReachOf(call.Access), call.Aborted)
            : null;
        return found is { } record ? AdminAnswer.Ok(AuditItem.Of(record, withChain: true)) : AdminProblems.NotFound("record of this id that you may see");
    }

    private Task<AdminAnswer> ExportAsync(AdminCall call)
    {
        AuditFilter filter = FilterOf(call.Query);
        if ((call.Query.Refusal ?? BeyondReach(call.Access, filter)) is { } refusal)
        {
            return Task.FromResult<AdminAnswer>(refusal);
        }

        AuditExportFormat format = call.Query.Text("format") == "csv" ? AuditExportFormat.Csv : AuditExportFormat.Ndjson;
        AuditReach reach = ReachOf(call.Access);
        return Task.FromResult(AdminAnswer.Streamed(http =>
        {
            http.Response.ContentType = AuditExport.MediaTypeOf(format);
            return AuditExport.WriteAsync(search.ExportAsync(filter, reach, http.RequestAborted), format, http.Response.Body, http.RequestAborted);
        }));
    }

    private async Task<AdminAnswer> ListCheckpointsAsync(AdminCall call)
    {
        Paging paging = Paging.Read(call.Query, call.Route);
        AuditCursor? after = paging.After is { } position ? CursorOf(position) : null;
        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        AuditCheckpoint? before = after is null ? null : new AuditCheckpoint(after.Stream, after.Seq, after.At, [], 0);
        IReadOnlyList<AuditCheckpoint> found = await search.CheckpointsAsync(call.Query.Text("stream"), before, paging.Limit + 1, call.Aborted);
        AuditCheckpoint? last = found.Count > paging.Limit ? found[paging.Limit - 1] : null;
        return AdminAnswer.Ok(new Page<CheckpointItem>(
            [.. found.Take(paging.Limit).Select(one => new CheckpointItem(one.Stream, one.Seq, one.At, Convert.ToHexStringLower(one.Hash), one.Events))],
            last is null ? null : paging.CursorAfter(PositionOf(last.At, last.Stream, last.Seq))));
    }

    private async Task<AdminAnswer> VerifyAsync(AdminCall call)
    {
        AdminBody<VerifyRequest> body = await call.ReadBodyAsync<VerifyRequest>();
        if (!body.IsValid(out VerifyRequest? request, out Refusal? refusal))
        {
            return refusal;
        }

        AuditVerifyScope scope = new() { From = request.From, To = request.To, Stream = request.Stream };
        return AdminAnswer.Ok(await verifier.VerifyAsync(scope, call.Aborted));
    }

    private static AuditReach ReachOf(Access access) =>
        access.AllTenants ? AuditReach.All : AuditReach.Of(access.Tenants.Select(tenant => tenant.Name));

    /// <summary>A tenant that may not be seen is refused, whether there is one of that name or not.</summary>
    private Refusal? BeyondReach(Access access, AuditFilter filter) =>
        filter.Tenant is null || access.AllTenants || access.Tenants.Any(tenant => tenant.Name == filter.Tenant)
            ? null
            : refusals.Of(Reasons.TenantNotGranted, access.Permission);

    private static AuditFilter FilterOf(AdminQuery query) => new()
    {
        From = query.Time("from"),
        To = query.Time("to"),
        Event = query.Text("event"),
        Outcome = query.Text("outcome"),
        Reason = query.Text("reason"),
        Subject = query.Id("subject"),
        Client = query.Id("client"),
        Tenant = query.Text("tenant"),
        Permission = query.Text("permission"),
        RequestId = query.Text("requestId"),
        PolicyVersion = query.Text("policyVersion"),
    };

    private static string PositionOf(DateTimeOffset at, string stream, long seq) =>
        string.Create(CultureInfo.InvariantCulture, $"{at.UtcTicks} {seq} {stream}");

    /// <summary>The position of a cursor that <see cref="Paging"/> has found to be one of ours.</summary>
    private static AuditCursor CursorOf(string position)
    {
        string[] parts = position.Split(' ', 3);
        return new AuditCursor(
            new DateTimeOffset(long.Parse(parts[0], CultureInfo.InvariantCulture), TimeSpan.Zero),
            parts[2],
            long.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
