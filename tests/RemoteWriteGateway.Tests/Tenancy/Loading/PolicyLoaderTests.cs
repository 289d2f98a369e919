using System.Security.Cryptography;
using System.Text;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tests.Tenancy.Loading;

public sealed class PolicyLoaderTests
{
    [Fact]
    public void A_policy_with_everything_in_it_is_valid()
    {
        PolicySnapshot policy = TestPolicy.Load(TestPolicy.Example);

        Assert.Equal(["payments", "payments-stg", "platform"], policy.Tenants.Select(tenant => tenant.Name));
        Assert.Equal("team-payments", policy.Tenants[0].Owner);
        Assert.Equal(["prom-payments", "tenant-writers", "sre-readers", "agents-look-only", "operators"], policy.Bindings.Select(rule => rule.Id));
        Assert.Equal(TimeSpan.FromHours(24), policy.Bindings[3].MaxRange);
        Assert.Equal(TimeSpan.FromHours(2), policy.Tokens.MaxUserAge);
    }

    [Fact]
    public void All_faults_are_told_by_line_with_column_and_key()
    {
        string[] faults = TestPolicy.Faults("""
            # line 1
            version: 1
            tenants:
              payments: {}
            bindings:
            # line 6
            - id: prom-payments
              match: { kind: app, role: [Metrics.Write] }
              grant: {                   tenants: [paymets], permissions: [metrics:write] }
            # line 10
            - id: second
              macth: {}
              match: { kind: app, role: [Metrics.Write] }
              grant: { permissions: [metrics:write], tenants: [payments] }
            # line 15
            - id: third
              match:   { kind: user, client: [88888888-0000-4000-8000-000000000001] }
              grant: { permissions: [metrics:read], tenants: [payments] }
            - match: { kind: app, role: [Metrics.Write] }
              grant: { permissions: [metrics:write],
               tenants: ["*"] }
              id: fourth
            deny:
            - id: prom-payments
              match: { kind: app }
              deny: { everything: true }
            """);

        Assert.Equal(
            [
                """policy.yaml:9:40: bindings[0].grant.tenants[0]: tenant "paymets" is not declared under "tenants"; did you mean "payments"?""",
                """policy.yaml:12:3: bindings[1].macth: unknown key; expected id, description, match, grant, notBefore, notAfter""",
                """policy.yaml:17:12: bindings[2].match: matches every user of client 88888888-…; add oid, role or group""",
                """policy.yaml:21:14: bindings[3].grant.tenants[0]: "*" is not a tenant; write allTenants: true""",
                """policy.yaml:24:3: deny[0].id: "prom-payments" is used twice, first in line 7""",
            ],
            faults);
    }

