using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Where the policy stands. Section <c>Policy</c>.</summary>
internal sealed class PolicyOptions
{
    public const string Section = "Policy";

    /// <summary>The policy file, the same on every replica. A relative path is taken from the working directory.</summary>
    [Required]
    public string Path { get; init; } = "policy.yaml";

    /// <summary>How often the file is read and hashed, 100 ms to 1 h. Watchers of the file system miss swapped symbolic links.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>How tenants show in labels and requests. Section <c>Tenancy</c>.</summary>
internal sealed class TenancyOptions : IValidatableObject
{
    public const string Section = "Tenancy";

    /// <summary>Request headers that say something else already.</summary>
    private static readonly FrozenSet<string> TakenHeaders = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Forwarded",
        "Host", "Retry-Attempt", "TE", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto",
        "X-Prometheus-Remote-Write-Version");

    /// <summary>Name of the label that is stamped on what is written and enforced on what is read. Names that begin with two underscores are not ours.</summary>
    [Required]
    [RegularExpression("[a-zA-Z][a-zA-Z0-9_]{0,127}|_[a-zA-Z0-9][a-zA-Z0-9_]{0,126}")]
    public string Label { get; init; } = "tenant";

    /// <summary>The request header by which a caller chooses among the tenants that it is granted.</summary>
    [Required]
    [RegularExpression("[A-Za-z0-9-]{1,64}")]
    public string Header { get; init; } = "X-Scope-OrgID";

    /// <summary>The most tenants of one read, 1 to 10,000. More are refused, never left out.</summary>
    [Range(1, 10_000)]
    public int MaxTenantsPerRead { get; init; } = 100;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (TakenHeaders.Contains(Header ?? ""))
        {
            yield return new ValidationResult($"Tenancy:Header: \"{Header}\" has another meaning in requests; take one of its own, such as X-Scope-OrgID");
        }

        if (Label is "le" or "quantile")
        {
            yield return new ValidationResult($"Tenancy:Label: \"{Label}\" tells the parts of histograms and summaries apart; take another, such as tenant");
        }
    }
}

[OptionsValidator]
internal sealed partial class PolicyOptionsValidator : IValidateOptions<PolicyOptions>;

[OptionsValidator]
internal sealed partial class TenancyOptionsValidator : IValidateOptions<TenancyOptions>;
