using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>A caller as the rules of a policy see it. An agent that acts for a human is seen twice, see <see cref="AsUser"/> and <see cref="AsAgent"/>.</summary>
internal readonly ref struct CallerView
{
    public CallerKind Kind { get; private init; }

    public Guid Client { get; private init; }

    /// <summary>The subject, or null if it is not this view's.</summary>
    public Guid? ObjectId { get; private init; }

    public ReadOnlySpan<Guid> Groups { get; private init; }

    /// <summary>Any group is taken for one of the caller's: how a denial sees a caller whose groups are unknown.</summary>
    public bool IsInAnyGroup { get; init; }

    public ReadOnlySpan<string> Roles { get; private init; }

    public ReadOnlySpan<string> Scopes { get; private init; }

    public ClientAuth ClientAuth { get; private init; }

    /// <summary>The caller as it is.</summary>
    public static CallerView Of(Caller caller) => Of(caller, caller.Kind);

    /// <summary>The human behind an agent: kind <c>user</c> with everything that the token says.</summary>
    public static CallerView AsUser(Caller caller) => Of(caller, CallerKind.User);

    /// <summary>The agent before a human: its client alone, since subject, roles, groups and scopes are the human's.</summary>
    public static CallerView AsAgent(Caller caller) => new()
    {
        Kind = CallerKind.Agent,
        Client = caller.Client,
        ClientAuth = caller.ClientAuth,
    };

    /// <summary>The same caller, with any group taken for one of its own if <paramref name="inAnyGroup"/>.</summary>
    public CallerView InAnyGroup(bool inAnyGroup) => this with { IsInAnyGroup = inAnyGroup };

    private static CallerView Of(Caller caller, CallerKind kind) => new()
    {
        Kind = kind,
        Client = caller.Client,
        ObjectId = caller.ObjectId,
        Groups = caller.GroupsUnknown ? [] : caller.Groups.AsSpan(),
        Roles = caller.Roles.AsSpan(),
        Scopes = caller.Scopes.AsSpan(),
        ClientAuth = caller.ClientAuth,
    };
}
