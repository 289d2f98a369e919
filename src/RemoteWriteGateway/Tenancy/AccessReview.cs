using System.Collections.Immutable;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Tenancy;

/// <summary>That somebody used what a binding gives, whatever version of the policy it stood in.</summary>
/// <param name="Binding">The binding's id.</param>
/// <param name="Subject">Object id.</param>
/// <param name="SubjectKind"><c>app</c>, <c>user</c> or <c>agent</c>.</param>
/// <param name="SubjectName">For display.</param>
/// <param name="Client">Client id of the app that presented the tokens.</param>
/// <param name="Tenant">Null for permissions on the gateway.</param>
/// <param name="Permission">What was used.</param>
/// <param name="FirstUsed">The first time in the period.</param>
/// <param name="LastUsed">The last time in the period.</param>
/// <param name="Uses">How many requests.</param>
internal sealed record ReviewedUse(
    string Binding,
    Guid Subject,
    string SubjectKind,
    string? SubjectName,
    Guid Client,
    string? Tenant,
    string Permission,
    DateTimeOffset FirstUsed,
    DateTimeOffset LastUsed,
    long Uses);

/// <summary>What of the access that the policy gave was used, and what was not.</summary>
/// <param name="Uses">Sorted by binding, subject, client, tenant and permission.</param>
/// <param name="UnusedBindings">Ids of the bindings that were in force at some time of the period and gave nobody anything, sorted.</param>
internal sealed record AccessReview(ImmutableArray<ReviewedUse> Uses, ImmutableArray<string> UnusedBindings)
{
    /// <param name="uses">As the audit has them.</param>
    /// <param name="policies">The policies of the period, by version. Of a version that is not among them every use is believed.</param>
    public static AccessReview Of(IEnumerable<AccessUse> uses, IReadOnlyDictionary<string, PolicySnapshot> policies)
    {
        ImmutableArray<ReviewedUse> reviewed =
        [
            .. uses
                .Where(use => !policies.TryGetValue(use.PolicyVersion, out PolicySnapshot? policy) || Gives(policy, use))
                .GroupBy(use => (use.Binding, use.SubjectOid, use.SubjectKind, use.ActorClient, use.Tenant, use.Permission))
                .Select(group => new ReviewedUse(
                    group.Key.Binding,
                    group.Key.SubjectOid,
                    group.Key.SubjectKind,
                    group.MaxBy(use => use.LastUsed)?.SubjectName,
                    group.Key.ActorClient,
                    group.Key.Tenant,
                    group.Key.Permission,
                    group.Min(use => use.FirstUsed),
                    group.Max(use => use.LastUsed),
                    group.Sum(use => use.Uses)))
                .OrderBy(use => use.Binding, StringComparer.Ordinal)
                .ThenBy(use => use.Subject)
                .ThenBy(use => use.Client)
                .ThenBy(use => use.Tenant, StringComparer.Ordinal)
                .ThenBy(use => use.Permission, StringComparer.Ordinal),
        ];
        IEnumerable<string> bindings = policies.Values.SelectMany(policy => policy.Bindings).Select(binding => binding.Id);
        return new AccessReview(
            reviewed,
            [.. bindings.Except(reviewed.Select(use => use.Binding), StringComparer.Ordinal).Order(StringComparer.Ordinal)]);
    }

    // A call on several tenants by several bindings is on record with all of both.
    private static bool Gives(PolicySnapshot policy, AccessUse use) =>
        policy.Bindings.FirstOrDefault(binding => binding.Id == use.Binding) is not { } binding
        || use.Tenant is not { } tenant
        || binding.AllTenants || binding.GrantsCaptured || binding.Tenants.Any(one => one.Name == tenant);
}
