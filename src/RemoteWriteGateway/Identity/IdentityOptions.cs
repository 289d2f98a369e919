using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Identity;

/// <summary>How signing keys and validated tokens are kept. Section <c>Identity</c>.</summary>
internal sealed class IdentityOptions
{
    public const string Section = "Identity";

    /// <summary>Accept an emulated directory (on loopback, or marked as one) outside of the environment Development.</summary>
    public bool AllowEmulator { get; init; }

    [Required]
    [ValidateObjectMembers]
    public MetadataOptions Metadata { get; init; } = new();

    [Required]
    [ValidateObjectMembers]
    public TokenCacheOptions TokenCache { get; init; } = new();
}

/// <summary>The directory's signing keys. Section <c>Identity:Metadata</c>.</summary>
internal sealed class MetadataOptions
{
    /// <summary>
    /// How long a request whose signing key is unknown waits for it to be fetched, before it is answered 503. At most 10 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10", ParseLimitsInInvariantCulture = true)]
    public TimeSpan UnknownKeyWait { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// How long a key is kept after the issuer stopped naming it: answers differ during a rollover. 0 drops it at once, at most 1 day.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan KeyGrace { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// Age of the last successful fetch at which keys are no longer trusted and everything is answered 503. From 10 min to 30 days.
    /// </summary>
    [Range(typeof(TimeSpan), "00:10:00", "30.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan MaxStale { get; init; } = TimeSpan.FromDays(1);
}

/// <summary>The cache of validated tokens. Section <c>Identity:TokenCache</c>. May change while running, which empties the cache.</summary>
internal sealed class TokenCacheOptions
{
    /// <summary>Most tokens that are kept, at one to a few KiB each.</summary>
    [Range(2, 10_000_000)]
    public int MaxEntries { get; init; } = 10_000;

    /// <summary>Age at which a token is validated again. 0 turns the cache off, at most 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromMinutes(5);
}

[OptionsValidator]
internal sealed partial class IdentityOptionsValidator : IValidateOptions<IdentityOptions>;
