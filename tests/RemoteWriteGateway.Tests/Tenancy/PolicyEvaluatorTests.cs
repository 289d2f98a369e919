using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class PolicyEvaluatorTests
{
    private const string Write = Permissions.MetricsWrite;
    private const string Read = Permissions.MetricsRead;

    [Fact]
    public void Nothing_is_granted_by_default()
    {
        Assert.Equal("permission-denied", Decide(TestPolicy.Of(""), App("Metrics.Write"), Write));
    }

    [Theory]
    [InlineData("kind: app, role: [W]", "a")]
    [InlineData("kind: [user, app], role: [W]", "a")]
    [InlineData("kind: app, role: [X, W]", "a")]
    [InlineData("kind: user, role: [W]", "permission-denied")]
    [InlineData("kind: agent, role: [W]", "permission-denied")]
    [InlineData("kind: app, role: [w]", "permission-denied")]
    [InlineData("kind: app, client: [99999999-0000-4000-8000-000000000001]", "a")]
    [InlineData("kind: app, client: [88888888-0000-4000-8000-000000000001]", "permission-denied")]
    [InlineData("kind: app, client: [88888888-0000-4000-8000-000000000001, 99999999-0000-4000-8000-000000000001], role: [W]", "a")]
    [InlineData("kind: app, client: [99999999-0000-4000-8000-000000000001], role: [X]", "permission-denied")]
    [InlineData("kind: app, oid: [0F0F0F0F-1111-4222-8333-444444444444]", "a")]
    [InlineData("kind: app, oid: [99999999-0000-4000-8000-000000000001]", "permission-denied")]
    [InlineData("kind: app, role: [W], group: [77777777-0000-4000-8000-000000000001]", "a")]
    [InlineData("kind: app, role: [W], group: [77777777-0000-4000-8000-000000000002]", "permission-denied")]
    [InlineData("kind: app, role: [W], scope: [S]", "permission-denied")]
    [InlineData("kind: app, role: [W], clientAuth: [assertion]", "a")]
    [InlineData("kind: app, role: [W], clientAuth: [public, secret]", "permission-denied")]
    public void A_binding_matches_if_every_field_given_has_an_item_that_fits(string match, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of($$"""- { id: one, match: { {{match}} }, grant: { permissions: [metrics:write], tenants: [a] } }""");

        Assert.Equal(expected, Decide(policy, App("W").In(Team), Write));
    }

    private static string Decide(PolicySnapshot policy, Caller caller, string permission, params string[] tenants)
    {
        AccessQuestion question = new(permission, Permissions.ChoiceOf(permission), new RequestedTenants([.. tenants]), 100);
        PolicyDecision decision = PolicyEvaluator.Decide(policy, caller, question, Now);
        return decision.Reason ?? string.Join('|', decision.Tenants.Select(tenant => tenant.Name));
    }
}
