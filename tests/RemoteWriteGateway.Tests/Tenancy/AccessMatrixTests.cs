using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class AccessMatrixTests
{
    private static readonly PolicySnapshot Policy = TestPolicy.Load("""
        version: 1
        tenants: { a: {}, b: {} }
        bindings:
        - { id: on-a, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read, metrics:write], tenants: [a] } }
        - { id: on-b, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [b] } }
        - { id: on-all, match: { kind: user, role: [R] }, grant: { permissions: [metrics:read], allTenants: true } }
        - { id: by-role, match: { kind: app, roleTemplate: "T.{tenant}.R" }, grant: { permissions: [metrics:read], tenants: ["{tenant}"] } }
        - { id: ended, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [a] }, notAfter: 2026-11-24T11:00:00Z }
        - { id: not-yet, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [a] }, notBefore: 2026-11-24T13:00:00Z }
        - { id: operators, match: { kind: user, role: [Ops] }, grant: { permissions: [gateway:admin] } }
        deny:
        - { id: no-secrets, match: { kind: app, clientAuth: [secret] }, deny: { permissions: [metrics:read], tenants: [b] } }
        - { id: nobody, match: { kind: agent }, deny: { everything: true } }
        """);

    [Theory]
    [InlineData("metrics:read", "a", "on-a on-all by-role", "nobody")]
    [InlineData("metrics:read", "b", "on-b on-all by-role", "no-secrets nobody")]
    [InlineData("metrics:write", "a", "on-a", "nobody")]
    [InlineData("metrics:write", "b", "", "nobody")]
    [InlineData("gateway:admin", null, "operators", "nobody")]
    [InlineData("policy:read", null, "operators", "nobody")]
    public void It_names_every_rule_that_has_a_say(string permission, string? tenant, string bindings, string denials) =>
        Assert.Equal((bindings, denials), Of(permission, tenant, Now));

    [Fact]
    public void Rules_count_from_their_first_moment_to_their_last()
    {
        Assert.Equal("on-a on-all by-role ended", Of("metrics:read", "a", new(2026, 11, 24, 11, 0, 0, TimeSpan.Zero)).Bindings);
        Assert.Equal("on-a on-all by-role not-yet", Of("metrics:read", "a", new(2026, 11, 24, 13, 0, 0, TimeSpan.Zero)).Bindings);
    }

    private static (string Bindings, string Denials) Of(string permission, string? tenant, DateTimeOffset at)
    {
        AccessMatrix matrix = AccessMatrix.Of(Policy, permission, tenant is null ? null : Policy.FindTenant(tenant), at);
        return (string.Join(' ', matrix.Bindings.Select(rule => rule.Id)), string.Join(' ', matrix.Denials.Select(rule => rule.Id)));
    }
}
