using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What is odd about a valid policy: nothing of it stops a gateway, and each is worth a look.</summary>
internal static class PolicyWarnings
{
    /// <summary>They, at <paramref name="now"/>.</summary>
    public static ImmutableArray<string> Of(PolicySnapshot policy, DateTimeOffset now) =>
    [
        .. policy.Bindings.Where(rule => rule.NotAfter < now).Select(rule => $"binding \"{rule.Id}\" ended {Instant.Show(rule.NotAfter!.Value)}"),
        .. policy.Denials.Where(rule => rule.NotAfter < now).Select(rule => $"deny \"{rule.Id}\" ended {Instant.Show(rule.NotAfter!.Value)}"),
        .. policy.Revocations.All.Where(one => one.Until < now)
            .Select(one => $"the revocation of {RevocationsReader.NameOf(one.Kind)} {one.Value} ended {Instant.Show(one.Until!.Value)}"),
        .. policy.Tenants.Where(tenant => !policy.Bindings.Any(rule => Gives(rule, tenant)))
            .Select(tenant => $"tenant \"{tenant.Name}\" is declared, and no binding grants anything on it"),
        .. policy.Bindings.Any(rule => rule.Permissions.Contains(Permissions.GatewayAdmin))
            ? (string[])[]
            : ["no binding grants gateway:admin: nobody can revoke access, or read this policy, through the admin API"],
    ];

    private static bool Gives(Binding rule, Tenant tenant) => rule.AllTenants || rule.GrantsCaptured || rule.Tenants.Contains(tenant);
}
