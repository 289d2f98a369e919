using System.Collections.Frozen;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>What a push does with the families that it names, and with the others.</summary>
internal enum PushVerb
{
    /// <summary>The payload is replaced as a whole. In mode <see cref="PushMode.Sum"/> the same as <see cref="Post"/>.</summary>
    Put,

    /// <summary>Families that are named are replaced, the others stay.</summary>
    Post,
}

/// <summary>Column <c>mode</c>.</summary>
internal enum PushMode
{
    Replace = 0,
    Sum = 1,
}

/// <summary>What mode <see cref="PushMode.Sum"/> does with a gauge.</summary>
internal enum GaugeRule
{
    Last,
    Sum,
    Max,
    Min,
}

/// <summary>How much a tenant may have stored, all of its groups together.</summary>
/// <param name="SettingsPath">What texts call the place of the settings, for example <c>tenants.payments.push.limits</c>.</param>
/// <param name="MaxGroups">Groups, those without a payload included.</param>
/// <param name="MaxSeries">Series as the store counts them, the two bookkeeping ones of each group included.</param>
/// <param name="MaxStoredBytes">Bytes of all payloads, unpacked.</param>
internal sealed record PushStoreLimits(string SettingsPath, int MaxGroups, int MaxSeries, long MaxStoredBytes);

/// <summary>Who pushed, as <c>/api/v1/groups</c> shows it.</summary>
internal sealed record PushCaller(Guid? ObjectId, Guid? Client);

/// <summary>One push, read and checked as far as that needs no database.</summary>
internal sealed record PushRequest
{
    public required string Tenant { get; init; }

    public required GroupKey Key { get; init; }

    public required PushVerb Verb { get; init; }

    /// <summary>What header, URL, rule and default came to (§5.1).</summary>
    public required PushMode Mode { get; init; }

    /// <summary>Of the rule that matched; gauges that are not named are <see cref="GaugeRule.Last"/>.</summary>
    public FrozenDictionary<string, GaugeRule> Gauges { get; init; } = FrozenDictionary<string, GaugeRule>.Empty;

    /// <summary>The body, read and checked by <see cref="ContentRules.Check"/> with <see cref="Grouping"/>. It stays the caller's until the push was answered.</summary>
    public required MetricFamilies Families { get; init; }

    /// <summary>What <see cref="ContentRules.Check"/> was called with: <see cref="GroupKey.ForBody"/>.</summary>
    public required GroupingLabels Grouping { get; init; }

    /// <summary>A traced refusal that was found before: <see cref="Families"/> mean nothing then, and only the failure is recorded.</summary>
    public PushRefusal? Refusal { get; init; }

    /// <summary>How long the payload lives without a further push; null is for ever.</summary>
    public TimeSpan? Ttl { get; init; }

    public IdempotencyKey? Idempotency { get; init; }

    public PushCaller? Caller { get; init; }

    public required PushStoreLimits Limits { get; init; }

    /// <summary>Most buckets that a native histogram of a sum may have; 0 for any number.</summary>
    public int MaxHistogramBuckets { get; init; }
}

/// <summary>The sender's name for one push.</summary>
/// <param name="Key">1 to 255 visible ASCII characters, unique in the tenant.</param>
/// <param name="Fingerprint">SHA-256 of method, mode, group key, media type and body as received.</param>
internal sealed record IdempotencyKey(string Key, byte[] Fingerprint);
