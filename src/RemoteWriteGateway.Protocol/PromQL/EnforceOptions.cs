using System.Collections.Immutable;
using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What becomes of <c>info()</c>, which reads series that no selector names.</summary>
public enum InfoFunction
{
    /// <summary>Refused.</summary>
    Refuse,

    /// <summary>The form with two arguments passes; its second selector is enforced like any other.</summary>
    Scope,

    /// <summary>Passes: the store keeps tenants apart by itself.</summary>
    Allow,
}

/// <summary>What becomes of a matcher that names other tenants only.</summary>
public enum OtherTenants
{
    /// <summary>It stays, and the answer is empty.</summary>
    Empty,

    /// <summary>Refused.</summary>
    Refuse,
}

/// <summary>The limits and rules of an enforced query. Immutable, built once per policy.</summary>
public sealed record EnforceOptions
{
    /// <summary>Labels that a store gives a meaning of its own: selecting by them could leave the tenant.</summary>
    public static ImmutableArray<string> StoreLabels { get; } = ["__graphite__", "vm_account_id", "vm_project_id", "__tenant_id__"];

    /// <summary>The rules that hold where nothing else is said.</summary>
    public static EnforceOptions Default { get; } = new();

    /// <summary>Limits of the caller's text.</summary>
    public ParseOptions Parse { get; init; } = ParseOptions.Default;

    /// <summary>Most bytes of the text written anew.</summary>
    public int MaxRewrittenBytes { get; init; } = 262_144;

    public InfoFunction InfoFunction { get; init; }

    public OtherTenants OtherTenants { get; init; }

    /// <summary>Functions and aggregations that may not be used.</summary>
    public FunctionSet ForbiddenFunctions { get; init; }

    /// <summary>Labels that no matcher may name, besides <see cref="StoreLabels"/>.</summary>
    public IReadOnlyCollection<string> ForbiddenLabels
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = [.. value];
            Utf8ForbiddenLabels = Encode(field);
        }
    }
    = [];

    /// <summary>All labels that no matcher may name.</summary>
    internal ImmutableArray<byte[]> Utf8ForbiddenLabels { get; private init; } = Encode([]);

    private static ImmutableArray<byte[]> Encode(IEnumerable<string> labels) => [.. StoreLabels.Union(labels).Select(Encoding.UTF8.GetBytes)];
}
