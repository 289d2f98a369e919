using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Tests.Tenancy;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>The policy in force, and documents that might become it.</summary>
public sealed class PolicyRoutesTests(SharedAdminGateway shared) : IClassFixture<SharedAdminGateway>
{
    private GatewayHost Gateway => shared.Gateway;

    private string Reader => Gateway.UserToken("Policy.Read");

    [Fact]
    public async Task The_policy_in_force_is_given_verbatim()
    {
        JsonNode answer = await Gateway.JsonAsync("GET", "/admin/v1/policy", Reader);

        Assert.Equal(GatewayHost.AdminPolicy, answer["document"]!.GetValue<string>());
        Assert.Equal(Gateway.Services.GetPolicyVersion(), answer["version"]!.GetValue<string>());
        Assert.Equal("2026-11-24T12:00:00Z", answer["loadedAt"]!.GetValue<string>());
    }

    [Fact]
    public async Task Tenants_are_listed_in_pages()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy.Replace(
            "{ ours: {}, theirs: {} }", "{ ours: { owner: team-ours, description: \"what is \\\"ours\\\"\" }, theirs: {} }", StringComparison.Ordinal));
        string reader = gateway.UserToken("Policy.Read");

        JsonNode first = await gateway.JsonAsync("GET", "/admin/v1/tenants?limit=1", reader);
        JsonNode second = await gateway.JsonAsync("GET", $"/admin/v1/tenants?limit=1&cursor={first["next"]}", reader);

        Assert.Equal("""[{"name":"ours","owner":"team-ours","description":"what is \u0022ours\u0022"}]""", first["items"]!.ToJsonString());
        Assert.Equal("""{"items":[{"name":"theirs","owner":"","description":""}],"next":null}""", second.ToJsonString());
    }

    [Fact]
    public async Task A_valid_document_is_told_its_version_and_what_is_odd()
    {
        string document = """
            version: 1
            tenants: { a: {}, idle: {} }
            bindings:
            - { id: old, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [a] }, notAfter: 2026-01-31T00:00:00Z }
            deny:
            - { id: gone, match: { kind: app }, deny: { everything: true }, notAfter: 2026-01-31T00:00:00Z }
            revocations: [ { client: 99999999-0000-4000-8000-000000000066, reason: r, until: 2026-02-01T00:00:00Z } ]
            """;

        JsonNode answer = await Gateway.JsonAsync("POST", "/admin/v1/policy/validate", Reader, Body(("document", document)));

        Assert.Equal(
            [
                "binding \"old\" ended 2026-01-31T00:00:00Z",
                "deny \"gone\" ended 2026-01-31T00:00:00Z",
                "the revocation of client 99999999-0000-4000-8000-000000000066 ended 2026-02-01T00:00:00Z",
                "tenant \"idle\" is declared, and no binding grants anything on it",
                "no binding grants gateway:admin: nobody can revoke access, or read this policy, through the admin API",
            ],
            answer["warnings"]!.AsArray().Select(warning => warning!.GetValue<string>()));
        Assert.True(answer["valid"]!.GetValue<bool>());
        Assert.Equal(
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(document)))[..16],
            answer["version"]!.GetValue<string>());
    }

    [Fact]
    public async Task Everything_that_is_wrong_with_a_document_is_told_by_line_and_column()
    {
        string document = GatewayHost.DefaultPolicy.Replace("tenants: [ours] }", "tenants: [oursss], x: 1 }", StringComparison.Ordinal);

        using HttpResponseMessage answer = await Gateway.CallAsync("POST", "/admin/v1/policy/validate", Reader, Body(("document", document)));

        string[] errors = await ProblemCheck.AssertAsync(answer, 400, "policy-invalid");
        Assert.Equal(
            [
                "bindings[0].grant.tenants[0] (6:52): tenant \"oursss\" is not declared under \"tenants\"; did you mean \"ours\"?",
                "bindings[0].grant (6:61): unknown key; expected permissions, tenants, allTenants, limits",
            ],
            errors.Select(error => error.Replace("bindings[0].grant.x (", "bindings[0].grant (", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_policy_for_another_directory_is_not_valid_here()
    {
        using HttpResponseMessage answer = await Gateway.CallAsync(
            "POST", "/admin/v1/policy/validate", Reader,
            Body(("document", "version: 1\ndirectory: 99999999-8888-4777-8666-555555555555\ntenants: {}\nbindings: []\n")));

        Assert.Equal(
            [$"directory (2:12): this policy is for directory 99999999-8888-4777-8666-555555555555, the gateway is configured for {GatewayHost.Directory}"],
            await ProblemCheck.AssertAsync(answer, 400, "policy-invalid"));
    }

    [Fact]
    public async Task Cases_are_run_and_those_that_fail_are_told()
    {
        string cases = """
            cases:
            - { name: prom writes, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, roles: [Metrics.Write] }, permission: metrics:write, expect: { allow: true, bindings: [prom], tenants: [ours] } }
            - { name: prom writes theirs, caller: { kind: app, client: 99999999-0000-4000-8000-000000000001, roles: [Metrics.Write] }, permission: metrics:write, tenant: theirs, expect: { allow: true } }
            """;

        JsonNode answer = await Gateway.JsonAsync(
            "POST", "/admin/v1/policy/test", Reader, Body(("document", GatewayHost.DefaultPolicy), ("cases", cases)));

        Assert.Equal(
            """{"passed":1,"failed":[{"name":"prom writes theirs","expected":{"allow":true,"reason":null,"bindings":null,"tenants":null},"actual":{"allow":false,"reason":"tenant-not-granted","bindings":null,"tenants":null}}]}""",
            answer.ToJsonString());
    }

    [Fact]
    public async Task Cases_that_are_none_are_told_by_line_and_column()
    {
        using HttpResponseMessage answer = await Gateway.CallAsync(
            "POST", "/admin/v1/policy/test", Reader, Body(("document", GatewayHost.DefaultPolicy), ("cases", "cases:\n- { nam: x }\n")));

        string[] errors = await ProblemCheck.AssertAsync(answer, 400, "bad-request");
        Assert.Contains(errors, error => error.StartsWith("cases[0].nam (2:5): unknown key", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reload_takes_the_file_and_says_whether_it_changed()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        string before = gateway.Services.GetPolicyVersion();

        Assert.Equal($$"""{"version":"{{before}}","changed":false}""", (await gateway.JsonAsync("POST", "/admin/v1/policy/reload", admin)).ToJsonString());
        await File.WriteAllTextAsync(gateway.PolicyPath, GatewayHost.AdminPolicy + "\n# reviewed\n", TestContext.Current.CancellationToken);
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        JsonNode changed = await gateway.JsonAsync("POST", "/admin/v1/policy/reload", admin);

        Assert.Equal($$"""{"version":"{{gateway.Services.GetPolicyVersion()}}","changed":true}""", changed.ToJsonString());
        Assert.NotEqual(before, gateway.Services.GetPolicyVersion());
        Assert.Equal("2026-11-24T12:00:01Z", (await gateway.JsonAsync("GET", "/admin/v1/policy", admin))["loadedAt"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_reload_of_a_bad_file_changes_nothing_and_says_what_is_wrong()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string admin = gateway.UserToken("Gateway.Admin");
        string before = gateway.Services.GetPolicyVersion();
        await File.WriteAllTextAsync(gateway.PolicyPath, GatewayHost.AdminPolicy.Replace("tenants: [ours]", "tenants: [ous]", StringComparison.Ordinal), TestContext.Current.CancellationToken);

        using HttpResponseMessage bad = await gateway.CallAsync("POST", "/admin/v1/policy/reload", admin);
        string[] errors = await ProblemCheck.AssertAsync(bad, 400, "policy-invalid");
        Assert.Equal(2, errors.Length);
        Assert.StartsWith("bindings[0].grant.tenants[0] (6:", errors[0], StringComparison.Ordinal);

        File.Delete(gateway.PolicyPath);
        using HttpResponseMessage absent = await gateway.CallAsync("POST", "/admin/v1/policy/reload", admin);
        Assert.Empty(await ProblemCheck.AssertAsync(absent, 400, "policy-invalid"));
        Assert.Equal(before, gateway.Services.GetPolicyVersion());
    }

    [Fact]
    public async Task A_document_of_one_mebibyte_is_taken_and_one_byte_more_is_refused()
    {
        const int Max = 1 << 20;
        string padding = GatewayHost.DefaultPolicy + "\n#";
        string largest = padding + new string('"', Max - padding.Length);

        JsonNode taken = await Gateway.JsonAsync("POST", "/admin/v1/policy/validate", Reader, Body(("document", largest)));
        using HttpResponseMessage refused = await Gateway.CallAsync("POST", "/admin/v1/policy/validate", Reader, Body(("document", largest + "x")));

        Assert.True(taken["valid"]!.GetValue<bool>());
        Assert.Equal([$"document (1:1): has {Max + 1} bytes or more, limit {Max}"], await ProblemCheck.AssertAsync(refused, 400, "policy-invalid"));
    }

    [Fact]
    public void The_example_of_the_tests_has_nothing_odd_about_it() =>
        Assert.Empty(RemoteWriteGateway.Tenancy.PolicyWarnings.Of(TestPolicy.Load(TestPolicy.Example), TestCaller.Now));

    private static string Body(params (string Name, string Value)[] members) =>
        new JsonObject(members.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)JsonValue.Create(one.Value)))).ToJsonString();
}
