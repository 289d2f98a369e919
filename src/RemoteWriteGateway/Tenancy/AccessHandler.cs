using System.Collections.Immutable;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Decides every request that asks for a token. Leaves an <see cref="Access"/> with the request, or a <see cref="Refusal"/>:
/// <list type="number">
/// <item>Authentication's verdict comes first, then that there is no caller.</item>
/// <item>The catalog's list of revocations is known, and not too old for this route.</item>
/// <item>Revocations and the policy's rules for tokens. A route that needs no permission ends here.</item>
/// <item>The tenants that the request names.</item>
/// <item>Bindings and denials.</item>
/// </list>
/// All of it by one snapshot of the policy and one list of revocations, each read once. What was asked and decided stands in the
/// request's <see cref="AuditScope"/>.
/// </summary>
internal sealed class AccessHandler(
    PolicySource source, CatalogRevocations catalog, TenancyRefusals refusals, PolicyMetrics metrics, IOptions<TenancyOptions> options, TimeProvider time)
    : IAuthorizationHandler
{
    private readonly TenancyOptions _options = options.Value;

    public Task HandleAsync(AuthorizationHandlerContext context)
    {
        if (context.Resource is not HttpContext http)
        {
            context.Fail(new AuthorizationFailureReason(this, "Only HTTP requests are authorized here."));
            return Task.CompletedTask;
        }

        if (Decide(http) is { } refusal)
        {
            http.Features.Set(refusal);
            context.Fail();
            return Task.CompletedTask;
        }

        foreach (IAuthorizationRequirement requirement in context.Requirements)
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    private Refusal? Decide(HttpContext http)
    {
        // 1.
        if (http.Features.Get<Refusal>() is { } unauthenticated)
        {
            return unauthenticated;
        }

        if (CallerPrincipal.Of(http) is not { } caller)
        {
            return IdentityRefusals.NoCredentials;
        }

        try
        {
            return Decide(http, caller);
        }
        catch
        {
            // A bug of ours and a 500, which the middleware makes of it: counted, and never a grant.
            metrics.CountEvaluationError();
            throw;
        }
    }

    private Refusal? Decide(HttpContext http, Caller caller)
    {
        PolicySnapshot policy = source.Current;
        DateTimeOffset now = time.GetUtcNow();
        EndpointMetadataCollection? route = http.GetEndpoint()?.Metadata;
        PermissionRequirement? asked = route?.GetMetadata<PermissionRequirement>();
        AuditScope? audit = AuditScope.Of(http);
        if (audit is not null)
        {
            audit.PolicyVersion = policy.Version;
            audit.Permission = asked?.Permission;
        }

        // 2.
        bool evenIfStale = route?.GetMetadata<StaleRevocationsSuffice>() is not null;
        if (!catalog.TryGet(now, evenIfStale, out RevocationList? revocations))
        {
            return TenancyRefusals.CatalogUnavailable;
        }

        // 3.
        string? violation = asked is null
            ? PolicyEvaluator.CheckValidity(policy, caller, now, revocations)
            : PolicyEvaluator.CheckToken(policy, caller, now, revocations);
        if (violation is not null)
        {
            return refusals.OfToken(violation, caller, policy.Tokens, now);
        }

        if (asked is null)
        {
            return audit?.Begin();
        }

        // 4.
        RequestedTenants requested = RequestedTenants.None;
        if (asked.Choice is TenantChoice.One or TenantChoice.Several
            && RequestedTenantsReader.Read(http, asked.Choice, _options.Header, out requested) is { } unclear)
        {
            return refusals.Of(unclear, asked.Text);
        }

        // 5.
        (string permission, PolicyDecision decision) = Decide(policy, caller, asked, requested, now);
        metrics.CountUndeclaredTenants(decision.UndeclaredTenants);
        if (audit is not null && requested.Count > 0 && (decision.Reason is not null || asked.Choice is TenantChoice.Several))
        {
            audit.TenantsRequested = requested.ToArray();
        }

        if (decision.Reason is { } reason)
        {
            return asked.Choice is TenantChoice.All && reason is Reasons.TenantNotGranted
                ? refusals.NotOnAllTenants(asked.Permission)
                : refusals.Of(reason, asked.Text, decision.TooMany);
        }

        http.Features.Set(new Access(caller, permission, decision.Tenants, decision.Bindings, policy.Version)
        {
            AllTenants = decision.AllTenants,
            MaxRange = decision.MaxRange,
        });
        if (audit is null)
        {
            return null;
        }

        audit.Permission = permission;
        return Begin(audit, policy, caller, decision);
    }

    /// <summary>Decides on a permission, or on each of two: then they must not lead to different tenants.</summary>
    private (string Permission, PolicyDecision Decision) Decide(
        PolicySnapshot policy, Caller caller, PermissionRequirement asked, RequestedTenants requested, DateTimeOffset now)
    {
        PolicyDecision decision = DecideOn(asked.Permission);
        if (asked.Alternative is not { } alternative)
        {
            return (asked.Permission, decision);
        }

        PolicyDecision other = DecideOn(alternative);
        bool isAmbiguous = decision.IsAllowed && other.IsAllowed
            ? decision.Tenants[0] != other.Tenants[0]
            : decision.Reason is Reasons.TenantAmbiguous || other.Reason is Reasons.TenantAmbiguous;
        return isAmbiguous ? (asked.Permission, PolicyDecision.Refused(Reasons.TenantAmbiguous, decision.UndeclaredTenants))
            : !decision.IsAllowed && other.IsAllowed ? (alternative, other)
            : (asked.Permission, decision);

        PolicyDecision DecideOn(string permission) =>
            PolicyEvaluator.Decide(policy, caller, AccessQuestion.Of(permission, asked.Choice, requested, _options.MaxTenantsPerRead), now);
    }

    private static Refusal? Begin(AuditScope audit, PolicySnapshot policy, Caller caller, in PolicyDecision decision)
    {
        audit.Bindings = decision.Bindings;
        audit.GroupsMatched = policy.GroupsMatched(caller, decision.Bindings);
        switch (decision.Tenants)
        {
            case []:
                break;
            case [Tenant only]:
                audit.Tenant = only.Name;
                break;
            default:
                audit.Tenants = ImmutableArray.CreateRange(decision.Tenants, static tenant => tenant.Name);
                break;
        }

        return audit.Begin();
    }
}
