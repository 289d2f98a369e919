namespace RemoteWriteGateway.Forwarding;

/// <summary>What becomes of PromQL's <c>info()</c> at a store that is isolated by label: it reads series that no selector names.</summary>
internal enum InfoRule
{
    /// <summary>Refused.</summary>
    Refuse,

    /// <summary>Prometheus 3.10 or newer: the form with two arguments passes, with the tenants on its second one.</summary>
    Scope,
}

/// <summary>How the selectors of <c>/api/v1/series</c> are kept to their tenants.</summary>
internal enum SeriesMatcher
{
    /// <summary>As everywhere: a regular expression of the ids.</summary>
    Regex,

    /// <summary>
    /// Azure Monitor, which takes no regular expression there: each selector is sent once for each tenant, with an equality. Selectors of one
    /// request are united by "or", so that this reads what the regular expression would.
    /// </summary>
    Equality,
}

/// <summary>
/// The read side of a store. Section <c>Stores:&lt;name&gt;:Read</c>; what is null comes from the <see cref="StorePreset"/> of the store's
/// kind, else from the write side.
/// </summary>
internal sealed class StoreReadOptions
{
    /// <summary>False: readers are answered 404 <c>endpoint-disabled</c>.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Scheme (http, https), host, port and prefix, without the API's path; absent: that of the write side. Azure Monitor: the workspace's query endpoint, required.</summary>
    public string? Url { get; init; }

    /// <summary>What stands between <see cref="Url"/> and <c>/api/v1/…</c>. <c>{tenant}</c> in it is the tenant's <c>storeId</c>, with isolation <c>Path</c> only.</summary>
    public string? Path { get; init; }

    public StoreIsolation? Isolation { get; init; }

    /// <summary>Isolation <c>Label</c>: the label by which the store's series tell tenants apart; absent: <c>Tenancy:Label</c>.</summary>
    public string? Label { get; init; }

    /// <summary>Isolation <c>Header</c>: the header that carries the tenant's <c>storeId</c>.</summary>
    public string? Header { get; init; }

    public StoreAuthOptions? Auth { get; init; }

    public StoreTlsOptions? Tls { get; init; }

    /// <summary>Isolation <c>Header</c>: the store takes several tenants in one request, joined by <c>|</c>.</summary>
    public bool Federation { get; init; }

    /// <summary>Constant URL parameters of every request, for example <c>dedup=true</c>.</summary>
    public IReadOnlyDictionary<string, string>? Constants { get; init; }

    /// <summary>VictoriaMetrics: the tenants once more, as <c>extra_filters[]</c> and <c>extra_filters</c> in the URL.</summary>
    public bool? Belt { get; init; }

    public SeriesMatcher? SeriesMatcher { get; init; }

    public InfoRule InfoFunction { get; init; }

    /// <summary>The store knows <c>holt_winters</c>, which Prometheus 3 has under another name.</summary>
    public bool LegacyFunctions { get; init; }

    /// <summary>The store answers remote read, <c>/api/v1/read</c>.</summary>
    public bool? RemoteRead { get; init; }

    /// <summary>How long the store's answer may begin later than the query's own timeout, 1 s to 5 min.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
