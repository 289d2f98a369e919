using System.Collections.Frozen;
using System.Collections.Immutable;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Identity;

/// <summary>A signing key of the directory.</summary>
/// <param name="KeyId">The key's <c>kid</c>.</param>
/// <param name="Key">What verifies signatures.</param>
/// <param name="Source">The key as the issuer describes it; its member <c>issuer</c> says for which issuers it may sign.</param>
/// <param name="SeenAt">The first successful fetch with this key.</param>
/// <param name="GoneAt">The first successful fetch without it; null while the issuer names it.</param>
internal sealed record SigningKey(string KeyId, RsaSecurityKey Key, JsonWebKey Source, DateTimeOffset SeenAt, DateTimeOffset? GoneAt);

/// <summary>The keys in force at one time. Never changed: a fetch, or the end of a grace period, makes another one.</summary>
internal sealed class MetadataSnapshot
{
    private readonly FrozenDictionary<string, SigningKey> _keys;

    private MetadataSnapshot(MetadataAnswer answer, ImmutableArray<SigningKey> keys, DateTimeOffset loadedAt)
    {
        Answer = answer;
        Keys = keys;
        LoadedAt = loadedAt;
        _keys = keys.ToFrozenDictionary(key => key.KeyId, StringComparer.Ordinal);

        var set = new JsonWebKeySet();
        Configuration = new OpenIdConnectConfiguration { Issuer = answer.Issuer, JwksUri = answer.JwksUri.ToString(), JsonWebKeySet = set };
        foreach (SigningKey key in keys)
        {
            set.Keys.Add(key.Source);
            Configuration.SigningKeys.Add(key.Key);
        }

        BaseConfiguration = Task.FromResult<BaseConfiguration>(Configuration);
    }

    /// <summary>Sorted by key id.</summary>
    public ImmutableArray<SigningKey> Keys { get; }

    /// <summary>The successful fetch that made it.</summary>
    public DateTimeOffset LoadedAt { get; }

    public OpenIdConnectConfiguration Configuration { get; }

    /// <summary><see cref="Configuration"/> as a finished task, made once.</summary>
    public Task<BaseConfiguration> BaseConfiguration { get; }

    private MetadataAnswer Answer { get; }

    public bool Knows(string keyId) => _keys.ContainsKey(keyId);

    /// <summary>Whether <paramref name="key"/> itself is in force, not another one under its id.</summary>
    public bool Holds(SecurityKey key) => _keys.TryGetValue(key.KeyId, out SigningKey? held) && ReferenceEquals(held.Key, key);

    /// <summary>
    /// Merges what the issuer answered with the keys so far: during a rollover its servers differ, and a live key may be missing from one
    /// answer. A key that is missing stays for <paramref name="grace"/>, counted from the first answer without it.
    /// </summary>
    public static MetadataSnapshot Merge(MetadataAnswer answer, MetadataSnapshot? before, DateTimeOffset now, TimeSpan grace)
    {
        var keys = new SortedDictionary<string, SigningKey>(StringComparer.Ordinal);
        foreach (SigningKey key in before?.Keys ?? [])
        {
            SigningKey gone = key with { GoneAt = key.GoneAt ?? now };
            if (gone.GoneAt + grace > now)
            {
                keys[key.KeyId] = gone;
            }
        }

        foreach (JsonWebKey source in answer.Keys)
        {
            SigningKey? known = before?._keys.GetValueOrDefault(source.Kid);
            keys[source.Kid] = known is not null && known.Source.N == source.N && known.Source.E == source.E
                ? known with { Source = source, GoneAt = null }
                : new SigningKey(source.Kid, ToSecurityKey(source), source, now, null);
        }

        return new MetadataSnapshot(answer, [.. keys.Values], now);
    }

    /// <summary>When the first of the keys that are gone is no longer accepted, or null if the issuer names all of them.</summary>
    public DateTimeOffset? NextEndOfGrace(TimeSpan grace) => Keys.Min(key => key.GoneAt) + grace;

    /// <summary>This snapshot without the keys whose grace has ended.</summary>
    public MetadataSnapshot WithoutEnded(DateTimeOffset now, TimeSpan grace) =>
        new(Answer, [.. Keys.Where(key => key.GoneAt is not { } goneAt || goneAt + grace > now)], LoadedAt);

    /// <summary>A plain key: certificates beside it (<c>x5c</c>) are not used, so that it is found by its id and nothing else.</summary>
    private static RsaSecurityKey ToSecurityKey(JsonWebKey source) =>
        new(new System.Security.Cryptography.RSAParameters
        {
            Modulus = Base64UrlEncoder.DecodeBytes(source.N),
            Exponent = Base64UrlEncoder.DecodeBytes(source.E),
        })
        {
            KeyId = source.Kid,
        };
}
