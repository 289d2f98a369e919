namespace RemoteWriteGateway.Http;

/// <summary>Endpoint metadata of a feature that keeps its own count of refusals, told of those that are decided before its handler runs.</summary>
internal interface IRefusalObserver
{
    /// <summary>Called once for each refused request of the endpoint, before the answer is written.</summary>
    void OnRefused(HttpContext http, Refusal refusal);
}
