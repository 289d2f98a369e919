using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What authorization decided for a request: a feature of the <see cref="HttpContext"/>.</summary>
/// <param name="Caller">Who is calling.</param>
/// <param name="Permission">The route's permission, which was granted.</param>
/// <param name="Tenants">The tenants that the request is about, sorted by name: exactly one on write and push, one or more on reads, none where the permission is about the gateway.</param>
/// <param name="Bindings">Ids of the bindings that granted it.</param>
/// <param name="PolicyVersion">First 16 hex digits of the policy document's SHA-256.</param>
internal sealed record Access(
    Caller Caller, string Permission, ImmutableArray<Tenant> Tenants, ImmutableArray<string> Bindings, string PolicyVersion)
{
    /// <summary>The only tenant, or null where the request is about several or none.</summary>
    public Tenant? Tenant => Tenants.Length == 1 ? Tenants[0] : null;

    /// <summary>
    /// Whether it was granted by <c>allTenants</c>, nothing of it denied, on a request that names no tenant: then it is about what belongs
    /// to no tenant as well, and to tenants that are not declared any more.
    /// </summary>
    public bool AllTenants { get; init; }

    /// <summary>The longest range of a read, or null for no limit: the smallest of the bindings that gave these tenants.</summary>
    public TimeSpan? MaxRange { get; init; }
}
