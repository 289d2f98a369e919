using System.Collections.Immutable;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Something that one caller can do by one of two policies and not by the other.</summary>
/// <param name="Caller">As the audit knows it.</param>
/// <param name="Permission">The permission.</param>
/// <param name="Tenants">The tenants, sorted by name; empty for permissions on the gateway.</param>
internal sealed record CallerChange(Caller Caller, string Permission, ImmutableArray<string> Tenants);

/// <summary>
/// Who gains and who loses between two policies among callers that have called: each is decided by both. What a token says and the audit
/// does not record is taken to be as the policies want it: when it was issued, and whether it carries <c>idtyp</c>.
/// </summary>
internal sealed record PolicyReplay(ImmutableArray<CallerChange> Gains, ImmutableArray<CallerChange> Loses)
{
    public bool IsEmpty => Gains.IsEmpty && Loses.IsEmpty;

    /// <param name="old">The policy before.</param>
    /// <param name="now">The policy after.</param>
    /// <param name="callers">Whom to ask for.</param>
    /// <param name="at">When all of them call, with a token of that moment.</param>
    public static PolicyReplay Between(PolicySnapshot old, PolicySnapshot now, IEnumerable<Caller> callers, DateTimeOffset at)
    {
        ImmutableArray<CallerChange>.Builder gains = ImmutableArray.CreateBuilder<CallerChange>();
        ImmutableArray<CallerChange>.Builder loses = ImmutableArray.CreateBuilder<CallerChange>();
        foreach (Caller known in callers)
        {
            Caller caller = known with { IssuedAt = at, ExpiresAt = at.AddHours(1), HasIdTyp = true };
            foreach (string permission in Permissions.All)
            {
                Grant before = GrantOf(old, caller, permission, at);
                Grant after = GrantOf(now, caller, permission, at);
                if (after.Without(before) is { } gained)
                {
                    gains.Add(new CallerChange(known, permission, gained));
                }

                if (before.Without(after) is { } lost)
                {
                    loses.Add(new CallerChange(known, permission, lost));
                }
            }
        }

        return new PolicyReplay(gains.ToImmutable(), loses.ToImmutable());
    }

    /// <summary>The caller as the policies see it.</summary>
    /// <exception cref="InvalidOperationException">Its kind or its way to authenticate is none that we write: a damaged catalog.</exception>
    public static Caller CallerOf(KnownCaller known)
    {
        CallerKind kind = MatchReader.KindOf(known.Kind) ?? throw new InvalidOperationException("The audit names a kind of caller that there is not.");
        return new Caller
        {
            Kind = kind,

            // The audit does not say it, and only a human's token has a scope.
            OnBehalfOfUser = kind is CallerKind.Agent && known.Scopes.Any(scope => scope != "/"),
            Directory = known.Directory,
            ObjectId = known.ObjectId,
            Client = known.Client,
            ClientAuth = MatchReader.ClientAuthOf(known.ClientAuth) ?? throw new InvalidOperationException("The audit names a way to authenticate that there is not."),
            Roles = known.Roles,
            Scopes = known.Scopes,
            Groups = known.GroupsMatched,
            GroupsUnknown = known.GroupsUnknown,
            DisplayName = known.Name,
            KeyId = "",
            TokenVersion = TokenVersion.V2,
            IssuedAt = known.LastSeen,
            ExpiresAt = known.LastSeen,
            HasIdTyp = true,
        };
    }

    private static Grant GrantOf(PolicySnapshot policy, Caller caller, string permission, DateTimeOffset at)
    {
        if (PolicyEvaluator.CheckToken(policy, caller, at) is not null)
        {
            return Grant.None;
        }

        TenantChoice all = Permissions.IsGatewayPermission(permission) ? TenantChoice.None : TenantChoice.Several;
        PolicyDecision decision = PolicyEvaluator.Decide(
            policy, caller, new AccessQuestion(permission, all, RequestedTenants.None, int.MaxValue), at);
        return new Grant(decision.IsAllowed, [.. decision.Tenants.Select(tenant => tenant.Name)]);
    }

    private readonly record struct Grant(bool IsAllowed, ImmutableArray<string> Tenants)
    {
        public static Grant None => new(false, []);

        /// <summary>The tenants that <paramref name="other"/> has not; empty for a permission on the gateway that it has not; null if nothing is left.</summary>
        public ImmutableArray<string>? Without(Grant other)
        {
            if (!IsAllowed)
            {
                return null;
            }

            ImmutableArray<string> rest = [.. Tenants.Except(other.Tenants, StringComparer.Ordinal)];
            return !rest.IsEmpty || !other.IsAllowed ? rest : null;
        }
    }
}
