using Microsoft.AspNetCore.Authorization;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What a route asks for: one permission, on so many tenants. One for each route.</summary>
internal sealed class PermissionRequirement : IAuthorizationRequirement
{
    /// <exception cref="ArgumentException">There is no such permission, or it is about the gateway and not about tenants: a bug of ours, found at start.</exception>
    public PermissionRequirement(string permission, TenantChoice choice)
    {
        if (!Permissions.All.Contains(permission))
        {
            throw new ArgumentException($"There is no permission {permission}.", nameof(permission));
        }

        if (Permissions.IsGatewayPermission(permission) != (choice is TenantChoice.None))
        {
            throw new ArgumentException($"{permission} cannot be asked for on {choice} tenants.", nameof(choice));
        }

        Permission = permission;
        Choice = choice;
    }

    public string Permission { get; }

    public TenantChoice Choice { get; }

    /// <summary>Another permission that will do as well, about tenants too; null for none.</summary>
    public string? Alternative { get; init; }

    /// <summary>What is asked for, in words of an answer.</summary>
    public string Text => Alternative is null ? Permission : $"{Permission} or {Alternative}";

    public override string ToString() => $"{Text} ({Choice})";
}

/// <summary>What the fallback asks for, and routes that need no permission: a token that is valid and not revoked.</summary>
internal sealed class ValidTokenRequirement : IAuthorizationRequirement
{
    public static readonly ValidTokenRequirement Instance = new();

    private ValidTokenRequirement()
    {
    }

    public override string ToString() => "a valid token";
}

/// <summary>
/// Endpoint metadata: the route goes on with the last list of revocations when the catalog is away for too long. For writes alone, where a
/// refusal loses data for good and an answer gives nothing away.
/// </summary>
internal sealed class StaleRevocationsSuffice
{
    public static readonly StaleRevocationsSuffice Instance = new();

    private StaleRevocationsSuffice()
    {
    }
}

/// <summary>How a route says what it asks for. One that says nothing stops the start, see <see cref="RouteCheck"/>.</summary>
internal static class PermissionRouteExtensions
{
    /// <summary>Asks for <paramref name="permission"/>, on as many tenants as is usual for it.</summary>
    public static TBuilder RequirePermission<TBuilder>(this TBuilder route, string permission)
        where TBuilder : IEndpointConventionBuilder =>
        route.RequirePermission(permission, Permissions.ChoiceOf(permission));

    /// <summary>Asks for <paramref name="permission"/> on the tenants of <paramref name="choice"/>.</summary>
    public static TBuilder RequirePermission<TBuilder>(this TBuilder route, string permission, TenantChoice choice)
        where TBuilder : IEndpointConventionBuilder =>
        route.Require(new PermissionRequirement(permission, choice));

    /// <summary>Asks for one of two permissions, on exactly one tenant.</summary>
    public static TBuilder RequireOneOf<TBuilder>(this TBuilder route, string permission, string alternative)
        where TBuilder : IEndpointConventionBuilder =>
        route.Require(new PermissionRequirement(permission, TenantChoice.One) { Alternative = alternative });

    /// <summary>Asks for any valid token.</summary>
    public static TBuilder RequireValidToken<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder =>
        route.Require(ValidTokenRequirement.Instance);

    private static TBuilder Require<TBuilder>(this TBuilder route, IAuthorizationRequirement requirement)
        where TBuilder : IEndpointConventionBuilder
    {
        AuthorizationPolicy policy = new AuthorizationPolicyBuilder().AddRequirements(requirement).Build();
        return route.RequireAuthorization(policy).WithMetadata(requirement);
    }
}
