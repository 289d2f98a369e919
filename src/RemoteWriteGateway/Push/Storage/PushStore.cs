namespace RemoteWriteGateway.Push.Storage;

/// <summary>The state of push groups in the catalog: what a push changes, what a deletion takes away, and what views read.</summary>
internal sealed class PushStore
{
    /// <summary>Stores a push, or says why not. Returns when the commit is durable. Never throws for what the database does; that is a <see cref="PushFate"/>.</summary>
    public Task<PushOutcome> PushAsync(PushRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Deletes one group; an unknown one is no error.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="key">Which.</param>
    /// <param name="record">Puts the deletion on record, durably, given the number of groups; it is called before the first of them is touched.</param>
    /// <param name="cancellationToken">Until the commit.</param>
    public Task<DeleteOutcome> DeleteAsync(string tenant, GroupKey key, Func<int, CancellationToken, Task> record, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Deletes the groups that match, 200 in a transaction, in the order of their keys.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="matches">Asked with the key's labels, none of them empty.</param>
    /// <param name="isDryRun">Count only.</param>
    /// <param name="record">As in <see cref="DeleteAsync"/>; not called in a dry run or if nothing matches.</param>
    /// <param name="cancellationToken">Until a commit; what was deleted before stays deleted.</param>
    public Task<DeleteOutcome> DeleteManyAsync(string tenant, Func<GroupKey, bool> matches, bool isDryRun, Func<int, CancellationToken, Task> record, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Deletes all groups of a tenant, like <see cref="DeleteManyAsync"/>.</summary>
    public Task<DeleteOutcome> WipeAsync(string tenant, Func<int, CancellationToken, Task> record, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>All groups of a tenant that are not deleted, with their newest bodies, in the order of their keys. Read in pages: what changes meanwhile may be seen or not.</summary>
    /// <exception cref="System.Data.Common.DbException">The database is away; see <see cref="Catalog.CatalogDatabase.IsAway"/>.</exception>
    public IAsyncEnumerable<StoredGroup> ReadGroupsAsync(string tenant, byte[]? afterKey, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Groups of a tenant (null: of all tenants) that are not deleted and match, without bodies, in the order of tenant and key.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="matches">Asked with the key's labels; null takes all.</param>
    /// <param name="after">Tenant and key of the last group of the page before.</param>
    /// <param name="limit">Most groups to return; one more than asked for tells whether there is a next page.</param>
    /// <param name="cancellationToken">At any time.</param>
    /// <exception cref="System.Data.Common.DbException">The database is away.</exception>
    public Task<IReadOnlyList<StoredGroup>> FindGroupsAsync(string? tenant, Func<GroupKey, bool>? matches, (string Tenant, byte[] Key)? after, int limit, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>What tenants have stored, for gauges; a tenant without groups may be absent.</summary>
    public Task<IReadOnlyList<PushUsage>> ReadUsageAsync(CancellationToken cancellationToken) => throw new NotImplementedException();
}

/// <summary>What a tenant has stored.</summary>
internal sealed class PushUsage
{
    public string Tenant { get; init; } = "";

    public long Live { get; init; }

    public long Expired { get; init; }

    public long Series { get; init; }

    public long Bytes { get; init; }
}
