using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Who may use a permission on a tenant by one policy at one time, told by its rules: the policy names conditions, not people.</summary>
/// <param name="Bindings">Those that give it, in the order of the document.</param>
/// <param name="Denials">Those that take it away from whom they match, in the order of the document.</param>
internal sealed record AccessMatrix(ImmutableArray<Binding> Bindings, ImmutableArray<DenyRule> Denials)
{
    /// <param name="policy">The policy.</param>
    /// <param name="permission">One of <see cref="Permissions.All"/>.</param>
    /// <param name="tenant">A tenant of this policy; null for permissions on the gateway.</param>
    /// <param name="at">Rules that have not begun or have ended by then are left out.</param>
    public static AccessMatrix Of(PolicySnapshot policy, string permission, Tenant? tenant, DateTimeOffset at) => new(
        [.. policy.Bindings.Where(rule => Counts(rule, permission, tenant, at))],
        [.. policy.Denials.Where(rule => Counts(rule, permission, tenant, at))]);

    private static bool Counts(PolicyRule rule, string permission, Tenant? tenant, DateTimeOffset at)
    {
        if (!PolicyTrace.Concerns(rule, permission) || at < rule.NotBefore || at > rule.NotAfter)
        {
            return false;
        }

        // With a template a role names the tenant, and roles stand in the directory, not here: it may be this one.
        return tenant is null || rule.AllTenants || rule.Tenants.Contains(tenant) || rule is Binding { GrantsCaptured: true };
    }
}
