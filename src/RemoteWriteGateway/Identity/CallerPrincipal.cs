using System.Security.Claims;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The principal of an authenticated request: a <see cref="Identity.Caller"/> and no claims. One object serves all requests of a token,
/// so it cannot be changed.
/// </summary>
internal sealed class CallerPrincipal(Caller caller) : ClaimsPrincipal(new CallerIdentity())
{
    public Caller Caller { get; } = caller;

    /// <summary>The caller in audit records, made once for the token.</summary>
    public AuditCaller Columns { get; } = CallerColumns.Of(caller);

    /// <summary>The caller of a request, or null if none was authenticated.</summary>
    public static Caller? Of(HttpContext http) => (http.User as CallerPrincipal)?.Caller;

    /// <exception cref="InvalidOperationException">Always.</exception>
    public override void AddIdentity(ClaimsIdentity identity) => throw Shared();

    /// <exception cref="InvalidOperationException">Always.</exception>
    public override void AddIdentities(IEnumerable<ClaimsIdentity> identities) => throw Shared();

    private static InvalidOperationException Shared() => new("This principal is shared by all requests of a token and cannot be changed.");

    private sealed class CallerIdentity() : ClaimsIdentity(authenticationType: "Bearer")
    {
        public override void AddClaim(Claim claim) => throw Shared();

        public override void AddClaims(IEnumerable<Claim?> claims) => throw Shared();
    }
}
