using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Bounds of this replica as a whole, for writes and pushes together. What concerns one tenant stands in the policy file. Section <c>Ingest</c>.</summary>
internal sealed class IngestOptions : IValidatableObject
{
    public const string Section = "Ingest";

    /// <summary>How long a write waits for its store, over all attempts. Prometheus gives up after 30 s, vmagent after 60 s, and both send again.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan DirectTimeout { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>Most requests that are handled at the same time; 503 <c>too-many-inflight</c> above.</summary>
    [Range(1, 100_000)]
    public int MaxInflightRequests { get; init; } = 512;

    /// <summary>Most bytes of buffers that requests in flight hold together, 64 MiB or more; 503 <c>too-many-inflight</c> above.</summary>
    [Range(64L << 20, 1L << 40)]
    public long MaxInflightBytes { get; init; } = 512L << 20;

    /// <summary>Remote Write 2.0: most symbols of a request; 400 <c>too-many-symbols</c> above.</summary>
    [Range(1, 100_000_000)]
    public int MaxSymbolsPerRequest { get; init; } = 500_000;

    /// <summary>A body that arrives slower than this, in bytes per second after the first 5 s, is given up with 503 <c>body-too-slow</c>.</summary>
    [Range(1, 1_000_000_000)]
    public int MinBodyBytesPerSecond { get; init; } = 240;

    /// <summary>Names of labels that no writer may set, besides the tenant label and those that are always reserved.</summary>
    public IReadOnlyList<string> ReservedLabels { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (string label in ReservedLabels.Where(label => label is "" or "__name__"))
        {
            yield return new ValidationResult($"Ingest:ReservedLabels: \"{label}\" cannot be reserved: {(label.Length == 0 ? "it is no label's name" : "every series needs it")}");
        }
    }
}

[OptionsValidator]
internal sealed partial class IngestOptionsValidator : IValidateOptions<IngestOptions>;
