using System.Collections.Immutable;

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

    /// <summary>All of them. Indexes of a <see cref="PolicySnapshot"/> are in this order.</summary>
    public static ImmutableArray<string> All { get; } =
        [MetricsWrite, MetricsPush, MetricsDelete, MetricsRead, AuditRead, PolicyRead, GatewayAdmin];

    /// <summary>Whether <paramref name="permission"/> is about the gateway itself and not about a tenant.</summary>
    public static bool IsGatewayPermission(string permission) => permission is PolicyRead or GatewayAdmin;

    /// <summary>How many tenants a route of this permission is about, unless the route says otherwise.</summary>
    public static TenantChoice ChoiceOf(string permission) => permission switch
    {
        MetricsRead or AuditRead => TenantChoice.Several,
        PolicyRead or GatewayAdmin => TenantChoice.None,
        _ => TenantChoice.One,
    };
}

/// <summary>How many tenants a request of a route is about.</summary>
internal enum TenantChoice
{
    /// <summary>None: the gateway itself. What a request says about tenants is not looked at.</summary>
    None,

    /// <summary>Exactly one: what is written or pushed has one owner.</summary>
    One,

    /// <summary>One or more: a read over all tenants that are granted, or over those that the request names.</summary>
    Several,

    /// <summary>
    /// The whole: only for those who hold the permission by <c>allTenants</c>, with nothing taken away. What a request says about tenants
    /// is not looked at.
    /// </summary>
    All,
}
