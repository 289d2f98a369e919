namespace RemoteWriteGateway.Tenancy;

/// <summary>What a caller may do: the permissions that a policy grants.</summary>
internal static class Permissions
{
    public const string MetricsWrite = "metrics:write";
    public const string MetricsPush = "metrics:push";
    public const string MetricsDelete = "metrics:delete";
    public const string MetricsRead = "metrics:read";
    public const string AuditRead = "audit:read";
    public const string PolicyRead = "policy:read";
    public const string GatewayAdmin = "gateway:admin";
}
