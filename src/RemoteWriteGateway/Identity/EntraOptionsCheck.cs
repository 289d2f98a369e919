using System.Collections.Immutable;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The start check of section <c>AzureAd</c>: every fault is told, by key. What would weaken validation cannot be configured.
/// </summary>
internal sealed class EntraOptionsCheck(IConfiguration configuration, IHostEnvironment environment, IOptions<IdentityOptions> identity)
    : IValidateOptions<EntraOptions>
{
    private const string Key = EntraOptions.Section;
    private const string TokenKey = $"{Key}:{nameof(EntraOptions.TokenValidationParameters)}";

    /// <summary>App ids of services of Microsoft: Graph, and its predecessor. Their tokens belong to them.</summary>
    private static readonly ImmutableArray<string> ForeignAudiences =
        ["00000003-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"];

    /// <summary>Domains of App ID URIs of services of Microsoft: Graph, Azure Monitor, Resource Manager, in all clouds.</summary>
    private static readonly ImmutableArray<string> ForeignDomains =
    [
        "microsoft.com", "microsoft.us", "microsoftonline.com", "windows.net",
        "azure.com", "azure.us", "azure.cn", "azure.net", "chinacloudapi.cn",
    ];

    public ValidateOptionsResult Validate(string? name, EntraOptions options)
    {
        var faults = new List<string>();

        // ASP.NET Core reads this section for every scheme, down to symmetric signing keys.
        if (configuration.GetSection("Authentication").Exists())
        {
            faults.Add($"Authentication: this section is not used; tokens are configured in {Key}");
        }

        CheckDirectory(options, faults);
        CheckFixed(options, faults);
        CheckIntervals(options, faults);
        CheckLists(options, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private void CheckDirectory(EntraOptions options, List<string> faults)
    {
        if (!IsGuid(options.TenantId))
        {
            faults.Add($"{Key}:TenantId: \"{options.TenantId}\" is not the GUID of one directory; "
                + "\"common\", \"organizations\" and domain names are not accepted");
        }

        if (!IsGuid(options.ClientId))
        {
            faults.Add($"{Key}:ClientId: \"{options.ClientId}\" is not the GUID of the gateway's app registration");
        }

        if (!Uri.TryCreate(options.Instance, UriKind.Absolute, out Uri? instance) || instance.Scheme != Uri.UriSchemeHttps
            || instance.UserInfo.Length > 0 || instance.Query.Length > 0 || instance.Fragment.Length > 0)
        {
            faults.Add($"{Key}:Instance: \"{options.Instance}\" is not an https URL such as https://login.microsoftonline.com/");
        }
        else if (instance.IsLoopback && !environment.IsDevelopment() && !identity.Value.AllowEmulator)
        {
            faults.Add($"{Key}:Instance: \"{options.Instance}\" is on loopback: an emulator. "
                + "Outside of environment Development this needs Identity:AllowEmulator");
        }
    }

    private static void CheckFixed(EntraOptions options, List<string> faults)
    {
        EntraOptions fixedOptions = new();
        Fixed(Key, nameof(options.MapInboundClaims), options.MapInboundClaims, fixedOptions.MapInboundClaims);
        Fixed(Key, nameof(options.IncludeErrorDetails), options.IncludeErrorDetails, fixedOptions.IncludeErrorDetails);
        Fixed(Key, nameof(options.SaveToken), options.SaveToken, fixedOptions.SaveToken);
        Fixed(
            Key,
            nameof(options.AllowWebApiToBeAuthorizedByACL),
            options.AllowWebApiToBeAuthorizedByACL,
            fixedOptions.AllowWebApiToBeAuthorizedByACL);
        Fixed(Key, nameof(options.Challenge), options.Challenge, fixedOptions.Challenge);

        EntraTokenOptions token = options.TokenValidationParameters;
        EntraTokenOptions fixedToken = fixedOptions.TokenValidationParameters;
        Fixed(TokenKey, nameof(token.TryAllIssuerSigningKeys), token.TryAllIssuerSigningKeys, fixedToken.TryAllIssuerSigningKeys);
        Fixed(TokenKey, nameof(token.RequireSignedTokens), token.RequireSignedTokens, fixedToken.RequireSignedTokens);
        Fixed(TokenKey, nameof(token.RequireExpirationTime), token.RequireExpirationTime, fixedToken.RequireExpirationTime);
        Fixed(TokenKey, nameof(token.NameClaimType), token.NameClaimType, fixedToken.NameClaimType);
        Fixed(TokenKey, nameof(token.RoleClaimType), token.RoleClaimType, fixedToken.RoleClaimType);

        void Fixed<T>(string section, string key, T value, T only)
        {
            if (!EqualityComparer<T>.Default.Equals(value, only))
            {
                faults.Add($"{section}:{key}: {value} is not accepted, only {only}; leave it out");
            }
        }
    }

    private void CheckIntervals(EntraOptions options, List<string> faults)
    {
        Between($"{Key}:RefreshInterval", options.RefreshInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Between($"{Key}:AutomaticRefreshInterval", options.AutomaticRefreshInterval, TimeSpan.FromMinutes(5), TimeSpan.FromDays(1));
        Between($"{Key}:BackchannelTimeout", options.BackchannelTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Between($"{TokenKey}:ClockSkew", options.TokenValidationParameters.ClockSkew, TimeSpan.Zero, TimeSpan.FromMinutes(5));

        TimeSpan maxStale = identity.Value.Metadata.MaxStale;
        if (options.AutomaticRefreshInterval * 1.1 >= maxStale)
        {
            faults.Add($"{Key}:AutomaticRefreshInterval: {options.AutomaticRefreshInterval} and a tenth must be less than "
                + $"Identity:Metadata:MaxStale ({maxStale}), or keys go stale between fetches");
        }

        void Between(string key, TimeSpan value, TimeSpan min, TimeSpan max)
        {
            if (value < min || value > max)
            {
                faults.Add($"{key}: {value} is not between {min} and {max}");
            }
        }
    }

    private static void CheckLists(EntraOptions options, List<string> faults)
    {
        EntraTokenOptions token = options.TokenValidationParameters;
        foreach (string algorithm in token.ValidAlgorithms.Where(algorithm => algorithm != JoseHeader.Algorithm))
        {
            faults.Add($"{TokenKey}:ValidAlgorithms: \"{algorithm}\" is not accepted, only {JoseHeader.Algorithm}; leave it out");
        }

        foreach (string type in token.ValidTypes.Where(type => !TokenType.All.Contains(type)))
        {
            faults.Add($"{TokenKey}:ValidTypes: \"{type}\" is not accepted, only {string.Join(" and ", TokenType.All)}");
        }

        foreach (string audience in token.ValidAudiences.Where(IsForeign))
        {
            faults.Add($"{TokenKey}:ValidAudiences: \"{audience}\" is empty, or a service of Microsoft, to which tokens for it belong; "
                + "name the gateway's own client id or App ID URI");
        }

        foreach (string issuer in token.ValidIssuers.Where(issuer => !IsIssuerOf(options.TenantId, issuer)))
        {
            faults.Add($"{TokenKey}:ValidIssuers: \"{issuer}\" is not an https URL with the directory's id in it; "
                + "placeholders would accept every directory");
        }
    }

    private static bool IsGuid(string text) => Guid.TryParseExact(text, "D", out Guid id) && id != Guid.Empty;

    private static bool IsIssuerOf(string directory, string issuer) =>
        IsGuid(directory)
        && issuer.StartsWith("https://", StringComparison.Ordinal)
        && issuer.Contains(Guid.ParseExact(directory, "D").ToString("D"), StringComparison.Ordinal)
        && !issuer.Contains('{', StringComparison.Ordinal);

    private static bool IsForeign(string audience)
    {
        if (string.IsNullOrWhiteSpace(audience) || ForeignAudiences.Contains(audience.ToLowerInvariant()))
        {
            return true;
        }

        return Uri.TryCreate(audience, UriKind.Absolute, out Uri? uri)
            && ForeignDomains.Any(domain => uri.Host.Equals(domain, StringComparison.OrdinalIgnoreCase)
                || uri.Host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase));
    }
}
