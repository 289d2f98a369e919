namespace RemoteWriteGateway.Forwarding;

/// <summary>One tenant's place at a store: where its requests go. Built once per policy snapshot, so that a request only reads it.</summary>
/// <param name="Store">The store.</param>
/// <param name="StoreId">What header and path isolation carry; with isolation by label it goes nowhere.</param>
/// <param name="Url">The write API's address, <paramref name="StoreId"/> filled in.</param>
internal sealed record StoreTarget(Store Store, string StoreId, Uri Url)
{
    /// <summary>Stands for the store id in <see cref="StoreOptions.Path"/>.</summary>
    public const string Placeholder = "{tenant}";
}

/// <summary>What the policy says about a tenant's store.</summary>
/// <param name="Target">Null if no store is configured for the tenant: <c>no-store</c>.</param>
internal sealed record StoreSettings(StoreTarget? Target);