    [Theory]
    [InlineData("{}", "1:1: version: is missing")]
    [InlineData("version: 2", "1:10: version: \"2\" is not a version of this schema; expected 1")]
    [InlineData("version: 1.0", "1:10: version: \"1.0\" is not a version of this schema; expected 1")]
    [InlineData("version: 1\nrules: []", "2:1: rules: unknown key; expected version, directory, tokens, tenantDefaults, tenants, bindings, deny, revocations")]
    [InlineData("version: 1\ndirectory: contoso.com", "2:12: directory: \"contoso.com\" is not a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("version: 1\ntokens: { minClientAuth: strong }", "2:26: tokens.minClientAuth: \"strong\" is not a way to authenticate; expected public, secret, assertion")]
    [InlineData("version: 1\ntokens: { requireIdtyp: yes }", "2:25: tokens.requireIdtyp: \"yes\" is neither true nor false")]
    [InlineData("version: 1\ntokens: { maxUserAge: 2 }", "2:23: tokens.maxUserAge: \"2\" is not a duration such as 30s, 10m, 1h or 2d")]
    [InlineData("version: 1\ntokens: { maxUserAge: 0s }", "2:23: tokens.maxUserAge: must be more than 0; leave the key out for no limit")]
    [InlineData("version: 1\ntokens: []", "2:9: tokens: expected a map, found a list")]
    [InlineData("version: 1\ntokens: { delegatedScope: '' }", "2:27: tokens.delegatedScope: is empty")]
    [InlineData("version: 1\ntenants: [a, b]", "2:10: tenants: expected a map, found a list")]
    [InlineData("version: 1\ntenants: { Payments: {}, payments: {} }", "2:26: tenants.payments: differs only in letter case from \"Payments\" in line 2")]
    [InlineData("version: 1\ntenants: { -a: {} }", "2:12: tenants.-a: \"-a\" cannot name a tenant; begin with a letter or digit, go on with those, \"_\", \".\" or \"-\", at most 128 characters")]
    [InlineData("version: 1\ntenants: { a: { owners: me } }", "2:17: tenants.a.owners: unknown key; expected description, owner")]
    [InlineData("version: 1\ntenants: { a: { owner: [me] } }", "2:24: tenants.a.owner: expected text, found a list")]
    [InlineData("version: 1\ntenants: { a: on }", "2:15: tenants.a: expected a map, found text")]
    [InlineData("version: 1\ntenantDefaults: { owner: me }", "2:19: tenantDefaults.owner: belongs to one tenant and has no default")]
    [InlineData("version: 1\nbindings: {}", "2:11: bindings: expected a list such as [a, b], found a map")]
    [InlineData("version: 1\nbindings: [a]", "2:12: bindings[0]: expected a map, found text")]
    public void What_is_wrong_outside_of_rules_is_told(string text, string expected) =>
        Assert.Equal(["policy.yaml:" + expected], TestPolicy.Faults(text));

    [Fact]
    public void A_policy_for_another_directory_is_refused()
    {
        byte[] text = Encoding.UTF8.GetBytes("version: 1\ndirectory: 11111111-2222-4333-8444-555555555555\n");
        Guid configured = Guid.Parse("22222222-2222-4333-8444-555555555555");

        LoadedPolicy loaded = new PolicyLoader([], configured).Load(new PolicyDocument("p.yaml", text));

        Assert.Equal(
            "p.yaml:2:12: directory: this policy is for directory 11111111-2222-4333-8444-555555555555, the gateway is configured for 22222222-2222-4333-8444-555555555555",
            Assert.Single(loaded.Faults).In("p.yaml"));
    }

    [Fact]
    public void A_version_is_the_beginning_of_the_documents_hash()
    {
        byte[] text = Encoding.UTF8.GetBytes("version: 1\n");

        LoadedPolicy loaded = new PolicyLoader([], null).Load(new PolicyDocument("p.yaml", text));

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(text))[..16], loaded.Snapshot!.Version);
    }

    [Theory]
    [InlineData("payments:")]
    [InlineData("payments: {}")]
    [InlineData("'payments': {}")]
    public void A_tenant_may_have_no_settings_at_all(string declaration) =>
        Assert.Equal("payments", Assert.Single(TestPolicy.Load($"version: 1\ntenants:\n  {declaration}\n").Tenants).Name);

    [Theory]
    [InlineData("no")]
    [InlineData("0755")]
    [InlineData("1e3")]
    [InlineData("2026-01-01")]
    [InlineData("null")]
    [InlineData("true")]
    public void A_name_means_itself_whatever_YAML_takes_it_for(string name)
    {
        PolicySnapshot policy = TestPolicy.Load($$"""
            version: 1
            tenants: { {{name}}: { owner: {{name}} } }
            bindings:
            - { id: one, match: { kind: app, role: [{{name}}] }, grant: { permissions: [metrics:write], tenants: [{{name}}] } }
            """);

        Assert.Equal((name, name), (policy.Tenants[0].Name, policy.Tenants[0].Owner));
        Assert.Equal([name], policy.Bindings[0].Match.Roles!);
    }
}
