using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// The names of a tenant as they stand when groups are gone whose payload does not tell what they hold. Each name is counted anew in the payloads of
/// all other groups:
/// <code>holders = others + min(rest, unreadable)    rest = holders as stored − those that are known to go − others, not negative</code>
/// where <c>others</c> are the other groups that have it, and <c>unreadable</c> those of them that cannot be read either: what nobody accounts for may
/// be theirs, and is held for them until they go this way, too. So a count is never too low, and the last of them makes it exact.
/// </summary>
/// <remarks>
/// It costs what the tenant has stored, and is for damage only. All names of the tenant are locked, in their order: whoever takes or gives back one
/// of them has committed before, payload and all, or waits. A name that comes up meanwhile is none that the groups could hold, as their rows are
/// locked; it is not touched.
/// </remarks>
internal sealed class NameRecount
{
    // Payloads may be large, and the server's time for a statement goes on while its rows are read.
    private const int PageSize = 4;

    private readonly Dictionary<string, NameRow> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NameRow> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _others = new(StringComparer.Ordinal);
    private int _unreadable;

    private NameRecount()
    {
    }

    /// <summary>As they stand without the groups; of names that nobody holds then, without a type.</summary>
    public IReadOnlyDictionary<string, NameRow> Rows => _rows;

    /// <summary>Locks the names and counts.</summary>
    /// <param name="batch">Of the transaction in which the groups' rows were locked.</param>
    /// <param name="sql">The dialect.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="gone">Keys of the groups, those whose payload could be read among them.</param>
    /// <param name="known">How many of those that could be read hold a name.</param>
    /// <param name="claims">What one of them takes instead; null if they are only gone.</param>
    /// <param name="cancellationToken">At any time.</param>
    public static async ValueTask<NameRecount> RunAsync(
        IStatementBatch batch,
        GroupSql sql,
        string tenant,
        IEnumerable<byte[]> gone,
        IReadOnlyDictionary<string, int> known,
        NameClaims? claims,
        CancellationToken cancellationToken)
    {
        NameRecount recount = new();
        List<string> names = [];
        await batch.RunAsync([GroupSql.AllNames(tenant, names.Add)], cancellationToken);
        IReadOnlyList<string> locked = NameClaims.InOrder(names.Concat(claims?.Locked ?? []));
        if (locked.Count > 0)
        {
            IReadOnlyList<string> read = NameClaims.InOrder(locked.Concat(claims?.Read ?? []));
            await batch.RunAsync(
                [.. sql.LockNames(tenant, locked), .. sql.ReadNames(tenant, read, (name, row) => recount._stored[name] = row)], cancellationToken);
            await recount.CountOthersAsync(batch, tenant, [.. gone.Select(Convert.ToHexString)], cancellationToken);
        }

        HashSet<string> settled = [.. locked];
        foreach ((string name, NameRow stored) in recount._stored)
        {
            recount._rows[name] = settled.Contains(name) ? recount.RowOf(name, stored, known.GetValueOrDefault(name)) : stored;
        }

        return recount;
    }

    /// <summary>What the rows become: those that change, and what <paramref name="claimed"/> makes of them.</summary>
    /// <param name="claimed">Made of <see cref="Rows"/>.</param>
    public IReadOnlyList<NameUpdate> Updates(IReadOnlyList<NameUpdate> claimed)
    {
        Dictionary<string, NameUpdate> updates = claimed.ToDictionary(static one => one.Name, StringComparer.Ordinal);
        foreach ((string name, NameRow row) in _rows)
        {
            int delta = row.Holders - _stored[name].Holders;
            if (delta != 0)
            {
                updates[name] = updates.TryGetValue(name, out NameUpdate taken) ? taken with { Delta = taken.Delta + delta } : new NameUpdate(name, row.Type, delta);
            }
        }

        return [.. updates.Values];
    }

    private NameRow RowOf(string name, NameRow stored, int known)
    {
        int others = _others.GetValueOrDefault(name);
        int holders = others + Math.Clamp(stored.Holders - known - others, 0, _unreadable);
        return new NameRow(holders > 0 ? stored.Type : null, holders);
    }

    private async ValueTask CountOthersAsync(IStatementBatch batch, string tenant, HashSet<string> gone, CancellationToken cancellationToken)
    {
        MetricFamilies families = new();
        List<(byte[] Key, byte[] Body)> page = new(PageSize);
        byte[] after = [];
        do
        {
            page.Clear();
            await batch.RunAsync([GroupSql.ReadBodies(tenant, after, PageSize, (key, body) => page.Add((key, body)))], cancellationToken);
            foreach ((byte[] key, byte[] body) in page)
            {
                after = key;
                if (!gone.Contains(Convert.ToHexString(key)))
                {
                    Count(body, families);
                }
            }
        }
        while (page.Count == PageSize);
    }

    private void Count(byte[] stored, MetricFamilies families)
    {
        PayloadBody body;
        try
        {
            body = PayloadBody.Parse(stored);
            body.Verify(families);
        }
        catch (UnreadablePayloadException)
        {
            // Told when something is done about that one.
            _unreadable++;
            return;
        }

        foreach (PayloadFamily family in body.Families)
        {
            _others[family.Name] = _others.GetValueOrDefault(family.Name) + 1;
        }
    }
}
