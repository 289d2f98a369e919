using System.Data.Common;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// Takes groups that are due under a lease of this replica, with the delivery that is to be sent, and writes down what became of it. All is
/// decided by <see cref="EmissionPlan"/> on rows that are locked, with the database's time.
/// </summary>
internal sealed class ClaimStore
{
    /// <summary>Most groups of one claim.</summary>
    public const int MaxGroups = 500;

    // Payloads of a claim are in memory together.
    private const long MaxBytes = 64 << 20;

    private readonly CatalogDatabase _database;
    private readonly ClaimRows _rows;
    private readonly EmissionPlan _plan;
    private readonly UnreadablePayloads _unreadable;
    private readonly TimeProvider _time;
    private readonly long _leaseMs;
    private readonly string _owner;
    private bool _hasClearedLeases;

    public ClaimStore(
        CatalogDatabase database, ReplicaIdentity replica, EmissionPlan plan, UnreadablePayloads unreadable, IOptions<PushOptions> options, TimeProvider time)
    {
        _database = database;
        _rows = new ClaimRows(database, time);
        _plan = plan;
        _unreadable = unreadable;
        _time = time;
        _leaseMs = (long)options.Value.Lease.TotalMilliseconds;
        _owner = replica.Instance.ToString("D");
    }

    /// <summary>Claims groups of these tenants that are due and fixes their next delivery; one that is under way is taken over as it is.</summary>
    /// <exception cref="DbException">The database is away; nothing was claimed, or the lease runs out.</exception>
    public async Task<Claim> ClaimAsync(string[] tenants, CancellationToken cancellationToken)
    {
        long leasedAt = _time.GetTimestamp();
        Claim claim = await _database.TransactAsync(transaction => ClaimAsync(transaction, tenants, leasedAt, cancellationToken), cancellationToken);
        _hasClearedLeases = true;
        return claim;
    }

    /// <summary>
    /// Writes down what <paramref name="change"/> makes of deliveries. One that is not this replica's any more, because its lease ran out and
    /// another one took it, stays as it is.
    /// </summary>
    /// <param name="deliveries">As they were claimed, or as this returned them.</param>
    /// <param name="change">Row and time in, row out.</param>
    /// <param name="cancellationToken">Until the commit.</param>
    /// <returns>For each delivery what it has become, or null if it was lost.</returns>
    /// <exception cref="DbException">The database is away: whoever holds the lease next repeats the delivery.</exception>
    public Task<IReadOnlyList<Delivery?>> ChangeAsync(
        IReadOnlyList<Delivery> deliveries, Func<EmissionRow, long, EmissionRow> change, CancellationToken cancellationToken) => _database.TransactAsync(
        transaction => ChangeAsync(transaction, deliveries, change, cancellationToken), cancellationToken);

    /// <summary>Holds the leases longer.</summary>
    public Task<IReadOnlyList<Delivery?>> RenewAsync(IReadOnlyList<Delivery> deliveries, CancellationToken cancellationToken) =>
        ChangeAsync(deliveries, Leased, cancellationToken);

    private async Task<Claim> ClaimAsync(DbTransaction transaction, string[] tenants, long leasedAt, CancellationToken cancellationToken)
    {
        if (!_hasClearedLeases && _database.Provider == CatalogProvider.Sqlite)
        {
            // A file has one gateway: whoever held these has ended.
            await transaction.ExecuteAsync("UPDATE push_groups SET lease_owner = NULL, lease_until_ms = 0 WHERE lease_owner IS NOT NULL", null, cancellationToken);
        }

        long asked = await _rows.NowAsync(transaction, cancellationToken);
        IReadOnlyList<ClaimedRow> due = Bounded(await _rows.LockDueAsync(transaction, tenants, asked, MaxGroups, cancellationToken), out bool isFull);
        if (due.Count == 0)
        {
            return Claim.Nothing;
        }

        Dictionary<(string, string, long), byte[]> bodies = await _rows.ReadPayloadsAsync(transaction, due.SelectMany(NeededOf), cancellationToken);
        long now = await _rows.NowAsync(transaction, cancellationToken);
        List<Delivery> claimed = [];
        List<EmissionRow> postponed = [];
        foreach (ClaimedRow row in due)
        {
            try
            {
                claimed.Add(Claimed(row, bodies, now) with { LeasedAt = leasedAt });
            }
            catch (UnreadablePayloadException e)
            {
                // Of a newer program, or damaged: the others are written all the same.
                postponed.Add(SetAside(row, e.Message, now));
            }
        }

        await _rows.WriteAsync(transaction, claimed.Select(static one => one.Row).Concat(postponed), cancellationToken);
        int takeovers = due.Count(row => row.InflightStep is not null && row.LeaseOwner is not null && row.LeaseOwner != _owner);
        return new Claim(claimed, isFull, takeovers);
    }

