using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Reads a tenant's <c>store</c> and <c>storeId</c> from the policy.</summary>
/// <param name="stores">The configured stores, or null where a document is read without a configuration (the command line): then only the kind of the values is checked.</param>
internal sealed class StoreSettingsReader(StoreDirectory? stores) : ITenantSettingsReader
{
    private const string StoreKey = "store";
    private const string StoreIdKey = "storeId";

    public IReadOnlyList<string> Keys { get; } = [StoreKey, StoreIdKey];

    public IReadOnlyList<string> LimitKeys { get; } = [];

    public IReadOnlyList<string> KeysOfOneTenant { get; } = [StoreIdKey];

    public object Read(ITenantSettingsSource source)
    {
        string? name = source.Text(StoreKey);
        string? id = source.Text(StoreIdKey);
        if (stores is null)
        {
            return new StoreSettings(null);
        }

        Store? store = name is null ? stores.Only : stores.Find(name);
        if (store is null)
        {
            // Without a name it is no fault: several stores, or none yet, and writes are answered no-store.
            if (name is not null)
            {
                source.Fault(StoreKey, $"there is no store \"{name}\" in the configuration; there is {stores.Names}");
            }

            return new StoreSettings(null);
        }

        if (store.Isolation == StoreIsolation.Label)
        {
            if (id is not null)
            {
                source.Fault(StoreIdKey, $"has no use: store {store.Name} is isolated by label, and no header or path carries an id");
            }

            return new StoreSettings(store.TargetOf(source.TenantName));
        }

        if (StoreIds.Fault(store.Kind, id ?? source.TenantName) is { } fault)
        {
            source.Fault(id is null ? StoreKey : StoreIdKey, $"store {store.Name}: {fault}");
            return new StoreSettings(null);
        }

        // Isolation of reads by a label of the store's: the id becomes a part of a matcher there.
        if (store.Read is { Isolation: StoreIsolation.Label, LabelIsStamped: false } && (id ?? source.TenantName).Contains('\'', StringComparison.Ordinal))
        {
            source.Fault(id is null ? StoreKey : StoreIdKey, $"store {store.Name}: \"{id}\" has a quote, and reads match it as label {store.Read.Label}; choose another id");
            return new StoreSettings(null);
        }

        return new StoreSettings(store.TargetOf(id ?? source.TenantName));
    }

    public void Check(IReadOnlyList<(ITenantSettingsSource Source, object Settings)> tenants)
    {
        Dictionary<(Store, string), string> owners = [];
        foreach ((ITenantSettingsSource source, object settings) in tenants)
        {
            if (settings is not StoreSettings { Target: { } target } || (target.Store.Isolation == StoreIsolation.Label && target.Store.Kind != StoreKind.AzureMonitor))
            {
                continue;
            }

            string id = StoreIds.Canonical(target.Store.Kind, target.StoreId);
            if (!owners.TryAdd((target.Store, id), source.TenantName))
            {
                source.Fault(
                    target.Store.Isolation == StoreIsolation.Label ? StoreKey : StoreIdKey,
                    $"tenant {owners[(target.Store, id)]} has id \"{id}\" at store {target.Store.Name} already; two tenants with one id would be one");
            }
        }
    }
}
