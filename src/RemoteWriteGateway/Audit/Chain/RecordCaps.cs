using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>
/// Brings a record to the form in which it is hashed and stored, so that what is read back has the same hash: text is cut to its cap, NUL
/// and lone surrogates become U+FFFD (PostgreSQL stores neither), an object that is too long is replaced by its length.
/// </summary>
internal static class RecordCaps
{
    /// <summary>Caps in UTF-8 bytes. Texts are cut at a character.</summary>
    public const int QueryText = 8 * 1024;
    public const int Detail = 64 * 1024;
    public const int UserAgent = 512;
    public const int Name = 1024;
    public const int Word = 512;

    public static AuditRecord Apply(AuditRecord record) => record with
    {
        Event = Text(record.Event, Word),
        Outcome = Text(record.Outcome, Word),
        Reason = Optional(record.Reason, Word),
        Caller = record.Caller is { } caller && NeedsChange(caller) ? Apply(caller) : record.Caller,
        Bindings = Texts(record.Bindings),
        PolicyVersion = Optional(record.PolicyVersion, Word),
        Permission = Optional(record.Permission, Word),
        Tenant = Optional(record.Tenant, Word),
        Tenants = Texts(record.Tenants),
        TenantsRequested = Texts(record.TenantsRequested),
        RemoteIp = Optional(record.RemoteIp, Word),
        UserAgent = Optional(record.UserAgent, UserAgent),
        RequestId = Optional(record.RequestId, Word),
        TraceParent = Optional(record.TraceParent, Word),
        Method = Optional(record.Method, Word),
        Route = Optional(record.Route, Word),
        QueryText = Optional(record.QueryText, QueryText),
        Detail = Object(record.Detail),
    };

    private static bool NeedsChange(AuditCaller caller) =>
        !Fits(caller.Name, Name) || !Fits(caller.AgentParent, Word) || !Fits(caller.TokenId, Word) || !Fits(caller.KeyId, Word)
        || caller.Roles.Any(role => !Fits(role, Word)) || caller.Scopes.Any(scope => !Fits(scope, Word));

    private static AuditCaller Apply(AuditCaller caller) => new()
    {
        Directory = caller.Directory,
        ObjectId = caller.ObjectId,
        Kind = caller.Kind,
        Name = Optional(caller.Name, Name),
        Client = caller.Client,
        AgentParent = Optional(caller.AgentParent, Word),
        ClientAuth = caller.ClientAuth,
        TokenId = Optional(caller.TokenId, Word),
        TokenHash = caller.TokenHash,
        KeyId = Text(caller.KeyId, Word),
        TokenVersion = caller.TokenVersion,
        IssuedAt = caller.IssuedAt,
        ExpiresAt = caller.ExpiresAt,
        Roles = Texts(caller.Roles),
        Scopes = Texts(caller.Scopes),
        GroupsUnknown = caller.GroupsUnknown,
    };

    private static ImmutableArray<string> Texts(ImmutableArray<string> texts) =>
        texts.IsDefault || texts.All(text => Fits(text, Word)) ? texts : [.. texts.Select(text => Text(text, Word))];

    private static string? Optional(string? text, int maxBytes) => text is null ? null : Text(text, maxBytes);

    // An object that is cut is none any more.
    private static string? Object(string? json)
    {
        string? text = Optional(json, int.MaxValue);
        int bytes = text is null ? 0 : Encoding.UTF8.GetByteCount(text);
        return bytes <= Detail ? text : string.Create(CultureInfo.InvariantCulture, $$"""{"omittedBytes":{{bytes}}}""");
    }

    private static string Text(string text, int maxBytes)
    {
        if (Fits(text, maxBytes))
        {
            return text;
        }

        StringBuilder kept = new(Math.Min(text.Length, maxBytes));
        int bytes = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            // Lone surrogates are enumerated as U+FFFD.
            Rune one = rune.Value == 0 ? Rune.ReplacementChar : rune;
            bytes += one.Utf8SequenceLength;
            if (bytes > maxBytes)
            {
                break;
            }

            kept.Append(one.ToString());
        }

        return kept.ToString();
    }

    /// <summary>Whether nothing of the text must be changed.</summary>
    private static bool Fits(string? text, int maxBytes)
    {
        if (text is null)
        {
            return true;
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return false;
        }

        if (Ascii.IsValid(text))
        {
            return text.Length <= maxBytes;
        }

        return !HasLoneSurrogate(text) && Encoding.UTF8.GetByteCount(text) <= maxBytes;
    }

    private static bool HasLoneSurrogate(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return true;
            }

            i++;
        }

        return false;
    }
}
