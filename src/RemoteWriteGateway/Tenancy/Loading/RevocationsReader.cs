using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Reads the document's <c>revocations</c>.</summary>
internal static class RevocationsReader
{
    private static readonly (string Key, RevocationKind Kind)[] Kinds =
    [
        ("subject", RevocationKind.Subject), ("client", RevocationKind.Client), ("token", RevocationKind.Token), ("key", RevocationKind.Key),
    ];

    public static ImmutableArray<Revocation> Read(YamlValue? list)
    {
        ImmutableArray<Revocation>.Builder all = ImmutableArray.CreateBuilder<Revocation>();
        foreach (YamlValue item in list?.Items(mayBeEmpty: true) ?? [])
        {
            if (item.Map() is { } map && ReadOne(map) is { } revocation)
            {
                all.Add(revocation);
            }
        }

        return all.ToImmutable();
    }

    public static string NameOf(RevocationKind kind) => Kinds.Single(one => one.Kind == kind).Key;

    /// <summary>The kind of this name.</summary>
    /// <exception cref="InvalidOperationException">There is none: a bug of ours, names are checked where they come from.</exception>
    public static RevocationKind KindOf(string name) => Kinds.Single(one => one.Key == name).Kind;

    /// <summary>The names of all kinds.</summary>
    public static ImmutableArray<string> Names { get; } = [.. Kinds.Select(one => one.Key)];

    private static Revocation? ReadOne(YamlMap map)
    {
        map.Expect("subject", "client", "token", "key", "issuedBefore", "until", "reason");
        (string Key, RevocationKind Kind)[] given = [.. Kinds.Where(one => map.Has(one.Key))];
        string? reason = map.Require("reason")?.Text();
        DateTimeOffset? issuedBefore = map.Find("issuedBefore")?.Time();
        DateTimeOffset? until = map.Find("until")?.Time();
        if (given.Length != 1)
        {
            map.Fault("names nobody, or more than one thing; give exactly one of subject, client, token, key");
            return null;
        }

        YamlValue named = map.Find(given[0].Key)!; // it was found to be there
        string? value = given[0].Kind is RevocationKind.Subject or RevocationKind.Client ? named.Id()?.ToString("D") : named.Text();
        return value is null || reason is null ? null : new Revocation(given[0].Kind, value, issuedBefore, until, reason);
    }
}
