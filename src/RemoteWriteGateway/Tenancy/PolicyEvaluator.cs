using System.Buffers;
using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Decides what a caller may do, from nothing but its arguments: no clock, no I/O, no state. Nothing is granted by default.
/// Steps, with the same numbers in <see cref="Evaluation"/>:
/// <list type="number">
/// <item>Granted: the union of what the matching bindings give, tenant by tenant.</item>
/// <item>An agent that acts for a human has only what both of them have.</item>
/// <item>Denials are subtracted, and win over every grant.</item>
/// <item>If nothing is left, the most specific reason.</item>
/// <item>Among what is left, the tenants that the request names; or all, or the only one.</item>
/// <item>The bindings that gave the chosen tenants.</item>
/// </list>
/// </summary>
internal static class PolicyEvaluator
{
    // 1 KiB: 2,000 tenants, or as many rules. Larger policies rent.
    private const int MaxStackWords = 128;

    /// <summary>Looks at revocations and at the policy's rules for tokens, which come before its bindings.</summary>
    /// <param name="policy">The policy, whose own revocations count.</param>
    /// <param name="caller">Whose token it is.</param>
    /// <param name="now">When it is presented.</param>
    /// <param name="catalog">The revocations of the catalog, united with the policy's; null where there is no catalog, as for files on the command line.</param>
    /// <returns>One of <see cref="Reasons"/>, or null if the token will do.</returns>
    public static string? CheckToken(PolicySnapshot policy, Caller caller, DateTimeOffset now, RevocationList? catalog = null) =>
        IsRevoked(policy, caller, now, catalog) ? Reasons.Revoked : policy.Tokens.FirstViolation(caller, now);

    /// <summary>The part of <see cref="CheckToken"/> that concerns routes without a permission: whether the token still counts at all.</summary>
    public static string? CheckValidity(PolicySnapshot policy, Caller caller, DateTimeOffset now, RevocationList? catalog = null) =>
        IsRevoked(policy, caller, now, catalog) ? Reasons.Revoked
        : policy.Tokens.IsTooOld(caller, now) ? Reasons.TokenTooOld
        : null;

    /// <summary>Decides by bindings and denials; <see cref="CheckToken"/> comes before.</summary>
    public static PolicyDecision Decide(PolicySnapshot policy, Caller caller, AccessQuestion question, DateTimeOffset now)
    {
        PolicyDecision own = Evaluate(policy, caller, question, null, now);
        if (question.Permission is not Permissions.PolicyRead || own.IsAllowed || own.Reason is Reasons.DeniedByPolicy)
        {
            return own;
        }

        // gateway:admin implies policy:read, as long as neither of them is denied.
        PolicyDecision implied = Evaluate(
            policy, caller, question with { Permission = Permissions.GatewayAdmin }, Permissions.PolicyRead, now);
        return implied.IsAllowed || own.Reason is not Reasons.GroupsOverage ? implied : own;
    }

    private static bool IsRevoked(PolicySnapshot policy, Caller caller, DateTimeOffset now, RevocationList? catalog) =>
        (policy.Revocations.Find(caller, now) ?? catalog?.Find(caller, now)) is not null;

    /// <summary>
    /// The tenants that bindings give before denials take any away: for telling a caller what was taken. For a permission on the gateway
    /// nothing, but <paramref name="any"/>.
    /// </summary>
    public static ImmutableArray<Tenant> GrantedBeforeDenials(
        PolicySnapshot policy, Caller caller, string permission, DateTimeOffset now, out bool any)
    {
        AccessQuestion question = new(permission, TenantChoice.Several, RequestedTenants.None, int.MaxValue);
        return new Evaluation(policy, caller, question, now, new ulong[Evaluation.WordsFor(policy)]).Granted(out any);
    }

    private static PolicyDecision Evaluate(
        PolicySnapshot policy, Caller caller, AccessQuestion question, string? alsoDenied, DateTimeOffset now)
    {
        int words = Evaluation.WordsFor(policy);
        ulong[]? rented = words <= MaxStackWords ? null : ArrayPool<ulong>.Shared.Rent(words);
        Span<ulong> memory = rented ?? stackalloc ulong[MaxStackWords];
        rented.AsSpan().Clear(); // the stack's is zero
        try
        {
            return new Evaluation(policy, caller, question, now, memory).Decide(alsoDenied);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<ulong>.Shared.Return(rented);
            }
        }
    }
}
