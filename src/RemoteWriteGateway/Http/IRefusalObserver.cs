namespace RemoteWriteGateway.Http;

/// <summary>
/// Is told of refusals that <see cref="RefusalWriter"/> writes: as a service of all, as metadata of an endpoint of that endpoint's, which are
/// decided before its handler runs.
/// </summary>
internal interface IRefusalObserver
{
    /// <summary>Called once for each refused request, before the answer is written.</summary>
    void OnRefused(HttpContext http, Refusal refusal);
}
