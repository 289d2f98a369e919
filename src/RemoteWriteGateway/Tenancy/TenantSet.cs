using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>The tenants that a read is about: never empty, sorted by name.</summary>
internal sealed class TenantSet(ImmutableArray<Tenant> tenants)
{
    public ImmutableArray<Tenant> Tenants { get; } = tenants;

    /// <summary>Binds a handler's <see cref="TenantSet"/> parameter: such a handler cannot run unscoped.</summary>
    /// <exception cref="InvalidOperationException">Authorization resolved no tenant for this request: a bug of ours, never a default.</exception>
    public static ValueTask<TenantSet?> BindAsync(HttpContext http) =>
        ValueTask.FromResult<TenantSet?>(http.Features.Get<Access>() is { Tenants: [_, ..] tenants }
            ? new TenantSet(tenants)
            : throw new InvalidOperationException("The route resolved no tenants."));
}
