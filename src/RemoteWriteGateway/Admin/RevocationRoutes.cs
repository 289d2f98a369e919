using System.Collections.Immutable;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>What an operator asks for.</summary>
internal sealed record RevocationRequest
{
    /// <summary><c>subject</c>, <c>client</c>, <c>token</c> or <c>key</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The object id, the client id, the token's <c>uti</c>, or the key's <c>kid</c>.</summary>
    public required string Value { get; init; }

    /// <summary>Only tokens with an earlier <c>iat</c>; null for all.</summary>
    public DateTimeOffset? IssuedBefore { get; init; }

    /// <summary>When it ends by itself; null for never.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Why, in one line of at most 1,000 characters.</summary>
    public required string Reason { get; init; }
}

/// <summary>Why a revocation is lifted.</summary>
internal sealed record LiftRequest
{
    /// <summary>One line of at most 1,000 characters.</summary>
    public required string Reason { get; init; }
}

/// <summary>An operator, as a revocation remembers it.</summary>
/// <param name="ObjectId">The operator's object id; null where the catalog does not say.</param>
/// <param name="Name">For display.</param>
internal sealed record OperatorItem(Guid? ObjectId, string? Name);

/// <summary>A revocation.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Kind">What <paramref name="Value"/> is: <c>subject</c>, <c>client</c>, <c>token</c> or <c>key</c>.</param>
/// <param name="Value">Whom or what it refuses.</param>
/// <param name="IssuedBefore">Only tokens with an earlier <c>iat</c>; null for all.</param>
/// <param name="Until">When it ends by itself; null for never.</param>
/// <param name="Reason">Why it was made.</param>
/// <param name="InForce">Whether it refuses anybody now.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="CreatedBy">By whom.</param>
/// <param name="LiftedAt">When it was lifted; null if it was not.</param>
/// <param name="LiftedBy">By whom.</param>
/// <param name="LiftReason">Why it was lifted.</param>
internal sealed record RevocationItem(
    Guid Id,
    string Kind,
    string Value,
    DateTimeOffset? IssuedBefore,
    DateTimeOffset? Until,
    string Reason,
    bool InForce,
    DateTimeOffset CreatedAt,
    OperatorItem? CreatedBy,
    DateTimeOffset? LiftedAt,
    OperatorItem? LiftedBy,
    string? LiftReason)
{
    public static RevocationItem Of(StoredRevocation stored, DateTimeOffset now) => new(
        stored.Id,
        RevocationsReader.NameOf(stored.What.Kind),
        stored.What.Value,
        stored.What.IssuedBefore,
        stored.What.Until,
        stored.What.Reason,
        stored.IsInForce(now),
        stored.CreatedAt,
        stored.CreatedBy is { } by ? new OperatorItem(by.ObjectId, by.Name) : null,
        stored.Lift?.At,
        stored.Lift is { } lift ? new OperatorItem(lift.ByObjectId, lift.ByName) : null,
        stored.Lift?.Reason);
}

/// <summary><c>/admin/v1/revocations</c>: who is refused although the policy lets them in.</summary>
internal sealed class RevocationRoutes(RevocationStore store, TimeProvider time)
{
    private const string Path = AdminFeature.Prefix + "/revocations";
    private const string InForce = "inForce";
    private const string All = "all";
    private const string Unknown = "revocation of this id";

