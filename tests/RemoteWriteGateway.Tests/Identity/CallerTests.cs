using System.Security.Claims;
using EntraEmulator.Tokens;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What the shapes of Entra's tokens become.</summary>
public sealed class CallerTests(CallerTests.SharedHost shared) : IClassFixture<CallerTests.SharedHost>
{
    private IdentityHost Host => shared.Host;

    [Fact]
    public async Task An_app_with_a_secret_is_an_app()
    {
        Caller caller = await CallerOfAsync(Host.Mint.Mint("prom"));

        Assert.Equal((CallerKind.App, false), (caller.Kind, caller.OnBehalfOfUser));
        Assert.Equal(Guid.Parse(EmulatorHost.DirectoryId), caller.Directory);
        Assert.Equal(Guid.Parse("0f0f0f0f-1111-4222-8333-444444444444"), caller.ObjectId);
        Assert.Equal(Guid.Parse("99999999-0000-4000-8000-000000000001"), caller.Client);
        Assert.Equal(ClientAuth.Secret, caller.ClientAuth);
        Assert.Equal(["Metrics.Write"], caller.Roles);
        Assert.Empty(caller.Scopes);
        Assert.Empty(caller.Groups);
        Assert.False(caller.GroupsUnknown);
        Assert.True(caller.HasIdTyp);
        Assert.Equal(global::RemoteWriteGateway.Identity.TokenVersion.V2, caller.TokenVersion);
        Assert.Equal(Host.Emulator.Keys.Current.Kid, caller.KeyId);
        Assert.Equal(16, caller.TokenHash.Length);
        Assert.NotEmpty(caller.TokenId!);
        Assert.Equal(Host.Time.GetUtcNow() - TimeSpan.FromMinutes(5), caller.IssuedAt);
        Assert.Equal(Host.Time.GetUtcNow() + TimeSpan.FromHours(1), caller.ExpiresAt);
    }

    [Fact]
    public async Task A_managed_identity_of_version_1_is_an_app_with_an_assertion()
    {
        Caller caller = await CallerOfAsync(Host.Mint.Mint(new TokenRequest { ManagedIdentity = "prom-mi", Version = "1.0" }));

        Assert.Equal((CallerKind.App, ClientAuth.Assertion), (caller.Kind, caller.ClientAuth));
        Assert.Equal(global::RemoteWriteGateway.Identity.TokenVersion.V1, caller.TokenVersion);
    }

    [Fact]
    public async Task A_user_through_an_app_is_a_user_with_scopes_and_sorted_groups()
    {
        Caller caller = await CallerOfAsync(Host.Mint.MintUser("ann", change: claims =>
            claims["groups"] = new System.Text.Json.Nodes.JsonArray("cccccccc-0000-4000-8000-000000000003", "0aaaaaaa-0000-4000-8000-000000000001")));

        Assert.Equal((CallerKind.User, false), (caller.Kind, caller.OnBehalfOfUser));
        Assert.Equal(["Metrics.Access"], caller.Scopes);
        Assert.Equal(
            [Guid.Parse("0aaaaaaa-0000-4000-8000-000000000001"), Guid.Parse("cccccccc-0000-4000-8000-000000000003")], caller.Groups);
        Assert.Equal("ann@example.org", caller.DisplayName);
        Assert.True(caller.TakesClaimsChallenge);
    }

    [Theory]
    [InlineData("idtyp", "\"app\"", "scp", "\"Metrics.Access\"", CallerKind.App)]
    [InlineData("idtyp", "\"user\"", "scp", null, CallerKind.User)]
    [InlineData("idtyp", null, "scp", "\"Metrics.Access\"", CallerKind.User)]
    [InlineData("idtyp", null, "scp", "\"/\"", CallerKind.App)]
    [InlineData("idtyp", null, "scp", "\"\"", CallerKind.App)]
    [InlineData("idtyp", null, "scp", null, CallerKind.App)]
    [InlineData("xms_act_fct", "\"3 9 11\"", "xms_sub_fct", "\"9 3 11\"", CallerKind.Agent)]
    [InlineData("xms_act_fct", "\"11\"", "xms_sub_fct", null, CallerKind.Agent)]
    [InlineData("xms_act_fct", null, "xms_sub_fct", "\"13\"", CallerKind.Agent)]
    [InlineData("xms_act_fct", "\"1 111\"", "xms_sub_fct", "\"3 9\"", CallerKind.App)]
    internal async Task The_kind_is_told_by_facets_then_idtyp_then_scope(string one, string? oneJson, string other, string? otherJson, CallerKind kind)
    {
        string token = Host.WithClaims(claims =>
        {
            foreach ((string name, string? json) in new[] { (one, oneJson), (other, otherJson) })
            {
                claims.Remove(name);
                if (json is not null)
                {
                    claims[name] = System.Text.Json.Nodes.JsonNode.Parse(json);
                }
            }
        });

        Assert.Equal(kind, (await CallerOfAsync(token)).Kind);
    }

