using System.Collections.Frozen;
using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>By what a revocation names those whom it refuses.</summary>
internal enum RevocationKind
{
    /// <summary>Object id of a user or service principal.</summary>
    Subject,

    /// <summary>Client id of the app that presents the token.</summary>
    Client,

    /// <summary>Id of one token (claim <c>uti</c>).</summary>
    Token,

    /// <summary>Id of a signing key (<c>kid</c>).</summary>
    Key,
}

/// <summary>Access that an operator took away, before the token expires.</summary>
/// <param name="Kind">What <paramref name="Value"/> is.</param>
/// <param name="Value">The id; GUIDs as lower-case text with hyphens.</param>
/// <param name="IssuedBefore">Only tokens issued earlier, or null for all.</param>
/// <param name="Until">When it ends, or null for never.</param>
/// <param name="Reason">Why, for operators.</param>
internal sealed record Revocation(
    RevocationKind Kind, string Value, DateTimeOffset? IssuedBefore, DateTimeOffset? Until, string Reason)
{
    /// <summary>Its id in the catalog; null for those of the policy file, which have none.</summary>
    public Guid? Id { get; init; }

    /// <summary>Whether a token issued at <paramref name="issuedAt"/> is refused at <paramref name="now"/>, if it is one of those named.</summary>
    public bool AppliesTo(DateTimeOffset issuedAt, DateTimeOffset now) =>
        !(now >= Until) && !(issuedAt >= IssuedBefore);
}

/// <summary>The revocations of one source, by kind. Immutable; read on every request.</summary>
internal sealed class RevocationList
{
    private readonly FrozenDictionary<Guid, ImmutableArray<Revocation>> _subjects;
    private readonly FrozenDictionary<Guid, ImmutableArray<Revocation>> _clients;
    private readonly FrozenDictionary<string, ImmutableArray<Revocation>> _tokens;
    private readonly FrozenDictionary<string, ImmutableArray<Revocation>> _keys;

    /// <summary>Refuses nobody.</summary>
    public static RevocationList Empty { get; } = new([]);

    /// <exception cref="FormatException">A subject or client is no GUID: a bug of ours, the loader checks it.</exception>
    public RevocationList(ImmutableArray<Revocation> all)
    {
        All = all;
        _subjects = ByKind(RevocationKind.Subject, Guid.Parse, EqualityComparer<Guid>.Default);
        _clients = ByKind(RevocationKind.Client, Guid.Parse, EqualityComparer<Guid>.Default);
        _tokens = ByKind(RevocationKind.Token, value => value, StringComparer.Ordinal);
        _keys = ByKind(RevocationKind.Key, value => value, StringComparer.Ordinal);
    }

    public ImmutableArray<Revocation> All { get; }

    /// <summary>The revocation that refuses the token of <paramref name="caller"/> at <paramref name="now"/>, or null.</summary>
    public Revocation? Find(Caller caller, DateTimeOffset now) =>
        All.IsEmpty
            ? null
            : Find(_subjects, caller.ObjectId, caller, now)
                ?? Find(_clients, caller.Client, caller, now)
                ?? (caller.TokenId is { } token ? Find(_tokens, token, caller, now) : null)
                ?? Find(_keys, caller.KeyId, caller, now);

    private static Revocation? Find<TKey>(
        FrozenDictionary<TKey, ImmutableArray<Revocation>> table, TKey key, Caller caller, DateTimeOffset now)
        where TKey : notnull
    {
        if (table.TryGetValue(key, out ImmutableArray<Revocation> found))
        {
            foreach (Revocation one in found)
            {
                if (one.AppliesTo(caller.IssuedAt, now))
                {
                    return one;
                }
            }
        }

        return null;
    }

    private FrozenDictionary<TKey, ImmutableArray<Revocation>> ByKind<TKey>(
        RevocationKind kind, Func<string, TKey> key, IEqualityComparer<TKey> comparer)
        where TKey : notnull =>
        All.Where(one => one.Kind == kind)
            .GroupBy(one => key(one.Value), comparer)
            .ToFrozenDictionary(group => group.Key, group => group.ToImmutableArray(), comparer);
}
