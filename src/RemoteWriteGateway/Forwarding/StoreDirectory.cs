using System.Collections.Frozen;

namespace RemoteWriteGateway.Forwarding;

/// <summary>All configured stores, for the life of the process.</summary>
internal sealed class StoreDirectory(IEnumerable<Store> stores) : IDisposable
{
    // Names ignore case, as configuration does.
    private readonly FrozenDictionary<string, Store> _stores = stores.ToFrozenDictionary(store => store.Name, StringComparer.OrdinalIgnoreCase);

    public IReadOnlyCollection<Store> All => _stores.Values;

    /// <summary>The store of tenants that name none: the only one there is, or null.</summary>
    public Store? Only => _stores.Count == 1 ? _stores.Values[0] : null;

    /// <summary>All names, for texts.</summary>
    public string Names => _stores.Count == 0 ? "none" : string.Join(", ", _stores.Keys.Order(StringComparer.Ordinal));

    public Store? Find(string name) => _stores.GetValueOrDefault(name);

    public void Dispose()
    {
        foreach (Store store in All)
        {
            store.Dispose();
        }
    }
}
