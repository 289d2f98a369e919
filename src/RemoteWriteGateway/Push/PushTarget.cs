using System.Collections.Immutable;
using Microsoft.AspNetCore.Http.Features;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push;

/// <summary>What the raw target of a request says: <c>[/tenants/{tenant}][/replace|/sum]</c> and a path of ours. A feature of the request.</summary>
/// <param name="Area">Which path of ours it is.</param>
/// <param name="Tenant">The tenant that the base names, or null.</param>
/// <param name="Mode">The mode that the base names, or null.</param>
/// <param name="Path">The whole path as it was sent.</param>
/// <param name="Segments">Its segments behind the first slash, as they were sent.</param>
internal sealed record PushTarget(PushArea Area, string? Tenant, PushMode? Mode, string Path, ImmutableArray<string> Segments)
{
    private const string MetricsSegment = "metrics";

    private static readonly Dictionary<string, PushArea> Fixed = new(StringComparer.Ordinal)
    {
        [""] = PushArea.Page,
        ["status"] = PushArea.Page,
        ["metrics"] = PushArea.Metrics,
        ["api/v1/metrics"] = PushArea.GroupsWithMetrics,
        ["api/v1/status"] = PushArea.Status,
        ["api/v1/groups"] = PushArea.Groups,
        ["api/v1/admin/wipe"] = PushArea.Wipe,
        ["-/quit"] = PushArea.Quit,
    };

    /// <summary>Of a request that is ours, else null.</summary>
    public static PushTarget? TryRead(HttpContext http) =>
        TryRead(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, HttpMethods.IsOptions(http.Request.Method));

    /// <summary>Reads a raw target; null if it is none of ours.</summary>
    /// <param name="target">As it came.</param>
    /// <param name="isOptions">Whether the rest of <c>/api/v1/</c> is ours as well.</param>
    public static PushTarget? TryRead(string target, bool isOptions = false)
    {
        string path = RawPath.Of(target);
        if (!path.StartsWith('/'))
        {
            return null;
        }

        ImmutableArray<string> segments = [.. path[1..].Split('/')];
        Base named = Base.Of(segments.AsSpan());
        if (FixedArea(segments, named, isOptions) is { } area)
        {
            return new PushTarget(area, named.Tenant, named.Mode, path, segments);
        }

        // Empty segments and dots are faults that the sender is told of, so they must not hide that this is a push: neither where they are
        // left out, nor where they are resolved as a proxy would.
        foreach (string[] clean in (ReadOnlySpan<string[]>)[Without(segments, resolve: false), Without(segments, resolve: true)])
        {
            Base cleanBase = Base.Of(clean);
            if (IsGroup(clean.AsSpan(cleanBase.Length), segments))
            {
                return new PushTarget(PushArea.Group, cleanBase.Tenant, cleanBase.Mode, path, segments);
            }
        }

        return null;
    }

    /// <summary>Undoes the escapes of a segment; null if they are wrong or make no UTF-8.</summary>
    public static string? Decode(string segment) => PercentDecoding.TryDecode(segment, out string? text) ? text : null;

    private static PushArea? FixedArea(ImmutableArray<string> segments, Base named, bool isOptions)
    {
        string rest = string.Join('/', segments.AsSpan()[Math.Min(named.Length, segments.Length)..]!);
        if (Fixed.TryGetValue(rest, out PushArea area))
        {
            return area;
        }

        // Without a base these are routes of all that the gateway does.
        return named.Length > 0 && rest == "-/healthy" ? PushArea.Healthy
            : named.Length > 0 && rest == "-/ready" ? PushArea.Ready
            : isOptions && rest.StartsWith("api/v1/", StringComparison.Ordinal) && rest is not ("api/v1/write" or "api/v1/push" or "api/v1/receive") ? PushArea.Preflight
            : null;
    }

    /// <summary>Whether it is <c>metrics/job/…</c> with something behind the job's name.</summary>
    private static bool IsGroup(ReadOnlySpan<string> rest, ImmutableArray<string> segments)
    {
        if (rest.Length < 2 || Decode(rest[0]) != MetricsSegment || Decode(rest[1]) is not ("job" or PushPath.JobInBase64))
        {
            return false;
        }

        // "/metrics/job" and "/metrics/job/" are no group, and "/metrics/job//" is a fault.
        return rest.Length > 2 || (segments.Length > 2 && segments[^1].Length == 0 && segments[^2].Length == 0);
    }

    private static string[] Without(ImmutableArray<string> segments, bool resolve)
    {
        List<string> kept = new(segments.Length);
        foreach (string segment in segments)
        {
            switch (Decode(segment))
            {
                case "" or ".":
                    break;
                case "..":
                    if (resolve && kept.Count > 0)
                    {
                        kept.RemoveAt(kept.Count - 1);
                    }

                    break;
                default:
                    kept.Add(segment);
                    break;
            }
        }

        return [.. kept];
    }

    /// <summary>The optional first part of a path.</summary>
    /// <param name="Length">Segments that it takes.</param>
    /// <param name="Tenant">The tenant that it names, or null.</param>
    /// <param name="Mode">The mode that it names, or null.</param>
    internal readonly record struct Base(int Length, string? Tenant, PushMode? Mode)
    {
        public static Base Of(ReadOnlySpan<string> segments)
        {
            bool hasTenant = segments is ["tenants", not "", ..];
            int length = hasTenant ? 2 : 0;
            PushMode? mode = segments.Length <= length ? null : segments[length] switch
            {
                "replace" => PushMode.Replace,
                "sum" => PushMode.Sum,
                _ => null,
            };
            return new Base(mode is null ? length : length + 1, hasTenant ? segments[1] : null, mode);
        }
    }
}
