using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed partial class PolicyEvaluatorTests
{
    [Fact]
    public void An_agent_for_a_human_has_only_what_both_have()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: user, role: [R]", Read, "a, b", id: "humans", limits: "maxRange: 7d")}
            {Grant("kind: agent, client: [55555555-0000-4000-8000-000000000001]", Read, "b, c", id: "bot", limits: "maxRange: 1d")}
            """);

        PolicyDecision decision = Answer(policy, AgentForAnn("R"), Read);

        Assert.Equal(["b"], decision.Tenants.Select(tenant => tenant.Name));
        Assert.Equal(["humans", "bot"], decision.Bindings);
        Assert.Equal(TimeSpan.FromDays(1), decision.MaxRange);
        Assert.Equal("tenant-not-granted", Decide(policy, AgentForAnn("R"), Read, "a"));
        Assert.Equal("tenant-not-granted", Decide(policy, AgentForAnn("R"), Read, "c"));
        Assert.Equal("permission-denied", Decide(policy, AgentForAnn("X"), Read));
        Assert.Equal("permission-denied", Decide(policy, AgentForAnn("R") with { Client = Guid.Parse(Grafana) }, Read));
    }

    [Theory]
    [InlineData("kind: agent, role: [R]")]
    [InlineData("kind: agent, oid: [66666666-0000-4000-8000-000000000001]")]
    [InlineData("kind: agent, client: [55555555-0000-4000-8000-000000000001], role: [R]")]
    [InlineData("kind: agent, client: [55555555-0000-4000-8000-000000000001], scope: [Metrics.Access]")]
    public void An_agents_half_never_comes_from_the_humans_roles_or_scopes(string agentMatch)
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: user, role: [R]", Read, "a", id: "humans")}
            {Grant(agentMatch, Read, "a", id: "bots")}
            """);

        Assert.Equal("permission-denied", Decide(policy, AgentForAnn("R"), Read));
    }

    [Theory]
    [InlineData("kind: user, oid: [66666666-0000-4000-8000-000000000001]")]
    [InlineData("kind: user, group: [77777777-0000-4000-8000-000000000001]")]
    [InlineData("kind: agent, client: [55555555-0000-4000-8000-000000000001]")]
    public void A_denial_of_either_half_denies_an_agent_for_a_human(string denyMatch)
    {
        PolicySnapshot policy = TestPolicy.Of(
            $"""
            {Grant("kind: user, role: [R]", Read, "a", id: "humans")}
            {Grant("kind: agent, client: [55555555-0000-4000-8000-000000000001]", Read, "a", id: "bots")}
            """,
            Deny(denyMatch, "everything: true"));

        Assert.Equal("denied-by-policy", Decide(policy, AgentForAnn("R").In(Team), Read));
    }

    [Fact]
    public void An_agent_of_its_own_has_its_own_roles()
    {
        PolicySnapshot policy = TestPolicy.Of(Grant("kind: agent, role: [R]", Read, "a"));

        Assert.Equal("a", Decide(policy, Agent("R"), Read));
        Assert.Equal("permission-denied", Decide(policy, App("R"), Read));
        Assert.Equal("permission-denied", Decide(policy, User("R"), Read));
    }

    [Fact]
    public void An_agent_for_a_human_of_unknown_groups_hears_of_the_overage()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: user, group: [77777777-0000-4000-8000-000000000001]", Read, "a", id: "humans")}
            {Grant("kind: agent, client: [55555555-0000-4000-8000-000000000001]", Read, "a", id: "bots")}
            """);

        Assert.Equal("groups-overage", Decide(policy, AgentForAnn("R") with { GroupsUnknown = true }, Read));
    }
}
