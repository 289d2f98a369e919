using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Query;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Rows 15 to 18, 25 and 27 of the table of attacks, against the whole gateway: good tokens that ask for more than they were granted.</summary>
public sealed class PolicyAttackTests(PolicyAttackTests.SharedGateway shared) : IClassFixture<PolicyAttackTests.SharedGateway>
{
    private const string AgentClient = "77777777-1111-4000-8000-000000000001";
    private const string Team = "77777777-0000-4000-8000-000000000001";
    private const string OthersTeam = "77777777-0000-4000-8000-000000000002";

    private static readonly string Policy = $$"""
        version: 1
        tenants: { ours: {}, theirs: {}, team: {}, deniedteam: {} }
        bindings:
        - id: prom
          match: { kind: app, client: [{{GatewayHost.PromClient}}], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        - id: ended
          match: { kind: app, role: [Ended.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
          notAfter: 2026-11-24T11:59:59Z
        - id: user-writers
          match: { kind: user, role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        - id: user-of-theirs
          match: { kind: user, role: [Theirs.Write] }
          grant: { permissions: [metrics:write], tenants: [theirs] }
        - id: agent
          match: { kind: agent, client: [{{AgentClient}}] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        - id: team
          match: { kind: user, group: [{{Team}}] }
          grant: { permissions: [metrics:write], tenants: [team] }
        - id: denied-team
          match: { kind: user, role: [Denied.Write] }
          grant: { permissions: [metrics:write], tenants: [deniedteam] }
        {each}
        deny:
        - id: not-these
          match: { kind: user, group: [{{OthersTeam}}] }
          deny: { permissions: [metrics:write], tenants: [deniedteam] }
        """.Replace("{each}", string.Join('\n', Permissions.All.Select(OneBinding)), StringComparison.Ordinal);

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string, int, string> Refusals => new()
    {
        { "15: no roles and no scopes", 403, "no-roles" },
        { "15: empty roles", 403, "no-roles" },
        { "16: user without the scope", 403, "scope-missing" },
        { "16: agent beyond the human's half", 403, "permission-denied" },
        { "16: agent beyond its own half", 403, "permission-denied" },
        { "16: grant past notAfter", 403, "permission-denied" },
        { "18: overage with a group binding only", 403, "groups-overage" },
        { "18: overage with a group denial", 403, "denied-by-policy" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_caller_without_a_grant_writes_nothing(string who, int status, string reason)
    {
        string token = TokenOf(who);

        await new RefusedCall(status, reason).AssertAsync(Gateway, () => Gateway.WriteAsync(Message(), token), token);
    }

    [Theory]
    [InlineData("16: agent within both halves", "ours")]
    [InlineData("18: overage with a role binding", "ours")]
    [InlineData("18: in the group", "team")]
    public async Task A_caller_with_a_grant_writes(string who, string tenant)
    {
        Assert.Equal([$$"""{__name__="up",tenant="{{tenant}}"}"""], await WrittenAsync(Message(), TokenOf(who)));
        Assert.Empty(Gateway.Backchannel.ForeignUrls);
    }

    [Theory]
    [InlineData("X-Scope-OrgID: theirs", "/api/v1/write")]
    [InlineData("X-Scope-OrgID: no-such-tenant", "/api/v1/write")]
    [InlineData("x-scope-orgid: theirs", "/api/v1/receive")]
    [InlineData(null, "/tenants/theirs/api/v1/write")]
    [InlineData(null, "/tenants/no-such-tenant/api/v1/write")]
    [InlineData(null, "/tenants/OURS/api/v1/write")]
    public async Task A_foreign_tenant_is_refused_like_one_that_does_not_exist(string? header, string path)
    {
        string text = await new RefusedCall(403, "tenant-not-granted") { Route = RouteOf(path) }.AssertAsync(Gateway, () => SendAsync(path, header));

        Assert.Equal("tenant-not-granted: no metrics:write on a requested tenant; see /whoami", text);
    }

    [Theory]
    [InlineData("tenant-invalid", "X-Scope-OrgID: ours|theirs", "/api/v1/write")]
    [InlineData("tenant-invalid", "X-Scope-OrgID: ours|ours", "/api/v1/write")]
    [InlineData("tenant-invalid", "X-Scope-OrgID: ../theirs", "/api/v1/write")]
    [InlineData("tenant-invalid", null, "/tenants/ours%7Ctheirs/api/v1/write")]
    [InlineData("tenant-invalid", null, "/tenants/%6Furs/api/v1/write")]
    [InlineData("tenant-conflict", "X-Scope-OrgID: theirs", "/tenants/ours/api/v1/write")]
    [InlineData("tenant-conflict", "X-Scope-OrgID: ours\nX-Scope-OrgID: ours", "/api/v1/write")]
    [InlineData("tenant-conflict", "X-Scope-OrgID: ours\nX-Scope-OrgID: theirs", "/api/v1/write")]
    public async Task A_request_that_names_its_tenant_unclearly_is_refused(string reason, string? header, string path) =>
        await new RefusedCall(400, reason) { Route = RouteOf(path) }.AssertAsync(Gateway, () => SendAsync(path, header));

    [Fact]
    public async Task A_foreign_tenant_label_in_the_data_is_replaced()
    {
        IMessage message = SenderMessages.ToV1(SenderMessages.Series("up", ("tenant", "theirs")).At(Gateway.NowMs));

        Assert.Equal(["""{__name__="up",tenant="ours"}"""], await WrittenAsync(message, Gateway.Token("prom")));
    }

    /// <summary>Row 25: a forger's words stand nowhere, and headers that speak for somebody are not believed.</summary>
    [Theory]
    [InlineData("line\\r\\nX-Forged: yes")]
    [InlineData("\\\"quoted\\\"")]
    [InlineData("nul\\u0000nul")]
    public async Task What_a_token_says_is_never_reflected(string words)
    {
        string token = Gateway.Token("none", claims =>
        {
            claims["preferred_username"] = JsonNode.Parse($"\"{words} of the claims\"");
            claims["roles"] = new JsonArray(JsonNode.Parse($"\"{words} of the roles\""));
        });
        string forged = Gateway.WithHeader("kid", $"\"{words} of the header\"");

        await new RefusedCall(403, "permission-denied").AssertAsync(Gateway, () => Gateway.WriteAsync(Message(), token), token);
        await new RefusedCall(401, "unknown-key") { MayFetchKeys = true }.AssertAsync(Gateway, () => Gateway.WriteAsync(Message(), forged), forged);
    }

    [Fact]
    public async Task Headers_that_speak_for_somebody_are_not_believed()
    {
        string token = Gateway.Token("none");
        int logged = Gateway.Logs.All.Count;

        // The refusal's log record must name the peer, and the answer an id of ours: both are asserted there.
        await new RefusedCall(403, "no-roles").AssertAsync(
            Gateway,
            () => Gateway.WriteAsync(Message(), token, change: request =>
            {
                request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.7");
                request.Headers.TryAddWithoutValidation("Forwarded", "for=203.0.113.7");
                request.Headers.TryAddWithoutValidation("X-Request-Id", "00000000-0000-7000-8000-000000000001");
                request.Headers.TryAddWithoutValidation("X-Grafana-User", "ann");
            }),
            token);

        Assert.DoesNotContain(Gateway.Logs.All.Skip(logged), line =>
            line.Contains("203.0.113.7", StringComparison.Ordinal) || line.Contains("00000000-0000-7000", StringComparison.Ordinal));
    }

    /// <summary>Row 27, over whatever is mapped.</summary>
    [Fact]
    public async Task Every_route_asks_for_a_token_and_for_its_own_permission()
    {
        (string Pattern, string Method, string Permission, bool IsAdmin)[] routes =
        [
            .. from route in Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
               let asked = route.Metadata.GetMetadata<PermissionRequirement>()
               where asked is not null && route.Metadata.GetMetadata<ExactTarget>() is null // reads: ReadIsolationTests
               where route.Metadata.GetMetadata<HttpMethodMetadata>() is not null // pushes, which are routed by their raw target: PushRouteTests
               select (route.RoutePattern.RawText, route.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods[0], asked.Permission, route.Metadata.GetMetadata<AdminRoute>() is not null),
        ];
        Assert.True(routes.Length >= 15);

        foreach ((string pattern, string method, string permission, bool isAdmin) in routes)
        {
            string path = Regex.Replace(pattern, "{[a-z]+}", "ours");
            string token = Gateway.Token("none", claims => claims["roles"] = new JsonArray([.. Permissions.All
                .Except(permission is Permissions.PolicyRead ? [permission, Permissions.GatewayAdmin] : [permission])
                .Select(other => JsonValue.Create(RoleOf(other)))]));

            RefusedCall unknown = new(401, "no-credentials") { Route = pattern, IsWrite = !isAdmin, IsProblem = isAdmin };
            RefusedCall denied = new(403, "permission-denied") { Route = pattern, IsWrite = !isAdmin, IsProblem = isAdmin };
            await unknown.AssertAsync(Gateway, () => CallAsync(path, method, null));
            await denied.AssertAsync(Gateway, () => CallAsync(path, method, token));
        }
    }

    [Theory]
    [InlineData("GET", "/nothing")]
    [InlineData("POST", "/api/v1/write/more")]
    [InlineData("POST", "/tenants/ours/nothing")]
    [InlineData("GET", "/metrics/cadvisor")]
    public async Task An_unknown_route_is_401_without_a_token_and_404_with_one(string method, string path)
    {
        const string Route = "/{**path}";
        string token = Gateway.Token("none");

        await new RefusedCall(401, "no-credentials") { Route = Route, IsWrite = false }.AssertAsync(Gateway, () => CallAsync(path, method, null));
        await new RefusedCall(404, "not-found") { Route = Route, IsWrite = false }.AssertAsync(Gateway, () => CallAsync(path, method, token), token);
    }

    private static string RouteOf(string path) => path.StartsWith("/tenants/", StringComparison.Ordinal) ? "/tenants/{tenant}/api/v1/write" : path;

    /// <summary>A binding that gives one permission, and that on every tenant, to whoever has its role.</summary>
    private static string OneBinding(string permission) => $$"""
        - id: only-{{permission.Replace(':', '-')}}
          match: { kind: app, role: ["{{RoleOf(permission)}}"] }
          grant: { permissions: [{{permission}}]{{(Permissions.IsGatewayPermission(permission) ? "" : ", allTenants: true")}} }
        """;

    private static string RoleOf(string permission) => $"Only.{permission}";

    private Protocol.Messages.V1.WriteRequest Message() => SenderMessages.ToV1(SenderMessages.Series("up").At(Gateway.NowMs));

    private Task<HttpResponseMessage> CallAsync(string path, string method, string? token) => Gateway.WriteAsync(Message(), token, path, request =>
    {
        request.Method = new HttpMethod(method);
        if (token is null)
        {
            request.Headers.Authorization = null;
        }
    });

    /// <summary>Sends the head as it stands: a library would put the path in order.</summary>
    private Task<HttpResponseMessage> SendAsync(string path, string? header) => RawRequest.SendAsync(
        Gateway.Data.BaseAddress!, $"POST {path} HTTP/1.1\nAuthorization: Bearer {Gateway.Token("prom")}\nContent-Length: 0\n{header}");

    private async Task<IEnumerable<string>> WrittenAsync(IMessage message, string token)
    {
        int before = Gateway.Store.Requests.Count;
        using HttpResponseMessage answer = await Gateway.WriteAsync(message, token);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        return Assert.Single(Gateway.Store.Requests.Skip(before)).Series;
    }

    private string TokenOf(string who) => who switch
    {
        "15: no roles and no scopes" => Gateway.Token("none"),
        "15: empty roles" => Gateway.Token("none", claims => claims["roles"] = new JsonArray()),
        "16: user without the scope" => User("Metrics.Write", claims => claims["scp"] = "Another.Scope"),
        "16: agent within both halves" => User("Metrics.Write", claims => AsAgent(claims, AgentClient)),
        "16: agent beyond the human's half" => User("Metrics.Read", claims => AsAgent(claims, AgentClient)),
        "16: agent beyond its own half" => User("Theirs.Write", claims => AsAgent(claims, AgentClient)),
        "16: grant past notAfter" => Gateway.Token("none", claims => claims["roles"] = new JsonArray("Ended.Write")),
        "18: overage with a group binding only" => User("Metrics.Read", Overage),
        "18: overage with a role binding" => User("Metrics.Write", Overage),
        "18: overage with a group denial" => User("Denied.Write", Overage),
        "18: in the group" => User("Metrics.Read", claims => claims["groups"] = new JsonArray(Team)),
        _ => throw new ArgumentOutOfRangeException(nameof(who), who, "There is no such caller."),
    };

    private string User(string role, Action<JsonObject> change) => Gateway.Mint.MintUser("ann", change: claims =>
    {
        claims["roles"] = new JsonArray(role);
        change(claims);
    });

    private static void AsAgent(JsonObject claims, string client)
    {
        claims["xms_act_fct"] = "3 9 11";
        claims["azp"] = client;
    }

    private static void Overage(JsonObject claims)
    {
        claims.Remove("groups");
        claims["_claim_names"] = new JsonObject { ["groups"] = "src1" };
        claims["_claim_sources"] = new JsonObject { ["src1"] = new JsonObject { ["endpoint"] = "https://graph.foreign.test/getMemberObjects" } };
    }

    /// <summary>One gateway for all lines of the table.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(Policy);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
