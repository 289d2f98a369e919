using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Prometheus;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Tokens that were validated, by fingerprint; never one that was refused. Two generations of half the entries each: when the young one is
/// full it becomes the old one, and what was old is forgotten; a hit among the old moves over. A lookup allocates nothing.
/// </summary>
internal sealed class TokenCache : IDisposable
{
    private readonly Lock _turning = new();
    private readonly IDisposable? _optionsChanges;
    private readonly Counter.Child _hits;
    private readonly Counter.Child _misses;
    private readonly Gauge _entries;
    private volatile Settings _settings;
    private volatile Generation _young = new();
    private volatile Generation _old = new();

    public TokenCache(IOptionsMonitor<IdentityOptions> options, IMetricFactory metrics)
    {
        Counter requests = metrics.CreateCounter(
            "rwgateway_token_cache_requests_total",
            "Requests with a token, by whether the token was known as valid",
            new CounterConfiguration { LabelNames = ["result"], ExemplarBehavior = ExemplarBehavior.NoExemplars() });
        _hits = requests.WithLabels("hit");
        _misses = requests.WithLabels("miss");
        _entries = metrics.CreateGauge("rwgateway_token_cache_entries", "Validated tokens that are kept");
        _settings = Settings.From(options.CurrentValue.TokenCache);
        _optionsChanges = options.OnChange(Change);
    }

    /// <summary>Number of tokens that are kept, in both generations.</summary>
    public int Count => _young.Count + _old.Count;

    public long Hits => (long)_hits.Value;

    public long Misses => (long)_misses.Value;

    /// <summary>Looks a token up, and counts the lookup.</summary>
    /// <param name="token">The token's fingerprint.</param>
    /// <param name="keys">The keys in force: a token whose key has gone is not known any more.</param>
    /// <param name="now">The time: neither an expired token counts, nor one that was validated too long ago.</param>
    /// <param name="principal">Who was validated with this token.</param>
    public bool TryGet(
        in TokenFingerprint token, MetadataSnapshot keys, DateTimeOffset now, [NotNullWhen(true)] out CallerPrincipal? principal)
    {
        Generation old = _old;
        if (!_young.Entries.TryGetValue(token, out Entry? entry) && old.Entries.TryRemove(token, out entry))
        {
            Interlocked.Decrement(ref old.Count);
            Put(token, entry);
        }

        if (entry is not null && now < entry.GoodUntil && now - entry.StoredAt < _settings.MaxAge && keys.Holds(entry.Key))
        {
            _hits.Inc();
            principal = entry.Principal;
            return true;
        }

        _misses.Inc();
        principal = null;
        return false;
    }

    /// <summary>Keeps a token that was validated.</summary>
    /// <param name="token">The token's fingerprint.</param>
    /// <param name="principal">Who it stands for.</param>
    /// <param name="key">The key that verified its signature.</param>
    /// <param name="goodUntil">Its expiry, with the tolerated difference of clocks.</param>
    /// <param name="now">When it was validated.</param>
    /// <returns>Whether it was not kept yet, not even as one that has to be validated again.</returns>
    public bool Add(in TokenFingerprint token, CallerPrincipal principal, SecurityKey key, DateTimeOffset goodUntil, DateTimeOffset now)
    {
        return _settings.MaxAge > TimeSpan.Zero && Put(token, new Entry(principal, key, goodUntil, now));
    }

    /// <summary>Forgets all tokens: each is validated again when it is next seen.</summary>
    public void Clear()
    {
        lock (_turning)
        {
            _young = new Generation();
            _old = new Generation();
        }

        _entries.Set(Count);
    }

    public void Dispose() => _optionsChanges?.Dispose();

    private bool Put(in TokenFingerprint token, Entry entry)
    {
        Generation young = _young;
        if (young.Entries.TryAdd(token, entry))
        {
            if (Interlocked.Increment(ref young.Count) >= _settings.GenerationSize)
            {
                Turn(young);
            }

            _entries.Set(Count);
            return true;
        }

        young.Entries[token] = entry;
        return false;
    }

    private void Turn(Generation full)
    {
        lock (_turning)
        {
            if (_young == full)
            {
                _old = full;
                _young = new Generation();
            }
        }
    }

    private void Change(IdentityOptions options)
    {
        var settings = Settings.From(options.TokenCache);
        if (settings != _settings)
        {
            _settings = settings;
            Clear();
        }
    }

    private sealed record Entry(CallerPrincipal Principal, SecurityKey Key, DateTimeOffset GoodUntil, DateTimeOffset StoredAt);

    private sealed record Settings(int GenerationSize, TimeSpan MaxAge)
    {
        public static Settings From(TokenCacheOptions options) => new(Math.Max(1, options.MaxEntries / 2), options.MaxAge);
    }

    private sealed class Generation
    {
        public readonly ConcurrentDictionary<TokenFingerprint, Entry> Entries = new();

        /// <summary>Number of <see cref="Entries"/>, counted here because the dictionary's own count takes all its locks.</summary>
        public int Count;
    }
}
