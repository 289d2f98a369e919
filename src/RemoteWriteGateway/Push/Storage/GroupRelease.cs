namespace RemoteWriteGateway.Push.Storage;

/// <summary>Takes payloads away from groups whose rows are locked, by deletion or because their time is over: names, series and usage are given back.</summary>
internal sealed class GroupRelease(GroupSql sql, PushTimes times)
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
        List<PayloadBody> bodies = new(groups.Count);
        await batch.RunAsync(
            [.. groups.Select(group => GroupSql.ReadBody(tenant, group.Key, body => bodies.Add(PayloadBody.Parse(body))))], cancellationToken);

        Dictionary<string, int> holders = new(StringComparer.Ordinal);
        List<byte[]> series = [];
        foreach (PayloadBody body in bodies)
        {
            foreach (PayloadFamily family in body.Families)
            {
                holders[family.Name] = holders.GetValueOrDefault(family.Name) + 1;
            }

            series.AddRange(Enumerable.Range(0, body.Metrics).Select(metric => body.SeriesOf(metric).ToArray()));
        }

        series.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        IReadOnlyList<NameUpdate> names = await LockNamesAsync(batch, tenant, holders, cancellationToken);
        List<Statement> statements = [.. sql.UpdateNames(tenant, names), .. sql.DeleteSeries(tenant, series)];
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
}
