namespace EntraEmulator.Configuration;

/// <summary>What the emulator listens on and whom its directories know. The keys stand at the root of the configuration, without a section.</summary>
/// <remarks>
/// Read, the later over the earlier: the file named by <c>--config FILE</c>, or else the sample in <c>appsettings.json</c>, which is
/// part of the program; environment variables with the prefix <c>EMULATOR_</c> (<c>EMULATOR_Directories__0__Apps__0__Secret</c>);
/// the command line (<c>--DataDirectory /tmp/emulator</c>). A key that is not here stops the start. Relative paths are of the current directory.
/// </remarks>
internal sealed record EmulatorOptions
{
    /// <summary>Origin that issuers, endpoints and documents carry, whatever scheme and port a client used. https, and never a host of Entra.</summary>
    public string PublicBaseUrl { get; init; } = "https://localhost:5903";

    /// <summary>Where to listen with TLS; empty is nowhere. Port 0 takes a free one.</summary>
    public string Https { get; init; } = "https://127.0.0.1:5903";

    /// <summary>Where to listen without TLS, for the managed identity endpoints and for curl; empty is nowhere.</summary>
    public string Http { get; init; } = "http://127.0.0.1:5901";

    /// <summary>Host names and addresses that the TLS certificate is made out to.</summary>
    public IReadOnlyList<string> TlsNames { get; init; } = [];

    /// <summary>Folder of the development CA and the TLS certificate, created if absent.</summary>
    public string DataDirectory { get; init; } = "emulator-data";

    /// <summary>Permits listening beyond loopback, where anybody who reaches the port can get any token.</summary>
    public bool AllowRemote { get; init; }

    /// <summary>Serves the page at <c>/</c> and everything under <c>/test/</c>; without, they are 404.</summary>
    public bool Hooks { get; init; }

    /// <summary>The Entra directories ("tenants" in Entra's words). All share the signing keys, as in Entra.</summary>
    public IReadOnlyList<DirectoryOptions> Directories { get; init; } = [];
}

/// <summary>One Entra directory.</summary>
internal sealed record DirectoryOptions
{
    /// <summary>The directory's id, <c>tid</c> in tokens.</summary>
    public Guid Id { get; init; }

    /// <summary>APIs that tokens can be asked for.</summary>
    public IReadOnlyList<ApiOptions> Apis { get; init; } = [];

    /// <summary>Apps that ask for tokens themselves or on behalf of users.</summary>
    public IReadOnlyList<AppOptions> Apps { get; init; } = [];

    /// <summary>Managed identities, which the two identity endpoints of Azure hosts serve without a credential.</summary>
    public IReadOnlyList<ManagedIdentityOptions> ManagedIdentities { get; init; } = [];

    /// <summary>Humans. They sign in to apps that have redirect URIs, without a password, and the hooks give their tokens.</summary>
    public IReadOnlyList<UserOptions> Users { get; init; } = [];
}

/// <summary>The registration of an API: what its tokens look like.</summary>
internal sealed record ApiOptions
{
    /// <summary>Audience of v2.0 tokens.</summary>
    public Guid ClientId { get; init; }

    /// <summary>App ID URIs, such as <c>api://aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee</c>. The client id names the API too.</summary>
    public IReadOnlyList<string> IdUris { get; init; } = [];

    /// <summary>1 or 2: <c>requestedAccessTokenVersion</c>, which decides whatever endpoint a client used.</summary>
    public int TokenVersion { get; init; } = 2;

    /// <summary>Delegated scopes that users' tokens carry in <c>scp</c>.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Of <c>idtyp</c> and <c>xms_cc</c>, those that tokens carry.</summary>
    public IReadOnlyList<string> OptionalClaims { get; init; } = [];

    /// <summary>Users' tokens carry <c>groups</c>.</summary>
    public bool GroupClaims { get; init; }
}

