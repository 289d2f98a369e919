using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Says what cannot be right about the stores, each with the key's full name.</summary>
internal sealed class StoresOptionsValidator : IValidateOptions<StoresOptions>
{
    private const int MaxNameLength = 64;

    private static readonly SearchValues<char> HeaderNameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

    // What every request has from us, what would change how it is framed, and what carries secrets.
    private static readonly FrozenSet<string> OwnHeaders = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Host", "Keep-Alive",
        "Accept", "Accept-Encoding", "Proxy-Authorization", "Proxy-Connection", "Retry-Attempt", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
        "X-Prometheus-Remote-Read-Version", "X-Prometheus-Remote-Write-Version", "traceparent");

    public ValidateOptionsResult Validate(string? name, StoresOptions options)
    {
        List<string> faults = [.. options.Faults];
        foreach ((string store, StoreOptions one) in options.Stores)
        {
            string section = $"{StoresOptions.Section}:{store}";
            if (!IsName(store))
            {
                faults.Add($"{section}: a store's name has 1 to {MaxNameLength} letters, digits, dots, hyphens and underscores, and begins with a letter or digit");
            }

            foreach ((string key, string fault) in Faults(one))
            {
                faults.Add($"{section}:{key}: {fault}");
            }
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<(string Key, string Fault)> Faults(StoreOptions options)
    {
        if (options.Kind is not { } kind)
        {
            return [("Kind", $"is missing; it is one of {string.Join(", ", Enum.GetNames<StoreKind>())}")];
        }

        StorePreset preset = StorePreset.Of(kind);
        return [
            .. AddressFaults(kind, preset, options), .. IsolationFaults(kind, preset, options), .. RangeFaults(options),
            .. AuthFaults(options.Auth, preset.Scope is null), .. TlsFaults(options), .. HeaderFaults(preset, options),
            .. StoreReadOptionsFaults.Of(kind, options),
        ];
    }

    private static IEnumerable<(string Key, string Fault)> AddressFaults(StoreKind kind, StorePreset preset, StoreOptions options)
    {
        if (UrlFault(options.Url) is { } fault)
        {
            yield return ("Url", fault);
        }

        string? path = options.Path ?? preset.Path;
        if (path is null)
        {
            yield return ("Path", $"is missing; {kind} has no common one");
        }
        else if (!IsPath(path))
        {
            yield return ("Path", $"\"{path}\" is not a path, with a query if need be, such as /api/v1/write");
        }
        else if (kind == StoreKind.VictoriaMetricsCluster && path.Contains("multitenant", StringComparison.OrdinalIgnoreCase))
        {
            yield return ("Path", "the multitenant endpoint takes the tenant from labels that a writer could set; use /insert/{tenant}/…");
        }
    }

    private static IEnumerable<(string Key, string Fault)> IsolationFaults(StoreKind kind, StorePreset preset, StoreOptions options)
    {
        StoreIsolation isolation = options.Isolation ?? preset.Isolation;
        if (preset.IsolatesByLabelOnly && isolation != StoreIsolation.Label)
        {
            yield return ("Isolation", $"{kind} knows no tenants of its own, so that {isolation} would not keep them apart; use Label");
        }

        string? header = options.Header ?? preset.Header;
        if (isolation == StoreIsolation.Header && (header is null || !IsHeaderName(header) || OwnHeaders.Contains(header)))
        {
            yield return ("Header", $"\"{header}\" is not a header that can carry the tenant, such as X-Scope-OrgID");
        }
        else if (isolation != StoreIsolation.Header && options.Header is not null)
        {
            yield return ("Header", $"has no use with isolation {isolation}");
        }

        bool hasTenant = (options.Path ?? preset.Path)?.Contains(StoreTarget.Placeholder, StringComparison.Ordinal) ?? false;
        if (isolation == StoreIsolation.Path && !hasTenant)
        {
            yield return ("Path", $"holds no {StoreTarget.Placeholder}, which isolation Path needs");
        }
        else if (isolation != StoreIsolation.Path && hasTenant)
        {
            yield return ("Path", $"holds {StoreTarget.Placeholder}, which has a meaning with isolation Path only");
        }

        if (options.Delivery == StoreDelivery.Queued)
        {
            yield return ("Delivery", "Queued needs the disk queue, which this version does not have; use Direct");
        }
    }

    private static IEnumerable<(string Key, string Fault)> RangeFaults(StoreOptions options)
    {
        if (options.MaxRequestBytes is < 64 << 10 or > 1 << 30)
        {
            yield return ("MaxRequestBytes", $"{options.MaxRequestBytes} is not between 65536 and 1073741824 bytes");
        }

        if (options.MaxConnections is < 1 or > 10_000)
        {
            yield return ("MaxConnections", $"{options.MaxConnections} is not between 1 and 10000");
        }

        if (options.Timeout < TimeSpan.FromSeconds(1) || options.Timeout > TimeSpan.FromMinutes(5))
        {
            yield return ("Timeout", $"{options.Timeout} is not between 00:00:01 and 00:05:00");
        }

        (string Key, int? Value, int Min)[] caps =
        [
            ("MaxLabels", options.Caps.MaxLabels, 2), ("MaxMetricNameBytes", options.Caps.MaxMetricNameBytes, 1),
            ("MaxLabelNameBytes", options.Caps.MaxLabelNameBytes, 1), ("MaxLabelValueBytes", options.Caps.MaxLabelValueBytes, 1),
        ];
        foreach ((string key, int? value, int min) in caps)
        {
            if (value is { } cap && cap != 0 && cap < min)
            {
                yield return ($"Caps:{key}", $"{cap} is neither 0 (no cap) nor {min} or more");
            }
        }
    }

    internal static IEnumerable<(string Key, string Fault)> AuthFaults(StoreAuthOptions auth, bool needsScope)
    {
        (string Key, string? Value, StoreAuthKind Kind, bool IsRequired)[] keys =
        [
            ("TokenFile", auth.TokenFile, StoreAuthKind.BearerFile, true),
            ("UsernameFile", auth.UsernameFile, StoreAuthKind.Basic, true),
            ("PasswordFile", auth.PasswordFile, StoreAuthKind.Basic, true),
            ("Scope", auth.Scope, StoreAuthKind.Entra, needsScope),
        ];
        foreach ((string key, string? value, StoreAuthKind kind, bool isRequired) in keys)
        {
            if (kind == auth.Kind && isRequired && string.IsNullOrWhiteSpace(value))
            {
                yield return ($"Auth:{key}", $"is missing; {kind} needs it");
            }
            else if (kind != auth.Kind && value is not null)
            {
                yield return ($"Auth:{key}", $"has no use with kind {auth.Kind}; it belongs to {kind}");
            }
        }
    }

    private static IEnumerable<(string Key, string Fault)> TlsFaults(StoreOptions options)
    {
        if (!options.Tls.IsEmpty && TryUrl(options.Url, out Uri? url) && url.Scheme == Uri.UriSchemeHttp)
        {
            yield return ("Tls", "has no use with an http Url; use https");
        }

        if (options.Tls.CertificateFile is null != options.Tls.KeyFile is null)
        {
            yield return ("Tls", "CertificateFile and KeyFile go together; set both or none");
        }
    }

    private static IEnumerable<(string Key, string Fault)> HeaderFaults(StorePreset preset, StoreOptions options)
    {
        string? isolation = (options.Isolation ?? preset.Isolation) == StoreIsolation.Header ? options.Header ?? preset.Header : null;
        foreach ((string header, string value) in options.Headers)
        {
            if (!IsHeaderName(header))
            {
                yield return ($"Headers:{header}", "is not a header's name");
            }
            else if (OwnHeaders.Contains(header) || header.Equals(isolation, StringComparison.OrdinalIgnoreCase))
            {
                yield return ($"Headers:{header}", "is set by the gateway itself, or would change how requests are sent");
            }
            else if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                yield return ($"Headers:{header}", "has a value with characters that are not printable ASCII");
            }
        }
    }

    /// <summary>Why this is no address of a store, or null if it is.</summary>
    internal static string? UrlFault(string? text) => !TryUrl(text, out Uri? url)
        ? $"\"{text}\" is not an http or https address such as http://prometheus:9090"
        : url.UserInfo.Length > 0
            ? "holds a user or password; name files under Auth instead"
        : text.AsSpan().ContainsAny('?', '#')
            ? "holds a query or fragment; the query of the write API belongs to Path"
        : text.AsSpan().ContainsAny('{', '}')
            ? "holds a brace; {tenant} belongs to Path"
        : text.AsSpan().ContainsAnyExceptInRange('!', '~') || url.OriginalString.Split('/').Any(segment => segment is "." or "..")
            ? "holds a blank, a character that is not ASCII, or a dot segment, which would be changed on the way"
        : null;

    /// <summary>Whether a header is one that requests have from us, or that would change how they are framed.</summary>
    internal static bool IsOwnHeader(string name) => OwnHeaders.Contains(name);

    private static bool TryUrl(string? text, [NotNullWhen(true)] out Uri? url) =>
        Uri.TryCreate(text, UriKind.Absolute, out url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && url.Host.Length > 0;

    // Dot segments would be folded away, so that what is asked is not what stands in the configuration.
    internal static bool IsPath(string path) =>
        path.StartsWith('/') && !path.StartsWith("//", StringComparison.Ordinal)
        && !path.AsSpan().ContainsAnyExceptInRange('!', '~')
        && !path.AsSpan().ContainsAny('#', '\\')
        && !path.Split('?')[0].Split('/').Any(segment => segment is "." or "..")
        && !path.Replace(StoreTarget.Placeholder, "", StringComparison.Ordinal).AsSpan().ContainsAny('{', '}');

    internal static bool IsHeaderName(string name) => name.Length > 0 && !name.AsSpan().ContainsAnyExcept(HeaderNameCharacters);

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && char.IsAsciiLetterOrDigit(name[0])
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_');
}
