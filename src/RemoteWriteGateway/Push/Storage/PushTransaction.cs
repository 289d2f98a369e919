using System.Runtime.InteropServices;
using System.Text;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// One attempt to store one push. Its steps, as the push reference numbers them:
/// <list type="number">
/// <item>Begin; the idempotency key is taken, or gives the answer.</item>
/// <item>The group's row is made if there is none, and locked.</item>
/// <item>The time is read, so that commits of one group are in the order of their times.</item>
/// <item>The newest body is read, and what was pushed is put into it. If no family or metric came or went, 5 and 6 are skipped.</item>
/// <item>Names are locked in the order of their bytes, and checked.</item>
/// <item>Series change hands, in the order of their hashes.</item>
/// <item>The tenant's usage is adjusted, if it changes: always the last lock.</item>
/// <item>The body and the row are written, the answer recorded with the key, and all of it committed.</item>
/// <item>A traced refusal rolls back, and a second transaction records that the push has failed.</item>
/// </list>
/// </summary>
/// <remarks>Round trips: 1 to 4 are one, 5 is one, 6 to 8 are one, and the commit.</remarks>
internal sealed class PushTransaction(GroupSql sql, PushTimes times, PushRequest request, CancellationToken cancellationToken)
{
    private const int Ok = 200;
    private const int BadRequest = 400;

    /// <summary>A series was another group's when it was to be inserted, and nobody's a moment later: without a row of ours it must not be stored.</summary>
    private static readonly PushRefusal HolderVanished = new("series-held-elsewhere", "");

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
        PayloadBody before = locked.Body is { } body ? PayloadBody.Parse(body) : PayloadBody.Empty;
        bool isRestart = row.State == GroupState.Deleted || (row.Mode != request.Mode && !locked.IsNew);
        bool isSame = request.Families.Families.IsEmpty && !isRestart && (request.Verb == PushVerb.Post || request.Mode == PushMode.Sum);
        byte[]? merged = isSame ? locked.Body : new PayloadMerge(request, isRestart ? PayloadBody.Empty : before, Inherits(row), locked.NowMs).Merge();
        PayloadBody after = isSame ? before : merged is null ? PayloadBody.Empty : PayloadBody.Parse(merged);
        PayloadDifference difference = PayloadDifference.Between(before, after);

        // 5.
        (PushRefusal? refusal, IReadOnlyList<NameUpdate> names) = await ClaimNamesAsync(batch, difference);
        if (refusal is not null)
        {
            return new Decision<PushResult>(PushResult.Traced(refusal), Commits: false);
        }

        // 6 to 8.
        StoredGroup written = GroupRows.Pushed(row, request, after, isSame, locked.NowMs, times.MinGap);
        refusal = await WriteAsync(batch, locked, written, difference, names, isSame ? null : merged);
        return ReferenceEquals(refusal, HolderVanished)
            ? new Decision<PushResult>(PushResult.Again, Commits: false)
            : refusal is null
            ? new Decision<PushResult>(new PushResult(PushOutcome.Stored), Commits: true)
            : new Decision<PushResult>(PushResult.Traced(refusal), Commits: false);
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

    private async ValueTask<(PushRefusal? Refusal, IReadOnlyList<NameUpdate> Updates)> ClaimNamesAsync(IStatementBatch batch, PayloadDifference difference)
    {
        if (difference.Names.Count == 0)
        {
            return (null, []);
        }

        NameClaims claims = new(difference.Names);
        Dictionary<string, NameRow> rows = new(StringComparer.Ordinal);
        await batch.RunAsync(
            [.. sql.LockNames(request.Tenant, claims.Locked), .. sql.ReadNames(request.Tenant, claims.Read, (name, row) => rows[name] = row)], cancellationToken);
        return claims.Check(rows) is { } refusal ? (refusal, []) : (null, claims.Updates(rows));
    }

    private async ValueTask<PushRefusal?> WriteAsync(
        IStatementBatch batch, Locked locked, StoredGroup written, PayloadDifference difference, IReadOnlyList<NameUpdate> names, byte[]? body)
    {
        List<Statement> statements = [.. sql.UpdateNames(request.Tenant, names), .. sql.DeleteSeries(request.Tenant, difference.GoneSeries)];
        int first = statements.Count;
        statements.AddRange(sql.InsertSeries(request.Tenant, _key, difference.NewSeries));
        int last = statements.Count;

        UsageRow? usage = null;
        UsageDelta delta = DeltaOf(locked, written);
        if (written.Generation != locked.Row.Generation)
        {
            statements.Add(GroupSql.DeletePayloads(written));
            if (body is not null)
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

    public static PushResult Traced(PushRefusal refusal) => new(PushOutcome.Refused(refusal)) { IsTraced = true };
}
