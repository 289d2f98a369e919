using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using RemoteWriteGateway.Admin;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>The OpenAPI document: made of the routes, checked in as <c>docs/openapi.json</c>, and read by the library that others read such documents with.</summary>
public sealed class OpenApiTests(SharedAdminGateway shared) : IClassFixture<SharedAdminGateway>
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private GatewayHost Gateway => shared.Gateway;

    [Fact]
    public async Task The_document_that_is_checked_in_is_the_one_that_is_answered()
    {
        string made = (await DocumentAsync()).ToJsonString(Indented) + "\n";
        if (Environment.GetEnvironmentVariable("RWGATEWAY_UPDATE_OPENAPI") is "1")
        {
            await File.WriteAllTextAsync(CheckedIn(), made, TestContext.Current.CancellationToken);
        }

        string checkedIn = await File.ReadAllTextAsync(CheckedIn(), TestContext.Current.CancellationToken);
        Assert.True(made == checkedIn, "docs/openapi.json is not current: run this test once with RWGATEWAY_UPDATE_OPENAPI=1, and look at the difference");
    }

    [Fact]
    public async Task A_reader_of_such_documents_finds_nothing_wrong_with_it()
    {
        ReadResult read = OpenApiDocument.Parse((await DocumentAsync()).ToJsonString(), "json");

        Assert.NotNull(read.Diagnostic);
        Assert.Empty(read.Diagnostic.Errors.Select(error => error.ToString()));
        Assert.Empty(read.Diagnostic.Warnings.Select(error => error.ToString()));
        Assert.NotNull(read.Document);
        Assert.Empty(read.Document.Validate(ValidationRuleSet.GetDefaultRuleSet()).Select(error => error.ToString()));
    }

    [Fact]
    public async Task Every_route_is_in_it_with_its_permission_its_schemas_and_its_problems()
    {
        OpenApiDocument document = OpenApiDocument.Parse((await DocumentAsync()).ToJsonString(), "json").Document!;
        AdminRoute[] routes = [.. Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.Select(one => one.Metadata.GetMetadata<AdminRoute>()).OfType<AdminRoute>()];
        Assert.True(routes.Length >= 10);
        Assert.Equal(routes.Length, document.Paths.Sum(path => path.Value.Operations?.Count ?? 0));
        Assert.Equal(routes.Length, routes.Select(route => route.OperationId).Distinct().Count());

        foreach (AdminRoute route in routes)
        {
            OpenApiOperation operation = document.Paths[route.Path].Operations![new HttpMethod(route.Method)];
            Assert.Equal(route.OperationId, operation.OperationId);
            Assert.Equal(route.Summary, operation.Summary);
            Assert.Equal(route.Permission is null ? [] : [route.Permission], operation.Security!.Single().Values.Single());
            Assert.Equal(
                [.. route.PathParameters, .. route.Query.Select(one => one.Name)],
                (operation.Parameters ?? []).Select(one => one.Name));
            Assert.Equal(route.Body is not null, operation.RequestBody is not null);
            if (route.Body is not null)
            {
                Assert.Equal(JsonSchemaType.Object, operation.RequestBody!.Content!["application/json"].Schema!.Type);
                Assert.False(operation.RequestBody.Content["application/json"].Schema!.AdditionalPropertiesAllowed);
            }

            Assert.Equal(JsonSchemaType.Object, operation.Responses![$"{route.AnswerStatus}"].Content!["application/json"].Schema!.Type);
            string[] problems = ["400", "401", "503", .. route.Permission is null ? (string[])[] : ["403"], .. route.Body is null ? (string[])[] : ["415"]];
            foreach (string status in problems)
            {
                Assert.Contains("reason", operation.Responses[status].Content!["application/problem+json"].Schema!.Required!);
            }
        }
    }

    private async Task<JsonNode> DocumentAsync() => await Gateway.JsonAsync("GET", "/admin/v1/openapi.json", Gateway.UserToken("Policy.Read"));

    private static string CheckedIn([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", "openapi.json")); // a file of ours has a folder
}
