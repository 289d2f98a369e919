using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>
/// All that a route of the admin API is: what it asks for, takes and answers. Endpoint metadata. What is checked on a request and what
/// the OpenAPI document says are both read from here, so they cannot differ.
/// </summary>
internal sealed record AdminRoute
{
    /// <summary>Most bytes of a body without documents.</summary>
    public const int SmallBodyBytes = 64 << 10;

    /// <summary>Most bytes of a body with documents: one of 1 MiB, of which every character may be written as six (<c>\u0022</c>), and the rest.</summary>
    public const int DocumentBodyBytes = 8 << 20;

    private AdminRoute(string method, string path, string operationId)
    {
        Method = method;
        Path = path;
        OperationId = operationId;
    }

    public string Method { get; }

    /// <summary>The whole path, as a route pattern.</summary>
    public string Path { get; }

    /// <summary>The operation's name in the OpenAPI document, unique.</summary>
    public string OperationId { get; }

    /// <summary>One sentence for the OpenAPI document.</summary>
    public required string Summary { get; init; }

    /// <summary>The permission that the route asks for, or null for any valid token.</summary>
    public required string? Permission { get; init; }

    /// <summary>On how many tenants it asks for the permission, or null for what is usual.</summary>
    public TenantChoice? Choice { get; init; }

    /// <summary>The parameters in the query; any other is refused.</summary>
    public ImmutableArray<QueryParameter> Query { get; init; } = [];

    /// <summary>What the body is read as, or null if the route takes none.</summary>
    public Type? Body { get; init; }

    public int MaxBodyBytes { get; init; } = SmallBodyBytes;

    /// <summary>What is answered, as JSON.</summary>
    public required Type Answer { get; init; }

    /// <summary>The status of an answer that is no problem.</summary>
    public int AnswerStatus { get; init; } = StatusCodes.Status200OK;

    /// <summary>Media types that the answer may also have, by a parameter or by <c>Accept</c>; the OpenAPI document names them.</summary>
    public ImmutableArray<string> OtherMediaTypes { get; init; } = [];

    /// <summary>Reasons of problems beside those that every route has, by status.</summary>
    public ImmutableArray<(int Status, string Reason)> Problems { get; init; } = [];

    /// <summary>The route changes something: its audit record is written ahead of the change.</summary>
    public bool Changes { get; init; }

    /// <summary>The names of the path's own parameters.</summary>
    public IEnumerable<string> PathParameters =>
        Path.Split('/').Where(segment => segment.StartsWith('{')).Select(segment => segment.Trim('{', '}'));

    public static AdminRoute Get(string path, string operationId, string? permission, string summary, Type answer) =>
        new(HttpMethods.Get, path, operationId) { Permission = permission, Summary = summary, Answer = answer };

    public static AdminRoute Post(string path, string operationId, string? permission, string summary, Type answer) =>
        new(HttpMethods.Post, path, operationId) { Permission = permission, Summary = summary, Answer = answer };
}

/// <summary>A parameter in a query.</summary>
/// <param name="Name">As it is written, in this case of letters.</param>
/// <param name="Description">For the OpenAPI document.</param>
internal sealed record QueryParameter(string Name, string Description)
{
    public bool IsRequired { get; init; }

    /// <summary>Values it may have, or empty for any.</summary>
    public ImmutableArray<string> Values { get; init; } = [];

    /// <summary>JSON Schema's type of the value: <c>string</c> or <c>integer</c>.</summary>
    public string Type { get; init; } = "string";

    /// <summary>JSON Schema's format, or null.</summary>
    public string? Format { get; init; }
}
