using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace RemoteWriteGateway.Admin;

/// <summary>The OpenAPI document of <c>/whoami</c> and <c>/admin/v1</c>, made of the routes themselves.</summary>
internal static class AdminOpenApi
{
    public const string DocumentName = "admin";

    /// <summary>The name of the one way to authenticate.</summary>
    public const string SecurityScheme = "entra";

    // Members of ExplainRequest that may be several things.
    private const string ClaimsMember = "claims";
    private const string PolicyMember = "policy";
    private const string DocumentMember = "document";

    public static void AddAdminOpenApi(this IServiceCollection services)
    {
        // Numbers are numbers: the schemas say what the routes take, and the routes take no number as a text.
        services.ConfigureHttpJsonOptions(options => options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        services.AddOpenApi(DocumentName, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = description => description.ActionDescriptor.EndpointMetadata.OfType<AdminRoute>().Any();
            options.AddDocumentTransformer(DescribeAsync);
            options.AddOperationTransformer<OpenApiOperations>();
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

    /// <summary>What the types do not say by themselves: members that are absent without a value, and the two that may be several things.</summary>
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

        if (context.JsonTypeInfo.Type == typeof(ExplainRequest) && schema.Properties is { } members)
        {
            members[ClaimsMember] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "The claims of a token, as its middle part has them; what no rule looks at may be left out. This or the token.",
            };
            members[PolicyMember] = new OpenApiSchema
            {
                Description = "`active` (also if left out), the version of a policy that was in force, or a document.",
                OneOf = [new OpenApiSchema { Type = JsonSchemaType.String }, DocumentSchema()],
            };
        }

        return Task.CompletedTask;
    }

    private static OpenApiSchema DocumentSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { DocumentMember },
        Properties = new Dictionary<string, IOpenApiSchema> { [DocumentMember] = new OpenApiSchema { Type = JsonSchemaType.String } },
        AdditionalPropertiesAllowed = false,
    };

    private static bool IsAbsentWithoutValue(JsonPropertyInfo member) =>
        member.AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), inherit: false).Length > 0
        || (member.IsGetNullable && AdminJson.LeavesNullsOut(member.DeclaringType));
}