    private Delivery Claimed(ClaimedRow row, Dictionary<(string, string, long), byte[]> bodies, long now)
    {
        // What was under way is not ours to look at again: nobody but who left it knows whether it was sent.
        bool isRepeat = row.InflightStep is not null;
        PayloadBody payload = Body(row.InflightGeneration ?? row.Generation);
        EmissionRow next = Leased(_plan.Fix(row, payload.HasStarts, now), now);
        return new Delivery(next, payload, next.WrittenGeneration is { } written && written != next.InflightGeneration ? Written(written) : null)
        {
            IsRepeat = isRepeat,
            IsRefresh = row.DirtySinceMs is null,
            Series = row.Series,
            Coalesced = isRepeat ? 0 : CoalescedIn(row),
        };

        PayloadBody Body(long generation) =>
            bodies.TryGetValue((row.Tenant, Convert.ToHexString(row.Key), generation), out byte[]? body) ? PayloadBody.Parse(body) : PayloadBody.Empty;

        // What was written and has been replaced since is asked for its markers only: without them the new state is written all the same.
        PayloadBody? Written(long generation)
        {
            try
            {
                return Body(generation);
            }
            catch (UnreadablePayloadException e)
            {
                _unreadable.Tell(row.Tenant, row.Key, generation, UnreadableResult.Unmarked, e.Message);
                return null;
            }
        }
    }

    private EmissionRow SetAside(EmissionRow row, string fault, long now)
    {
        bool isOutdated = row.InflightGeneration is { } inflight && inflight != row.Generation;
        _unreadable.Tell(
            row.Tenant, row.Key, row.InflightGeneration ?? row.Generation, isOutdated ? UnreadableResult.Unmarked : UnreadableResult.Unwritten, fault);
        return isOutdated ? EmissionPlan.GiveUp(row, now) : _plan.Postpone(row, $"{UnreadablePayloads.Reason}: {fault}", now);
    }

    private async Task<IReadOnlyList<Delivery?>> ChangeAsync(
        DbTransaction transaction, IReadOnlyList<Delivery> deliveries, Func<EmissionRow, long, EmissionRow> change, CancellationToken cancellationToken)
    {
        long leasedAt = _time.GetTimestamp();
        IReadOnlyList<ClaimedRow> rows = await _rows.LockAsync(transaction, deliveries.Select(static one => (one.Row.Tenant, one.Row.Key)), cancellationToken);
        Dictionary<(string, string), EmissionRow> current = rows.ToDictionary(static row => (row.Tenant, Convert.ToHexString(row.Key)), static row => (EmissionRow)row);
        long now = await _rows.NowAsync(transaction, cancellationToken);
        var changed = new Delivery?[deliveries.Count];
        List<EmissionRow> written = [];
        for (int i = 0; i < changed.Length; i++)
        {
            EmissionRow sent = deliveries[i].Row;
            if (current.TryGetValue((sent.Tenant, Convert.ToHexString(sent.Key)), out EmissionRow? row)
                && row.Emission == sent.Emission && row.InflightStep is not null && row.LeaseOwner == _owner)
            {
                EmissionRow next = change(row, now);
                written.Add(next);
                changed[i] = deliveries[i] with
                {
                    Row = next,
                    LeasedAt = next.LeaseUntilMs != row.LeaseUntilMs ? leasedAt : deliveries[i].LeasedAt,
                    LagMs = row.DirtySinceMs is { } since ? now - since : null,
                };
            }
        }

        await _rows.WriteAsync(transaction, written, cancellationToken);
        return changed;
    }

    private EmissionRow Leased(EmissionRow row, long now) => row with { LeaseOwner = _owner, LeaseUntilMs = now + _leaseMs };

    private static IReadOnlyList<ClaimedRow> Bounded(IReadOnlyList<ClaimedRow> due, out bool isFull)
    {
        long bytes = 0;
        int count = 0;
        for (; count < due.Count && (count == 0 || bytes + due[count].Bytes <= MaxBytes); count++)
        {
            bytes += due[count].Bytes;
        }

        isFull = count < due.Count || count == MaxGroups;
        return [.. due.Take(count)];
    }

    private static IEnumerable<(string Tenant, byte[] Key, long Generation)> NeededOf(ClaimedRow row)
    {
        long payload = row.InflightGeneration ?? row.Generation;
        yield return (row.Tenant, row.Key, payload);
        if (row.WrittenGeneration is { } written && written != payload)
        {
            yield return (row.Tenant, row.Key, written);
        }
    }

    // Generations that nobody will see at the store. After a deletion it is not known which was the last one.
    private static long CoalescedIn(EmissionRow row) =>
        row.Attempts == 0 && row.WrittenGeneration is { } written ? Math.Max(0, row.Generation - written - 1) : 0;
}

/// <summary>What one claim took.</summary>
/// <param name="Deliveries">With their payloads.</param>
/// <param name="IsFull">There may be more.</param>
/// <param name="Takeovers">How many of them another replica had begun and not ended in time.</param>
internal sealed record Claim(IReadOnlyList<Delivery> Deliveries, bool IsFull, int Takeovers)
{
    public static Claim Nothing { get; } = new([], false, 0);
}
