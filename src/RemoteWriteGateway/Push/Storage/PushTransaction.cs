using System.Runtime.InteropServices;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// One attempt to store one push. Its steps, as the push reference numbers them:
/// <list type="number">
/// <item>Begin; the idempotency key is taken, or gives the answer.</item>
/// <item>The group's row is made if there is none, and locked.</item>
/// <item>The time is read, so that commits of one group are in the order of their times.</item>
/// <item>
/// The newest body is read, and what was pushed is put into it. If no family or metric came or went, 5 and 6 are skipped. One that cannot be read is
/// replaced by a push that replaces everything, as if the group had been deleted before; a push that adds to it is not stored.
/// </item>
/// <item>Names are locked in the order of their bytes, and checked.</item>
/// <item>Series change hands, in the order of their hashes.</item>
/// <item>The tenant's usage is adjusted, if it changes: always the last lock.</item>
/// <item>The body and the row are written, the answer recorded with the key, and all of it committed.</item>
/// <item>A traced refusal rolls back, and a second transaction records that the push has failed.</item>
/// </list>
/// </summary>
/// <remarks>Round trips: 1 to 4 are one, 5 is one, 6 to 8 are one, and the commit.</remarks>
internal sealed class PushTransaction(
    GroupSql sql, PushTimes times, UnreadablePayloads unreadable, PushRequest request, CancellationToken cancellationToken)
{
    private const int Ok = 200;
    private const int BadRequest = 400;

    /// <summary>A series was another group's when it was to be inserted, and nobody's a moment later: without a row of ours it must not be stored.</summary>
    private static readonly PushRefusal HolderVanished = new("series-held-elsewhere", "");

    private static readonly Dictionary<string, int> NoNames = [];

    private readonly byte[] _key = request.Key.Bytes;

    /// <summary>Steps 1 to 8.</summary>
    public async ValueTask<Decision<PushResult>> StoreAsync(IStatementBatch batch)
    {
        Locked locked = await LockAsync(batch, request.Idempotency);
        if (locked.Answer is { } answer)
        {
            return new Decision<PushResult>(answer, Commits: false);
        }

        // 4.
        StoredGroup row = locked.Row;
        if (Change(locked) is not { } change)
        {
            return new Decision<PushResult>(new PushResult(PushOutcome.Unreadable), Commits: false);
        }

        // 5.
        (PushRefusal? refusal, IReadOnlyList<NameUpdate> names) = await ClaimNamesAsync(batch, change);
        if (refusal is not null)
        {
            return new Decision<PushResult>(PushResult.Traced(refusal), Commits: false);
        }

        // 6 to 8.
        StoredGroup written = GroupRows.Pushed(row, request, change.After, change.IsSame, locked.NowMs, times.MinGap);
        refusal = await WriteAsync(batch, locked, written, change, names);
        if (refusal is not null)
        {
            return new Decision<PushResult>(ReferenceEquals(refusal, HolderVanished) ? PushResult.Again : PushResult.Traced(refusal), Commits: false);
        }

        if (change.Fault is { } fault)
        {
            unreadable.Tell(row.Tenant, row.Key, row.Generation, UnreadableResult.GivenBack, fault);
        }

        long dueInMs = (written.NextEmitMs ?? locked.NowMs) - locked.NowMs;
        return new Decision<PushResult>(new PushResult(PushOutcome.Stored) { DueIn = TimeSpan.FromMilliseconds(dueInMs) }, Commits: true);
    }

    /// <summary>Step 9.</summary>
    public async ValueTask<Decision<PushResult>> RecordRefusalAsync(IStatementBatch batch, PushRefusal refusal)
    {
        PushResult refused = new(PushOutcome.Refused(refusal));

        // A stored limit may be kept tomorrow by the same push: that answer is not recorded, and the key stays free.
        IdempotencyKey? key = refusal.IsLimit ? null : request.Idempotency;
        Locked locked = await LockAsync(batch, key);
        if (locked.Answer is { } answer)
        {
            return new Decision<PushResult>(answer, Commits: false);
        }

        StoredGroup row = locked.Row;
        bool isThere = !locked.IsNew && row.State != GroupState.Deleted;
        if (refusal.IsLimit && !isThere)
        {
            return new Decision<PushResult>(refused, Commits: false);
        }

        StoredGroup written = GroupRows.Refused(row, refusal.Reason, locked.NowMs, times.MinGap);
        UsageRow? usage = null;
        UsageDelta delta = DeltaOf(locked, written);
        List<Statement> statements = [GroupSql.Update(written)];
        if (!delta.IsZero)
        {
            statements.Insert(0, GroupSql.AddUsage(request.Tenant, delta, row => usage = row));
        }

        if (key is not null)
        {
            statements.Add(GroupSql.RecordAnswer(request.Tenant, key, BadRequest, $"{refusal.Reason}: {refusal.Text}"));
        }

        await batch.RunAsync(statements, cancellationToken);
        bool isTooMany = usage is { } now && OverLimit(delta, now) is not null;
        return new Decision<PushResult>(refused, Commits: !isTooMany);
    }

    /// <summary>What the push makes of the payload; null if it adds to one that cannot be read.</summary>
    private PayloadChange? Change(Locked locked)
    {
        StoredGroup row = locked.Row;
        bool isRestart = row.State == GroupState.Deleted || (row.Mode != request.Mode && !locked.IsNew);
        bool adds = !isRestart && (request.Verb == PushVerb.Post || request.Mode == PushMode.Sum);
        try
        {
            PayloadBody before = locked.Body is { } body ? PayloadBody.Parse(body) : PayloadBody.Empty;
            if (adds && request.Families.Families.IsEmpty)
            {
                return new PayloadChange(before, null, PayloadDifference.Between(before, before)) { IsSame = true };
            }

            PayloadChange change = Merged(isRestart ? PayloadBody.Empty : before, before, Inherits(row), locked.NowMs);
            if (!change.Difference.IsEmpty)
            {
                // What is given back is what it says: a name or a hash that was damaged would leave the true one held for ever.
                before.Verify(new MetricFamilies());
            }

            return change;
        }
        catch (UnreadablePayloadException e)
        {
            if (adds)
            {
                unreadable.Tell(row.Tenant, row.Key, row.Generation, UnreadableResult.Refused, e.Message);
                return null;
            }

            return Merged(PayloadBody.Empty, PayloadBody.Empty, inheritsStarts: false, locked.NowMs) with { Fault = e.Message };
        }
    }

    private PayloadChange Merged(PayloadBody goesOn, PayloadBody before, bool inheritsStarts, long nowMs)
    {
        byte[]? merged = new PayloadMerge(request, goesOn, inheritsStarts, nowMs).Merge();
        PayloadBody after = merged is null ? PayloadBody.Empty : PayloadBody.Parse(merged);
        return new PayloadChange(after, merged, PayloadDifference.Between(before, after));
    }

    /// <summary>Whether the start bits of the newest generation are still to be answered by a zero: no emission was fixed for it, nor is its zero written.</summary>
    private static bool Inherits(StoredGroup row) =>
        row.InflightGeneration != row.Generation && row.WrittenGeneration != row.Generation && row.ZeroedGeneration < row.Generation;

    // 1 to 3.
    private async ValueTask<Locked> LockAsync(IStatementBatch batch, IdempotencyKey? key)
    {
        StoredGroup? row = null;
        byte[]? body = null;
        long now = 0;
        RecordedAnswer? recorded = null;
        Statement create = sql.Create(request.Tenant, request.Key, request.Mode);
        List<Statement> statements =
        [
            create,
            sql.LockGroup(request.Tenant, _key, group => row = group),
            sql.Now(time => now = time),
            GroupSql.ReadBody(request.Tenant, _key, bytes => body = bytes),
        ];
        if (key is not null)
        {
            statements.InsertRange(0, [sql.TakeKey(request.Tenant, key, times.IdempotencyTtl), GroupSql.ReadKey(request.Tenant, key, answer => recorded = answer)]);
        }

        await batch.RunAsync(statements, cancellationToken);
        if (recorded is { Status: not 0 } answer)
        {
            return new Locked { Answer = Replay(answer, key!.Fingerprint) }; // not null: it was asked for
        }

        // A sweeper may remove the row between the two statements. The next attempt makes it.
        return row is null
            ? new Locked { Answer = PushResult.Again }
            : new Locked { Row = row, Body = body, NowMs = now, IsNew = create.Affected == 1 };
    }

    private static PushResult Replay(RecordedAnswer answer, byte[] fingerprint)
    {
        if (!answer.Fingerprint.AsSpan().SequenceEqual(fingerprint))
        {
            return new PushResult(PushOutcome.Refused(new PushRefusal(
                "idempotency-key-reused", "the Idempotency-Key was used for another push of the tenant within its time; take a new one for each push")));
        }

        if (answer.Status == Ok)
        {
            return new PushResult(new PushOutcome(PushFate.Replayed));
        }

        int colon = answer.Body.IndexOf(": ", StringComparison.Ordinal);
        return new PushResult(new PushOutcome(PushFate.Replayed) { Refusal = new PushRefusal(answer.Body[..colon], answer.Body[(colon + 2)..]) });
    }

    private async ValueTask<(PushRefusal? Refusal, IReadOnlyList<NameUpdate> Updates)> ClaimNamesAsync(IStatementBatch batch, PayloadChange change)
    {
        if (change.Difference.Names.Count == 0 && !change.IsBlind)
        {
            return (null, []);
        }

        NameClaims claims = new(change.Difference.Names);
        if (change.IsBlind)
        {
            NameRecount recount = await NameRecount.RunAsync(batch, sql, request.Tenant, [_key], NoNames, claims, cancellationToken);
            return claims.Check(recount.Rows) is { } conflict ? (conflict, []) : (null, recount.Updates(claims.Updates(recount.Rows)));
        }

        Dictionary<string, NameRow> rows = new(StringComparer.Ordinal);
        await batch.RunAsync(
            [.. sql.LockNames(request.Tenant, claims.Locked), .. sql.ReadNames(request.Tenant, claims.Read, (name, row) => rows[name] = row)], cancellationToken);
        return claims.Check(rows) is { } refusal ? (refusal, []) : (null, claims.Updates(rows));
    }

    private async ValueTask<PushRefusal?> WriteAsync(
        IStatementBatch batch, Locked locked, StoredGroup written, PayloadChange change, IReadOnlyList<NameUpdate> names)
    {
        PayloadDifference difference = change.Difference;
        List<Statement> statements =
        [
            .. sql.UpdateNames(request.Tenant, names),
            .. change.IsBlind ? [sql.DeleteSeriesOf(request.Tenant, [_key])] : sql.DeleteSeries(request.Tenant, difference.GoneSeries),
        ];
        int first = statements.Count;
        statements.AddRange(sql.InsertSeries(request.Tenant, _key, difference.NewSeries));
        int last = statements.Count;

        UsageRow? usage = null;
        UsageDelta delta = DeltaOf(locked, written);
        if (written.Generation != locked.Row.Generation)
        {
            statements.Add(GroupSql.DeletePayloads(written));
            if (change.Stored is { } body)
            {
                statements.Add(GroupSql.InsertPayload(request.Tenant, _key, written.Generation, body));
            }
        }

        statements.Add(GroupSql.Update(written));
        if (request.Idempotency is { } key)
        {
            statements.Add(GroupSql.RecordAnswer(request.Tenant, key, Ok, ""));
        }

        if (!delta.IsZero)
        {
            statements.Add(GroupSql.AddUsage(request.Tenant, delta, row => usage = row));
        }

        await batch.RunAsync(statements, cancellationToken);
        int inserted = CollectionsMarshal.AsSpan(statements)[first..last].ToArray().Sum(static statement => statement.Affected);
        return inserted < difference.NewSeries.Count ? await HeldElsewhereAsync(batch, difference.NewSeries) ?? HolderVanished
            : usage is { } now ? OverLimit(delta, now)
            : null;
    }

    private async ValueTask<PushRefusal?> HeldElsewhereAsync(IStatementBatch batch, IReadOnlyList<byte[]> series)
    {
        byte[]? held = null;
        await batch.RunAsync([.. sql.FindHeld(request.Tenant, _key, series, one => held ??= one)], cancellationToken);
        return held is null ? null : new PushRefusal(
            "series-held-elsewhere",
            $"{NameOf(held)}: another group of the tenant holds a series with the same name and labels; push it to that group, or with another label");
    }

    private string NameOf(byte[] series)
    {
        UInt128 wanted = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(series);
        int metric = request.Families.Hashes.IndexOf(wanted);
        return metric < 0 ? "a series" : Encoding.UTF8.GetString(request.Families.Text(request.Families.Families[request.Families.Metrics[metric].Family].Name));
    }

    private static UsageDelta DeltaOf(Locked locked, StoredGroup written)
    {
        StoredGroup row = locked.Row;
        bool wasThere = !locked.IsNew && row.State != GroupState.Deleted;
        return new UsageDelta(wasThere ? 0 : 1, written.Series - row.Series, written.Bytes - row.Bytes);
    }

    /// <summary>What is over its limit because of this push. A group that does not grow goes on being pushed.</summary>
    private PushRefusal? OverLimit(UsageDelta delta, UsageRow usage)
    {
        PushStoreLimits limits = request.Limits;
        return delta.Groups > 0 && usage.Groups > limits.MaxGroups
            ? Limit("push-group-limit", "push groups", usage.Groups - delta.Groups, limits.MaxGroups, "maxGroups")
            : delta.Series > 0 && usage.Series > limits.MaxSeries
                ? Limit("push-series-limit", "series in push groups", usage.Series - delta.Series, limits.MaxSeries, "maxSeries")
                : delta.Bytes > 0 && usage.Bytes > limits.MaxStoredBytes
                    ? Limit("push-bytes-limit", "bytes in push groups", usage.Bytes - delta.Bytes, limits.MaxStoredBytes, "maxStoredBytes")
                    : null;
    }

    private PushRefusal Limit(string reason, string what, long has, long limit, string setting) => new(
        reason, FormattableString.Invariant($"the tenant has {has} {what}, limit {limit}; delete groups or raise {request.Limits.SettingsPath}.{setting}"))
    {
        IsLimit = true,
    };

    /// <summary>What becomes of the payload.</summary>
    /// <param name="After">The new one.</param>
    /// <param name="Stored">The same as it is stored; null if it is empty, or stays as it is.</param>
    /// <param name="Difference">What comes and goes.</param>
    private sealed record PayloadChange(PayloadBody After, byte[]? Stored, PayloadDifference Difference)
    {
        /// <summary>Nothing was pushed but the time.</summary>
        public bool IsSame { get; init; }

        /// <summary>Why the payload before cannot be read, null if it can: the difference does not say what goes then.</summary>
        public string? Fault { get; init; }

        public bool IsBlind => Fault is not null;
    }

    /// <summary>The group, locked; or the answer, if that is known already.</summary>
    private sealed class Locked
    {
        public PushResult? Answer { get; init; }

        public StoredGroup Row { get; init; } = new();

        public byte[]? Body { get; init; }

        public long NowMs { get; init; }

        public bool IsNew { get; init; }
    }
}

/// <summary>What an attempt came to, and what is to follow.</summary>
internal sealed record PushResult(PushOutcome? Outcome)
{
    /// <summary>Nothing was decided: it is to be tried again.</summary>
    public static PushResult Again { get; } = new((PushOutcome?)null);

    /// <summary>The failure is to be recorded in the group.</summary>
    public bool IsTraced { get; init; }

    /// <summary>When what was stored is to be written: later than at once if the store heard from the group a moment ago.</summary>
    public TimeSpan DueIn { get; init; }

    public static PushResult Traced(PushRefusal refusal) => new(PushOutcome.Refused(refusal)) { IsTraced = true };
}
