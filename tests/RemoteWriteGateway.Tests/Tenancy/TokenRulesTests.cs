using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class TokenRulesTests
{
    [Theory]
    [InlineData("{}", "Metrics.Access", null)]
    [InlineData("{}", "Other.Access", "scope-missing")]
    [InlineData("{}", "metrics.access", "scope-missing")]
    [InlineData("{}", "", "scope-missing")]
    [InlineData("{ delegatedScope: Other.Access }", "Other.Access", null)]
    [InlineData("{ delegatedScope: Other.Access }", "Metrics.Access", "scope-missing")]
    public void A_user_token_needs_the_delegated_scope(string tokens, string scope, string? expected)
    {
        string[] scopes = scope.Length == 0 ? [] : [scope];

        Assert.Equal(expected, Check(tokens, User() with { Scopes = [.. scopes] }));
        Assert.Equal(expected, Check(tokens, AgentForAnn() with { Scopes = [.. scopes] }));
    }

    [Fact]
    public void Apps_and_agents_of_their_own_need_no_scope()
    {
        Assert.Null(Check("{}", App()));
        Assert.Null(Check("{}", Agent()));
    }

    [Theory]
    [InlineData("{}", false, null)]
    [InlineData("{ requireIdtyp: false }", false, null)]
    [InlineData("{ requireIdtyp: true }", false, "idtyp-missing")]
    [InlineData("{ requireIdtyp: true }", true, null)]
    public void Claim_idtyp_can_be_required_of_all(string tokens, bool hasIdTyp, string? expected)
    {
        Assert.Equal(expected, Check(tokens, App() with { HasIdTyp = hasIdTyp }));
        Assert.Equal(expected, Check(tokens, User() with { HasIdTyp = hasIdTyp }));
        Assert.Equal(expected, Check(tokens, Agent() with { HasIdTyp = hasIdTyp }));
    }

    [Theory]
    [InlineData("{}", nameof(ClientAuth.Public), null)]
    [InlineData("{ minClientAuth: secret }", nameof(ClientAuth.Public), "client-auth-too-weak")]
    [InlineData("{ minClientAuth: secret }", nameof(ClientAuth.Secret), null)]
    [InlineData("{ minClientAuth: assertion }", nameof(ClientAuth.Secret), "client-auth-too-weak")]
    [InlineData("{ minClientAuth: assertion }", nameof(ClientAuth.Assertion), null)]
    public void Apps_and_agents_must_have_authenticated_well_enough_and_users_clients_not(string tokens, string auth, string? expected)
    {
        ClientAuth clientAuth = Enum.Parse<ClientAuth>(auth);

        Assert.Equal(expected, Check(tokens, App() with { ClientAuth = clientAuth }));
        Assert.Equal(expected, Check(tokens, Agent() with { ClientAuth = clientAuth }));
        Assert.Equal(expected, Check(tokens, AgentForAnn() with { ClientAuth = clientAuth }));
        Assert.Null(Check(tokens, User() with { ClientAuth = clientAuth }));
    }

    [Theory]
    [InlineData(120, null)]
    [InlineData(121, "token-too-old")]
    public void User_tokens_grow_too_old_and_those_of_apps_do_not(int minutes, string? expected)
    {
        const string Tokens = "{ maxUserAge: 2h }";
        DateTimeOffset issued = Now.AddMinutes(-minutes);

        Assert.Equal(expected, Check(Tokens, User() with { IssuedAt = issued }));
        Assert.Equal(expected, Check(Tokens, AgentForAnn() with { IssuedAt = issued }));
        Assert.Null(Check(Tokens, App() with { IssuedAt = issued }));
        Assert.Null(Check(Tokens, Agent() with { IssuedAt = issued }));
        Assert.Null(Check("{}", User() with { IssuedAt = issued }));
    }

    [Fact]
    public void The_rules_are_asked_in_the_order_of_the_document()
    {
        const string Tokens = "{ requireIdtyp: true, minClientAuth: assertion, maxUserAge: 1h }";
        Caller worst = AgentForAnn() with { Scopes = [], HasIdTyp = false, ClientAuth = ClientAuth.Public, IssuedAt = Now.AddHours(-2) };

        Assert.Equal("scope-missing", Check(Tokens, worst));
        Assert.Equal("idtyp-missing", Check(Tokens, worst with { Scopes = ["Metrics.Access"] }));
        Assert.Equal("client-auth-too-weak", Check(Tokens, worst with { Scopes = ["Metrics.Access"], HasIdTyp = true }));
        Assert.Equal("token-too-old", Check(Tokens, worst with { Scopes = ["Metrics.Access"], HasIdTyp = true, ClientAuth = ClientAuth.Assertion }));
    }

    private static string? Check(string tokens, Caller caller) => PolicyEvaluator.CheckToken(TestPolicy.Of("", tokens: tokens), caller, Now);
}
