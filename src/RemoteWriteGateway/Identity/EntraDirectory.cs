using System.Collections.Frozen;
using System.Collections.Immutable;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The directory whose tokens are accepted, and what is accepted of it: made from checked options at start, never changed.
/// </summary>
internal sealed class EntraDirectory
{
    private const string V2Suffix = "/v2.0";

    /// <summary>Hosts of v1.0 issuers by the host of the cloud's authority.</summary>
    private static readonly FrozenDictionary<string, string> V1IssuerHosts = new Dictionary<string, string>
    {
        ["login.microsoftonline.com"] = "sts.windows.net",
        ["login.microsoftonline.us"] = "sts.windows.net",
        ["login.partner.microsoftonline.cn"] = "sts.chinacloudapi.cn",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenSet<string> _issuers;

    /// <param name="options">Options that <see cref="EntraOptionsCheck"/> has passed.</param>
    /// <param name="acceptsEmulator">Whether metadata of an emulator is taken.</param>
    public EntraDirectory(EntraOptions options, bool acceptsEmulator)
    {
        EntraTokenOptions token = options.TokenValidationParameters;
        Id = Guid.ParseExact(options.TenantId, "D");
        ClientId = Guid.ParseExact(options.ClientId, "D");
        Instance = InstanceUri(options.Instance);
        AppIdUri = $"api://{ClientId:D}";
        DefaultScope = $"{AppIdUri}/.default";
        AcceptsEmulator = acceptsEmulator;

        Authority = $"{Instance}{Id:D}{V2Suffix}";
        MetadataAddress = new Uri($"{Authority}/.well-known/openid-configuration");
        string v1 = V1IssuerHosts.TryGetValue(Instance.Host, out string? host) ? $"https://{host}/{Id:D}/" : $"{Instance}sts/{Id:D}/";

        Issuers = token.ValidIssuers is [_, ..] issuers ? [.. issuers] : [Authority, v1];
        Audiences = token.ValidAudiences is [_, ..] audiences ? [.. audiences] : [$"{ClientId:D}", AppIdUri];
        TokenTypes = token.ValidTypes is [_, ..] types ? [.. types] : [.. TokenType.All];
        _issuers = Issuers.ToFrozenSet(StringComparer.Ordinal);

        ClockSkew = token.ClockSkew;
        RefreshInterval = options.RefreshInterval;
        AutomaticRefreshInterval = options.AutomaticRefreshInterval;
        BackchannelTimeout = options.BackchannelTimeout;
    }

    public Guid Id { get; }

    /// <summary>The gateway's own app registration.</summary>
    public Guid ClientId { get; }

    /// <summary>The cloud's authority, ending in a slash.</summary>
    public Uri Instance { get; }

    /// <summary>The directory's authority of version 2.0, which is its issuer too.</summary>
    public string Authority { get; }

    public Uri MetadataAddress { get; }

    /// <summary><c>api://</c> and the client id.</summary>
    public string AppIdUri { get; }

    /// <summary>The scope for which callers get a token for the gateway.</summary>
    public string DefaultScope { get; }

    public ImmutableArray<string> Issuers { get; }

    public ImmutableArray<string> Audiences { get; }

    public ImmutableArray<string> TokenTypes { get; }

    public TimeSpan ClockSkew { get; }

    public TimeSpan RefreshInterval { get; }

    public TimeSpan AutomaticRefreshInterval { get; }

    public TimeSpan BackchannelTimeout { get; }

    public bool AcceptsEmulator { get; }

    /// <summary>Whether <paramref name="issuer"/> is exactly one of the accepted ones.</summary>
    public bool Accepts(string? issuer) => issuer is not null && _issuers.Contains(issuer);

    /// <summary>The version that tokens of <paramref name="issuer"/> have.</summary>
    public static TokenVersion VersionOf(string issuer) =>
        issuer.EndsWith(V2Suffix, StringComparison.Ordinal) ? TokenVersion.V2 : TokenVersion.V1;

    /// <summary><paramref name="instance"/> with a slash at its end.</summary>
    public static Uri InstanceUri(string instance) => new(instance.EndsWith('/') ? instance : instance + "/");
}

/// <summary>Values of a token's <c>typ</c>.</summary>
internal static class TokenType
{
    public const string Jwt = "JWT";

    /// <summary>RFC 9068.</summary>
    public const string AccessToken = "at+jwt";

    public static readonly ImmutableArray<string> All = [Jwt, AccessToken];
}
