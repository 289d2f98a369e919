using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Audit;

/// <summary>The audit cannot be written: the spool is full or cannot be written either. Answered 503 <c>audit-unavailable</c>.</summary>
internal sealed class AuditUnavailableException(string message) : Exception(message)
{
    public static AuditUnavailableException NotWritten() => new("The audit cannot be written: neither the catalog nor the spool takes records.");
}

internal static class AuditRefusals
{
    public static readonly Refusal Unavailable =
        new("audit-unavailable", StatusCodes.Status503ServiceUnavailable, "the audit cannot be written; retry") { RetryAfter = TimeSpan.FromSeconds(5) };
}
