using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary><c>GET /whoami</c>: for whoever has a valid token, about nobody else.</summary>
internal sealed class WhoAmIRoute(PolicySource policies, TimeProvider time)
{
    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get("/whoami", "whoAmI", permission: null, "Who you are by your token, and what the policy lets you do.", typeof(WhoAmI)),
        call => Task.FromResult(AdminAnswer.Ok(WhoAmI.Of(policies.Current, call.Caller, time.GetUtcNow(), call.RequestId))));
}
