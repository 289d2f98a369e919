using System.Collections.Immutable;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class PolicyReplayTests
{
    private const string Writers = """
          - { id: w, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a, b] } }
        """;

    [Fact]
    public void A_caller_gains_and_loses_tenant_by_tenant()
    {
        PolicySnapshot old = TestPolicy.Of(Writers);
        PolicySnapshot now = TestPolicy.Of("""
              - { id: w, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [b, c] } }
            """);

        Assert.Equal(("metrics:write on c", "metrics:write on a"), Between(old, now, App("W")));
    }

    [Fact]
    public void The_same_grants_by_other_rules_are_no_difference()
    {
        PolicySnapshot old = TestPolicy.Of(Writers);
        PolicySnapshot now = TestPolicy.Of($$"""
              - { id: one, match: { kind: app, client: [{{TestCaller.Prometheus}}] }, grant: { permissions: [metrics:write], tenants: [a] } }
              - { id: two, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [b] } }
            """);

        Assert.Equal(("", ""), Between(old, now, App("W")));
    }

    [Fact]
    public void A_permission_on_the_gateway_is_won_or_lost_as_a_whole()
    {
        PolicySnapshot nobody = TestPolicy.Of("");
        PolicySnapshot operators = TestPolicy.Of("  - { id: ops, match: { kind: user, role: [Ops] }, grant: { permissions: [gateway:admin] } }");

        Assert.Equal(("policy:read, gateway:admin", ""), Between(nobody, operators, User("Ops")));
        Assert.Equal(("", "policy:read, gateway:admin"), Between(operators, nobody, User("Ops")));
    }

    [Theory]
    [InlineData("tokens: { minClientAuth: assertion }")]
    [InlineData("revocations: [ { client: 99999999-0000-4000-8000-000000000001, reason: r } ]")]
    [InlineData("deny: [ { id: no, match: { kind: app, clientAuth: [secret] }, deny: { everything: true } } ]")]
    public void Rules_for_tokens_denials_and_revocations_count(string more)
    {
        const string Bindings = "version: 1\ntenants: { a: {} }\nbindings: [ { id: w, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a] } } ]\n";

        Assert.Equal(
            ("", "metrics:write on a"),
            Between(TestPolicy.Load(Bindings), TestPolicy.Load(Bindings + more), App("W") with { ClientAuth = ClientAuth.Secret }));
    }

    [Fact]
    public void What_the_audit_does_not_record_is_as_the_policies_want_it()
    {
        PolicySnapshot old = TestPolicy.Of(Writers);
        PolicySnapshot now = TestPolicy.Of(Writers, tokens: "{ requireIdtyp: true, maxUserAge: 1h }");

        Assert.Equal(("", ""), Between(old, now, App("W") with { HasIdTyp = false, IssuedAt = Now.AddDays(-3), ExpiresAt = Now.AddDays(-2) }));
    }

    [Fact]
    public void Each_caller_is_told_as_the_audit_knows_it()
    {
        Caller known = App("W") with { IssuedAt = Now.AddDays(-3) };

        PolicyReplay replay = PolicyReplay.Between(TestPolicy.Of(""), TestPolicy.Of(Writers), [known, App("Other")], Now);

        Assert.Same(known, Assert.Single(replay.Gains).Caller);
    }

    private static (string Gains, string Loses) Between(PolicySnapshot old, PolicySnapshot now, Caller caller)
    {
        PolicyReplay replay = PolicyReplay.Between(old, now, [caller], Now);
        Assert.Equal(replay.Gains.IsEmpty && replay.Loses.IsEmpty, replay.IsEmpty);
        return (Show(replay.Gains), Show(replay.Loses));
    }

    private static string Show(ImmutableArray<CallerChange> changes) => string.Join(
        ", ", changes.Select(one => one.Permission + (one.Tenants.IsEmpty ? "" : " on " + string.Join('|', one.Tenants))));
}