    [Theory]
    [InlineData("11", null, true)]
    [InlineData("3 11", "1 2", true)]
    [InlineData("11", "11", false)]
    [InlineData("11", "13", false)]
    public async Task An_agent_acts_for_a_user_if_the_subject_is_no_agent(string actor, string? subject, bool onBehalfOfUser)
    {
        Caller caller = await CallerOfAsync(Host.Mint.MintUser("ann", change: claims =>
        {
            claims["xms_act_fct"] = actor;
            if (subject is not null)
            {
                claims["xms_sub_fct"] = subject;
            }
        }));

        Assert.Equal((CallerKind.Agent, onBehalfOfUser), (caller.Kind, caller.OnBehalfOfUser));
    }

    [Fact]
    public async Task Too_many_groups_are_unknown_and_nobody_is_asked_for_them()
    {
        string overage = """{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/x/getMemberObjects"}}}""";
        Caller named = await CallerOfAsync(Host.WithClaims(claims =>
        {
            foreach ((string name, System.Text.Json.Nodes.JsonNode? value) in System.Text.Json.Nodes.JsonNode.Parse(overage)!.AsObject())
            {
                claims[name] = value!.DeepClone();
            }
        }));

        Assert.True(named.GroupsUnknown);
        Assert.True((await CallerOfAsync(Host.WithClaim("hasgroups", "true"))).GroupsUnknown);
        Assert.False((await CallerOfAsync(Host.WithClaim("_claim_names", """{"other":"src1"}"""))).GroupsUnknown);
        Assert.Empty(Host.Backchannel.ForeignUrls);
    }

    [Theory]
    [InlineData("0", ClientAuth.Public)]
    [InlineData("1", ClientAuth.Secret)]
    [InlineData("2", ClientAuth.Assertion)]
    [InlineData("3", ClientAuth.Public)]
    [InlineData(null, ClientAuth.Public)]
    internal async Task How_the_client_proved_itself_counts_as_the_weakest_if_it_is_not_told(string? acr, ClientAuth auth) =>
        Assert.Equal(auth, (await CallerOfAsync(Host.WithClaim("azpacr", acr is null ? null : $"\"{acr}\""))).ClientAuth);

    [Fact]
    public async Task A_display_name_has_no_control_characters_and_ends_before_a_cut_character()
    {
        Caller caller = await CallerOfAsync(Host.WithClaim("name", $"\"a\\r\\n\\u0000\\u0085{new string('b', 254)}\\ud83d\\ude00c\""));

        Assert.Equal("a" + new string('b', 254), caller.DisplayName);
    }

    [Fact]
    public async Task A_token_that_does_not_say_when_it_was_issued_counts_as_old() =>
        Assert.Equal(DateTimeOffset.UnixEpoch, (await CallerOfAsync(Host.WithClaim("iat", null))).IssuedAt);

    [Fact]
    public async Task What_stands_in_claims_and_key_ids_is_never_sent_back()
    {
        string evil = "evil\\r\\nSet-Cookie: a=b\\u0000\\\"'<script>";
        string[] tokens =
        [
            Host.WithHeader("kid", $"\"{evil}\""),
            Host.WithClaim("tid", $"\"{evil}\""),
            Host.WithClaim("aud", $"\"{evil}\""),
            Host.WithClaim("ver", $"\"{evil}\""),
            Host.WithClaim("idtyp", $"\"{evil}\""),
        ];

        foreach (string token in tokens)
        {
            Answer answer = await Host.GetAsync(token);

            Assert.Equal(401, answer.StatusCode);
            Assert.DoesNotContain("evil", answer.Body + string.Concat(answer.Headers.Select(header => header.Value)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_principal_that_all_requests_of_a_token_share_cannot_be_changed()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => Host.GetAsync(Host.Mint.Mint("prom"), "/adds-a-claim"));

        CallerPrincipal principal = new(await CallerOfAsync(Host.Mint.Mint("prom")));
        Assert.True(principal.Identity!.IsAuthenticated);
        Assert.Empty(principal.Claims);
        Assert.Throws<InvalidOperationException>(() => principal.AddIdentity(new ClaimsIdentity()));
        Assert.Throws<InvalidOperationException>(() => principal.AddIdentities([new ClaimsIdentity()]));
        Assert.Throws<InvalidOperationException>(() => principal.Identities.Single().AddClaim(new Claim("roles", "x")));
        Assert.Throws<InvalidOperationException>(() => principal.Identities.Single().AddClaims([new Claim("roles", "x")]));
    }

    private async Task<Caller> CallerOfAsync(string token)
    {
        Answer answer = await Host.GetAsync(token);
        Assert.Equal((200, ""), (answer.StatusCode, answer.Reason));
        return answer.Caller!;
    }

    /// <summary>One host for all shapes.</summary>
    public sealed class SharedHost : IAsyncLifetime
    {
        internal IdentityHost Host { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Host = await IdentityHost.StartAsync();

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
