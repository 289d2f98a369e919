using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// Takes payloads away from groups whose rows are locked, by deletion or because their time is over: names, series and usage are given back. A payload
/// that cannot be read is given back without being asked: its series by the group's key, its names by <see cref="NameRecount"/>.
/// </summary>
internal sealed class GroupRelease(GroupSql sql, PushTimes times, UnreadablePayloads unreadable)
{
    /// <summary>Deletes groups of one tenant.</summary>
    /// <param name="batch">Of the transaction in which the rows were locked, in the order of their keys.</param>
    /// <param name="groups">Not deleted ones.</param>
    /// <param name="nowMs">The database's time, read behind the locks.</param>
    /// <param name="cancellationToken">At any time.</param>
    public ValueTask DeleteAsync(IStatementBatch batch, IReadOnlyList<StoredGroup> groups, long nowMs, CancellationToken cancellationToken) =>
        ReleaseAsync(batch, groups, row => GroupRows.Deleted(row, nowMs, times.MinGap), groups.Count, cancellationToken);

    /// <summary>Empties groups of one tenant whose payload has expired.</summary>
    /// <inheritdoc cref="DeleteAsync"/>
    public ValueTask ExpireAsync(IStatementBatch batch, IReadOnlyList<StoredGroup> groups, long nowMs, CancellationToken cancellationToken) =>
        ReleaseAsync(batch, groups, row => GroupRows.Expired(row, nowMs, times), 0, cancellationToken);

    private async ValueTask ReleaseAsync(
        IStatementBatch batch, IReadOnlyList<StoredGroup> groups, Func<StoredGroup, StoredGroup> change, int gone, CancellationToken cancellationToken)
    {
        string tenant = groups[0].Tenant;
        Held held = await ReadAsync(batch, groups, cancellationToken);
        IReadOnlyList<NameUpdate> names = held.Unread.Count == 0
            ? await LockNamesAsync(batch, tenant, held.Names, cancellationToken)
            : (await NameRecount.RunAsync(batch, sql, tenant, groups.Select(static group => group.Key), held.Names, null, cancellationToken)).Updates([]);
        List<Statement> statements = [.. sql.UpdateNames(tenant, names), .. sql.DeleteSeries(tenant, held.Series)];
        if (held.Unread.Count > 0)
        {
            statements.Add(sql.DeleteSeriesOf(tenant, held.Unread));
        }

        UsageDelta usage = new(-gone, 0, 0);
        foreach (StoredGroup group in groups)
        {
            StoredGroup written = change(group);
            usage = usage with { Series = usage.Series + written.Series - group.Series, Bytes = usage.Bytes + written.Bytes - group.Bytes };
            statements.AddRange(written.State == GroupState.Deleted && GroupRows.IsUnknownToStore(group)
                ? GroupSql.Remove(group)
                : [GroupSql.DeletePayloads(written), GroupSql.Update(written)]);
        }

        if (!usage.IsZero)
        {
            statements.Add(GroupSql.AddUsage(tenant, usage, static _ => { }));
        }

        await batch.RunAsync(statements, cancellationToken);
    }

    private async ValueTask<Held> ReadAsync(IStatementBatch batch, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        Held held = new();
        MetricFamilies families = new();
        await batch.RunAsync([.. groups.Select(group => GroupSql.ReadBody(group.Tenant, group.Key, body => Take(group, body)))], cancellationToken);
        held.Series.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return held;

        void Take(StoredGroup group, byte[] stored)
        {
            try
            {
                PayloadBody body = PayloadBody.Parse(stored);

                // What it says is given back: a name or a hash that was damaged would leave the true one held for ever.
                body.Verify(families);
                held.Add(body);
            }
            catch (UnreadablePayloadException e)
            {
                held.Unread.Add(group.Key);
                unreadable.Tell(group.Tenant, group.Key, group.Generation, UnreadableResult.GivenBack, e.Message);
            }
        }
    }

    private async ValueTask<IReadOnlyList<NameUpdate>> LockNamesAsync(
        IStatementBatch batch, string tenant, Dictionary<string, int> holders, CancellationToken cancellationToken)
    {
        if (holders.Count == 0)
        {
            return [];
        }

        // Nothing is decided by a name that is given back, so that only its own row is locked, in the order in which pushes do it.
        IReadOnlyList<string> locked = NameClaims.InOrder(holders.Keys);
        Dictionary<string, NameRow> rows = new(StringComparer.Ordinal);
        await batch.RunAsync([.. sql.LockNames(tenant, locked), .. sql.ReadNames(tenant, locked, (name, row) => rows[name] = row)], cancellationToken);
        return [.. holders.Select(one => new NameUpdate(one.Key, rows[one.Key].Holders > one.Value ? rows[one.Key].Type : null, -one.Value))];
    }

    /// <summary>What the groups hold.</summary>
    private sealed class Held
    {
        /// <summary>Of payloads that can be read: how many of them have a name.</summary>
        public Dictionary<string, int> Names { get; } = new(StringComparer.Ordinal);

        /// <summary>Of payloads that can be read.</summary>
        public List<byte[]> Series { get; } = [];

        /// <summary>Keys of the groups whose payload cannot be read.</summary>
        public List<byte[]> Unread { get; } = [];

        public void Add(PayloadBody body)
        {
            foreach (PayloadFamily family in body.Families)
            {
                Names[family.Name] = Names.GetValueOrDefault(family.Name) + 1;
            }

            Series.AddRange(Enumerable.Range(0, body.Metrics).Select(metric => body.SeriesOf(metric).ToArray()));
        }
    }
}
