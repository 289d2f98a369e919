using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class AuthorizationTests
{
    private const string Policy = """
        version: 1
        tenants: { ours: {}, theirs: {} }
        bindings:
        - id: writers
          match: { kind: app, role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        - id: readers
          match: { kind: [app, user], role: [Metrics.Read] }
          grant: { permissions: [metrics:read], tenants: [ours, theirs] }
        - id: operators
          match: { kind: user, role: [Gateway.Admin] }
          grant: { permissions: [gateway:admin] }
        """;

    [Theory]
    [InlineData("POST", "/write", "Metrics.Write", "200 ours")]
    [InlineData("POST", "/write", "Metrics.Read", "403 permission-denied: this needs permission metrics:write; see /whoami")]
    [InlineData("GET", "/read", "Metrics.Read", "200 ours|theirs")]
    [InlineData("GET", "/read", "Metrics.Write", "403 permission-denied: this needs permission metrics:read; see /whoami")]
    [InlineData("GET", "/admin", "Metrics.Write", "403 permission-denied: this needs permission gateway:admin; see /whoami")]
    [InlineData("GET", "/whoami", "Nothing", "200 you")]
    [InlineData("GET", "/unknown", "Nothing", "404 ")]
    [InlineData("GET", "/healthy", "Nothing", "200 ok")]
    public async Task A_route_gives_what_the_policy_grants_for_its_permission(string method, string path, string role, string expected)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        Assert.Equal(expected, await host.SendAsync(TestCaller.App(role), method, path));
    }

    [Theory]
    [InlineData("POST", "/write", 401)]
    [InlineData("POST", "/tenants/ours/write", 401)]
    [InlineData("GET", "/read", 401)]
    [InlineData("GET", "/admin", 401)]
    [InlineData("GET", "/whoami", 401)]
    [InlineData("GET", "/unknown", 401)]
    [InlineData("GET", "/healthy", 200)]
    public async Task Without_a_token_only_anonymous_routes_answer(string method, string path, int expected)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        HttpContext answer = await host.ExchangeAsync(null, method, path);

        Assert.Equal(expected, answer.Response.StatusCode);
        Assert.Equal(expected == 401 ? Challenges.Realm : "", answer.Response.Headers.WWWAuthenticate.ToString());
    }

    [Fact]
    public async Task A_route_that_says_nothing_about_permissions_stops_the_start_and_is_named()
    {
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => TenancyHost.StartAsync(Policy, routes =>
        {
            TenancyHost.MapUsual(routes);
            routes.MapGet("/forgotten", () => "anything");
            routes.MapPost("/twice", () => "anything").RequirePermission(Permissions.MetricsRead).AllowAnonymous();
        }));

        Assert.EndsWith("not so: GET /forgotten, POST /twice", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("scope-missing: a user token needs scope Metrics.Access", 403)]
    [InlineData("idtyp-missing: the token has no claim idtyp; add the optional claim idtyp to the gateway's app registration", 403)]
    [InlineData("client-auth-too-weak: use a certificate, managed or federated identity", 403)]
    [InlineData("token-too-old: the token is older than the policy allows for users; sign in again", 401)]
    [InlineData("revoked: access was revoked by an operator", 401)]
    [InlineData("no-roles: the token has neither roles nor scopes; this needs permission metrics:write; see /whoami", 403)]
    [InlineData("denied-by-policy: a rule of the policy denies it; this needs permission metrics:write; see /whoami", 403)]
    [InlineData("groups-overage: the token lists no groups because there are too many; use app roles or set groupMembershipClaims to ApplicationGroup; this needs permission metrics:write; see /whoami", 403)]
    public async Task A_verdict_on_the_caller_has_its_text_and_its_challenge(string text, int status)
    {
        await using TenancyHost host = await TenancyHost.StartAsync($"""
            version: 1
            tokens: {"{"} requireIdtyp: true, minClientAuth: assertion, maxUserAge: 1h {"}"}
            tenants: {"{"} ours: {"{}"} {"}"}
            bindings:
            - {"{"} id: writers, match: {"{"} kind: app, role: [W, Denied] {"}"}, grant: {"{"} permissions: [metrics:write], tenants: [ours] {"}"} {"}"}
            - {"{"} id: group, match: {"{"} kind: user, group: [{TestCaller.Team}] {"}"}, grant: {"{"} permissions: [metrics:write], tenants: [ours] {"}"} {"}"}
            deny: [ {"{"} id: no, match: {"{"} kind: app, role: [Denied] {"}"}, deny: {"{"} everything: true {"}"} {"}"} ]
            revocations: [ {"{"} token: gone, reason: r {"}"} ]
            """);
        string reason = text.Split(':')[0];
        Caller caller = reason switch
        {
            "scope-missing" => TestCaller.User() with { Scopes = [] },
            "idtyp-missing" => TestCaller.App("W") with { HasIdTyp = false },
            "client-auth-too-weak" => TestCaller.App("W") with { ClientAuth = ClientAuth.Secret },
            "token-too-old" => TestCaller.User() with { IssuedAt = TestCaller.Now.AddHours(-2) },
            "revoked" => TestCaller.App("W") with { TokenId = "gone" },
            "denied-by-policy" => TestCaller.App("Denied"),
            "groups-overage" => TestCaller.User() with { GroupsUnknown = true },
            _ => TestCaller.App(),
        };

        Assert.Equal($"{status} {text}", await host.SendAsync(caller, "POST", "/write"));
        HttpContext answer = await host.ExchangeAsync(caller, "POST", "/write");
        Assert.Equal(
            status == 401
                ? $"Bearer realm=\"remote-write-gateway\", error=\"invalid_token\", error_description=\"{reason}\""
                : "Bearer realm=\"remote-write-gateway\", error=\"insufficient_scope\", scope=\"api://aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee/.default\"",
            answer.Response.Headers.WWWAuthenticate.ToString());
    }

    [Fact]
    public async Task A_client_that_can_is_told_to_get_a_new_token()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy + "\nrevocations: [ { token: token-1, reason: r } ]");

        HttpContext answer = await host.ExchangeAsync(TestCaller.App("Metrics.Write") with { TakesClaimsChallenge = true }, "POST", "/write");

        Assert.StartsWith(
            "Bearer realm=\"remote-write-gateway\", error=\"insufficient_claims\", claims=\"", answer.Response.Headers.WWWAuthenticate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_of_authentication_is_answered_before_anything_is_asked()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);
        host.Unauthenticated = new Refusal("token-expired", 401, "the token has expired");

        Assert.Equal("401 token-expired: the token has expired", await host.SendAsync(TestCaller.App("Metrics.Write"), "POST", "/write"));
    }

    [Fact]
    public async Task An_error_of_ours_is_counted_and_grants_nothing()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);
        Caller broken = TestCaller.App() with { Roles = default };

        await Assert.ThrowsAsync<NullReferenceException>(() => host.SendAsync(broken, "POST", "/write"));

        Assert.Equal("1", await host.MetricAsync("rwgateway_policy_evaluation_errors_total"));
    }

    [Fact]
    public async Task Roles_that_name_no_declared_tenant_are_counted()
    {
        await using TenancyHost host = await TenancyHost.StartAsync("""
            version: 1
            tenants: { ours: {} }
            bindings: [ { id: t, match: { kind: app, roleTemplate: 'T.{tenant}' }, grant: { permissions: [metrics:write], tenants: ['{tenant}'] } } ]
            """);

        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("T.ours", "T.gone", "T.absent"), "POST", "/write"));

        Assert.Equal("2", await host.MetricAsync("rwgateway_policy_undeclared_tenants_total"));
    }

    [Theory]
    [InlineData("Tenancy:Label", "__tenant")]
    [InlineData("Tenancy:Label", "ten-ant")]
    [InlineData("Tenancy:Header", "X Scope")]
    [InlineData("Tenancy:MaxTenantsPerRead", "0")]
    [InlineData("Tenancy:MaxTenants", "5")]
    [InlineData("Policy:PollInterval", "00:00:00")]
    [InlineData("Policy:File", "policy.yaml")]
    public async Task A_setting_that_is_wrong_stops_the_start_and_is_named(string key, string value)
    {
        Exception fault = await Assert.ThrowsAnyAsync<Exception>(() => TenancyHost.StartAsync(Policy, settings: [(key, value)]));

        Assert.Contains(key.Split(':')[1], fault.Message, StringComparison.Ordinal);
    }
}
