using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Identity;

/// <summary>A caller as it stands in audit records.</summary>
internal static class CallerColumns
{
    public static AuditCaller Of(Caller caller) => new()
    {
        Directory = caller.Directory,
        ObjectId = caller.ObjectId,
        Kind = caller.Kind switch
        {
            CallerKind.User => "user",
            CallerKind.Agent => "agent",
            _ => "app",
        },
        Name = caller.DisplayName,
        Client = caller.Client,
        AgentParent = caller.AgentParent,
        ClientAuth = caller.ClientAuth switch
        {
            ClientAuth.Assertion => "assertion",
            ClientAuth.Secret => "secret",
            _ => "public",
        },
        TokenId = caller.TokenId,
        TokenHash = caller.TokenHash.IsDefaultOrEmpty ? default : caller.TokenHash,
        KeyId = caller.KeyId,
        TokenVersion = caller.TokenVersion == TokenVersion.V1 ? "1.0" : "2.0",
        IssuedAt = caller.IssuedAt,
        ExpiresAt = caller.ExpiresAt,
        Roles = caller.Roles,
        Scopes = caller.Scopes,
        GroupsUnknown = caller.GroupsUnknown,
    };
}
