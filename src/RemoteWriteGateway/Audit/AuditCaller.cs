using System.Collections.Immutable;

namespace RemoteWriteGateway.Audit;

/// <summary>
/// The columns of a record that tell who called. Made once for each validated token; records of the same token share it, and folds
/// tell callers apart by the instance.
/// </summary>
internal sealed class AuditCaller
{
    public required Guid Directory { get; init; }

    /// <summary>With <see cref="Directory"/> the subject.</summary>
    public required Guid ObjectId { get; init; }

    /// <summary><c>app</c>, <c>user</c> or <c>agent</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>For display: it can be changed in the directory by whom it names.</summary>
    public string? Name { get; init; }

    /// <summary>Client id of the app that presented the token: the actor.</summary>
    public required Guid Client { get; init; }

    /// <summary>The agent's parent application.</summary>
    public string? AgentParent { get; init; }

    /// <summary><c>public</c>, <c>secret</c> or <c>assertion</c>.</summary>
    public required string ClientAuth { get; init; }

    public string? TokenId { get; init; }

    /// <summary>First 16 bytes of the SHA-256 of the token's characters: tells tokens apart, and is of no use to present one.</summary>
    public ImmutableArray<byte> TokenHash { get; init; }

    public required string KeyId { get; init; }

    /// <summary><c>1.0</c> or <c>2.0</c>.</summary>
    public required string TokenVersion { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public ImmutableArray<string> Roles { get; init; } = [];

    public ImmutableArray<string> Scopes { get; init; } = [];

    /// <summary>The token lists no groups because there are too many of them.</summary>
    public bool GroupsUnknown { get; init; }
}
