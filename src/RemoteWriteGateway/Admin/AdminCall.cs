using System.Text.Json;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>One call of the admin API, authorized, with a query that has nothing unknown in it: what its handler is given.</summary>
/// <param name="Http">The request.</param>
/// <param name="Route">Which route it is of.</param>
/// <param name="Caller">Who is calling.</param>
/// <param name="Query">The parameters.</param>
internal sealed record AdminCall(HttpContext Http, AdminRoute Route, Caller Caller, AdminQuery Query)
{
    /// <summary>What authorization decided.</summary>
    /// <exception cref="InvalidOperationException">The route asks for no permission: a bug of ours, never a default.</exception>
    public Access Access => Http.Features.Get<Access>() ?? throw new InvalidOperationException("The route asks for no permission.");

    public string RequestId => Http.TraceIdentifier;

    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>A parameter of the path, decoded. It may be anything: it is looked up, and never sent back.</summary>
    public string PathValue(string name) => Http.Request.RouteValues[name] as string ?? "";

    /// <summary>Puts the call on record before what it changes: returns when the record is durable.</summary>
    /// <param name="detail">What is to be changed, or null if the route says it all. Never a token or a secret.</param>
    /// <exception cref="AuditUnavailableException">It cannot be put on record: nothing may be changed. It is answered as that.</exception>
    public async Task BeforeChangeAsync(object? detail = null)
    {
        if (!Route.Changes)
        {
            throw new InvalidOperationException($"{Route.OperationId} says that it changes nothing.");
        }

        AuditScope scope = ScopeOf(Http);
        scope.Detail = detail is null ? null : JsonSerializer.Serialize(detail, AdminJson.Output);
        await scope.WriteAheadOfChangeAsync(Aborted);
    }

    /// <summary>The request's record.</summary>
    /// <exception cref="InvalidOperationException">There is none: a bug of ours, and nothing may be answered.</exception>
    public static AuditScope ScopeOf(HttpContext http) =>
        AuditScope.Of(http) ?? throw new InvalidOperationException("The request has no audit record.");

    public Task<AdminBody<T>> ReadBodyAsync<T>()
        where T : class =>
        typeof(T) == Route.Body
            ? AdminBody<T>.ReadAsync(Http.Request, Route.MaxBodyBytes, Aborted)
            : throw new InvalidOperationException($"{Route.OperationId} says that its body is {Route.Body}.");
}

/// <summary>What a handler answers: a value, or a refusal. Nothing is written before the call is on record.</summary>
/// <param name="Value">What is sent as JSON; null if refused or streamed.</param>
/// <param name="Refusal">A "no"; null if there is none.</param>
internal sealed record AdminAnswer(object? Value, Refusal? Refusal)
{
    /// <summary>The <c>Location</c> of what was made, or null.</summary>
    public string? Location { get; init; }

    /// <summary>Writes an answer of its own, after the call is on record; null for <see cref="Value"/>.</summary>
    public Func<HttpContext, Task>? Stream { get; init; }

    public static AdminAnswer Ok(object value) => new(value, null);

    public static AdminAnswer Created(string location, object value) => new(value, null) { Location = location };

    public static AdminAnswer Streamed(Func<HttpContext, Task> stream) => new(null, null) { Stream = stream };

    public static implicit operator AdminAnswer(Refusal refusal) => new(null, refusal);
}
