using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary><c>docs/admin.md</c> and <c>docs/entra.md</c> are what they say.</summary>
public sealed partial class AdminGuideTests(SharedAdminGateway shared) : IClassFixture<SharedAdminGateway>
{
    private GatewayHost Gateway => shared.Gateway;

    [Fact]
    public void Every_route_has_a_line_with_its_permission_and_no_line_is_of_a_route_that_is_not_there()
    {
        IEnumerable<string> routes = Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .Select(one => one.Metadata.GetMetadata<AdminRoute>()).OfType<AdminRoute>()
            .Select(route => $"{route.Method} {route.Path}: {(route.Permission is { } permission ? $"`{permission}`" : "any valid token")}{(route.Choice is TenantChoice.All ? " on all tenants" : "")}");

        IEnumerable<string> lines = Lines().Matches(Document("admin.md")).Select(line => $"{line.Groups["route"].Value}: {line.Groups["permission"].Value}");

        Assert.Equal(routes.Order(StringComparer.Ordinal), lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_json_block_is_json()
    {
        string[] blocks = [.. Blocks(Document("admin.md")), .. Blocks(Document("entra.md"))];

        Assert.True(blocks.Length >= 4);
        Assert.All(blocks, block => Assert.NotNull(JsonNode.Parse(block)));
    }

    [Fact]
    public async Task The_question_of_the_guide_is_understood()
    {
        string document = Document("admin.md");
        string body = document[(document.IndexOf("/admin/v1/explain -d '", StringComparison.Ordinal) + "/admin/v1/explain -d '".Length)..];

        JsonNode answer = await Gateway.JsonAsync(
            "POST", "/admin/v1/explain", Gateway.UserToken("Policy.Read"), body[..body.IndexOf('\'', StringComparison.Ordinal)]);

        Assert.Equal("tenant-not-granted", answer["reason"]!.GetValue<string>());
    }

    [Fact]
    public void The_registration_has_what_the_gateway_and_the_guides_ask_for()
    {
        JsonNode app = JsonNode.Parse(Blocks(Document("entra.md")).Single())!;

        Assert.Equal(2, app["api"]!["requestedAccessTokenVersion"]!.GetValue<int>());
        Assert.Equal("ApplicationGroup", app["groupMembershipClaims"]!.GetValue<string>());
        Assert.Equal(new TokenRules().DelegatedScope, app["api"]!["oauth2PermissionScopes"]![0]!["value"]!.GetValue<string>());
        Assert.Equal(
            ["Metrics.Write", "Metrics.Read", "Metrics.Push", "Gateway.Audit", "Gateway.Admin"],
            app["appRoles"]!.AsArray().Select(role => role!["value"]!.GetValue<string>()));
        Assert.All(app["appRoles"]!.AsArray(), role => Assert.Equal("""["User","Application"]""", role!["allowedMemberTypes"]!.ToJsonString()));
        Assert.Equal(["idtyp", "xms_cc"], app["optionalClaims"]!["accessToken"]!.AsArray().Select(claim => claim!["name"]!.GetValue<string>()));
    }

    private static IEnumerable<string> Blocks(string document) => document.Split("```json\n").Skip(1).Select(block => block.Split("```")[0]);

    private static string Document(string name, [CallerFilePath] string here = "") =>
        File.ReadAllText(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", name))); // a file of ours has a folder

    [GeneratedRegex(@"^\| `(?<route>(GET|POST) [^`]+)` \| (?<permission>[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex Lines();
}
