namespace RemoteWriteGateway.Forwarding;

/// <summary>What a store is; decides its <see cref="StorePreset"/>.</summary>
internal enum StoreKind
{
    Prometheus,
    VictoriaMetrics,
    VictoriaMetricsCluster,
    Mimir,
    Cortex,
    Thanos,
    AzureMonitor,
}

/// <summary>What keeps tenants apart at a store.</summary>
internal enum StoreIsolation
{
    /// <summary>The tenant label on every series.</summary>
    Label,

    /// <summary>A header with the tenant's <c>storeId</c>.</summary>
    Header,

    /// <summary>The tenant's <c>storeId</c> in the URL's path.</summary>
    Path,
}

/// <summary>When the tenant label is put on series.</summary>
internal enum StampRule
{
    /// <summary>Where it isolates: with <see cref="StoreIsolation.Label"/>.</summary>
    Isolation,

    /// <summary>With header and path too.</summary>
    Always,
}

/// <summary>The highest protocol that may be sent to a store.</summary>
internal enum StoreProtocolRule
{
    /// <summary>Found out by asking: <see cref="StoreProtocol"/>.</summary>
    Auto,

    /// <summary>1.0; 2.0 is translated down.</summary>
    V1,

    /// <summary>The store takes both.</summary>
    V2,
}

internal enum ForwardOrDrop
{
    Forward,
    Drop,
}

internal enum ForwardOrRefuse
{
    Forward,
    Refuse,
}

internal enum ExpandOrRefuse
{
    Expand,
    Refuse,
}

internal enum StoreDelivery
{
    /// <summary>The store's verdict is the answer.</summary>
    Direct,

    /// <summary>Durable first, sent later: not offered yet, refused at start.</summary>
    Queued,
}

/// <summary>One store. Section <c>Stores:&lt;name&gt;</c>; what is null comes from the <see cref="StorePreset"/> of <see cref="Kind"/>.</summary>
internal sealed class StoreOptions
{
    /// <summary>Required.</summary>
    public StoreKind? Kind { get; init; }

    /// <summary>Required: scheme (http, https), host, port and prefix, without the API's path: <c>http://prometheus:9090</c>.</summary>
    public string? Url { get; init; }

    /// <summary>Path, and query if any, of the write API behind <see cref="Url"/>. <c>{tenant}</c> in it is the tenant's <c>storeId</c>, with isolation <c>Path</c> only.</summary>
    public string? Path { get; init; }

    public StoreIsolation? Isolation { get; init; }

    /// <summary>Name of the header that carries the tenant's <c>storeId</c>, with isolation <c>Header</c> only.</summary>
    public string? Header { get; init; }

    public StampRule Stamp { get; init; }

    public StoreProtocolRule? Protocol { get; init; }

    /// <summary>Whether one refused series of a 1.0 request undoes all of it.</summary>
    public bool? RollsBack { get; init; }

    /// <summary>Metadata of 1.0, also where 2.0 is translated down: default <c>Drop</c> with isolation by label, where tenants' help texts would meet.</summary>
    public ForwardOrDrop? Metadata { get; init; }

    public ForwardOrDrop? Exemplars { get; init; }

    public ForwardOrRefuse NativeHistograms { get; init; }

    /// <summary>Native histograms with custom bounds in requests that leave as 1.0: written as classic ones, or refused.</summary>
    public ExpandOrRefuse Nhcb { get; init; }

    /// <summary>Native histograms of schemas 9 to 52, which Prometheus 3.7 and later reduce.</summary>
    public ForwardOrRefuse HighResolutionHistograms { get; init; } = ForwardOrRefuse.Refuse;

    public StoreCapsOptions Caps { get; init; } = new();

    /// <summary>Most bytes of one request before compression, 64 KiB to 1 GiB; larger ones are cut into consecutive ones.</summary>
    public int MaxRequestBytes { get; init; } = 32 << 20;

    /// <summary>Most connections at the same time from this replica, 1 to 10,000.</summary>
    public int MaxConnections { get; init; } = 64;

    /// <summary>Most time for one answer of the store, connecting included, 1 s to 5 min.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);

    public StoreDelivery Delivery { get; init; }

    public StoreAuthOptions Auth { get; init; } = new();

    public StoreTlsOptions Tls { get; init; } = new();

    /// <summary>Constant headers of every request, none of which the gateway sets itself. No secrets: they have <see cref="Auth"/>.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>The other side: what readers reach.</summary>
    public StoreReadOptions Read { get; init; } = new();
}

/// <summary>What a store's series may have at most; 0 is no cap. A tenant's own limits apply where they are lower.</summary>
internal sealed class StoreCapsOptions
{
    /// <summary>Labels of a series, <c>__name__</c> and the tenant label included.</summary>
    public int? MaxLabels { get; init; }

    /// <summary>Bytes of a metric name.</summary>
    public int? MaxMetricNameBytes { get; init; }

    /// <summary>Bytes of a label name.</summary>
    public int? MaxLabelNameBytes { get; init; }

    /// <summary>Bytes of a label value.</summary>
    public int? MaxLabelValueBytes { get; init; }
}

/// <summary>How the gateway shows a store who it is.</summary>
internal enum StoreAuthKind
{
    None,

    /// <summary>User name and password from files.</summary>
    Basic,

    /// <summary>A bearer token from a file that somebody renews.</summary>
    BearerFile,

    /// <summary>A token of Entra ID for the gateway's own identity (section <c>Credential</c>).</summary>
    Entra,
}

/// <summary>Section <c>Stores:&lt;name&gt;:Auth</c>. Files are read again every 30 s.</summary>
internal sealed class StoreAuthOptions
{
    public StoreAuthKind Kind { get; init; }

    /// <summary><c>BearerFile</c>: a file with nothing but the token.</summary>
    public string? TokenFile { get; init; }

    /// <summary><c>Basic</c>: a file with nothing but the user name.</summary>
    public string? UsernameFile { get; init; }

    /// <summary><c>Basic</c>: a file with nothing but the password.</summary>
    public string? PasswordFile { get; init; }

    /// <summary><c>Entra</c>: what the token is for; ends in <c>/.default</c>.</summary>
    public string? Scope { get; init; }
}

/// <summary>Section <c>Stores:&lt;name&gt;:Tls</c>, PEM files, read again every 30 s; broken ones keep the old.</summary>
internal sealed class StoreTlsOptions
{
    /// <summary>The only authorities that are trusted for this store; absent: those of the system.</summary>
    public string? CaFile { get; init; }

    /// <summary>Mutual TLS: the gateway's certificate with its chain.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>Mutual TLS: the certificate's private key.</summary>
    public string? KeyFile { get; init; }

    public bool IsEmpty => CaFile is null && CertificateFile is null && KeyFile is null;
}
