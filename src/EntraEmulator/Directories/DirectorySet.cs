using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Security.Cryptography;
using EntraEmulator.Configuration;

namespace EntraEmulator.Directories;

/// <summary>All directories of the emulator, built once from valid options.</summary>
internal sealed class DirectorySet
{
    private readonly FrozenDictionary<Guid, EntraDirectory> _byId;

    /// <summary>Builds the directories.</summary>
    /// <param name="options">Options that <see cref="EmulatorOptionsValidator"/> has passed; key files are read again.</param>
    public DirectorySet(EmulatorOptions options)
    {
        All = [.. options.Directories.Select(Build)];
        _byId = All.ToFrozenDictionary(directory => directory.Id);
    }

    /// <summary>In the order of the configuration.</summary>
    public IReadOnlyList<EntraDirectory> All { get; }

    /// <summary>The directory with an id; null if there is none.</summary>
    /// <param name="id">A GUID as text. Aliases such as <c>common</c> and domain names are not known.</param>
    public EntraDirectory? Find(string id) => Guid.TryParse(id, out Guid guid) ? _byId.GetValueOrDefault(guid) : null;

    private static EntraDirectory Build(DirectoryOptions options) => new(
        options.Id,
        [.. options.Apis.Select(Build)],
        [.. options.Apps.Select(Build)],
        [.. options.ManagedIdentities.Select(Build)],
        [.. options.Users.Select(Build)]);

    private static ApiRegistration Build(ApiOptions api) => new(
        api.ClientId,
        api.IdUris,
        (TokenVersion)api.TokenVersion,
        api.Scopes,
        IncludesIdtyp: api.OptionalClaims.Contains("idtyp"),
        IncludesCapabilities: api.OptionalClaims.Contains("xms_cc"),
        IncludesGroups: api.GroupClaims);

    private static AppRegistration Build(AppOptions app) => new(
        app.Name,
        app.ClientId,
        app.ObjectId,
        app.Secret,
        app.Certificate is null ? null : AppCertificate.Read(app.Certificate),
        [.. app.FederatedIssuers.Select(issuer => new FederatedIssuer(
            issuer.Issuer, issuer.Subject, issuer.Audience, ClientKeys.Read(issuer.Keys)))],
        app.RedirectUris,
        app.Roles,
        app.Agent is null ? null : new AgentIdentity(app.Agent.Parent));

    private static ManagedIdentity Build(ManagedIdentityOptions identity) =>
        new(identity.Name, identity.ClientId, identity.PrincipalId, identity.ResourceId, identity.SystemAssigned, identity.Roles);

    private static DirectoryUser Build(UserOptions user) => new(
        user.Name,
        user.ObjectId,
        user.DisplayName ?? user.Name,
        user.PreferredUsername,
        user.Roles,
        [.. user.Groups, .. Enumerable.Range(0, user.ExtraGroups).Select(index => MadeUpGroup(user.ObjectId, index))]);

    /// <summary>A group id that stays the same from start to start, so that a policy can name it.</summary>
    private static Guid MadeUpGroup(Guid user, int index)
    {
        Span<byte> seed = stackalloc byte[20];
        user.TryWriteBytes(seed);
        BinaryPrimitives.WriteInt32BigEndian(seed[16..], index);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(seed, hash);
        return new Guid(hash[..16], bigEndian: true);
    }
}