/// <summary>An app registration with its service principal.</summary>
internal sealed record AppOptions
{
    /// <summary>Short name for the hooks and the log; unique in the directory.</summary>
    public string Name { get; init; } = "";

    /// <summary>The application (client) id.</summary>
    public Guid ClientId { get; init; }

    /// <summary>Object id of the service principal, <c>oid</c> in tokens.</summary>
    public Guid ObjectId { get; init; }

    /// <summary>The client secret, if it has one.</summary>
    public string? Secret { get; init; }

    /// <summary>The certificate its assertions are signed with: a PEM file, or the PEM text itself.</summary>
    public string? Certificate { get; init; }

    /// <summary>Other issuers whose tokens are taken as the app's assertion (workload identity federation).</summary>
    public IReadOnlyList<FederatedIssuerOptions> FederatedIssuers { get; init; } = [];

    /// <summary>Where users who have signed in to it may be sent back, compared exactly: <c>http://127.0.0.1:3000/login/generic_oauth</c>.</summary>
    public IReadOnlyList<string> RedirectUris { get; init; } = [];

    /// <summary>App roles granted to it.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>If present, the app is an agent identity, and its tokens say so.</summary>
    public AgentOptions? Agent { get; init; }
}

/// <summary>A federated identity credential: an issuer, such as a Kubernetes cluster, and the one subject of it that is the app.</summary>
internal sealed record FederatedIssuerOptions
{
    /// <summary>The exact <c>iss</c> of its tokens.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>The exact <c>sub</c>, such as <c>system:serviceaccount:monitoring:prometheus</c>.</summary>
    public string Subject { get; init; } = "";

    /// <summary>The <c>aud</c> its tokens must carry.</summary>
    public string Audience { get; init; } = "api://AzureADTokenExchange";

    /// <summary>Its public keys: a file with a JWK set (<c>{"keys":[…]}</c>) or a PEM public key, or such text itself. Nothing is fetched.</summary>
    public string Keys { get; init; } = "";
}

/// <summary>Makes an app an agent identity.</summary>
internal sealed record AgentOptions
{
    /// <summary>Client id of the blueprint it was made from, <c>xms_par_app_azp</c> in tokens.</summary>
    public Guid Parent { get; init; }
}

/// <summary>A managed identity.</summary>
internal sealed record ManagedIdentityOptions
{
    /// <summary>Short name for the hooks and the log; unique in the directory.</summary>
    public string Name { get; init; } = "";

    /// <summary>The client id.</summary>
    public Guid ClientId { get; init; }

    /// <summary>Object id of its service principal, <c>oid</c> in tokens.</summary>
    public Guid PrincipalId { get; init; }

    /// <summary>The ARM id, <c>xms_mirid</c> in tokens.</summary>
    public string ResourceId { get; init; } = "";

    /// <summary>A request that names no identity gets this one; at most one of all directories.</summary>
    public bool SystemAssigned { get; init; }

    /// <summary>App roles granted to it.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];
}

/// <summary>A human.</summary>
internal sealed record UserOptions
{
    /// <summary>Short name for the hooks and the log; unique in the directory.</summary>
    public string Name { get; init; } = "";

    /// <summary>The object id, <c>oid</c> in tokens.</summary>
    public Guid ObjectId { get; init; }

    /// <summary>The claim <c>name</c>; <see cref="Name"/> if absent.</summary>
    public string? DisplayName { get; init; }

    /// <summary>The claim <c>preferred_username</c>, in v1.0 tokens <c>upn</c> and <c>unique_name</c>.</summary>
    public string PreferredUsername { get; init; } = "";

    /// <summary>App roles granted to the user.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Object ids of the user's groups.</summary>
    public IReadOnlyList<Guid> Groups { get; init; } = [];

    /// <summary>How many made-up groups are added, 0 to 10 000. With more than 200 groups in all, tokens carry an overage claim instead.</summary>
    public int ExtraGroups { get; init; }
}
