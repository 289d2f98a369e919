using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>The policy's <c>tokens</c>: what every token must have, whatever the rules say.</summary>
/// <param name="DelegatedScope">The scope that every user token needs.</param>
/// <param name="RequireIdTyp">Whether claim <c>idtyp</c> must be there.</param>
/// <param name="MinClientAuth">How apps and agents must have proved themselves at least.</param>
/// <param name="MaxUserAge">The longest time since a user token was issued, or null for no limit.</param>
internal sealed record TokenRules(
    string DelegatedScope = "Metrics.Access",
    bool RequireIdTyp = false,
    ClientAuth MinClientAuth = ClientAuth.Public,
    TimeSpan? MaxUserAge = null)
{
    /// <summary>Whether the token of <paramref name="caller"/> speaks for a human: directly, or through an agent.</summary>
    public static bool IsUserToken(Caller caller) => caller.Kind is CallerKind.User || caller.OnBehalfOfUser;

    /// <summary>The reason for which the token is not enough, or null; a verdict of 403 before <see cref="Reasons.TokenTooOld"/>, which is 401.</summary>
    public string? FirstViolation(Caller caller, DateTimeOffset now) =>
        IsUserToken(caller) && !caller.Scopes.AsSpan().Contains(DelegatedScope) ? Reasons.ScopeMissing
        : RequireIdTyp && !caller.HasIdTyp ? Reasons.IdTypMissing
        : caller.Kind is not CallerKind.User && caller.ClientAuth < MinClientAuth ? Reasons.ClientAuthTooWeak
        : IsTooOld(caller, now) ? Reasons.TokenTooOld
        : null;

    public bool IsTooOld(Caller caller, DateTimeOffset now) => IsUserToken(caller) && now - caller.IssuedAt > MaxUserAge;
}
