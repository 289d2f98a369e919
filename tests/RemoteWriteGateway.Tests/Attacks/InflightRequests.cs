namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>The places that requests hold in a gateway under test.</summary>
internal static class InflightRequests
{
    /// <summary>Waits until no request holds a place: it is given back a moment after the answer has left.</summary>
    public static async Task UntilNothingIsInFlightAsync(this GatewayHost gateway)
    {
        while (await gateway.MetricAsync("rwgateway_ingest_inflight_requests") > 0)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
