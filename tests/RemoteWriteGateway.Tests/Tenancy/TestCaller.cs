using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>Callers, as a validated token would give them.</summary>
internal static class TestCaller
{
    public const string Prometheus = "99999999-0000-4000-8000-000000000001";
    public const string Grafana = "88888888-0000-4000-8000-000000000001";
    public const string Team = "77777777-0000-4000-8000-000000000001";
    public const string Ann = "66666666-0000-4000-8000-000000000001";
    public const string Bot = "55555555-0000-4000-8000-000000000001";

    public static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static Caller App(params string[] roles) => new()
    {
        Kind = CallerKind.App,
        Directory = Guid.Parse("11111111-2222-4333-8444-555555555555"),
        ObjectId = Guid.Parse("0f0f0f0f-1111-4222-8333-444444444444"),
        Client = Guid.Parse(Prometheus),
        ClientAuth = ClientAuth.Assertion,
        Roles = [.. roles],
        KeyId = "key-1",
        TokenId = "token-1",
        TokenVersion = TokenVersion.V2,
        IssuedAt = Now.AddMinutes(-5),
        ExpiresAt = Now.AddMinutes(60),
        HasIdTyp = true,
    };

    public static Caller User(params string[] roles) => App(roles) with
    {
        Kind = CallerKind.User,
        ObjectId = Guid.Parse(Ann),
        Client = Guid.Parse(Grafana),
        ClientAuth = ClientAuth.Secret,
        Scopes = ["Metrics.Access"],
    };

    /// <summary>An agent of its own.</summary>
    public static Caller Agent(params string[] roles) => App(roles) with { Kind = CallerKind.Agent, Client = Guid.Parse(Bot) };

    /// <summary>An agent that acts for Ann, who has the roles.</summary>
    public static Caller AgentForAnn(params string[] roles) => User(roles) with
    {
        Kind = CallerKind.Agent,
        OnBehalfOfUser = true,
        Client = Guid.Parse(Bot),
    };

    public static Caller In(this Caller caller, params string[] groups) => caller with { Groups = [.. groups.Select(Guid.Parse).Order()] };
}
