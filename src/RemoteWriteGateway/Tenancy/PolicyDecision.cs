using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What is asked of a policy for one request.</summary>
/// <param name="Permission">One of <see cref="Permissions.All"/>.</param>
/// <param name="Choice">How many tenants the route is about.</param>
/// <param name="Requested">The tenants that the request names.</param>
/// <param name="MaxTenants">The most tenants of one read.</param>
internal readonly record struct AccessQuestion(string Permission, TenantChoice Choice, RequestedTenants Requested, int MaxTenants)
{
    /// <summary>
    /// What a route of <paramref name="permission"/> asks. Only reads of metrics are bounded by <paramref name="maxTenantsPerRead"/>: it is
    /// about the selectors of a query.
    /// </summary>
    public static AccessQuestion Of(string permission, TenantChoice choice, RequestedTenants requested, int maxTenantsPerRead) =>
        new(permission, choice, requested, permission is Permissions.MetricsRead ? maxTenantsPerRead : int.MaxValue);
}

/// <summary>A policy's answer.</summary>
/// <param name="Reason">One of <see cref="Reasons"/> if access is refused, null if it is granted.</param>
/// <param name="Tenants">The chosen tenants, sorted by name. Empty if refused, and for permissions on the gateway.</param>
/// <param name="Bindings">Ids of the bindings that granted the chosen tenants, in the order of the document.</param>
/// <param name="MaxRange">The smallest <c>maxRange</c> of those bindings.</param>
/// <param name="UndeclaredTenants">How many roles fit a template but name a tenant that is not declared.</param>
internal readonly record struct PolicyDecision(
    string? Reason,
    ImmutableArray<Tenant> Tenants,
    ImmutableArray<string> Bindings,
    TimeSpan? MaxRange,
    int UndeclaredTenants)
{
    /// <summary>How many tenants the request is about, where the reason is <see cref="Reasons.TooManyTenants"/>.</summary>
    public int TooMany { get; init; }

    /// <summary>
    /// The permission is held on all tenants, those to come and no tenant at all included: granted by <c>allTenants</c>, nothing of it
    /// denied, and the request names none.
    /// </summary>
    public bool AllTenants { get; init; }

    public bool IsAllowed => Reason is null;

    public static PolicyDecision Refused(string reason, int undeclaredTenants = 0) => new(reason, [], [], null, undeclaredTenants);
}

/// <summary>The tenants that a request names: none, one, or several without repeats.</summary>
internal readonly struct RequestedTenants
{
    private readonly string? _one;
    private readonly ImmutableArray<string> _several;

    public RequestedTenants(string name) => _one = name;

    public RequestedTenants(ImmutableArray<string> names) => _several = names;

    /// <summary>The request leaves the choice to the policy.</summary>
    public static RequestedTenants None => default;

    public int Count => _one is not null ? 1 : _several.IsDefault ? 0 : _several.Length;

    public string this[int index] => _one ?? _several[index];

    public ImmutableArray<string> ToArray() => _one is not null ? [_one] : _several.IsDefault ? [] : _several;
}
