using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Tenancy;

/// <summary>How old the list of revocations may be. Section <c>Revocations</c>.</summary>
internal sealed class RevocationOptions
{
    public const string Section = "Revocations";

    /// <summary>
    /// How long reads, pushes and the admin API are served after the catalog could last be read, 1 s to 7 d; then they answer 503. Writes
    /// go on with the last list read: a refused write is lost for good, and whoever writes learns nothing.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan MaxStale { get; init; } = TimeSpan.FromHours(1);
}

[OptionsValidator]
internal sealed partial class RevocationOptionsValidator : IValidateOptions<RevocationOptions>;
