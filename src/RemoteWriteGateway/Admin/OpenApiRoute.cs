using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary><c>GET /admin/v1/openapi.json</c>: the OpenAPI document of this API, made of its routes.</summary>
internal sealed class OpenApiRoute([FromKeyedServices(AdminOpenApi.DocumentName)] IOpenApiDocumentProvider documents)
{
    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get("/admin/v1/openapi.json", "getOpenApi", Permissions.PolicyRead, "This document.", typeof(JsonObject)),
        async call => AdminAnswer.Ok(await MakeAsync(call.Aborted)));

    /// <summary>Makes the document: the same each time, so that it can be compared with the one that is checked in.</summary>
    public async Task<JsonObject> MakeAsync(CancellationToken cancellationToken)
    {
        OpenApiDocument document = await documents.GetOpenApiDocumentAsync(cancellationToken);
        string text = await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancellationToken);
        return JsonNode.Parse(text)?.AsObject() ?? throw new JsonException("The OpenAPI document is no object.");
    }
}
