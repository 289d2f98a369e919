namespace RemoteWriteGateway.Identity;

/// <summary>
/// The directory whose tokens are accepted. Section <c>AzureAd</c>. An operator writes <see cref="Instance"/>, <see cref="TenantId"/> and
/// <see cref="ClientId"/>. The other keys are what Microsoft.Identity.Web reads under these names, shown so that the hardening can be
/// seen; most of them accept no other value than the default. <see cref="EntraOptionsCheck"/> says what is refused. Read once, at start.
/// </summary>
internal sealed class EntraOptions
{
    public const string Section = "AzureAd";

    /// <summary>
    /// Authority of the cloud: <c>https://login.microsoftonline.com/</c>, <c>…microsoftonline.us/</c>,
    /// <c>…partner.microsoftonline.cn/</c>; any other host is taken for an emulator.
    /// </summary>
    public string Instance { get; init; } = "https://login.microsoftonline.com/";

    /// <summary>The directory (Entra tenant), a GUID. One for each gateway.</summary>
    public string TenantId { get; init; } = "";

    /// <summary>Client id of the gateway's own app registration, a GUID.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>Fixed: claims keep their own names.</summary>
    public bool MapInboundClaims { get; init; }

    /// <summary>Fixed: what was wrong with a token is answered by us, without values of the caller.</summary>
    public bool IncludeErrorDetails { get; init; }

    /// <summary>Fixed: tokens are not kept with the request.</summary>
    public bool SaveToken { get; init; }

    /// <summary>Fixed: a token without roles and scopes is authenticated, and then refused by the policy with a reason.</summary>
    public bool AllowWebApiToBeAuthorizedByACL { get; init; } = true;

    /// <summary>Fixed: the realm that challenges name.</summary>
    public string Challenge { get; init; } = Challenges.Realm;

    /// <summary>How often one fetch for unknown signing keys is added to the budget of five. From 1 s to 1 h.</summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often the signing keys are fetched, give or take 10 %. From 5 min to 24 h, and less than <c>Identity:Metadata:MaxStale</c>.
    /// </summary>
    public TimeSpan AutomaticRefreshInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long the issuer may take for one document. From 1 s to 1 min.</summary>
    public TimeSpan BackchannelTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public EntraTokenOptions TokenValidationParameters { get; init; } = new();
}

/// <summary>What a token must be. Section <c>AzureAd:TokenValidationParameters</c>. Lists that are left out are derived.</summary>
internal sealed class EntraTokenOptions
{
    /// <summary>Accepted <c>aud</c>, whatever the token's version. Left out: the client id, and <c>api://</c> with it.</summary>
    public IReadOnlyList<string> ValidAudiences { get; init; } = [];

    /// <summary>Accepted <c>iss</c>, compared exactly. Left out: the directory's two issuers (v2.0 and v1.0) of the cloud.</summary>
    public IReadOnlyList<string> ValidIssuers { get; init; } = [];

    /// <summary>Fixed: RS256.</summary>
    public IReadOnlyList<string> ValidAlgorithms { get; init; } = [];

    /// <summary>Accepted <c>typ</c>: one or both of JWT and at+jwt. Left out: both.</summary>
    public IReadOnlyList<string> ValidTypes { get; init; } = [];

    /// <summary>Fixed: a key is chosen by its id only.</summary>
    public bool TryAllIssuerSigningKeys { get; init; }

    /// <summary>Difference of clocks that is tolerated, at most 5 min.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Fixed.</summary>
    public bool RequireSignedTokens { get; init; } = true;

    /// <summary>Fixed.</summary>
    public bool RequireExpirationTime { get; init; } = true;

    /// <summary>Fixed.</summary>
    public string NameClaimType { get; init; } = "oid";

    /// <summary>Fixed.</summary>
    public string RoleClaimType { get; init; } = "roles";
}
