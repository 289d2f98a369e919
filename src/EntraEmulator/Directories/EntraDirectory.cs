namespace EntraEmulator.Directories;

/// <summary>One Entra directory: who is in it and what tokens can be asked for. <c>Id</c> is the <c>tid</c> of its tokens.</summary>
internal sealed record EntraDirectory(
    Guid Id,
    IReadOnlyList<ApiRegistration> Apis,
    IReadOnlyList<AppRegistration> Apps,
    IReadOnlyList<ManagedIdentity> ManagedIdentities,
    IReadOnlyList<DirectoryUser> Users)
{
    /// <summary>The API that goes by an App ID URI or by its client id; null if there is none.</summary>
    /// <param name="resource">Compared without regard to case and to one trailing slash, as Entra does.</param>
    public ApiRegistration? FindApi(string resource)
    {
        string name = resource.EndsWith('/') ? resource[..^1] : resource;
        return Apis.FirstOrDefault(api => Names(api).Contains(name, StringComparer.OrdinalIgnoreCase));

        static IEnumerable<string> Names(ApiRegistration api) => api.IdUris.Select(uri => uri.TrimEnd('/')).Append(api.ClientId.ToString());
    }

    /// <summary>The app with a client id or a short name; null if there is none.</summary>
    public AppRegistration? FindApp(string name) => Apps.FirstOrDefault(app => Is(name, app.Name, app.ClientId));

    /// <summary>The managed identity with a client id or a short name; null if there is none.</summary>
    public ManagedIdentity? FindManagedIdentity(string name) =>
        ManagedIdentities.FirstOrDefault(identity => Is(name, identity.Name, identity.ClientId));

    /// <summary>The user with an object id or a short name; null if there is none.</summary>
    public DirectoryUser? FindUser(string name) => Users.FirstOrDefault(user => Is(name, user.Name, user.ObjectId));

    private static bool Is(string wanted, string name, Guid id) =>
        string.Equals(wanted, name, StringComparison.Ordinal) || (Guid.TryParse(wanted, out Guid guid) && guid == id);
}

/// <summary>An API and what its registration says of its tokens. The first of its App ID URIs is the audience of v1.0 tokens from the hooks.</summary>
internal sealed record ApiRegistration(
    Guid ClientId,
    IReadOnlyList<string> IdUris,
    TokenVersion TokenVersion,
    IReadOnlyList<string> Scopes,
    bool IncludesIdtyp,
    bool IncludesCapabilities,
    bool IncludesGroups);

/// <summary>An app and how it may prove who it is.</summary>
internal sealed record AppRegistration(
    string Name,
    Guid ClientId,
    Guid ObjectId,
    string? Secret,
    AppCertificate? Certificate,
    IReadOnlyList<FederatedIssuer> FederatedIssuers,
    IReadOnlyList<string> RedirectUris,
    IReadOnlyList<string> Roles,
    AgentIdentity? Agent)
{
    /// <summary>How it proves itself when it is not said: by the strongest credential it has.</summary>
    public ClientAuth UsualAuth =>
        Certificate is not null || FederatedIssuers.Count > 0 ? ClientAuth.Assertion
        : Secret is not null ? ClientAuth.Secret
        : ClientAuth.Public;
}

/// <summary>An agent identity, made from the blueprint app <paramref name="Parent"/>.</summary>
internal sealed record AgentIdentity(Guid Parent);

/// <summary>A managed identity, with its ARM id. A system-assigned one is taken by requests that name no identity.</summary>
internal sealed record ManagedIdentity(
    string Name,
    Guid ClientId,
    Guid PrincipalId,
    string ResourceId,
    bool IsSystemAssigned,
    IReadOnlyList<string> Roles);

/// <summary>A human. The groups are object ids, made-up ones included.</summary>
internal sealed record DirectoryUser(
    string Name,
    Guid ObjectId,
    string DisplayName,
    string PreferredUsername,
    IReadOnlyList<string> Roles,
    IReadOnlyList<Guid> Groups);

/// <summary>The two shapes of access tokens.</summary>
internal enum TokenVersion
{
    /// <summary><c>ver</c> 1.0.</summary>
    V1 = 1,

    /// <summary><c>ver</c> 2.0.</summary>
    V2 = 2,
}

/// <summary>How a client proved itself; the number is the value of <c>appidacr</c> and <c>azpacr</c>.</summary>
internal enum ClientAuth
{
    /// <summary>It did not.</summary>
    Public = 0,

    /// <summary>By a secret.</summary>
    Secret = 1,

    /// <summary>By a certificate, a federated token or by being a managed identity.</summary>
    Assertion = 2,
}
