using System.Collections.Immutable;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Reads which tenants a request names: by the path prefix <c>/tenants/{tenant}/</c> or by a header, and by nothing else. What
/// it names grants nothing: it only chooses among the tenants that are granted.
/// </summary>
internal static class RequestedTenantsReader
{
    /// <summary>Name of the route parameter in <c>/tenants/{tenant}/…</c>.</summary>
    public const string RouteParameter = "tenant";

    private const string PathPrefix = "/tenants/";

    /// <summary>Reads them; <paramref name="header"/> is the header's name.</summary>
    /// <returns>Null, or a reason to refuse: <see cref="Reasons.TenantConflict"/> or <see cref="Reasons.TenantInvalid"/>.</returns>
    public static string? Read(HttpContext http, TenantChoice choice, string header, out RequestedTenants requested)
    {
        requested = RequestedTenants.None;
        StringValues inHeader = http.Request.Headers[header];
        if (inHeader.Count > 1)
        {
            return Reasons.TenantConflict;
        }

        bool hasPath = TryReadPath(http, out string? inPath);
        if (hasPath && inPath is null)
        {
            return Reasons.TenantInvalid;
        }

        if (inHeader.Count == 0)
        {
            requested = inPath is null ? RequestedTenants.None : new RequestedTenants(inPath);
            return null;
        }

        string text = inHeader[0] ?? "";
        string? reason = choice is TenantChoice.Several && text.Contains('|', StringComparison.Ordinal)
            ? ReadSeveral(text, out requested)
            : ReadOne(text, out requested);
        return reason is null && inPath is not null && !string.Equals(inPath, text, StringComparison.Ordinal)
            ? Reasons.TenantConflict
            : reason;
    }

    private static string? ReadOne(string text, out RequestedTenants requested)
    {
        bool isValid = TenantName.IsValid(text);
        requested = isValid ? new RequestedTenants(text) : RequestedTenants.None;
        return isValid ? null : Reasons.TenantInvalid;
    }

    private static string? ReadSeveral(string text, out RequestedTenants requested)
    {
        string[] names = text.Split('|');
        bool areValid = Array.TrueForAll(names, name => TenantName.IsValid(name));
        requested = areValid
            ? new RequestedTenants([.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)])
            : RequestedTenants.None;
        return areValid ? null : Reasons.TenantInvalid;
    }

    /// <summary>Whether the route has the prefix; <paramref name="tenant"/> is then its segment, or null if that is no tenant's name.</summary>
    private static bool TryReadPath(HttpContext http, out string? tenant)
    {
        tenant = null;
        if (!http.Request.RouteValues.TryGetValue(RouteParameter, out object? value))
        {
            return false;
        }

        // Routing saw the path decoded and without dot segments. A name needs neither, so a target that is not literally
        // "/tenants/<name>/…" says one thing to us and perhaps another to what stands before us.
        string segment = value as string ?? "";
        ReadOnlySpan<char> target = PathOf(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        if (TenantName.IsValid(segment)
            && target.StartsWith(PathPrefix, StringComparison.Ordinal)
            && target[PathPrefix.Length..].StartsWith(segment, StringComparison.Ordinal)
            && target[(PathPrefix.Length + segment.Length)..].StartsWith('/'))
        {
            tenant = segment;
        }

        return true;
    }

    /// <summary>What stands behind the authority of an absolute target; targets that begin with a slash as they are.</summary>
    private static ReadOnlySpan<char> PathOf(ReadOnlySpan<char> target)
    {
        int authority = target.IndexOf("://", StringComparison.Ordinal);
        if (target.StartsWith('/') || authority < 0)
        {
            return target;
        }

        ReadOnlySpan<char> rest = target[(authority + 3)..];
        int path = rest.IndexOf('/');
        return path < 0 ? [] : rest[path..];
    }
}
