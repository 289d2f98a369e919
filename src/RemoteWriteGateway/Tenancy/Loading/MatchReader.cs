using System.Collections.Frozen;
using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Reads the <c>match</c> of a rule.</summary>
internal static class MatchReader
{
    // The longest role that a token can carry.
    private const int MaxRoleLength = 120;

    private static readonly string[] Kinds = ["app", "user", "agent"];
    private static readonly string[] ClientAuths = ["public", "secret", "assertion"];

    /// <summary>Reads it, or gives null after a fault. Other than bindings, denials have no template and may match as widely as they like.</summary>
    public static RuleMatch? Read(YamlValue value, bool isBinding)
    {
        if (value.Map() is not { } map)
        {
            return null;
        }

        if (isBinding)
        {
            map.Expect("kind", "client", "oid", "group", "role", "scope", "clientAuth", "roleTemplate");
        }
        else
        {
            map.Expect("kind", "client", "oid", "group", "role", "scope", "clientAuth");
        }

        ImmutableArray<CallerKind> kinds = ReadKinds(map.Require("kind"));
        RuleMatch match = new()
        {
            Kinds = kinds,
            Clients = ReadIds(map.Find("client"))?.ToFrozenSet(),
            ObjectIds = ReadIds(map.Find("oid"))?.ToFrozenSet(),
            Groups = ReadIds(map.Find("group"))?.Sort(),
            Roles = ReadTexts(map.Find("role"), MaxRoleLength),
            Scopes = ReadTexts(map.Find("scope"), int.MaxValue),
            ClientAuths = ReadClientAuths(map.Find("clientAuth")),
            RoleTemplate = isBinding && map.Find("roleTemplate") is { } template ? ReadTemplate(template) : null,
        };
        if (isBinding && !kinds.IsEmpty)
        {
            CheckWidth(value, map, match);
        }

        return kinds.IsEmpty ? null : match;
    }

    public static ClientAuth? ClientAuthOf(YamlValue value) =>
        value.OneOf("a way to authenticate", ClientAuths) is { } text ? (ClientAuth)Array.IndexOf(ClientAuths, text) : null;

    public static CallerKind? KindOf(YamlValue value) =>
        value.OneOf("a kind of caller", Kinds) is { } text ? (CallerKind)Array.IndexOf(Kinds, text) : null;

    /// <summary>The kind of this name, or null.</summary>
    public static CallerKind? KindOf(string name) => Array.IndexOf(Kinds, name) is >= 0 and var index ? (CallerKind)index : null;

    /// <summary>The way to authenticate of this name, or null.</summary>
    public static ClientAuth? ClientAuthOf(string name) => Array.IndexOf(ClientAuths, name) is >= 0 and var index ? (ClientAuth)index : null;

    public static string NameOf(CallerKind kind) => Kinds[(int)kind];

    public static string NameOf(ClientAuth auth) => ClientAuths[(int)auth];

    private static ImmutableArray<CallerKind> ReadKinds(YamlValue? value)
    {
        ImmutableArray<YamlValue> items = value is null ? [] : value.IsList ? value.Items() : [value];
        return [.. items.Select(KindOf).OfType<CallerKind>().Distinct()];
    }

    private static ImmutableArray<Guid>? ReadIds(YamlValue? list) =>
        list is null ? null : [.. list.Items().Select(item => item.Id()).OfType<Guid>().Distinct()];

    private static FrozenSet<string>? ReadTexts(YamlValue? list, int maxLength)
    {
        if (list is null)
        {
            return null;
        }

        HashSet<string> texts = new(StringComparer.Ordinal);
        foreach (YamlValue item in list.Items())
        {
            if (item.Text() is { } text)
            {
                texts.Add(text);
                if (text.Length > maxLength)
                {
                    item.Fault($"has {text.Length} characters, limit {maxLength}");
                }
            }
        }

        return texts.ToFrozenSet(StringComparer.Ordinal);
    }

    private static ImmutableArray<ClientAuth>? ReadClientAuths(YamlValue? list) =>
        list is null ? null : [.. list.Items().Select(ClientAuthOf).OfType<ClientAuth>().Distinct()];

    private static RoleTemplate? ReadTemplate(YamlValue value)
    {
        if (value.Text() is not { } text)
        {
            return null;
        }

        string[] parts = text.Split(RoleTemplate.Placeholder);
        if (parts.Length != 2)
        {
            value.Fault($"needs {RoleTemplate.Placeholder} exactly once, for example Tenant.{RoleTemplate.Placeholder}.Write");
            return null;
        }

        return new RoleTemplate(parts[0], parts[1]);
    }

    private static void CheckWidth(YamlValue value, YamlMap map, RuleMatch match)
    {
        // Asked of the document and not of what was read: a faulty role is a role that somebody meant.
        bool isNarrowForUsers = map.Has("oid") || map.Has("role") || map.Has("group");
        bool isNarrowForApps = map.Has("client") || map.Has("oid") || map.Has("role") || map.Has("roleTemplate");
        string[] tooWide = [.. match.Kinds.Where(kind => kind is CallerKind.User ? !isNarrowForUsers : !isNarrowForApps).Select(NameOf)];
        if (tooWide.Length > 0)
        {
            string whom = string.Join(" and ", tooWide);
            string of = match.Clients is { Count: > 0 } clients ? $" of client {string.Join(", ", clients.Order().Select(Shorten))}" : "";
            string add = tooWide.Contains(NameOf(CallerKind.User)) ? "oid, role or group" : "client, oid, role or roleTemplate";
            value.Fault($"matches every {whom}{of}; add {add}");
        }
    }

    /// <summary>Enough of a GUID to find it in the same document.</summary>
    private static string Shorten(Guid id) => id.ToString("D")[..9] + "…";
}
