namespace RemoteWriteGateway.Audit;

/// <summary>What a request of a route is on record as, once identity and policy have let it through. Endpoint metadata.</summary>
/// <param name="Event">One of <see cref="AuditEvents"/>.</param>
internal sealed record AuditedRoute(string Event)
{
    /// <summary>The record is durable before the first byte of the answer is sent.</summary>
    public bool IsAheadOfAnswer => Event is AuditEvents.Admin;

    /// <summary>The route is refused while the audit cannot be written; writes are only with <see cref="AuditOptions.StopWrites"/>.</summary>
    public bool NeedsAudit => Event is not AuditEvents.WriteSummary;
}

internal static class AuditedRouteExtensions
{
    /// <summary>Says as what requests of this route are recorded. Without it only refusals are.</summary>
    public static TBuilder Audited<TBuilder>(this TBuilder route, string auditEvent)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new AuditedRoute(auditEvent));
}
