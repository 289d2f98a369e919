using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>The conditions of a rule, as the policy file writes them: every one that is given must hold, any item of a list will do.</summary>
/// <param name="Kind">Kinds of callers.</param>
/// <param name="Client">Client ids; null if not given, as all that follow.</param>
/// <param name="Oid">Object ids.</param>
/// <param name="Group">Object ids of groups.</param>
/// <param name="Role">App roles.</param>
/// <param name="Scope">Delegated scopes.</param>
/// <param name="ClientAuth">How the client proved itself.</param>
/// <param name="RoleTemplate">A role that names a tenant.</param>
internal sealed record MatchItem(
    ImmutableArray<string> Kind,
    ImmutableArray<Guid>? Client,
    ImmutableArray<Guid>? Oid,
    ImmutableArray<Guid>? Group,
    ImmutableArray<string>? Role,
    ImmutableArray<string>? Scope,
    ImmutableArray<string>? ClientAuth,
    string? RoleTemplate)
{
    public static MatchItem Of(RuleMatch match) => new(
        [.. match.Kinds.Select(MatchReader.NameOf)],
        match.Clients is null ? null : [.. match.Clients.Order()],
        match.ObjectIds is null ? null : [.. match.ObjectIds.Order()],
        match.Groups,
        match.Roles is null ? null : [.. match.Roles.Order(StringComparer.Ordinal)],
        match.Scopes is null ? null : [.. match.Scopes.Order(StringComparer.Ordinal)],
        match.ClientAuths is { } auths ? [.. auths.Select(MatchReader.NameOf)] : null,
        match.RoleTemplate?.ToString());
}
