using System.CommandLine;
using System.Text.Json;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy.Commands;

public sealed class PolicyCommandTests : IDisposable
{
    private const string Broken = "version: 1\ntenants: { payments: {} }\nbindings: [ { id: one, match: { kind: app }, grant: { permissions: [metrics:write], tenants: [paymets] } } ]\n";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-policy-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Validate_says_that_a_policy_is_valid()
    {
        // The command warns of what has ended by the clock of the machine.
        string document = TestPolicy.Example.Replace("2027-01-31", "9999-01-31", StringComparison.Ordinal);
        string policy = Write("policy.yaml", document);
        string version = TestPolicy.Load(document).Version;

        Assert.Equal((0, $"{policy} is valid: version {version}, tenants 3, bindings 5, denials 1\n", ""), await RunAsync("validate", policy));
        Assert.Equal(
            (0, $$"""{"valid":true,"version":"{{version}}","tenants":3,"bindings":5,"denials":1,"warnings":[]}""" + "\n", ""),
            await RunAsync("validate", policy, "--json"));
    }

    [Fact]
    public async Task Validate_says_everything_that_is_wrong()
    {
        string policy = Write("policy.yaml", Broken);

        Assert.Equal(
            (2,
                "",
                $"{policy}:3:31: bindings[0].match: matches every app; add client, oid, role or roleTemplate\n"
                + $"{policy}:3:95: bindings[0].grant.tenants[0]: tenant \"paymets\" is not declared under \"tenants\"; did you mean \"payments\"?\n"),
            await RunAsync("validate", policy));
        (int code, string output, string error) = await RunAsync("validate", policy, "--json");
        JsonElement json = JsonDocument.Parse(output).RootElement;
        Assert.Equal((2, ""), (code, error));
        Assert.False(json.GetProperty("valid").GetBoolean());
        Assert.Equal(
            (3, 95, "bindings[0].grant.tenants[0]"),
            (json.GetProperty("errors")[1].GetProperty("line").GetInt32(), json.GetProperty("errors")[1].GetProperty("column").GetInt32(), json.GetProperty("errors")[1].GetProperty("key").GetString()));
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_named()
    {
        (int code, string output, string error) = await RunAsync("validate", Path.Combine(_folder.FullName, "absent.yaml"));

        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith($"{_folder.FullName}/absent.yaml: cannot be read: ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("validate")]
    [InlineData("validate", "p.yaml", "--strict")]
    [InlineData("explain", "p.yaml", "--permission", "metrics:write")]
    [InlineData("explain", "p.yaml", "--claims", "c.json", "--permission", "metrics:wirte")]
    [InlineData("explain", "p.yaml", "--claims", "c.json", "--permission", "metrics:write", "--at", "tomorrow")]
    [InlineData("diff", "old.yaml")]
    [InlineData("diff", "old.yaml", "new.yaml", "--callers", "30d")]
    [InlineData("test", "p.yaml")]
    [InlineData("apply", "p.yaml")]
    public async Task A_command_line_that_is_not_understood_is_invalid_input(params string[] arguments)
    {
        (int code, _, string error) = await RunAsync(arguments);

        Assert.Equal(2, code);
        Assert.NotEmpty(error);
    }

    [Fact]
    public async Task Explain_says_for_every_rule_why_it_did_not_match()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string claims = Write("claims.json", """{ "azp": "99999999-0000-4000-8000-000000000001", "azpacr": "1", "idtyp": "app", "roles": ["Metrics.Write", "Tenant.gone.Write"] }""");

        (int code, string output, _) = await RunAsync(
            "explain", policy, "--claims", claims, "--permission", "metrics:write", "--tenant", "payments", "--at", "2026-11-24T12:00:00Z");

        Assert.Equal(0, code);
        Assert.Equal(
            """
            bindings
              prom-payments: matched
              tenant-writers: roleTemplate: no role names a declared tenant by Tenant.{tenant}.Write
            revocations
              none
            denials
              no-static-secrets-for-payments: matched
            tenants
              granted: none
              requested: payments
            refused: denied-by-policy

            """,
            output);
    }

    [Fact]
    public async Task Explain_follows_a_human_in_a_group()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string claims = Write("claims.json", $$"""{ "azp": "{{TestCaller.Grafana}}", "azpacr": "1", "scp": "Metrics.Access", "roles": ["Metrics.Read"], "groups": ["77777777-0000-4000-8000-000000000009"] }""");

        (int code, string output, _) = await RunAsync("explain", policy, "--claims", claims, "--permission", "metrics:read");

        Assert.Equal(0, code);
        Assert.Contains("  sre-readers: group: none of 1 matched\n", output, StringComparison.Ordinal);
        Assert.Contains("  agents-look-only: kind: the caller is of kind user\n", output, StringComparison.Ordinal);
        Assert.EndsWith("refused: permission-denied\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_gives_scripts_one_object()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string claims = Write("claims.json", """{ "appid": "99999999-0000-4000-8000-000000000001", "appidacr": "2", "ver": "1.0", "roles": "Metrics.Write" }""");

        (int code, string output, _) = await RunAsync("explain", policy, "--claims", claims, "--permission", "metrics:write", "--json");

        Assert.Equal(0, code);
        Assert.Equal(
            $$"""{"allow":true,"tenants":["payments"],"bindings":["prom-payments"],"rules":[{"id":"prom-payments","matched":true},{"id":"tenant-writers","matched":false,"failed":"roleTemplate","why":"no role names a declared tenant by Tenant.{tenant}.Write"}],"denied":[],"revocations":[],"policyVersion":"{{TestPolicy.Load(TestPolicy.Example).Version}}"}""" + "\n",
            output);
    }

    [Fact]
    public async Task Explain_looks_at_an_agent_for_a_human_twice()
    {
        string policy = Write("policy.yaml", $$"""
            version: 1
            tenants: { a: {}, b: {} }
            bindings:
            - { id: humans, match: { kind: user, role: [R] }, grant: { permissions: [metrics:read], tenants: [a, b] } }
            - { id: bots, match: { kind: agent, client: [{{TestCaller.Bot}}] }, grant: { permissions: [metrics:read], tenants: [b] } }
            - { id: both, match: { kind: [user, agent], role: [X] }, grant: { permissions: [metrics:read], tenants: [b] } }
            revocations: [ { subject: {{TestCaller.Ann}}, reason: INC-42, until: 2026-01-01T00:00:00Z } ]
            """);
        string claims = Write("claims.json", $$"""{ "azp": "{{TestCaller.Bot}}", "azpacr": "2", "idtyp": "user", "oid": "{{TestCaller.Ann}}", "scp": "Metrics.Access", "roles": ["R"], "xms_act_fct": "11" }""");

        (_, string output, _) = await RunAsync("explain", policy, "--claims", claims, "--permission", "metrics:read", "--at", "2026-11-24T12:00:00Z");

        Assert.Equal(
            """
            bindings
              humans (as user): matched
              bots (as agent): matched
              both (as user): role: none of 1 matched
              both (as agent): role: none of 1 matched
            revocations
              none
            denials
              none
            tenants
              granted: b
              requested: none
            allowed: metrics:read on b by humans, bots

            """,
            output);
    }

    [Theory]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJl", "this is a token; give its claims, the JSON of the middle part")]
    [InlineData("[1]", "expected a JSON object with the claims of a token")]
    [InlineData("{", "is not JSON, has a claim twice, or a text that is none")]
    [InlineData("""{ "roles": ["a"], "roles": ["b"] }""", "is not JSON, has a claim twice, or a text that is none")]
    [InlineData("""{ "roles": ["a"] }""", "these are not the claims of an access token: not-an-access-token")]
    [InlineData("""{ "azp": "99999999-0000-4000-8000-000000000001", "tid": "22222222-2222-4333-8444-555555555555" }""", "these are not the claims of an access token: directory-not-allowed")]
    [InlineData("""{ "azp": "99999999-0000-4000-8000-000000000001", "roles": { } }""", "these are not the claims of an access token: claims-inconsistent")]
    public async Task Claims_that_are_wrong_are_told_and_never_shown(string text, string expected)
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string claims = Write("claims.json", text);

        Assert.Equal((2, "", $"{claims}: {expected}\n"), await RunAsync("explain", policy, "--claims", claims, "--permission", "metrics:write"));
    }

    [Fact]
    public async Task Explain_takes_no_tenant_where_none_is_meant()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string claims = Write("claims.json", "{}");

        Assert.Equal(
            (2, "", "--tenant: policy:read is about the gateway and not about tenants; leave it out\n"),
            await RunAsync("explain", policy, "--claims", claims, "--permission", "policy:read", "--tenant", "payments"));
    }

    [Fact]
    public async Task Test_passes_if_every_case_comes_out_as_expected()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string cases = Write("payments.policytest.yaml", """
            cases:
            - { name: not with a secret, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, clientAuth: secret, roles: [Metrics.Write] }, permission: metrics:write, tenant: payments, expect: { allow: false, reason: denied-by-policy } }
            - { name: with a certificate, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, clientAuth: assertion, roles: [Metrics.Write] }, permission: metrics:write, tenant: payments, expect: { allow: true, bindings: [prom-payments] } }
            - { name: a reader, caller: { kind: user, client: 88888888-0000-4000-8000-000000000001, scopes: [Metrics.Access], groups: [77777777-0000-4000-8000-000000000001] }, permission: metrics:read, expect: { allow: true, tenants: [payments-stg, payments] } }
            - { name: too many groups, caller: { kind: user, client: 88888888-0000-4000-8000-000000000001, scopes: [Metrics.Access], groups: unknown }, permission: metrics:read, expect: { allow: false, reason: groups-overage } }
            - { name: operators until then, at: 2027-01-31T00:00:00Z, caller: { kind: user, scopes: [Metrics.Access], roles: [Gateway.Admin] }, permission: policy:read, expect: { allow: true, bindings: [operators], tenants: [] } }
            - { name: and no longer, at: 2027-01-31T00:00:01Z, caller: { kind: user, scopes: [Metrics.Access], roles: [Gateway.Admin] }, permission: policy:read, expect: { allow: false } }
            """);

        Assert.Equal((0, "6 passed, 0 failed\n", ""), await RunAsync("test", policy, cases));
        Assert.Equal((0, """{"passed":6,"failed":[]}""" + "\n", ""), await RunAsync("test", policy, cases, "--json"));
    }

    [Fact]
    public async Task Test_says_what_came_out_instead()
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string cases = Write("cases.yaml", """
            cases:
            - { name: wrong binding, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, roles: [Metrics.Write] }, permission: metrics:write, expect: { allow: true, bindings: [tenant-writers] } }
            - { name: wrong reason, caller: { kind: app }, permission: metrics:write, tenant: payments, expect: { allow: false, reason: permission-denied } }
            - { name: right, caller: { kind: app }, permission: metrics:write, expect: { allow: false } }
            - { name: refused, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, roles: [Metrics.Write] }, permission: metrics:write, tenants: [platform], expect: { allow: true } }
            """);

        Assert.Equal(
            (1,
                """
                failed: wrong binding: expected allow by tenant-writers, got allow on payments by prom-payments
                failed: wrong reason: expected refuse with permission-denied, got refuse with no-roles
                failed: refused: expected allow, got refuse with tenant-not-granted
                1 passed, 3 failed

                """,
                ""),
            await RunAsync("test", policy, cases));
        (int code, string output, _) = await RunAsync("test", policy, cases, "--json");
        Assert.Equal(1, code);
        Assert.Equal(
            """{"name":"wrong reason","expected":{"allow":false,"reason":"permission-denied"},"actual":{"allow":false,"reason":"no-roles"}}""",
            JsonDocument.Parse(output).RootElement.GetProperty("failed")[1].GetRawText());
    }

    [Theory]
    [InlineData("cases: []", "1:8: cases: is an empty list; leave the key out")]
    [InlineData("tests: []", "1:1: tests: unknown key; expected cases", "1:1: cases: is missing")]
    [InlineData("cases: [ { name: n, caller: { kind: app, role: [r] }, permission: metrics:write, expect: { allow: true } } ]", "1:42: cases[0].caller.role: unknown key; expected kind, onBehalfOfUser, client, oid, clientAuth, roles, scopes, groups, idtyp, issuedAt, token, key")]
    [InlineData("cases: [ { name: n, caller: { kind: app }, permission: metrics:write, expect: { allow: true, reason: revoked } } ]", "1:102: cases[0].expect.reason: has no meaning beside allow: true")]
    [InlineData("cases: [ { name: n, caller: { kind: app }, permission: metrics:write, expect: { allow: false, reason: because } } ]", "1:103: cases[0].expect.reason: \"because\" is not a reason; expected revoked, token-too-old, scope-missing, idtyp-missing, client-auth-too-weak, no-roles, permission-denied, denied-by-policy, groups-overage, tenant-not-granted, tenant-invalid, tenant-ambiguous, too-many-tenants")]
    [InlineData("cases: [ { name: n, caller: { kind: user }, permission: policy:read, tenant: a, expect: { allow: false } } ]", "1:78: cases[0].tenant: policy:read is about the gateway and not about tenants; leave it out")]
    [InlineData("cases: [ { name: n, caller: { kind: user, onBehalfOfUser: true }, permission: metrics:read, expect: { allow: false } } ]", "1:59: cases[0].caller.onBehalfOfUser: is for agents only")]
    public async Task Cases_that_are_wrong_are_told_like_a_policy(string text, params string[] expected)
    {
        string policy = Write("policy.yaml", TestPolicy.Example);
        string cases = Write("cases.yaml", text);

        Assert.Equal((2, "", string.Concat(expected.Select(fault => $"{cases}:{fault}\n"))), await RunAsync("test", policy, cases));
    }

    [Fact]
    public async Task Diff_of_equal_policies_is_empty_whatever_their_text()
    {
        string old = Write("old.yaml", TestPolicy.Example);
        string now = Write("new.yaml", "# a comment\n" + TestPolicy.Example);

        Assert.Equal((0, "no difference in who may do what\n", ""), await RunAsync("diff", old, now));
        Assert.Equal((0, """{"gains":[],"loses":[],"changed":[]}""" + "\n", ""), await RunAsync("diff", old, now, "--json"));
    }

    [Fact]
    public async Task Diff_says_who_gains_and_who_loses()
    {
        string old = Write("old.yaml", """
            version: 1
            tokens: { minClientAuth: secret }
            tenants: { a: {}, b: {} }
            bindings:
            - { id: same, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a] } }
            - { id: other, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [a, b] } }
            - { id: rematched, match: { kind: user, role: [R] }, grant: { permissions: [metrics:read], tenants: [a] } }
            - { id: all, match: { kind: user, role: [All] }, grant: { permissions: [audit:read], allTenants: true } }
            deny: [ { id: no, match: { kind: agent }, deny: { permissions: [metrics:write], tenants: [a] } } ]
            """);
        string now = Write("new.yaml", """
            version: 1
            tokens: { minClientAuth: assertion, maxUserAge: 1h }
            tenants: { a: {}, b: {}, c: {} }
            bindings:
            - { id: same, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a] } }
            - { id: other, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read, metrics:push], tenants: [b, c] } }
            - { id: rematched, match: { kind: user, role: [R2] }, grant: { permissions: [metrics:read], tenants: [a] } }
            - { id: all, match: { kind: user, role: [All] }, grant: { permissions: [audit:read], allTenants: true } }
            - { id: ops, match: { kind: user, role: [Ops] }, grant: { permissions: [gateway:admin] }, notAfter: 2027-01-01T00:00:00Z }
            revocations: [ { key: k1, reason: leaked } ]
            """);

        Assert.Equal(
            (1,
                """
                gains: binding other (app, role R): metrics:read on c
                gains: binding other (app, role R): metrics:push on b, c
                gains: binding rematched (user, role R2): metrics:read on a
                gains: binding all (user, role All): audit:read on c
                gains: binding ops (user, role Ops, until 2027-01-01T00:00:00Z): gateway:admin
                gains: deny no (agent): metrics:write on a
                loses: binding other (app, role R): metrics:read on a
                loses: binding rematched (user, role R): metrics:read on a
                loses: revocation (key k1): everything
                changed: tokens.minClientAuth: secret → assertion
                changed: tokens.maxUserAge: none → 1h
                changed: tenants.c: absent → declared

                """,
                ""),
            await RunAsync("diff", old, now));
        (int code, string output, _) = await RunAsync("diff", old, now, "--json");
        Assert.Equal(1, code);
        Assert.Equal(
            """{"rule":"binding other","who":"app, role R","permission":"metrics:read","tenants":["c"]}""",
            JsonDocument.Parse(output).RootElement.GetProperty("gains")[0].GetRawText());
    }

    [Fact]
    public async Task Diff_of_a_broken_policy_is_invalid_input()
    {
        string old = Write("old.yaml", TestPolicy.Example);
        string now = Write("new.yaml", Broken);

        (int code, string output, string error) = await RunAsync("diff", old, now);

        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith($"{now}:3:31: ", error, StringComparison.Ordinal);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        RootCommand root = new("rwgateway") { PolicyCommand.Create(() => []) };
        using StringWriter output = new() { NewLine = "\n" };
        using StringWriter error = new() { NewLine = "\n" };
        InvocationConfiguration configuration = new() { Output = output, Error = error };
        int code = await PolicyCommand.InvokeAsync(root.Parse(["policy", .. arguments]), configuration, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
