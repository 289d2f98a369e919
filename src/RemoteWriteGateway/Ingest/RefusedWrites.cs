using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Ingest;

/// <summary>Counts the writes that were refused outside the handler: by identity, policy, method, and errors at the edge.</summary>
internal sealed class RefusedWrites(IngestMetrics metrics) : IRefusalObserver
{
    public void OnRefused(HttpContext http, Refusal refusal)
    {
        string tenant = http.Features.Get<Access>()?.Tenant is { } resolved ? metrics.Of(resolved.Name).Tenant : "_none";
        metrics.RefusedRequests.WithLabels(tenant, refusal.Reason).Inc();
        _ = WriteMediaType.TryRead(http.Request.Headers.ContentType, out WriteProtocol protocol);
        metrics.Requests.WithLabels(
            tenant, protocol == WriteProtocol.V2 ? "v2" : "v1", refusal.StatusCode >= 500 ? "5xx" : "4xx").Inc();
    }
}
