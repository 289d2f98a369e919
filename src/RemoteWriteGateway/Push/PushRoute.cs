using Microsoft.AspNetCore.Http.Features;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>What a path of ours is about, whatever its base.</summary>
internal enum PushArea
{
    /// <summary><c>/metrics/job/…</c>: one group.</summary>
    Group,

    /// <summary><c>/metrics</c>: the tenant's groups, to be scraped.</summary>
    Metrics,

    /// <summary><c>/api/v1/metrics</c>.</summary>
    GroupsWithMetrics,

    /// <summary><c>/api/v1/status</c>.</summary>
    Status,

    /// <summary><c>/api/v1/groups</c>.</summary>
    Groups,

    /// <summary><c>/api/v1/admin/wipe</c>.</summary>
    Wipe,

    /// <summary><c>/-/healthy</c> behind a base.</summary>
    Healthy,

    /// <summary><c>/-/ready</c> behind a base.</summary>
    Ready,

    /// <summary><c>/-/quit</c>.</summary>
    Quit,

    /// <summary><c>/</c> and <c>/status</c>.</summary>
    Page,

    /// <summary>The rest of <c>/api/v1/</c>, for <c>OPTIONS</c> only.</summary>
    Preflight,
}

/// <summary>Endpoint metadata: the endpoint takes these methods of an area. Without methods it takes all others.</summary>
internal sealed record PushRoute(PushArea Area, params string[] Methods);

/// <summary>
/// Chooses the endpoint of a request by its raw target. Routing by patterns would see the path decoded, with dot segments and without the
/// difference between a slash and <c>%2F</c>, so that a push could end up in another group than its sender named.
/// </summary>
internal sealed class PushRouter
{
    private readonly EndpointDataSource _source;
    private readonly Lock _gate = new();
    private Dictionary<(PushArea, string), Endpoint>? _endpoints;

    public PushRouter(EndpointDataSource source) => _source = source;

    /// <summary>Sets endpoint and route values of a request that is ours; leaves any other as it is.</summary>
    public void Route(HttpContext http)
    {
        if (PushTarget.TryRead(http) is not { } target || Find(target.Area, http.Request.Method) is not { } endpoint)
        {
            return;
        }

        http.Features.Set(target);
        if (target.Tenant is { } tenant)
        {
            http.Request.RouteValues[RequestedTenantsReader.RouteParameter] = tenant;
        }

        // Limits of ours are counted while reading, and named. Where routing chooses the endpoint it does this by the endpoint's metadata.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        http.SetEndpoint(endpoint);
    }

    private Endpoint? Find(PushArea area, string method)
    {
        Dictionary<(PushArea, string), Endpoint> endpoints = _endpoints ?? Read();
        return endpoints.TryGetValue((area, method), out Endpoint? exact) ? exact : endpoints.GetValueOrDefault((area, ""));
    }

    // Once all routes are mapped, which is before the first request.
    private Dictionary<(PushArea, string), Endpoint> Read()
    {
        lock (_gate)
        {
            if (_endpoints is { } read)
            {
                return read;
            }

            Dictionary<(PushArea, string), Endpoint> endpoints = [];
            foreach (Endpoint endpoint in _source.Endpoints)
            {
                if (endpoint.Metadata.GetMetadata<PushRoute>() is { } route)
                {
                    foreach (string method in route.Methods.DefaultIfEmpty(""))
                    {
                        endpoints.Add((route.Area, method), endpoint);
                    }
                }
            }

            return _endpoints = endpoints;
        }
    }
}
