using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>What becomes of alerting rules without a tenant of their own.</summary>
internal enum SharedRules
{
    /// <summary>Shown to each tenant that has an alert of it, with the rule's query and annotations.</summary>
    Show,

    /// <summary>Shown to nobody.</summary>
    Hide,
}

/// <summary>Reads of this replica as a whole. What concerns one tenant stands in the policy file. Section <c>Query</c>.</summary>
internal sealed class QueryOptions
{
    public const string Section = "Query";

    /// <summary>A matcher that names other tenants only: <c>Empty</c> sends it, and nothing is found; <c>Refuse</c> is 403.</summary>
    public OtherTenants OtherTenants { get; init; }

    public SharedRules SharedRules { get; init; }

    /// <summary>Reads that take longer are logged.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan SlowThreshold { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Most reads at the same time on this replica; 429 above, after 2 s.</summary>
    [Range(1, 100_000)]
    public int MaxInflight { get; init; } = 400;

    /// <summary>Most reads at the same time of one reader; 429 above, after 2 s.</summary>
    [Range(1, 100_000)]
    public int MaxInflightPerReader { get; init; } = 20;

    /// <summary>Labels that no matcher may name, besides those that mean a tenant to some store.</summary>
    public IReadOnlyList<string> ForbiddenLabels { get; init; } = [];
}

[OptionsValidator]
internal sealed partial class QueryRangesValidator : IValidateOptions<QueryOptions>;

/// <summary>Says what cannot be right about the section, and about the label by which reads are kept to tenants.</summary>
internal sealed class QueryOptionsValidator(IOptions<TenancyOptions> tenancy) : IValidateOptions<QueryOptions>
{
    /// <summary>With more, stores no longer look values up but match each one.</summary>
    private const int MostTenantsPerRead = 256;

    public ValidateOptionsResult Validate(string? name, QueryOptions options)
    {
        ValidateOptionsResult ranges = new QueryRangesValidator().Validate(name, options);
        if (ranges.Failed)
        {
            return ranges;
        }

        if (tenancy.Value.MaxTenantsPerRead > MostTenantsPerRead)
        {
            return ValidateOptionsResult.Fail(
                $"Tenancy:MaxTenantsPerRead: {tenancy.Value.MaxTenantsPerRead} is more than {MostTenantsPerRead}, from where on stores leave the fast path for lists of values");
        }

        try
        {
            _ = new TenantMatcher(tenancy.Value.Label, ["a"]);
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentException e)
        {
            return ValidateOptionsResult.Fail($"Tenancy:Label: {e.Message}");
        }
    }
}
