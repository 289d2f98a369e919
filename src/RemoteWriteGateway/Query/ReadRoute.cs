using System.Collections.Immutable;

namespace RemoteWriteGateway.Query;

/// <summary>The routes that readers are served. Names of metrics and of the proof of a store are made of them.</summary>
internal enum ReadApi
{
    Query,
    QueryRange,
    Exemplars,
    Series,
    Labels,
    LabelValues,
    Metadata,
    Rules,
    Alerts,
    BuildInfo,
    RemoteRead,
}

/// <summary>One parameter of a route.</summary>
/// <param name="Name">Ordinal.</param>
/// <param name="IsRepeatable">Several values are one list; otherwise a second one is refused.</param>
internal readonly record struct ReadParameter(string Name, bool IsRepeatable);

/// <summary>One route: what it takes, in the order in which parameters are sent on.</summary>
internal sealed record ReadRoute(ReadApi Api, string Path, bool TakesGet, bool TakesPost, ImmutableArray<ReadParameter> Parameters)
{
    private const string LabelPrefix = "/api/v1/label/";
    private const string LabelSuffix = "/values";
    private const string TenantPrefix = "/tenants/";

    public static ImmutableArray<ReadRoute> All { get; } =
    [
        Of(ReadApi.Query, "/api/v1/query", post: true, "query time timeout limit lookback_delta stats"),
        Of(ReadApi.QueryRange, "/api/v1/query_range", post: true, "query start end step timeout limit lookback_delta stats"),
        Of(ReadApi.Exemplars, "/api/v1/query_exemplars", post: true, "query start end"),
        Of(ReadApi.Series, "/api/v1/series", post: true, "match[] start end limit"),
        Of(ReadApi.Labels, "/api/v1/labels", post: true, "match[] start end limit"),
        Of(ReadApi.LabelValues, "/api/v1/label/{name}/values", post: false, "match[] start end limit"),
        Of(ReadApi.Metadata, "/api/v1/metadata", post: false, "metric limit limit_per_metric"),
        Of(ReadApi.Rules, "/api/v1/rules", post: false, "rule_name[] rule_group[] file[] match[] type exclude_alerts"),
        Of(ReadApi.Alerts, "/api/v1/alerts", post: false, ""),
        Of(ReadApi.BuildInfo, "/api/v1/status/buildinfo", post: false, ""),
        Of(ReadApi.RemoteRead, "/api/v1/read", post: true, "") with { TakesGet = false },
    ];

    /// <summary>What the route is called in metrics: the pattern without a tenant.</summary>
    public string Name => Path;

    public string[] Methods => TakesGet ? TakesPost ? ["GET", "POST"] : ["GET"] : ["POST"];

    public bool IsRemoteRead => Api == ReadApi.RemoteRead;

    public static ReadRoute Of(ReadApi api) => All[(int)api];

    /// <summary>
    /// Whether a raw target is this route and no other spelling of it: routing folds case, escapes, dot segments and slashes at the end,
    /// which what stands before us may read in another way.
    /// </summary>
    public static bool IsExactly(string path, ReadOnlySpan<char> target)
    {
        ReadOnlySpan<char> rest = PathOf(target);
        if (rest.StartsWith(TenantPrefix, StringComparison.Ordinal))
        {
            int end = rest[TenantPrefix.Length..].IndexOf('/');
            rest = end < 0 ? [] : rest[(TenantPrefix.Length + end)..];
        }

        return path.Contains('{', StringComparison.Ordinal) ? !LabelName(rest).IsEmpty : rest.SequenceEqual(path);
    }

    /// <summary>The name in <c>/api/v1/label/{name}/values</c> as it stands in the target, escapes included; empty if there is none.</summary>
    public static ReadOnlySpan<char> LabelName(ReadOnlySpan<char> target)
    {
        ReadOnlySpan<char> path = PathOf(target);
        int prefix = path.IndexOf(LabelPrefix, StringComparison.Ordinal);
        if (prefix < 0 || !path.EndsWith(LabelSuffix, StringComparison.Ordinal) || path.Length < prefix + LabelPrefix.Length + LabelSuffix.Length)
        {
            return [];
        }

        ReadOnlySpan<char> name = path[(prefix + LabelPrefix.Length)..^LabelSuffix.Length];
        return name.Contains('/') ? [] : name;
    }

    /// <summary>The query of a raw target, without the question mark.</summary>
    public static ReadOnlySpan<char> QueryOf(ReadOnlySpan<char> target)
    {
        int mark = target.IndexOf('?');
        return mark < 0 ? [] : target[(mark + 1)..];
    }

    /// <summary>The path of a raw target; of an absolute one what stands behind the authority.</summary>
    public static ReadOnlySpan<char> PathOf(ReadOnlySpan<char> target)
    {
        int mark = target.IndexOf('?');
        ReadOnlySpan<char> path = mark < 0 ? target : target[..mark];
        int authority = path.IndexOf("://", StringComparison.Ordinal);
        if (path.StartsWith('/') || authority < 0)
        {
            return path;
        }

        int slash = path[(authority + 3)..].IndexOf('/');
        return slash < 0 ? [] : path[(authority + 3 + slash)..];
    }

    private static ReadRoute Of(ReadApi api, string path, bool post, string parameters) => new(
        api,
        path,
        TakesGet: true,
        post,
        [.. parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => new ReadParameter(name, name.EndsWith("[]", StringComparison.Ordinal)))]);
}
