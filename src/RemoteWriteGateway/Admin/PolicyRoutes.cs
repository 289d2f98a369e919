using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>A policy document.</summary>
internal sealed record DocumentRequest
{
    /// <summary>The document: YAML, at most 1 MiB.</summary>
    public required string Document { get; init; }
}

/// <summary>A policy document and cases that say who may do what.</summary>
internal sealed record PolicyTestRequest
{
    /// <summary>The document: YAML, at most 1 MiB.</summary>
    public required string Document { get; init; }

    /// <summary>The cases: YAML, as in a <c>.policytest.yaml</c>.</summary>
    public required string Cases { get; init; }
}

/// <summary>A version of the policy.</summary>
/// <param name="Version">First 16 hex digits of the document's SHA-256.</param>
/// <param name="Document">The document, verbatim.</param>
/// <param name="LoadedAt">Since when it is in force on this replica, or was.</param>
internal sealed record PolicyItem(string Version, string Document, DateTimeOffset LoadedAt);

/// <summary>A document that is a valid policy.</summary>
/// <param name="Valid">True: what is wrong with others is a problem.</param>
/// <param name="Version">The version that it would be.</param>
/// <param name="Warnings">What is odd about it.</param>
internal sealed record ValidPolicy(bool Valid, string Version, ImmutableArray<string> Warnings);

/// <summary>What became of a reload.</summary>
/// <param name="Version">The version in force.</param>
/// <param name="Changed">Whether it is another one than before.</param>
internal sealed record ReloadedPolicy(string Version, bool Changed);

/// <summary>A tenant that the policy declares.</summary>
/// <param name="Name">Its name, the value of the tenant label.</param>
/// <param name="Owner">Who answers for it; empty if the policy does not say.</param>
/// <param name="Description">What it is; empty if the policy does not say.</param>
internal sealed record TenantItem(string Name, string Owner, string Description);

/// <summary>The policy in force, and documents that might become it. Nothing here changes the file.</summary>
internal sealed class PolicyRoutes(PolicySource policies, PolicyLoader loader, IOptions<TenancyOptions> options, TimeProvider time)
{
    /// <summary>What documents are called in faults that name a file.</summary>
    private const string DocumentName = "document";

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(
                "/admin/v1/policy", "getPolicy", Permissions.PolicyRead, "The policy in force on this replica.", typeof(PolicyItem)),
            GetAsync);
        routes.Add(
            AdminRoute.Post(
                "/admin/v1/policy/validate", "validatePolicy", Permissions.PolicyRead,
                "Says everything that is wrong with a policy document. Changes nothing.", typeof(ValidPolicy)) with
            {
                Body = typeof(DocumentRequest),
                MaxBodyBytes = AdminRoute.DocumentBodyBytes,
                Problems = [(400, AdminProblems.PolicyInvalidReason)],
            },
            ValidateAsync);
        routes.Add(
            AdminRoute.Post(
                "/admin/v1/policy/test", "testPolicy", Permissions.PolicyRead,
                "Checks a policy document by cases that say who may do what. Changes nothing.", typeof(CasesResult)) with
            {
                Body = typeof(PolicyTestRequest),
                MaxBodyBytes = AdminRoute.DocumentBodyBytes,
                Problems = [(400, AdminProblems.PolicyInvalidReason)],
            },
            TestAsync);
        routes.Add(
            AdminRoute.Post(
                "/admin/v1/policy/reload", "reloadPolicy", Permissions.GatewayAdmin,
                "Reads the policy file of this replica now. An invalid file changes nothing.", typeof(ReloadedPolicy)) with
            {
                Changes = true,
                Problems = [(400, AdminProblems.PolicyInvalidReason)],
            },
            ReloadAsync);
        routes.Add(
            AdminRoute.Get(
                "/admin/v1/tenants", "listTenants", Permissions.PolicyRead, "The tenants of the policy in force, by name.",
                typeof(Page<TenantItem>)) with
            {
                Query = Paging.Parameters,
            },
            ListTenantsAsync);
    }

    private Task<AdminAnswer> GetAsync(AdminCall call)
    {
        PolicyInForce current = policies.InForce;
        return Task.FromResult(AdminAnswer.Ok(new PolicyItem(current.Policy.Version, TextOf(current.Policy.Document), current.Since)));
    }

    private async Task<AdminAnswer> ValidateAsync(AdminCall call)
    {
        AdminBody<DocumentRequest> body = await call.ReadBodyAsync<DocumentRequest>();
        if (!body.IsValid(out DocumentRequest? request, out Refusal? refusal))
        {
            return refusal;
        }

        LoadedPolicy loaded = loader.Load(DocumentOf(request.Document));
        return loaded.Snapshot is { } policy
            ? AdminAnswer.Ok(new ValidPolicy(true, policy.Version, PolicyWarnings.Of(policy, time.GetUtcNow())))
            : AdminProblems.PolicyInvalid(loaded.Faults);
    }

    private async Task<AdminAnswer> TestAsync(AdminCall call)
    {
        AdminBody<PolicyTestRequest> body = await call.ReadBodyAsync<PolicyTestRequest>();
        if (!body.IsValid(out PolicyTestRequest? request, out Refusal? refusal))
        {
            return refusal;
        }

        LoadedPolicy loaded = loader.Load(DocumentOf(request.Document));
        if (loaded.Snapshot is not { } policy)
        {
            return AdminProblems.PolicyInvalid(loaded.Faults);
        }

        FaultList faults = new();
        ImmutableArray<TestCase> cases = PolicyCases.Read(Encoding.UTF8.GetBytes(request.Cases), time.GetUtcNow(), faults);
        return faults.IsEmpty
            ? AdminAnswer.Ok(PolicyCases.Run(policy, cases, options.Value.MaxTenantsPerRead))
            : AdminProblems.CasesInvalid(faults.Ordered);
    }

    private async Task<AdminAnswer> ReloadAsync(AdminCall call)
    {
        await call.BeforeChangeAsync();

        // Not given up when the operator hangs up: what was asked for is done or refused, and the record says which.
        PolicyReload reload = await policies.ReloadAsync(CancellationToken.None);
        return reload.Failure is { } failure
            ? AdminProblems.PolicyFileInvalid(reload.Version, failure, reload.Faults)
            : AdminAnswer.Ok(new ReloadedPolicy(reload.Version, reload.Changed));
    }

    private Task<AdminAnswer> ListTenantsAsync(AdminCall call)
    {
        Paging paging = Paging.Read(call.Query, call.Route);
        return Task.FromResult(call.Query.Refusal is { } refusal
            ? refusal
            : AdminAnswer.Ok(paging.Of(
                policies.Current.Tenants.Select(tenant => new TenantItem(tenant.Name, tenant.Owner ?? "", tenant.Description ?? "")),
                tenant => tenant.Name)));
    }

    internal static PolicyDocument DocumentOf(string text) => new(DocumentName, Encoding.UTF8.GetBytes(text));

    /// <summary>The document as text: it was UTF-8 when it was loaded.</summary>
    internal static string TextOf(PolicyDocument document) => Encoding.UTF8.GetString(document.Bytes.Span);
}
