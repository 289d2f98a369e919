using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Push;

/// <summary>How the bounds of classic buckets and quantiles are written to stores.</summary>
internal enum ClassicBounds
{
    /// <summary>As Prometheus 3 has them: <c>le="1.0"</c>.</summary>
    Normalised,

    /// <summary>As they were pushed, for stores of the 2.x line: <c>le="1"</c>.</summary>
    AsPushed,
}

/// <summary>Pushed groups: how often they are written to their stores, how long things are kept. What concerns one tenant stands in the policy file. Section <c>Push</c>.</summary>
internal sealed class PushOptions : IValidatableObject
{
    public const string Section = "Push";

    /// <summary>How often a group's newest state is written again, 10 s to 150 s: half of the five minutes after which a store takes a series for gone.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "00:02:30", ParseLimitsInInvariantCulture = true)]
    public TimeSpan Refresh { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Least time between two values of a group; pushes within it become one.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan MinGap { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a replica holds the groups that it is writing; another one takes them over after that. More than <see cref="SendTimeout"/> and 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:05:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one request to a store may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:02:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What is later than this is written at the time of writing, not of the push: stores take a sample that is up to an hour old.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "00:55:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan BacklogAge { get; init; } = TimeSpan.FromMinutes(50);

    /// <summary>How long push and failure time of an expired group go on.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "3660.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan BookkeepingTtl { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long an <c>Idempotency-Key</c> is remembered.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan IdempotencyTtl { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Whether <c>PUT /api/v1/admin/wipe</c> deletes all groups of a tenant; without it there is no such route.</summary>
    public bool AllowWipe { get; init; }

    public ClassicBounds ClassicBounds { get; init; }

    /// <summary>Value of <c>Access-Control-Allow-Origin</c>: one origin, or <c>*</c> for any. A bearer token is no ambient credential, so <c>*</c> is safe.</summary>
    [Required]
    [RegularExpression("\\*|https?://[A-Za-z0-9.\\[\\]:-]{1,255}")]
    public string CorsOrigins { get; init; } = "*";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Lease <= SendTimeout + TimeSpan.FromSeconds(2))
        {
            yield return new ValidationResult(
                $"Push:Lease: {Lease} is not more than Push:SendTimeout ({SendTimeout}) and 2 s: a request would outlive what it is allowed by");
        }
    }
}

[OptionsValidator]
internal sealed partial class PushOptionsValidator : IValidateOptions<PushOptions>;
