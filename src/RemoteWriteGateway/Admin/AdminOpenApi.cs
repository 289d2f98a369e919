using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>The OpenAPI document of <c>/whoami</c> and <c>/admin/v1</c>, made of the routes themselves.</summary>
internal static class AdminOpenApi
{
    public const string DocumentName = "admin";

    private const string SecurityScheme = "entra";
    private const string ClaimsName = "claims";
    private const string PolicyName = "policy";
    private const string DocumentMember = "document";
    private const string Json = "application/json";

    /// <summary>Reasons of problems that every route has, by status.</summary>
    private static readonly (int Status, string Reasons)[] UsualProblems =
    [
        (400, "`bad-request`, `several-credentials`"),
        (401, "the token is missing, not valid or revoked; see `WWW-Authenticate`"),
        (503, "`audit-unavailable`, `catalog-unavailable`, `identity-unavailable`, `key-not-yet-known`; see `Retry-After`"),
    ];

    public static void AddAdminOpenApi(this IServiceCollection services)
    {
        // Numbers are numbers: the schemas say what the routes take, and the routes take no number as a text.
        services.ConfigureHttpJsonOptions(options =>
            options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        services.AddOpenApi(DocumentName, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = description => description.ActionDescriptor.EndpointMetadata.OfType<AdminRoute>().Any();
            options.AddDocumentTransformer(DescribeAsync);
            options.AddOperationTransformer(DescribeAsync);
            options.AddSchemaTransformer(DescribeAsync);
        });
    }

    private static Task DescribeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Remote Write Gateway: admin API",
            Version = "1",
            Description = "What operators see and do, and what every caller is told of itself. Errors are problems by RFC 9457. "
                + "Unknown and repeated parameters, and unknown members of bodies, are refused.",
        };
        document.Servers = [];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [SecurityScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "An Entra access token for the gateway's app. What it may do is decided by the policy.",
            },
        };
        return Task.CompletedTask;
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        AdminRoute route = context.Description.ActionDescriptor.EndpointMetadata.OfType<AdminRoute>().Single();
        OpenApiDocument document = context.Document ?? throw new InvalidOperationException("An operation without a document.");
        string permission = route.Permission ?? "any valid token";
        operation.OperationId = route.OperationId;
        operation.Summary = route.Summary;
        operation.Description = $"Permission: {permission}{(route.Choice is TenantChoice.All ? " on all tenants" : "")}.";
        operation.Security =
        [
            new OpenApiSecurityRequirement
            {
                [new OpenApiSecuritySchemeReference(SecurityScheme, document)] = route.Permission is { } asked ? [asked] : [],
            },
        ];
        operation.Parameters =
        [
            .. route.PathParameters.Select(name => new OpenApiParameter
            {
                Name = name, In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            }),
            .. route.Query.Select(Parameter),
        ];
        if (route.Body is { } body)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { [Json] = new() { Schema = await SchemaAsync(body, isClosed: true) } },
            };
        }

        operation.Responses = new OpenApiResponses
        {
            [Status(route.AnswerStatus)] = new OpenApiResponse
            {
                Description = "Done.",
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [Json] = new() { Schema = await SchemaAsync(route.Answer) },
                },
            },
        };
        foreach (string type in route.OtherMediaTypes)
        {
            ((OpenApiResponse)operation.Responses[Status(route.AnswerStatus)]).Content![type] = new OpenApiMediaType();
        }

        IOpenApiSchema problem = await SchemaAsync(typeof(Problem));
        foreach ((int status, string text) in ProblemsOf(route).OrderBy(one => one.Status))
        {
            operation.Responses[Status(status)] = new OpenApiResponse
            {
                Description = text,
                Content = new Dictionary<string, OpenApiMediaType> { [ProblemAnswer.MediaType] = new() { Schema = problem } },
            };
        }

        async Task<IOpenApiSchema> SchemaAsync(Type type, bool isClosed = false)
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
    }

    /// <summary>What the types do not say by themselves: members that are absent without a value, and the two that may be anything.</summary>
    private static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        foreach (JsonPropertyInfo member in context.JsonTypeInfo.Properties.Where(IsAbsentWithoutValue))
        {
            schema.Required?.Remove(member.Name);
        }

        if (context.JsonTypeInfo.Type == typeof(JsonObject))
        {
            schema.Type = JsonSchemaType.Object;
        }

        if (context.JsonTypeInfo.Type == typeof(ExplainRequest))
        {
            schema.Properties![ClaimsName] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "The claims of a token, as its middle part has them; what no rule looks at may be left out. This or the token.",
            };
            schema.Properties[PolicyName] = new OpenApiSchema
            {
                Description = "`active` (also if left out), the version of a policy that was in force, or a document.",
                OneOf =
                [
                    new OpenApiSchema { Type = JsonSchemaType.String },
                    new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Required = new HashSet<string> { DocumentMember },
                        Properties = new Dictionary<string, IOpenApiSchema> { [DocumentMember] = new OpenApiSchema { Type = JsonSchemaType.String } },
                        AdditionalPropertiesAllowed = false,
                    },
                ],
            };
        }

        return Task.CompletedTask;
    }

    private static bool IsAbsentWithoutValue(JsonPropertyInfo member) =>
        member.AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), inherit: false).Length > 0;

    /// <summary>A type's name for readers of the document: <c>TenantItem</c> is a <c>Tenant</c>, a page of them <c>TenantPage</c>.</summary>
    private static string NameOf(Type type) => type.IsGenericType
        ? NameOf(type.GetGenericArguments()[0]) + "Page"
        : type.Name.EndsWith("Item", StringComparison.Ordinal) ? type.Name[..^"Item".Length] : type.Name;

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

    private static OpenApiParameter Parameter(QueryParameter parameter) => new()
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
