using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed partial class PolicyEvaluatorTests
{
    private const string Write = Permissions.MetricsWrite;
    private const string Read = Permissions.MetricsRead;

    [Fact]
    public void Nothing_is_granted_by_default()
    {
        foreach (string permission in Permissions.All)
        {
            Assert.Equal("permission-denied", Decide(TestPolicy.Of(""), App("Metrics.Write"), permission));
        }
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
    public void A_binding_matches_if_every_field_given_has_an_item_that_fits(string match, string expected) =>
        Assert.Equal(expected, Decide(TestPolicy.Of(Grant(match, Write, "a")), App("W").In(Team), Write));

    [Theory]
    [InlineData("notBefore: 2026-11-24T12:00:00Z", "a")]
    [InlineData("notBefore: 2026-11-24T12:00:01Z", "permission-denied")]
    [InlineData("notAfter: 2026-11-24T12:00:00Z", "a")]
    [InlineData("notAfter: 2026-11-24T11:59:59Z", "permission-denied")]
    [InlineData("notAfter: 2026-11-24T13:00:00+01:00", "a")]
    [InlineData("notAfter: 2026-11-24T12:59:59+01:00", "permission-denied")]
    public void A_binding_applies_within_its_times(string time, string expected) =>
        Assert.Equal(expected, Decide(TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a", time)), App("W"), Write));

    [Theory]
    [InlineData("notBefore: 2026-11-24T12:00:01Z", "a")]
    [InlineData("notBefore: 2026-11-24T12:00:00Z", "denied-by-policy")]
    [InlineData("notAfter: 2026-11-24T11:59:59Z", "a")]
    public void A_denial_applies_within_its_times(string time, string expected) => Assert.Equal(
        expected,
        Decide(TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a"), Deny("kind: app", "everything: true", time)), App("W"), Write));

    [Fact]
    public void Grants_are_a_union_and_never_a_cross_product()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: app, role: [A]", Write, "a", id: "one")}
            {Grant("kind: app, role: [B]", Read, "b", id: "two")}
            """);

        Assert.Equal("tenant-not-granted", Decide(policy, App("A", "B"), Write, "b"));
        Assert.Equal("tenant-not-granted", Decide(policy, App("A", "B"), Read, "a"));
        Assert.Equal("a", Decide(policy, App("A", "B"), Write));
        Assert.Equal("b", Decide(policy, App("A", "B"), Read));
    }

    [Fact]
    public void Every_binding_that_gave_a_chosen_tenant_is_named_and_no_other()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: app, role: [R]", Read, "a", id: "one")}
            {Grant("kind: app, role: [R]", Read, "a, b", id: "two")}
            {Grant("kind: app, role: [R]", Read, "c", id: "three")}
            {Grant("kind: app, role: [X]", Read, "a", id: "four")}
            """);

        Assert.Equal(["one", "two"], Answer(policy, App("R"), Read, "a").Bindings);
        Assert.Equal(["two"], Answer(policy, App("R"), Read, "b").Bindings);
        Assert.Equal(["one", "two", "three"], Answer(policy, App("R"), Read).Bindings);
    }

    [Fact]
    public void The_smallest_range_of_the_bindings_that_gave_the_tenants_applies()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            {Grant("kind: app, role: [R]", Read, "a", limits: "maxRange: 24h", id: "one")}
            {Grant("kind: app, role: [R]", Read, "a, b", limits: "maxRange: 7d", id: "two")}
            {Grant("kind: app, role: [R]", Read, "c", id: "three")}
            """);

        Assert.Equal(TimeSpan.FromHours(24), Answer(policy, App("R"), Read, "a").MaxRange);
        Assert.Equal(TimeSpan.FromDays(7), Answer(policy, App("R"), Read, "b", "c").MaxRange);
        Assert.Null(Answer(policy, App("R"), Read, "c").MaxRange);
    }

    [Theory]
    [InlineData("Tenant.a.Write", "a")]
    [InlineData("Tenant.b.Write", "b")]
    [InlineData("Tenant.A.Write", "permission-denied")]
    [InlineData("tenant.a.Write", "permission-denied")]
    [InlineData("Tenant.a.Write2", "permission-denied")]
    [InlineData("XTenant.a.Write", "permission-denied")]
    [InlineData("Tenant..Write", "permission-denied")]
    [InlineData("Tenant.Write", "permission-denied")]
    [InlineData("Tenant.*.Write", "permission-denied")]
    [InlineData("Tenant.{tenant}.Write", "permission-denied")]
    public void A_template_takes_whole_roles_that_name_a_declared_tenant(string role, string expected) =>
        Assert.Equal(expected, Decide(TestPolicy.Of(Grant("kind: app, roleTemplate: 'Tenant.{tenant}.Write'", Write, "'{tenant}'")), App(role), Write));

    [Fact]
    public void A_template_gives_one_tenant_for_each_role_and_counts_what_is_not_declared()
    {
        PolicySnapshot policy = TestPolicy.Of(Grant("kind: app, roleTemplate: 'Tenant.{tenant}.Read'", Read, "'{tenant}'"));

        PolicyDecision decision = Answer(policy, App("Tenant.c.Read", "Tenant.gone.Read", "Tenant.a.Read", "Other"), Read);

        Assert.Equal(["a", "c"], decision.Tenants.Select(tenant => tenant.Name));
        Assert.Equal(1, decision.UndeclaredTenants);
    }

    [Fact]
    public void A_role_that_names_no_declared_tenant_does_not_match_a_template_at_all()
    {
        PolicySnapshot policy = TestPolicy.Of(Grant("kind: app, roleTemplate: 'Tenant.{tenant}.Write'", Write, "'{tenant}', b"));

        PolicyDecision decision = Answer(policy, App("Tenant.gone.Write"), Write);

        Assert.Equal(("permission-denied", 1), (decision.Reason, decision.UndeclaredTenants));
        Assert.Equal(["a", "b"], Answer(TestPolicy.Of(Grant("kind: app, roleTemplate: 'T.{tenant}'", Read, "'{tenant}', b")), App("T.a"), Read)
            .Tenants.Select(tenant => tenant.Name));
    }

    [Theory]
    [InlineData("permissions: [metrics:write], tenants: [a]", "b|c")]
    [InlineData("permissions: [metrics:read], tenants: [a]", "a|b|c")]
    [InlineData("permissions: [metrics:write, metrics:read], allTenants: true", "denied-by-policy")]
    [InlineData("everything: true", "denied-by-policy")]
    public void A_denial_wins_over_every_grant(string deny, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of(
            $"""
            {Grant("kind: app, role: [W]", Write, "a, b, c", id: "one")}
            {Grant("kind: app, client: [99999999-0000-4000-8000-000000000001]", Write, "a", id: "two")}
            """,
            Deny("kind: app", deny));

        PolicyDecision decision = Answer(policy, App("W"), Write, TenantChoice.Several);

        Assert.Equal(expected, decision.Reason ?? string.Join('|', decision.Tenants.Select(tenant => tenant.Name)));
    }

    [Fact]
    public void What_a_denial_leaves_is_chosen_if_it_is_one() => Assert.Equal("c", Decide(
        TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a, c"), Deny("kind: app", "permissions: [metrics:write], tenants: [a, b]")), App("W"), Write));

    [Theory]
    [InlineData("kind: user, group: [77777777-0000-4000-8000-000000000001]", "", "groups-overage")]
    [InlineData("kind: user, role: [R]", "", "a")]
    [InlineData("kind: user, role: [R]", "kind: user, group: [77777777-0000-4000-8000-000000000009]", "denied-by-policy")]
    [InlineData("kind: user, role: [R]", "kind: app, group: [77777777-0000-4000-8000-000000000009]", "a")]
    [InlineData("kind: user, role: [R], group: [77777777-0000-4000-8000-000000000001]", "", "groups-overage")]
    [InlineData("kind: user, role: [X], group: [77777777-0000-4000-8000-000000000001]", "", "permission-denied")]
    [InlineData("kind: app, role: [R], group: [77777777-0000-4000-8000-000000000001]", "", "permission-denied")]
    public void Groups_that_are_unknown_grant_nothing_and_deny_everything(string match, string denyMatch, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of(
            Grant(match, Read, "a"), denyMatch.Length == 0 ? "" : Deny(denyMatch, "everything: true"));

        Assert.Equal(expected, Decide(policy, User("R") with { GroupsUnknown = true }, Read));
    }

    [Theory]
    [InlineData("77777777-0000-4000-8000-000000000001", "a")]
    [InlineData("77777777-0000-4000-8000-000000000002", "permission-denied")]
    public void Groups_that_are_known_are_compared(string group, string expected) => Assert.Equal(
        expected, Decide(TestPolicy.Of(Grant("kind: user, group: [77777777-0000-4000-8000-000000000001]", Read, "a")), User().In(group), Read));

    [Theory]
    [InlineData(new string[0], new string[0], "no-roles")]
    [InlineData(new string[0], new[] { "Metrics.Access" }, "permission-denied")]
    [InlineData(new[] { "Some.Role" }, new string[0], "permission-denied")]
    public void The_reason_tells_a_token_without_roles_and_scopes(string[] roles, string[] scopes, string expected) =>
        Assert.Equal(expected, Decide(TestPolicy.Of(""), App(roles) with { Scopes = [.. scopes] }, Write));

    [Theory]
    [InlineData("permissions: [gateway:admin]", "", "")]
    [InlineData("permissions: [policy:read]", "", "")]
    [InlineData("permissions: [gateway:admin]", "permissions: [policy:read]", "denied-by-policy")]
    [InlineData("permissions: [gateway:admin]", "permissions: [gateway:admin]", "denied-by-policy")]
    [InlineData("permissions: [gateway:admin, policy:read]", "permissions: [gateway:admin]", "")]
    [InlineData("permissions: [policy:read]", "permissions: [gateway:admin]", "")]
    [InlineData("permissions: [policy:read]", "everything: true", "denied-by-policy")]
    public void An_operator_reads_the_policy_unless_either_permission_was_taken(string grant, string deny, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of(
            $"- {{ id: ops, match: {{ kind: user, role: [Ops] }}, grant: {{ {grant} }} }}",
            deny.Length == 0 ? "" : Deny("kind: user", deny));

        Assert.Equal(expected, Decide(policy, User("Ops"), Permissions.PolicyRead));
    }

    [Fact]
    public void Permissions_on_the_gateway_and_on_tenants_give_nothing_to_each_other()
    {
        PolicySnapshot policy = TestPolicy.Of($"""
            - {"{"} id: ops, match: {"{"} kind: user, role: [Ops] {"}"}, grant: {"{"} permissions: [gateway:admin, policy:read] {"}"} {"}"}
            - {"{"} id: all, match: {"{"} kind: user, role: [All] {"}"}, grant: {"{"} permissions: [metrics:write, metrics:push, metrics:delete, metrics:read, audit:read], allTenants: true {"}"} {"}"}
            """);

        Assert.All(Permissions.All, permission => Assert.Equal(
            Permissions.IsGatewayPermission(permission), Decide(policy, User("Ops"), permission, "a").Length == 0));
        Assert.All(Permissions.All, permission => Assert.Equal(
            Permissions.IsGatewayPermission(permission) ? "permission-denied" : "a", Decide(policy, User("All"), permission, "a")));
    }

    [Fact]
    public void A_write_without_a_tenant_needs_that_there_is_one_only()
    {
        Assert.Equal("a", Decide(TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a")), App("W"), Write));
        Assert.Equal("tenant-ambiguous", Decide(TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a, b")), App("W"), Write));
        Assert.Equal("b", Decide(TestPolicy.Of(Grant("kind: app, role: [W]", Write, "a, b")), App("W"), Write, "b"));
    }

    [Fact]
    public void Who_may_write_to_all_tenants_must_name_one_even_if_there_is_only_one()
    {
        PolicySnapshot policy = TestPolicy.Load("""
            version: 1
            tenants: { only: {} }
            bindings: [ { id: all, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], allTenants: true } } ]
            """);

        Assert.Equal("tenant-ambiguous", Decide(policy, App("W"), Write));
        Assert.Equal("only", Decide(policy, App("W"), Write, "only"));
    }

    [Theory]
    [InlineData("", "a|b")]
    [InlineData("a", "a")]
    [InlineData("b,a", "a|b")]
    [InlineData("a,c", "tenant-not-granted")]
    [InlineData("gone", "tenant-not-granted")]
    [InlineData("a,gone", "tenant-not-granted")]
    public void A_read_is_about_what_it_names_or_about_all_and_never_narrowed(string requested, string expected) => Assert.Equal(
        expected,
        Decide(TestPolicy.Of(Grant("kind: app, role: [R]", Read, "b, a")), App("R"), Read, requested.Split(',', StringSplitOptions.RemoveEmptyEntries)));

    [Theory]
    [InlineData(2, "a|b")]
    [InlineData(1, "too-many-tenants")]
    public void A_read_of_more_tenants_than_allowed_is_refused(int limit, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of(Grant("kind: app, role: [R]", Read, "a, b"));

        PolicyDecision all = PolicyEvaluator.Decide(policy, App("R"), new AccessQuestion(Read, TenantChoice.Several, RequestedTenants.None, limit), Now);
        PolicyDecision named = PolicyEvaluator.Decide(policy, App("R"), new AccessQuestion(Read, TenantChoice.Several, new RequestedTenants(["a", "b"]), limit), Now);

        Assert.Equal(expected, all.Reason ?? string.Join('|', all.Tenants.Select(tenant => tenant.Name)));
        Assert.Equal(all.Reason, named.Reason);
        Assert.Equal(limit == 1 ? 2 : 0, named.TooMany);
    }

    [Fact]
    public void All_tenants_are_all_that_are_declared() => Assert.Equal(
        "a|b|c", Decide(TestPolicy.Of("- { id: all, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], allTenants: true } }"), App("R"), Read));

    [Theory]
    [InlineData("allTenants: true", "", "a|b|c")]
    [InlineData("tenants: [a, b, c]", "", "tenant-not-granted")]
    [InlineData("allTenants: true", "permissions: [audit:read], tenants: [b]", "tenant-not-granted")]
    [InlineData("allTenants: true", "permissions: [metrics:read], tenants: [b]", "a|b|c")]
    [InlineData("allTenants: true", "everything: true", "denied-by-policy")]
    public void What_is_about_all_tenants_is_for_those_who_hold_all_with_nothing_taken_away(string tenants, string deny, string expected)
    {
        PolicySnapshot policy = TestPolicy.Of(
            $"- {{ id: one, match: {{ kind: app, role: [R] }}, grant: {{ permissions: [audit:read], {tenants} }} }}",
            deny.Length == 0 ? "" : Deny("kind: app", deny));

        PolicyDecision decision = PolicyEvaluator.Decide(policy, App("R"), new AccessQuestion(Permissions.AuditRead, TenantChoice.All, RequestedTenants.None, int.MaxValue), Now);

        Assert.Equal(expected, decision.Reason ?? string.Join('|', decision.Tenants.Select(tenant => tenant.Name)));
        Assert.Equal(decision.IsAllowed, decision.AllTenants);
    }

    [Fact]
    public void Only_reads_of_metrics_are_bounded_in_tenants()
    {
        Assert.Equal(2, AccessQuestion.Of(Permissions.MetricsRead, TenantChoice.Several, RequestedTenants.None, 2).MaxTenants);
        Assert.Equal(int.MaxValue, AccessQuestion.Of(Permissions.AuditRead, TenantChoice.Several, RequestedTenants.None, 2).MaxTenants);
    }

    [Theory]
    [InlineData("kind: app, role: [W]", "")]
    [InlineData("kind: app, client: [99999999-0000-4000-8000-000000000001], role: [W]", "a")]
    [InlineData("kind: app, roleTemplate: 'Tenant.{tenant}.Write'", "a")]
    public void Deciding_by_one_binding_allocates_nothing(string match, string requested)
    {
        PolicySnapshot policy = TestPolicy.Of(
            Grant(match, Write, match.Contains("{tenant}", StringComparison.Ordinal) ? "'{tenant}'" : "a"),
            Deny("kind: app, clientAuth: [secret]", "everything: true"),
            revocations: "[ { token: other, reason: r } ]");
        Caller caller = App("W", "Tenant.a.Write");
        AccessQuestion question = new(Write, TenantChoice.One, requested.Length == 0 ? RequestedTenants.None : new RequestedTenants(requested), 100);
        Assert.Equal(["a"], PolicyEvaluator.Decide(policy, caller, question, Now).Tenants.Select(tenant => tenant.Name));

        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isAllowed = PolicyEvaluator.CheckToken(policy, caller, Now) is null && PolicyEvaluator.Decide(policy, caller, question, Now).IsAllowed;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(isAllowed);
        Assert.Equal(0, allocated);
    }

    private static string Grant(string match, string permission, string tenants, string? time = null, string id = "one", string? limits = null) =>
        $"- {{ id: {id}, match: {{ {match} }}, grant: {{ permissions: [{permission}], tenants: [{tenants}]{(limits is null ? "" : $", limits: {{ {limits} }}")} }}{(time is null ? "" : ", " + time)} }}";

    private static string Deny(string match, string deny, string? time = null) =>
        $"- {{ id: no, match: {{ {match} }}, deny: {{ {deny} }}{(time is null ? "" : ", " + time)} }}";

    private static string Decide(PolicySnapshot policy, Caller caller, string permission, params string[] tenants)
    {
        PolicyDecision decision = Answer(policy, caller, permission, tenants);
        return decision.Reason ?? string.Join('|', decision.Tenants.Select(tenant => tenant.Name));
    }

    private static PolicyDecision Answer(PolicySnapshot policy, Caller caller, string permission, params string[] tenants) =>
        Answer(policy, caller, permission, Permissions.ChoiceOf(permission), tenants);

    private static PolicyDecision Answer(PolicySnapshot policy, Caller caller, string permission, TenantChoice choice, params string[] tenants) =>
        PolicyEvaluator.Decide(policy, caller, new AccessQuestion(permission, choice, new RequestedTenants([.. tenants]), 100), Now);
}
