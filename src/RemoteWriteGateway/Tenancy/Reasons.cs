using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Ids of the reasons for which a policy or the choice of a tenant refuses a request.</summary>
internal static class Reasons
{
    public const string CatalogUnavailable = "catalog-unavailable";
    public const string Revoked = "revoked";
    public const string TokenTooOld = "token-too-old";
    public const string ScopeMissing = "scope-missing";
    public const string IdTypMissing = "idtyp-missing";
    public const string ClientAuthTooWeak = "client-auth-too-weak";
    public const string NoRoles = "no-roles";
    public const string PermissionDenied = "permission-denied";
    public const string DeniedByPolicy = "denied-by-policy";
    public const string GroupsOverage = "groups-overage";
    public const string TenantNotGranted = "tenant-not-granted";
    public const string TenantConflict = "tenant-conflict";
    public const string TenantInvalid = "tenant-invalid";
    public const string TenantAmbiguous = "tenant-ambiguous";
    public const string TooManyTenants = "too-many-tenants";

    /// <summary>Those that follow from a policy, a caller and the tenants that are requested, and from nothing else of a request.</summary>
    public static ImmutableArray<string> OfPolicy { get; } =
    [
        Revoked, TokenTooOld, ScopeMissing, IdTypMissing, ClientAuthTooWeak, NoRoles, PermissionDenied, DeniedByPolicy, GroupsOverage,
        TenantNotGranted, TenantInvalid, TenantAmbiguous, TooManyTenants,
    ];
}
