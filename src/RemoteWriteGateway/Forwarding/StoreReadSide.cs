using System.Collections.Immutable;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What is known of a store's read side, and the connections for it. Null at a <see cref="Store"/> that readers do not reach.</summary>
internal sealed class StoreReadSide : IDisposable
{
    private readonly string _url;
    private readonly string _path;

    /// <param name="options">Validated, with a read side that is enabled.</param>
    /// <param name="stampedLabel">The label that is stamped on what is written, <c>Tenancy:Label</c>.</param>
    /// <param name="client">The connections, owned from now on.</param>
    public StoreReadSide(StoreOptions options, string stampedLabel, StoreReadClient client)
    {
        StorePreset preset = StorePreset.Of(options.Kind ?? throw new ArgumentException("The store has no kind.", nameof(options)));
        StoreReadOptions read = options.Read;
        Isolation = IsolationOf(options, preset);
        Label = read.Label ?? preset.ReadLabel ?? stampedLabel;
        LabelIsStamped = Label == stampedLabel;
        Header = Isolation == StoreIsolation.Header ? read.Header ?? options.Header ?? preset.Header : null;
        Federation = read.Federation;
        Belt = Isolation == StoreIsolation.Label && (read.Belt ?? preset.ReadBelt);
        SeriesByEquality = Isolation == StoreIsolation.Label && (read.SeriesMatcher ?? preset.ReadSeriesMatcher) == SeriesMatcher.Equality;
        SelectorsNameMetric = preset.SelectorsNameMetric;
        InfoFunction = read.InfoFunction;
        LegacyFunctions = read.LegacyFunctions;
        RemoteRead = read.RemoteRead ?? preset.TakesRemoteRead;
        AnswerTimeout = read.AnswerTimeout;
        MaxRewrittenBytes = preset.MaxRewrittenBytes;
        Constants = [.. (read.Constants ?? preset.ReadConstants).OrderBy(one => one.Key, StringComparer.Ordinal)];
        Client = client;
        _url = (read.Url ?? options.Url ?? throw new ArgumentException("The store has no URL.", nameof(options))).TrimEnd('/');
        _path = read.Path ?? preset.ReadPath;
    }

    public StoreIsolation Isolation { get; }

    /// <summary>Isolation by label: the label that every selector is kept to.</summary>
    public string Label { get; }

    /// <summary>Whether <see cref="Label"/> is the one that we stamp: then its value is the tenant's name, else the tenant's id at the store.</summary>
    public bool LabelIsStamped { get; }

    /// <summary>Isolation by header: its name, else null.</summary>
    public string? Header { get; }

    /// <summary>Isolation by header: several ids may be joined by <c>|</c>.</summary>
    public bool Federation { get; }

    /// <summary>The tenant matcher goes into the URL as well, as VictoriaMetrics' extra filters.</summary>
    public bool Belt { get; }

    /// <summary>The selectors of <c>/series</c> are sent once for each tenant, with an equality.</summary>
    public bool SeriesByEquality { get; }

    /// <summary>The store refuses selectors that name no metric, those of the proof too.</summary>
    public bool SelectorsNameMetric { get; }

    public InfoRule InfoFunction { get; }

    public bool LegacyFunctions { get; }

    public bool RemoteRead { get; }

    public TimeSpan AnswerTimeout { get; }

    /// <summary>Most bytes of one text that the store takes, unless a tenant's limit says otherwise.</summary>
    public int MaxRewrittenBytes { get; }

    /// <summary>Constant URL parameters, in a fixed order.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Constants { get; }

    public StoreReadClient Client { get; }

    /// <summary>The address of a path of the API, <paramref name="storeId"/> filled in where the path isolates.</summary>
    /// <param name="storeId">The tenant's id at the store; with isolation by path there is exactly one.</param>
    /// <param name="target">Path and query from <c>/api/v1/</c> on, percent-encoded by us.</param>
    public Uri UrlOf(string storeId, string target) => new(
        string.Concat(_url, _path.Replace(StoreTarget.Placeholder, Uri.EscapeDataString(storeId), StringComparison.Ordinal), target),

        // What we have written is what is sent: no escape is undone, no segment folded.
        new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    public void Dispose() => Client.Dispose();

    private static StoreIsolation IsolationOf(StoreOptions options, StorePreset preset) =>
        options.Read.Isolation ?? preset.ReadIsolation ?? options.Isolation ?? preset.Isolation;
}
