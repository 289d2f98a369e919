using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Reads the keys of <c>tenants.&lt;name&gt;</c> and <c>tenantDefaults</c> that belong to one feature. Registered as a service by
/// the feature; a key that no registered reader names is unknown and stops the load.
/// </summary>
internal interface ITenantSettingsReader
{
    /// <summary>The feature's keys of a tenant, for example <c>store</c>, <c>storeId</c>.</summary>
    IReadOnlyList<string> Keys { get; }

    /// <summary>The feature's keys of the flat map <c>limits</c>.</summary>
    IReadOnlyList<string> LimitKeys { get; }

    /// <summary>Keys among <see cref="Keys"/> that make no sense in <c>tenantDefaults</c>, for example <c>storeId</c>.</summary>
    IReadOnlyList<string> KeysOfOneTenant => [];

    /// <summary>Makes the feature's immutable settings of one tenant; found later by <see cref="Tenant.Settings{T}"/>. Faults go to <paramref name="source"/>.</summary>
    object Read(ITenantSettingsSource source);

    /// <summary>Rules that span tenants, after all were read: for example that no two tenants of a store share an id.</summary>
    void Check(IReadOnlyList<(ITenantSettingsSource Source, object Settings)> tenants)
    {
    }
}

/// <summary>
/// One tenant's keys, merged over the defaults. Each getter gives null (or the default) if the key is absent, and reports a fault
/// with file, line, column and key if the value is not of the kind asked for.
/// </summary>
internal interface ITenantSettingsSource
{
    string TenantName { get; }

    string? Text(string key);

    bool? Flag(string key);

    /// <summary>One of <paramref name="values"/>, compared ordinally.</summary>
    string? OneOf(string key, params ReadOnlySpan<string> values);

    /// <summary>A number among <c>limits</c>, for example <c>50000</c>.</summary>
    long Number(string limit, long absent, long min, long max);

    /// <summary>A size among <c>limits</c>: bytes as a number, or with unit, for example <c>16MiB</c>.</summary>
    long Bytes(string limit, long absent, long min, long max);

    /// <summary>A time among <c>limits</c>: <c>30s</c>, <c>10m</c>, <c>1h</c>, <c>2d</c>; <c>0</c> or <c>off</c> is <see cref="TimeSpan.Zero"/>.</summary>
    TimeSpan Duration(string limit, TimeSpan absent, TimeSpan min, TimeSpan max);

    /// <summary>A list of texts among <c>limits</c>, which may be empty; empty if the key is absent.</summary>
    IReadOnlyList<string> Texts(string limit) => [];

    /// <summary>The items of a key that is a list, as they stand in the document; none if the key is absent.</summary>
    IReadOnlyList<YamlValue> Items(string key) => [];

    /// <summary>A key that is a map of its own, with a map <c>limits</c> in it: its keys, again merged over the defaults key by key.</summary>
    /// <param name="key">For example <c>push</c>.</param>
    /// <param name="keys">What may stand in it beside <c>limits</c>; everything else is a fault.</param>
    /// <param name="limits">What may stand in its <c>limits</c>.</param>
    ITenantSettingsSource Section(string key, string[] keys, string[] limits) => this;

    /// <summary>Reports that <paramref name="key"/> (a tenant's key, or <c>limits.name</c>) is wrong: the load fails and names file, line, column and key.</summary>
    void Fault(string key, string message);
}
