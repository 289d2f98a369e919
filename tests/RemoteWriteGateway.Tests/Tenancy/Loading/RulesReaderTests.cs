namespace RemoteWriteGateway.Tests.Tenancy.Loading;

public sealed class RulesReaderTests
{
    private const string Prefix = "version: 1\ntenants: { payments: {}, payments-stg: {}, platform: {} }\n";
    private const string NotAnId = "is not an id; write lower-case letters, digits and hyphens, at most 63 characters";

    [Theory]
    [InlineData("match: { kind: app, role: [r] }", "grant: is missing")]
    [InlineData("grant: { permissions: [metrics:read], tenants: [payments] }", "match: is missing")]
    public void A_binding_needs_its_parts(string part, string expected) =>
        Assert.Equal([$"policy.yaml:3:13: bindings[0].{expected}"], TestPolicy.Faults($"{Prefix}bindings: [ {{ id: one, {part} }} ]"));

    [Theory]
    [InlineData("id: One", $"id: \"One\" {NotAnId}")]
    [InlineData("id: -one", $"id: \"-one\" {NotAnId}")]
    [InlineData("id: \"one\\n\"", $"id: \"one\uFFFD\" {NotAnId}")]
    [InlineData("id: a234567890123456789012345678901234567890123456789012345678901234", $"id: \"a234567890123456789012345678901234567890123456789012345678901234\" {NotAnId}")]
    [InlineData("id: one, notAfter: 2027-01-31", "notAfter: \"2027-01-31\" is not a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("id: one, notAfter: 2027-01-31T00:00:00", "notAfter: \"2027-01-31T00:00:00\" is not a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("id: one, notBefore: 2027-01-31T00:00:00Z, notAfter: 2027-01-30T00:00:00+01:00", "notAfter: is before notBefore: the rule would never apply")]
    public void Names_and_times_of_a_rule_are_checked(string part, string expected) =>
        Assert.Equal([expected], Messages($"{{ {part}, match: {{ kind: app, role: [r] }}, grant: {{ permissions: [metrics:read], tenants: [payments] }} }}"));

    [Theory]
    [InlineData("kind: app, role: [r], rol: [s]", "match.rol: unknown key; expected kind, client, oid, group, role, scope, clientAuth, roleTemplate")]
    [InlineData("role: [r]", "match.kind: is missing")]
    [InlineData("kind: human, role: [r]", "match.kind: \"human\" is not a kind of caller; expected app, user, agent")]
    [InlineData("kind: [app, bot], role: [r]", "match.kind[1]: \"bot\" is not a kind of caller; expected app, user, agent")]
    [InlineData("kind: App, role: [r]", "match.kind: \"App\" is not a kind of caller; expected app, user, agent")]
    [InlineData("kind: [], role: [r]", "match.kind: is an empty list; leave the key out")]
    [InlineData("kind: app, role: r", "match.role: expected a list such as [a, b], found text")]
    [InlineData("kind: app, role: []", "match.role: is an empty list; leave the key out")]
    [InlineData("kind: app, role: [[r]]", "match.role[0]: expected text, found a list")]
    [InlineData("kind: app, client: [prometheus]", "match.client[0]: \"prometheus\" is not a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("kind: app, role: [r], clientAuth: [weak]", "match.clientAuth[0]: \"weak\" is not a way to authenticate; expected public, secret, assertion")]
    [InlineData("kind: app, roleTemplate: Writer", "match.roleTemplate: needs {tenant} exactly once, for example Tenant.{tenant}.Write")]
    [InlineData("kind: app, roleTemplate: \"{tenant}{tenant}\"", "match.roleTemplate: needs {tenant} exactly once, for example Tenant.{tenant}.Write")]
    [InlineData("kind: app", "match: matches every app; add client, oid, role or roleTemplate")]
    [InlineData("kind: agent", "match: matches every agent; add client, oid, role or roleTemplate")]
    [InlineData("kind: [app, agent], clientAuth: [assertion]", "match: matches every app and agent; add client, oid, role or roleTemplate")]
    [InlineData("kind: app, group: [77777777-0000-4000-8000-000000000001]", "match: matches every app; add client, oid, role or roleTemplate")]
    [InlineData("kind: user", "match: matches every user; add oid, role or group")]
    [InlineData("kind: user, scope: [Metrics.Access]", "match: matches every user; add oid, role or group")]
    [InlineData("kind: user, roleTemplate: 'Tenant.{tenant}.Read'", "match: matches every user; add oid, role or group")]
    [InlineData("kind: [app, user], client: [88888888-0000-4000-8000-000000000001]", "match: matches every user of client 88888888-…; add oid, role or group")]
    public void A_match_that_is_wrong_or_too_wide_is_told(string match, string expected) =>
        Assert.Equal([expected], Messages($"{{ id: one, match: {{ {match} }}, grant: {{ permissions: [metrics:read], tenants: [payments] }} }}"));

    [Theory]
    [InlineData("kind: app, client: [88888888-0000-4000-8000-000000000001]")]
    [InlineData("kind: agent, oid: [88888888-0000-4000-8000-000000000001]")]
    [InlineData("kind: [app, agent], roleTemplate: 'Tenant.{tenant}.Read'")]
    [InlineData("kind: user, group: [88888888-0000-4000-8000-000000000001]")]
    [InlineData("kind: [app, user, agent], role: [r]")]
    public void A_match_that_is_narrow_enough_is_valid(string match) =>
        Assert.Empty(Messages($"{{ id: one, match: {{ {match} }}, grant: {{ permissions: [metrics:read], tenants: [payments] }} }}"));

    [Theory]
    [InlineData("tenants: [payments]", "grant.permissions: is missing")]
    [InlineData("permissions: [], tenants: [payments]", "grant.permissions: is an empty list; leave the key out")]
    [InlineData("permissions: [metrics:wirte], tenants: [payments]", "grant.permissions[0]: \"metrics:wirte\" is not a permission; expected metrics:write, metrics:push, metrics:delete, metrics:read, audit:read, policy:read, gateway:admin")]
    [InlineData("permissions: [metrics:read]", "grant: metrics:read needs tenants: exactly one of tenants and allTenants")]
    [InlineData("permissions: [metrics:read], tenants: [payments], allTenants: true", "grant: metrics:read needs tenants: exactly one of tenants and allTenants")]
    [InlineData("permissions: [metrics:read], allTenants: false", "grant.allTenants: can only be true; leave the key out")]
    [InlineData("permissions: [metrics:read], tenants: []", "grant.tenants: is an empty list; leave the key out")]
    [InlineData("permissions: [metrics:read], tenants: [Payments]", "grant.tenants[0]: tenant \"Payments\" is not declared under \"tenants\"; did you mean \"payments\"?")]
    [InlineData("permissions: [metrics:read], tenants: [billing]", "grant.tenants[0]: tenant \"billing\" is not declared under \"tenants\"")]
    [InlineData("permissions: [metrics:read], tenants: ['{tenant}']", "grant.tenants[0]: {tenant} needs a roleTemplate in match that captures it")]
    [InlineData("permissions: [gateway:admin], tenants: [payments]", "grant.tenants: gateway:admin is about the gateway and not about tenants; leave it out")]
    [InlineData("permissions: [policy:read], allTenants: true", "grant.allTenants: policy:read is about the gateway and not about tenants; leave it out")]
    [InlineData("permissions: [metrics:read, policy:read], tenants: [payments]", "grant.permissions: mixes permissions on tenants with permissions on the gateway; write two rules")]
    [InlineData("permissions: [metrics:read], tenants: [payments], limits: { maxRange: 1 day }", "grant.limits.maxRange: \"1 day\" is not a duration such as 30s, 10m, 1h or 2d")]
    [InlineData("permissions: [metrics:read], tenants: [payments], limits: { range: 1d }", "grant.limits.range: unknown key; expected maxRange")]
    public void A_grant_that_is_wrong_is_told(string grant, string expected) =>
        Assert.Equal([expected], Messages($"{{ id: one, match: {{ kind: app, role: [r] }}, grant: {{ {grant} }} }}"));

    [Theory]
    [InlineData("match: { kind: app, roleTemplate: 'T.{tenant}' }, deny: { everything: true }", "match.roleTemplate: unknown key; expected kind, client, oid, group, role, scope, clientAuth")]
    [InlineData("match: { kind: app }, deny: { permissions: [metrics:read], tenants: ['{tenant}'] }", "deny.tenants[0]: {tenant} has no meaning in a denial; name tenants or write allTenants: true")]
    [InlineData("match: { kind: app }, deny: { everything: true, permissions: [metrics:read] }", "deny.everything: stands alone: everything is every permission on every tenant")]
    [InlineData("match: { kind: app }, deny: { everything: no }", "deny.everything: \"no\" is neither true nor false")]
    [InlineData("match: { kind: app }, deny: { everything: false }", "deny.everything: can only be true; leave the key out")]
    [InlineData("match: { kind: app }, deny: {}", "deny.permissions: is missing")]
    [InlineData("match: { kind: app }, grant: {}", "deny: is missing", "grant: unknown key; expected id, description, match, deny, notBefore, notAfter")]
    public void A_denial_that_is_wrong_is_told(string rule, params string[] expected) =>
        Assert.Equal(expected, TestPolicy.Faults($"{Prefix}deny: [ {{ id: one, {rule} }} ]").Select(fault => Behind(fault, "deny[0].")));

    [Theory]
    [InlineData("kind: app")]
    [InlineData("kind: [app, user, agent]")]
    [InlineData("kind: user, client: [88888888-0000-4000-8000-000000000001]")]
    public void A_denial_may_be_as_wide_as_it_likes(string match) =>
        Assert.Empty(TestPolicy.Faults($"{Prefix}deny: [ {{ id: one, match: {{ {match} }}, deny: {{ permissions: [metrics:write], allTenants: true }} }} ]"));

    [Theory]
    [InlineData("{ subject: 66666666-0000-4000-8000-000000000001 }", ".reason: is missing")]
    [InlineData("{ subject: ann, reason: r }", ".subject: \"ann\" is not a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("{ reason: r }", ": names nobody, or more than one thing; give exactly one of subject, client, token, key")]
    [InlineData("{ token: a, key: b, reason: r }", ": names nobody, or more than one thing; give exactly one of subject, client, token, key")]
    [InlineData("{ token: a, until: tomorrow, reason: r }", ".until: \"tomorrow\" is not a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("{ token: a, uti: a, reason: r }", ".uti: unknown key; expected subject, client, token, key, issuedBefore, until, reason")]
    public void A_revocation_that_is_wrong_is_told(string revocation, string expected) =>
        Assert.Equal([expected], TestPolicy.Faults($"version: 1\nrevocations: [ {revocation} ]").Select(fault => Behind(fault, "revocations[0]")));

    /// <summary>What is wrong with one binding, without file, place and the binding's own path.</summary>
    private static IEnumerable<string> Messages(string binding) =>
        TestPolicy.Faults($"{Prefix}bindings: [ {binding} ]").Select(fault => Behind(fault, "bindings[0]."));

    private static string Behind(string text, string part) => text[(text.IndexOf(part, StringComparison.Ordinal) + part.Length)..];
}
