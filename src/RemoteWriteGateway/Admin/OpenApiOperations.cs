using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>Describes each operation of the OpenAPI document by its <see cref="AdminRoute"/>.</summary>
internal sealed class OpenApiOperations : IOpenApiOperationTransformer
{
    /// <summary>Reasons of problems that every route has, by status.</summary>
    private static readonly (int Status, string Reasons)[] UsualProblems =
    [
        (400, $"`{AdminProblems.BadRequestReason}`, `several-credentials`"),
        (401, "the token is missing, not valid or revoked; see `WWW-Authenticate`"),
        (503, $"`audit-unavailable`, `{AdminProblems.CatalogUnavailableReason}`, `identity-unavailable`, `key-not-yet-known`; see `Retry-After`"),
    ];

    public async Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        AdminRoute route = context.Description.ActionDescriptor.EndpointMetadata.OfType<AdminRoute>().Single();
        OpenApiDocument document = context.Document ?? throw new InvalidOperationException("An operation without a document.");
        operation.OperationId = route.OperationId;
        operation.Summary = route.Summary;
        operation.Description = $"Permission: {route.Permission ?? "any valid token"}{(route.Choice is TenantChoice.All ? " on all tenants" : "")}.";
        operation.Security =
        [
            new OpenApiSecurityRequirement
            {
                [new OpenApiSecuritySchemeReference(AdminOpenApi.SecurityScheme, document)] = route.Permission is { } permission ? [permission] : [],
            },
        ];
        operation.Parameters = [.. route.PathParameters.Select(Parameter), .. route.Query.Select(Parameter)];
        operation.RequestBody = route.Body is { } body
            ? new OpenApiRequestBody
            {
                Required = true,
                Content = Json(AdminRoute.JsonMediaType, await SchemaAsync(context, document, body, isClosed: true, cancellationToken)),
            }
            : null;
        operation.Responses = new OpenApiResponses
        {
            [Status(route.AnswerStatus)] = new OpenApiResponse
            {
                Description = "Done.",
                Content = Answers(route, await SchemaAsync(context, document, route.Answer, isClosed: false, cancellationToken)),
            },
        };
        IOpenApiSchema problem = await SchemaAsync(context, document, typeof(Problem), isClosed: false, cancellationToken);
        foreach ((int status, string text) in ProblemsOf(route).OrderBy(one => one.Status))
        {
            operation.Responses[Status(status)] = new OpenApiResponse { Description = text, Content = Json(ProblemAnswer.MediaType, problem) };
        }
    }

    /// <summary>A type's name for readers of the document: <c>TenantItem</c> is a <c>Tenant</c>, a page of them a <c>TenantPage</c>.</summary>
    public static string NameOf(Type type) => type.IsGenericType
        ? NameOf(type.GetGenericArguments()[0]) + "Page"
        : type.Name.EndsWith("Item", StringComparison.Ordinal) ? type.Name[..^"Item".Length] : type.Name;

    /// <summary>A reference to the type's schema, which stands among the components once.</summary>
    /// <param name="context">Makes schemas of types.</param>
    /// <param name="document">Where the components are.</param>
    /// <param name="type">What is read or answered.</param>
    /// <param name="isClosed">Whether members that the type does not have are refused.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private static async Task<OpenApiSchemaReference> SchemaAsync(
        OpenApiOperationTransformerContext context, OpenApiDocument document, Type type, bool isClosed, CancellationToken cancellationToken)
    {
        string name = NameOf(type);
        if (document.Components?.Schemas?.ContainsKey(name) != true)
        {
            OpenApiSchema schema = await context.GetOrCreateSchemaAsync(type, cancellationToken: cancellationToken);
            schema.AdditionalPropertiesAllowed = !isClosed;
            document.AddComponent<IOpenApiSchema>(name, schema);
        }

        return new OpenApiSchemaReference(name, document);
    }

    private static Dictionary<string, OpenApiMediaType> Answers(AdminRoute route, IOpenApiSchema schema) => route.MediaTypes.ToDictionary(
        type => type,
        type => type.Contains("json", StringComparison.Ordinal) ? new OpenApiMediaType { Schema = schema } : new OpenApiMediaType(),
        StringComparer.Ordinal);

    private static Dictionary<string, OpenApiMediaType> Json(string mediaType, IOpenApiSchema schema) => new() { [mediaType] = new OpenApiMediaType { Schema = schema } };

    private static IEnumerable<(int Status, string Text)> ProblemsOf(AdminRoute route)
    {
        ILookup<int, string> own = route.Problems.ToLookup(one => one.Status, one => $"`{one.Reason}`");
        foreach ((int status, string text) in UsualProblems)
        {
            yield return (status, string.Join(", ", [.. own[status], text]));
        }

        if (route.Permission is { } permission)
        {
            yield return (403, $"the token does not grant {permission}: `permission-denied`, `no-roles`, `denied-by-policy`, `groups-overage`, `tenant-not-granted`, `scope-missing`, `idtyp-missing`, `client-auth-too-weak`");
        }

        if (route.Body is not null)
        {
            yield return (415, $"`{AdminProblems.UnsupportedMediaTypeReason}`, `{AdminProblems.UnsupportedEncodingReason}`");
        }

        foreach (IGrouping<int, string> problem in own.Where(one => UsualProblems.All(usual => usual.Status != one.Key)))
        {
            yield return (problem.Key, string.Join(", ", problem));
        }
    }

    private static IOpenApiParameter Parameter(string inPath) => new OpenApiParameter
    {
        Name = inPath,
        In = ParameterLocation.Path,
        Required = true,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static IOpenApiParameter Parameter(QueryParameter parameter) => new OpenApiParameter
    {
        Name = parameter.Name,
        In = ParameterLocation.Query,
        Required = parameter.IsRequired,
        Description = parameter.Description,
        Schema = new OpenApiSchema
        {
            Type = parameter.Type == "integer" ? JsonSchemaType.Integer : JsonSchemaType.String,
            Format = parameter.Format,
            Enum = parameter.Values.IsEmpty ? null : [.. parameter.Values.Select(value => (JsonNode)JsonValue.Create(value))],
        },
    };

    private static string Status(int status) => status.ToString(CultureInfo.InvariantCulture);
}
