using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>Who would ask for what.</summary>
internal sealed record ExplainRequest
{
    /// <summary>The claims of a token, as its middle part has them; what no rule looks at may be left out. This or the token.</summary>
    public JsonElement? Claims { get; init; }

    /// <summary>A token. Only its claims are read: neither its signature nor whether it has expired. It is neither logged nor stored.</summary>
    public string? Token { get; init; }

    /// <summary>For example <c>metrics:write</c>.</summary>
    public required string Permission { get; init; }

    /// <summary>The tenants that the request would name; none for the usual ones.</summary>
    public ImmutableArray<string> Tenants { get; init; } = [];

    /// <summary><c>"active"</c> (also if left out), the version of a policy that was in force, or <c>{"document": "…"}</c>.</summary>
    public JsonElement? Policy { get; init; }

    /// <summary>When; now if left out.</summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary><c>POST /admin/v1/explain</c>: what a caller may do, and why, rule by rule.</summary>
internal sealed class ExplainRoute(
    PolicySource policies, PolicyLoader loader, EntraDirectory directory, IOptions<TenancyOptions> options, TimeProvider time)
{
    /// <summary>Most tenants of a question.</summary>
    private const int MaxTenants = 1000;

    private const string Active = "active";

    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Post(
            "/admin/v1/explain", "explain", Permissions.PolicyRead, "What a caller may do, and why, rule by rule. Changes nothing.", typeof(Explanation)) with
        {
            Body = typeof(ExplainRequest),
            MaxBodyBytes = AdminRoute.DocumentBodyBytes,
            Problems = [(400, AdminProblems.PolicyInvalidReason), (404, AdminProblems.NotFoundReason)],
        },
        ExplainAsync);

    private async Task<AdminAnswer> ExplainAsync(AdminCall call)
    {
        AdminBody<ExplainRequest> body = await call.ReadBodyAsync<ExplainRequest>();
        if (!body.IsValid(out ExplainRequest? request, out Refusal? refusal))
        {
            return refusal;
        }

        DateTimeOffset at = request.At ?? time.GetUtcNow();
        Caller? caller = ReadCaller(request, body, at);
        CheckQuestion(request, body);
        (PolicySnapshot? policy, Refusal? noPolicy) = ReadPolicy(request.Policy, body);
        if ((body.Refusal ?? noPolicy) is { } wrong)
        {
            return wrong;
        }

        // Both are there: nothing was wrong.
        PolicyTrace trace = PolicyTrace.Of(policy!, caller!, request.Permission, request.Tenants, at, options.Value.MaxTenantsPerRead);
        return AdminAnswer.Ok(Explanation.Of(trace, policy!));
    }

    private Caller? ReadCaller(ExplainRequest request, AdminBody<ExplainRequest> body, DateTimeOffset at)
    {
        if (request.Claims is null == request.Token is null)
        {
            body.Fault(JsonShape.WholeBody, "needs either claims or token");
            return null;
        }

        string fault = "";
        Caller? caller = request.Token is { } token
            ? GivenClaims.ReadToken(token, directory.Id, at, out fault)
            : GivenClaims.Read(Encoding.UTF8.GetBytes(request.Claims.GetValueOrDefault().GetRawText()), directory.Id, at, out fault);
        if (caller is null)
        {
            body.Fault(request.Token is null ? "claims" : "token", fault);
        }

        return caller;
    }

    private static void CheckQuestion(ExplainRequest request, AdminBody<ExplainRequest> body)
    {
        if (!Permissions.All.Contains(request.Permission))
        {
            body.Fault("permission", $"is none of {string.Join(", ", Permissions.All)}");
        }
        else if (Permissions.IsGatewayPermission(request.Permission) && !request.Tenants.IsEmpty)
        {
            body.Fault("tenants", $"{request.Permission} is about the gateway and not about tenants; leave them out");
        }

        if (request.Tenants.Length > MaxTenants)
        {
            body.Fault("tenants", $"has {request.Tenants.Length} items, limit {MaxTenants}");
        }
    }

    private (PolicySnapshot? Policy, Refusal? Refusal) ReadPolicy(JsonElement? choice, AdminBody<ExplainRequest> body)
    {
        if (choice is not { } chosen || chosen.ValueKind is JsonValueKind.Null)
        {
            return (policies.Current, null);
        }

        if (chosen.ValueKind is JsonValueKind.String)
        {
            return chosen.GetString() == Active || chosen.GetString() == policies.Current.Version
                ? (policies.Current, null)
                : (null, AdminProblems.NotFound("policy of this version"));
        }

        if (chosen.ValueKind is not JsonValueKind.Object
            || chosen.EnumerateObject().ToArray() is not [{ Name: "document", Value: { ValueKind: JsonValueKind.String } text }])
        {
            body.Fault("policy", $"must be \"{Active}\", a version, or an object with document and nothing else");
            return (null, null);
        }

        LoadedPolicy loaded = loader.Load(PolicyRoutes.DocumentOf(text.GetString()!)); // a text, so it is not null
        return (loaded.Snapshot, loaded.Snapshot is null ? AdminProblems.PolicyInvalid(loaded.Faults) : null);
    }
}
