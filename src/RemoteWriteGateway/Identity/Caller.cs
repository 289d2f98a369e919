using System.Collections.Immutable;

namespace RemoteWriteGateway.Identity;

/// <summary>What kind of principal a token stands for.</summary>
internal enum CallerKind
{
    /// <summary>A service principal: app registration, managed or workload identity.</summary>
    App,

    /// <summary>A human, through an app with a delegated scope.</summary>
    User,

    /// <summary>An agent identity, by itself or on behalf of a human.</summary>
    Agent,
}

/// <summary>How the client proved itself to the directory, weakest first.</summary>
internal enum ClientAuth
{
    Public,
    Secret,
    Assertion,
}

/// <summary>The version of the token's shape.</summary>
internal enum TokenVersion
{
    V1 = 1,
    V2 = 2,
}

/// <summary>
/// Who is calling: what a validated token says, read once and never changed. Nothing outside <c>Identity</c> reads claims.
/// </summary>
internal sealed record Caller
{
    public required CallerKind Kind { get; init; }

    /// <summary>An agent that acts for a human: <see cref="ObjectId"/> is the human's.</summary>
    public bool OnBehalfOfUser { get; init; }

    /// <summary>The directory (claim <c>tid</c>). With <see cref="ObjectId"/> it is the subject.</summary>
    public required Guid Directory { get; init; }

    /// <summary>Object id of the user or service principal (claim <c>oid</c>).</summary>
    public required Guid ObjectId { get; init; }

    /// <summary>Client id of the app that presented the token (claims <c>azp</c>, <c>appid</c>): the actor.</summary>
    public required Guid Client { get; init; }

    public required ClientAuth ClientAuth { get; init; }

    /// <summary>App roles, ordinal, at most 256 of at most 120 characters.</summary>
    public ImmutableArray<string> Roles { get; init; } = [];

    /// <summary>Delegated scopes, ordinal, at most 256.</summary>
    public ImmutableArray<string> Scopes { get; init; } = [];

    /// <summary>Object ids of groups, sorted. Empty and meaningless if <see cref="GroupsUnknown"/>.</summary>
    public ImmutableArray<Guid> Groups { get; init; } = [];

    /// <summary>The token lists no groups because there are too many of them.</summary>
    public bool GroupsUnknown { get; init; }

    /// <summary>For display and audit only: at most 256 characters without control characters.</summary>
    public string? DisplayName { get; init; }

    /// <summary>For audit only: the agent's parent application (<c>xms_par_app_azp</c>).</summary>
    public string? AgentParent { get; init; }

    /// <summary>The token's id (claim <c>uti</c>).</summary>
    public string? TokenId { get; init; }

    /// <summary>The id of the key that signed the token.</summary>
    public required string KeyId { get; init; }

    public required TokenVersion TokenVersion { get; init; }

    /// <summary>First 16 bytes of the SHA-256 of the token's characters.</summary>
    public ImmutableArray<byte> TokenHash { get; init; } = [];

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The client understands claims challenges (<c>cp1</c> in <c>xms_cc</c>).</summary>
    public bool TakesClaimsChallenge { get; init; }

    /// <summary>Whether the token carries claim <c>idtyp</c>.</summary>
    public bool HasIdTyp { get; init; }
}
