using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using EntraEmulator.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class TokenShapeTests
{
    private const string Base = EmulatorHost.BaseUrl;
    private const string Tid = EmulatorHost.DirectoryId;
    private const string Gw = EmulatorHost.Gateway;

    [Fact]
    public async Task An_app_gets_a_v2_token() => await Check(
        mint => mint.Mint("prom"),
        $$"""
        {"aud":"{{Gw}}","iss":"{{Base}}/{{Tid}}/v2.0","iat":"N-300","nbf":"N-300","exp":"N+3600","aio":"…",
         "azp":"99999999-0000-4000-8000-000000000001","azpacr":"1","idtyp":"app","oid":"0f0f0f0f-1111-4222-8333-444444444444","rh":"…",
         "roles":["Metrics.Write"],"sub":"0f0f0f0f-1111-4222-8333-444444444444","tid":"{{Tid}}","uti":"…","ver":"2.0"}
        """);

    [Fact]
    public async Task An_app_without_a_role_gets_a_token_without_roles()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        Assert.False(JwtParts.Claims(emulator.Mint.Mint("spoofer")).ContainsKey("roles"));
    }

    [Fact]
    public async Task A_managed_identity_gets_a_v1_token_for_a_day() => await Check(
        mint => mint.Mint(new TokenRequest { ManagedIdentity = "prom-mi", Version = "1.0" }),
        $$"""
        {"aud":"api://{{Gw}}","iss":"{{Base}}/sts/{{Tid}}/","iat":"N-300","nbf":"N-300","exp":"N+86400","aio":"…",
         "appid":"99999999-0000-4000-8000-000000000009","appidacr":"2","idp":"{{Base}}/sts/{{Tid}}/","idtyp":"app",
         "oid":"0f0f0f0f-1111-4222-8333-000000000009","rh":"…","roles":["Metrics.Write"],"sub":"0f0f0f0f-1111-4222-8333-000000000009",
         "tid":"{{Tid}}","uti":"…","ver":"1.0",
         "xms_mirid":"/subscriptions/22222222-0000-4000-8000-000000000001/resourcegroups/monitoring/providers/Microsoft.ManagedIdentity/userAssignedIdentities/prom-mi"}
        """);

    [Fact]
    public async Task A_user_gets_a_v2_token_through_an_app() => await Check(
        mint => mint.MintUser("ann", "grafana"),
        $$"""
        {"aud":"{{Gw}}","iss":"{{Base}}/{{Tid}}/v2.0","iat":"N-300","nbf":"N-300","exp":"N+3600",
         "azp":"88888888-0000-4000-8000-000000000001","azpacr":"1","idtyp":"user","name":"Ann","oid":"66666666-0000-4000-8000-000000000001",
         "preferred_username":"ann@example.org","scp":"Metrics.Access","sub":"(pairwise)","roles":["Metrics.Read"],
         "groups":["77777777-0000-4000-8000-000000000001"],"tid":"{{Tid}}","uti":"…","ver":"2.0","xms_cc":["cp1"]}
        """);

    [Fact]
    public async Task A_user_gets_a_v1_token_with_the_names_of_that_version() => await Check(
        mint => mint.Mint(new TokenRequest { User = "olga", Client = "grafana", Version = "1.0" }),
        $$"""
        {"aud":"api://{{Gw}}","iss":"{{Base}}/sts/{{Tid}}/","iat":"N-300","nbf":"N-300","exp":"N+3600",
         "appid":"88888888-0000-4000-8000-000000000001","appidacr":"1","idtyp":"user","name":"Olga","oid":"66666666-0000-4000-8000-000000000002",
         "unique_name":"olga@example.org","upn":"olga@example.org","scp":"Metrics.Access","sub":"(pairwise)","roles":["Gateway.Admin"],
         "tid":"{{Tid}}","uti":"…","ver":"1.0","xms_cc":["cp1"]}
        """);

    [Fact]
    public async Task A_user_of_more_than_200_groups_gets_an_overage_claim() => await Check(
        mint => mint.MintUser("oscar", "grafana"),
        $$"""
        {"aud":"{{Gw}}","iss":"{{Base}}/{{Tid}}/v2.0","iat":"N-300","nbf":"N-300","exp":"N+3600",
         "azp":"88888888-0000-4000-8000-000000000001","azpacr":"1","idtyp":"user","name":"Oscar of many groups",
         "oid":"66666666-0000-4000-8000-000000000003","preferred_username":"oscar@example.org","scp":"Metrics.Access","sub":"(pairwise)",
         "_claim_names":{"groups":"src1"},
         "_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/{{Tid}}/users/66666666-0000-4000-8000-000000000003/getMemberObjects"} },
         "tid":"{{Tid}}","uti":"…","ver":"2.0","xms_cc":["cp1"]}
        """);

    [Fact]
    public async Task A_user_of_exactly_200_groups_gets_them_all()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => WithUser(options, "oscar", user => user with { ExtraGroups = 199 }));

        string token = emulator.Mint.MintUser("oscar");

        Assert.Equal(200, JwtParts.Claims(token)["groups"]!.AsArray().Select(group => Guid.Parse((string)group!)).Distinct().Count());
        Assert.Equal(JwtParts.Claims(token)["groups"]!.ToJsonString(), JwtParts.Claims(emulator.Mint.MintUser("oscar"))["groups"]!.ToJsonString());
    }

    [Fact]
    public async Task An_agent_gets_an_app_token_that_says_so() => await Check(
        mint => mint.Mint("assistant"),
        $$"""
        {"aud":"{{Gw}}","iss":"{{Base}}/{{Tid}}/v2.0","iat":"N-300","nbf":"N-300","exp":"N+3600","aio":"…",
         "azp":"88888888-0000-4000-8000-000000000002","azpacr":"1","idtyp":"app","oid":"0f0f0f0f-1111-4222-8333-000000000006","rh":"…",
         "roles":["Metrics.Read"],"sub":"0f0f0f0f-1111-4222-8333-000000000006","tid":"{{Tid}}","uti":"…","ver":"2.0",
         "xms_act_fct":"3 9 11","xms_sub_fct":"9 3 11","xms_idrel":"7 10","xms_par_app_azp":"88888888-0000-4000-8000-00000000000f"}
        """);

    [Fact]
    public async Task An_agent_that_acts_for_a_user_gets_the_user_token_with_its_facet()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        JsonObject claims = JwtParts.Claims(emulator.Mint.MintUser("ann", "assistant"));

        Assert.Equal("11", (string?)claims["xms_act_fct"]);
        Assert.Equal("user", (string?)claims["idtyp"]);
        Assert.Equal("66666666-0000-4000-8000-000000000001", (string?)claims["oid"]);
        Assert.Equal("88888888-0000-4000-8000-000000000002", (string?)claims["azp"]);
        Assert.False(claims.ContainsKey("xms_sub_fct"));
    }

    [Fact]
    public async Task An_id_token_has_a_nonce_and_neither_client_nor_scope() => await Check(
        mint => mint.MintIdToken("ann"),
        $$"""
        {"aud":"{{Gw}}","iss":"{{Base}}/{{Tid}}/v2.0","iat":"N-300","nbf":"N-300","exp":"N+3600","nonce":"…","idtyp":"user","name":"Ann",
         "oid":"66666666-0000-4000-8000-000000000001","preferred_username":"ann@example.org","sub":"(pairwise)","roles":["Metrics.Read"],
         "groups":["77777777-0000-4000-8000-000000000001"],"tid":"{{Tid}}","uti":"…","ver":"2.0"}
        """);

    [Fact]
    public async Task Only_v1_headers_carry_the_thumbprint()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        string kid = emulator.Keys.Current.Kid;

        Assert.Equal($$"""{"typ":"JWT","alg":"RS256","kid":"{{kid}}"}""", JwtParts.Header(emulator.Mint.Mint("prom")));
        Assert.Equal(
            $$"""{"typ":"JWT","alg":"RS256","x5t":"{{kid}}","kid":"{{kid}}"}""",
            JwtParts.Header(emulator.Mint.Mint(new TokenRequest { App = "prom", Version = "1.0" })));
    }

    [Fact]
    public async Task The_registration_decides_about_version_optional_claims_and_groups()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => WithApi(options, api => api with
        {
            TokenVersion = 1,
            OptionalClaims = [],
            GroupClaims = false,
            Scopes = ["A", "B"],
        }));

        JsonObject user = JwtParts.Claims(emulator.Mint.MintUser("ann"));
        JsonObject app = JwtParts.Claims(emulator.Mint.Mint("prom"));

        Assert.Equal("1.0", (string?)user["ver"]);
        Assert.Equal("A B", (string?)user["scp"]);
        Assert.False(user.ContainsKey("groups") || user.ContainsKey("idtyp") || user.ContainsKey("xms_cc"));
        Assert.False(app.ContainsKey("idtyp"));
    }

    [Fact]
    public async Task A_users_subject_is_the_same_for_one_api_and_differs_from_the_object_id()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        string? first = (string?)JwtParts.Claims(emulator.Mint.MintUser("ann", "grafana"))["sub"];
        string? second = (string?)JwtParts.Claims(emulator.Mint.MintUser("ann", "prom"))["sub"];

        Assert.Equal(first, second);
        Assert.NotEqual("66666666-0000-4000-8000-000000000001", first);
        Assert.NotEqual(first, (string?)JwtParts.Claims(emulator.Mint.MintUser("olga"))["sub"]);
    }

    [Fact]
    public async Task Every_token_has_an_identifier_of_its_own()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        IEnumerable<string?> ids = Enumerable.Range(0, 20).Select(_ => (string?)JwtParts.Claims(emulator.Mint.Mint("prom"))["uti"]);

        Assert.Equal(20, ids.Distinct().Count());
    }

    private static async Task Check(Func<TokenMint, string> mint, string expected)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        string shape = JwtParts.Shape(mint(emulator.Mint), emulator.Time.GetUtcNow());

        JsonObject wanted = JsonNode.Parse(expected)!.AsObject();
        JsonObject given = JsonNode.Parse(shape)!.AsObject();
        if ((string?)wanted["sub"] == "(pairwise)")
        {
            Assert.Matches("^[A-Za-z0-9_-]{43}$", (string?)given["sub"]);
            given["sub"] = "(pairwise)";
        }

        // As text, so that the order counts.
        Assert.Equal(wanted.ToJsonString(), given.ToJsonString());
    }

    private static EmulatorOptions WithApi(EmulatorOptions options, Func<ApiOptions, ApiOptions> change) => options with
    {
        Directories = [options.Directories[0] with { Apis = [change(options.Directories[0].Apis[0])] }],
    };

    private static EmulatorOptions WithUser(EmulatorOptions options, string name, Func<UserOptions, UserOptions> change) => options with
    {
        Directories = [options.Directories[0] with
        {
            Users = [.. options.Directories[0].Users.Select(user => user.Name == name ? change(user) : user)],
        }],
    };
}
