using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>Makes requests to a store from what was written for it.</summary>
internal static class StoreTargets
{
    private const int MaxTargetBytes = 8 * 1024;

    /// <summary>The form as a body, of routes that take POST.</summary>
    public static StoreReadRequest Post(ReadScope scope, string path, FormWriter form, bool acceptsGzip) =>
        new(HttpMethod.Post, UrlOf(scope, path, scope.UrlParameters)) { Body = form.Written, AcceptsGzip = acceptsGzip, TenantIds = scope.TenantHeader };

    /// <summary>The form in the URL, of routes that take GET only; a refusal if it is longer than stores take.</summary>
    public static Refusal? TryGet(ReadScope scope, string path, FormWriter form, bool acceptsGzip, bool withTenants, out StoreReadRequest request)
    {
        string parameters = withTenants ? scope.UrlParameters : scope.UrlConstants;
        string written = form.ToString();
        string query = written.Length > 0 && parameters.Length > 0 ? $"{written}&{parameters}" : written + parameters;
        request = new StoreReadRequest(HttpMethod.Get, UrlOf(scope, path, query)) { AcceptsGzip = acceptsGzip, TenantIds = scope.TenantHeader };
        int length = path.Length + query.Length;
        return length <= MaxTargetBytes
            ? null
            : ReadRefusals.Bad(
                "rewritten-query-too-long",
                $"the address for the store has {length} bytes, limit {MaxTargetBytes}; send fewer or shorter match[], or name fewer tenants in the request");
    }

    private static Uri UrlOf(ReadScope scope, string path, string query) =>
        scope.Side.UrlOf(scope.StoreIds[0], query.Length == 0 ? path : $"{path}?{query}");
}