    private static readonly QueryParameter State = new("state", "Those in force, which is meant if it is left out, or all that there ever were.") { Values = [InForce, All] };

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(Path, "listRevocations", Permissions.PolicyRead, "The revocations, newest first.", typeof(Page<RevocationItem>)) with
            {
                Query = [State, .. Paging.Parameters],
            },
            ListAsync);
        routes.Add(
            AdminRoute.Post(Path, "revoke", Permissions.GatewayAdmin, "Refuses a subject, a client, a token or a signing key, from the next request on.", typeof(RevocationItem)) with
            {
                Body = typeof(RevocationRequest),
                AnswerStatus = StatusCodes.Status201Created,
                Changes = true,
                AuditEvent = AuditEvents.Revocation,
                Problems = [(StatusCodes.Status409Conflict, AdminProblems.AlreadyExistsReason)],
            },
            RevokeAsync);
        routes.Add(
            AdminRoute.Get(Path + "/{id}", "getRevocation", Permissions.PolicyRead, "One revocation, in force or not.", typeof(RevocationItem)) with
            {
                Problems = [(StatusCodes.Status404NotFound, AdminProblems.NotFoundReason)],
            },
            FindAsync);
        routes.Add(
            AdminRoute.Post(Path + "/{id}/lift", "liftRevocation", Permissions.GatewayAdmin, "Ends a revocation. One that was lifted before stays as it was lifted then.", typeof(RevocationItem)) with
            {
                Body = typeof(LiftRequest),
                Changes = true,
                AuditEvent = AuditEvents.Revocation,
                Problems = [(StatusCodes.Status404NotFound, AdminProblems.NotFoundReason)],
            },
            LiftAsync);
    }

    private async Task<AdminAnswer> ListAsync(AdminCall call)
    {
        bool inForceOnly = call.Query.Text(State.Name) is not All;
        Paging paging = Paging.Read(call.Query, call.Route);
        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        // A cursor that was opened is one of ours.
        Guid? after = paging.After is { } position ? Guid.ParseExact(position, "D") : null;
        ImmutableArray<StoredRevocation> found = await store.ListAsync(inForceOnly, after, paging.Limit + 1, call.Aborted);
        DateTimeOffset now = time.GetUtcNow();
        ImmutableArray<RevocationItem> items = [.. found.Take(paging.Limit).Select(one => RevocationItem.Of(one, now))];
        return AdminAnswer.Ok(new Page<RevocationItem>(items, found.Length > paging.Limit ? paging.CursorAfter(items[^1].Id.ToString("D")) : null));
    }

    private async Task<AdminAnswer> FindAsync(AdminCall call) =>
        Guid.TryParseExact(call.PathValue("id"), "D", out Guid id) && await store.FindAsync(id, call.Aborted) is { } found
            ? AdminAnswer.Ok(RevocationItem.Of(found, time.GetUtcNow()))
            : AdminProblems.NotFound(Unknown);

    private async Task<AdminAnswer> RevokeAsync(AdminCall call)
    {
        AdminBody<RevocationRequest> body = await call.ReadBodyAsync<RevocationRequest>();
        if (!body.IsValid(out RevocationRequest? given, out Refusal? refusal))
        {
            return refusal;
        }

        if (!RevocationInput.TryRead(
            given.Kind, given.Value, given.IssuedBefore, given.Until, given.Reason, time.GetUtcNow(), out Revocation? wanted, out ImmutableArray<InputFault> faults))
        {
            return Tell(body, faults);
        }

        wanted = wanted with { Id = store.NewId() };
        await call.BeforeChangeAsync(new { change = "revoke", wanted.Id, given.Kind, wanted.Value, wanted.IssuedBefore, wanted.Until, wanted.Reason });
        (StoredRevocation stored, bool isNew) = await store.CreateAsync(wanted, RevocationOperator.Of(call.Caller), call.Aborted);
        return isNew
            ? AdminAnswer.Created($"{Path}/{stored.Id:D}", RevocationItem.Of(stored, time.GetUtcNow()))
            : AdminProblems.AlreadyExists($"revocation {stored.Id:D} says the same and is in force");
    }

    private async Task<AdminAnswer> LiftAsync(AdminCall call)
    {
        AdminBody<LiftRequest> body = await call.ReadBodyAsync<LiftRequest>();
        if (!body.IsValid(out LiftRequest? given, out Refusal? refusal))
        {
            return refusal;
        }

        List<InputFault> faults = [];
        if (RevocationInput.ReasonOf(given.Reason, faults) is not { } reason)
        {
            return Tell(body, faults);
        }

        if (!Guid.TryParseExact(call.PathValue("id"), "D", out Guid id) || await store.FindAsync(id, call.Aborted) is not { } known)
        {
            return AdminProblems.NotFound(Unknown);
        }

        await call.BeforeChangeAsync(new { change = "lift", id, kind = RevocationsReader.NameOf(known.What.Kind), known.What.Value, reason });
        StoredRevocation? lifted = await store.LiftAsync(id, RevocationOperator.Of(call.Caller), reason, call.Aborted);
        return lifted is null ? AdminProblems.NotFound(Unknown) : AdminAnswer.Ok(RevocationItem.Of(lifted, time.GetUtcNow()));
    }

    private static AdminAnswer Tell<T>(AdminBody<T> body, IEnumerable<InputFault> faults)
        where T : class
    {
        foreach (InputFault fault in faults)
        {
            body.Fault(fault.Key, fault.Message);
        }

        return body.Refusal ?? throw new InvalidOperationException("There is a fault and no refusal.");
    }
}
