using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
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
}
