using System.Net;
using System.Net.Http.Headers;
using EntraEmulator.Tokens;
using RemoteWriteGateway.Tests.Admin;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// Rows 1 to 5 and 8 to 14 of the table of attacks, against <c>POST /api/v1/write</c>, <c>GET /api/v1/query</c> and <c>GET /whoami</c> of the whole gateway: what a
/// single token, or the lack of one, can try.
/// </summary>
public sealed class TokenAttackTests(TokenAttackTests.SharedGateway shared) : IClassFixture<TokenAttackTests.SharedGateway>
{
    private static readonly Dictionary<string, (string Reason, Func<GatewayHost, string> Make)> Attacks = new()
    {
        ["2: two tokens joined by a comma"] = ("malformed-token", gateway => gateway.Token("prom") + "," + gateway.Token("prom")),

        ["3: abc"] = ("malformed-token", _ => "abc"),
        ["3: two parts"] = ("malformed-token", gateway => string.Join('.', gateway.Token("prom").Split('.')[..2])),
        ["3: five parts, as an encrypted token"] = ("malformed-token", gateway => gateway.Token("prom") + ".AAAA.BBBB"),
        ["3: signature with ="] = ("malformed-token", gateway => gateway.Token("prom") + "="),
        ["3: payload not JSON"] = ("malformed-token", gateway => gateway.Mint.MintRaw(gateway.HeaderOf("RS256"), "hello", gateway.Keys.Current)),
        ["3: header with kid twice"] = ("malformed-token", gateway => gateway.WithHeaderText(gateway.HeaderOf("RS256").Replace("{", """{"kid":"x",""", StringComparison.Ordinal))),
        ["3: crit"] = ("malformed-token", gateway => gateway.WithHeader("crit", """["exp"]""")),

        ["4: alg none"] = ("algorithm-not-allowed", gateway => gateway.WithHeaderText(gateway.HeaderOf("none"))),
        ["4: alg nOnE"] = ("algorithm-not-allowed", gateway => gateway.WithHeaderText(gateway.HeaderOf("nOnE"))),
        ["4: alg RS384"] = ("algorithm-not-allowed", gateway => gateway.WithHeaderText(gateway.HeaderOf("RS384"))),
        ["4: alg HS256 keyed with the public key as PEM"] = ("algorithm-not-allowed", gateway => gateway.WithHeaderText(gateway.HeaderOf("HS256"))),
        ["4: alg HS256 keyed with the public key as DER"] =
            ("algorithm-not-allowed", gateway => gateway.WithHeaderText(gateway.HeaderOf("HS256"), hmacKey: HmacKeyForm.Der)),

        ["5: stripped signature"] = ("bad-signature", gateway => gateway.Token("prom").WithPart(2, "")),
        ["5: swapped payload"] = ("bad-signature", gateway => gateway.Token("none").WithPart(1, gateway.Token("prom").Split('.')[1])),
        ["5: flipped bit"] = ("bad-signature", gateway => gateway.Token("prom").WithFlippedBit()),
        ["5: foreign key under our kid"] = ("bad-signature", gateway => gateway.WithHeaderText(gateway.HeaderOf("RS256"), gateway.Keys.Foreign)),

        ["8: typ secevent+jwt"] = ("wrong-token-type", gateway => gateway.WithHeader("typ", "\"secevent+jwt\"")),
        ["8: no typ"] = ("wrong-token-type", gateway => gateway.WithHeader("typ", null)),

        ["9: aud of another app"] = ("wrong-audience", gateway => gateway.WithClaim("aud", $"\"{HostileTokens.OtherDirectory}\"")),
        ["9: aud Graph"] = ("wrong-audience", gateway => gateway.WithClaim("aud", "\"00000003-0000-0000-c000-000000000000\"")),
        ["9: aud Azure Monitor"] = ("wrong-audience", gateway => gateway.WithClaim("aud", "\"https://monitor.azure.com\"")),
        ["9: no aud"] = ("wrong-audience", gateway => gateway.WithClaim("aud", null)),

        ["10: iss of another host"] = ("wrong-issuer", gateway => gateway.WithClaim("iss", $"\"https://login.foreign.test/{GatewayHost.Directory}/v2.0\"")),
        ["10: iss with a trailing slash"] = ("wrong-issuer", gateway => gateway.WithClaim("iss", $"\"https://login.emulator.test/{GatewayHost.Directory}/v2.0/\"")),
        ["10: no iss"] = ("wrong-issuer", gateway => gateway.WithClaim("iss", null)),
        ["10: iss of another directory with the same keys"] = ("wrong-issuer", gateway => gateway.Token("prom", claims =>
        {
            claims["iss"] = $"https://login.emulator.test/{HostileTokens.OtherDirectory}/v2.0";
            claims["tid"] = HostileTokens.OtherDirectory;
        })),
        ["10: tid other than iss"] = ("wrong-issuer", gateway => gateway.WithClaim("tid", $"\"{HostileTokens.OtherDirectory}\"")),
        ["10: no tid"] = ("wrong-issuer", gateway => gateway.WithClaim("tid", null)),

        ["11: v1 issuer with ver 2.0"] = ("claims-inconsistent", gateway => gateway.WithClaimV1("ver", "\"2.0\"")),
        ["11: no ver"] = ("claims-inconsistent", gateway => gateway.WithClaim("ver", null)),
        ["11: no oid"] = ("claims-inconsistent", gateway => gateway.WithClaim("oid", null)),
        ["11: roles an object"] = ("claims-inconsistent", gateway => gateway.WithClaim("roles", """{"Metrics.Write":true}""")),

        ["12: expired 1 h"] = ("token-expired", gateway => gateway.WithClaim("exp", gateway.Seconds(-3600))),
        ["12: expired 4 min"] = ("token-expired", gateway => gateway.WithClaim("exp", gateway.Seconds(-240))),
        ["12: no exp"] = ("token-expired", gateway => gateway.WithClaim("exp", null)),
        ["12: negative exp"] = ("token-expired", gateway => gateway.WithClaim("exp", "-1")),
        ["12: nbf after exp"] = ("token-expired", gateway => gateway.Token("prom", claims =>
        {
            claims["nbf"] = gateway.Time.GetUtcNow().ToUnixTimeSeconds() + 40;
            claims["exp"] = gateway.Time.GetUtcNow().ToUnixTimeSeconds() + 20;
        })),
        ["12: nbf in 4 min"] = ("token-not-yet-valid", gateway => gateway.WithClaim("nbf", gateway.Seconds(240))),
        ["12: exp 1e300"] = ("malformed-token", gateway => gateway.WithClaim("exp", "1e300")),

        ["13: ID token with roles"] = ("not-an-access-token", gateway => gateway.Mint.MintIdToken("ann")),
        ["13: ID token without roles"] = ("not-an-access-token", gateway => gateway.Mint.MintIdToken("ann", claims => claims.Remove("roles"))),
        ["13: idtyp device"] = ("not-an-access-token", gateway => gateway.WithClaim("idtyp", "\"device\"")),

        ["14: token of 20 KB"] = ("token-too-large", gateway => gateway.WithClaim("aio", $"\"{new string('a', 15_000)}\"")),
    };

    private static readonly Dictionary<string, Func<GatewayHost, string>> Accepted = new()
    {
        ["8: typ at+jwt"] = gateway => gateway.WithHeader("typ", "\"at+jwt\""),
        ["9: v1 with a GUID"] = gateway => gateway.WithClaimV1("aud", $"\"{GatewayHost.GatewayApp}\""),
        ["9: v2 with api://"] = gateway => gateway.WithClaim("aud", $"\"api://{GatewayHost.GatewayApp}\""),
        ["9: array containing ours"] = gateway => gateway.WithClaim("aud", $"[\"{HostileTokens.OtherDirectory}\",\"{GatewayHost.GatewayApp}\"]"),
        ["12: expired 30 s"] = gateway => gateway.WithClaim("exp", gateway.Seconds(-30)),
        ["12: exp as text"] = gateway => gateway.WithClaim("exp", $"\"{gateway.Seconds(3600)}\""),
        ["12: roles as text"] = gateway => gateway.WithClaim("roles", "\"Metrics.Write\""),
    };

    public static TheoryData<string> AttackNames => [.. Attacks.Keys];

    public static TheoryData<string> AcceptedNames => [.. Accepted.Keys];

    private GatewayHost Gateway => shared.Gateway;

    [Theory]
    [MemberData(nameof(AttackNames))]
    public async Task A_forged_or_unfit_token_writes_nothing_and_leaves_nothing_of_itself(string attack)
    {
        (string reason, Func<GatewayHost, string> make) = Attacks[attack];
        string token = make(Gateway);

        await new RefusedCall(401, reason).AssertAsync(Gateway, () => WriteAsync(token), token.Split(','));
        await RefusedCall.OfRead(401, reason).AssertAsync(Gateway, () => ReadAsync(token), token.Split(','));
        await RefusedCall.OfWhoAmI(401, reason).AssertAsync(Gateway, () => WhoAmIAsync(token), token.Split(','));
    }

    [Theory]
    [MemberData(nameof(AcceptedNames))]
    public async Task A_token_that_looks_unusual_but_is_good_writes(string name)
    {
        int before = Gateway.Store.Requests.Count;

        using HttpResponseMessage answer = await WriteAsync(Accepted[name](Gateway));

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(["""{__name__="up",tenant="ours"}"""], Assert.Single(Gateway.Store.Requests.Skip(before)).Series);
        using HttpResponseMessage whoAmI = await WhoAmIAsync(Accepted[name](Gateway));
        Assert.Equal(HttpStatusCode.OK, whoAmI.StatusCode);
        Assert.Empty(Gateway.Backchannel.ForeignUrls);
    }

    [Theory]
    [InlineData("/api/v1/write")]
    [InlineData("/api/v1/write", "Basic cHJvbTpzZWNyZXQ=")]
    [InlineData("/api/v1/write", "Bearer")]
    [InlineData("/api/v1/write", "Bearer ")]
    [InlineData("/api/v1/write?access_token={token}")]
    [InlineData("/api/v1/write?access_token={token}", "Basic {token}")]
    public async Task A_write_without_a_bearer_token_is_told_to_send_one(string target, string? authorization = null)
    {
        string token = Gateway.Token("prom");

        string text = await new RefusedCall(401, "no-credentials").AssertAsync(
            Gateway,
            () => Gateway.WriteAsync(Message, path: target.Replace("{token}", token, StringComparison.Ordinal), change: request =>
            {
                request.Headers.Remove("Authorization");
                if (authorization is not null)
                {
                    request.Headers.TryAddWithoutValidation("Authorization", authorization.Replace("{token}", token, StringComparison.Ordinal));
                }
            }),
            token);

        Assert.Equal("no-credentials: send an Entra access token as \"Authorization: Bearer\"", text);
    }

    [Theory]
    [InlineData("/whoami")]
    [InlineData("/whoami", "Basic cHJvbTpzZWNyZXQ=")]
    [InlineData("/whoami", "Bearer")]
    [InlineData("/whoami", "Bearer ")]
    [InlineData("/whoami?access_token={token}")]
    [InlineData("/whoami?access_token={token}", "Basic {token}")]
    public async Task A_question_without_a_bearer_token_is_told_to_send_one(string target, string? authorization = null)
    {
        string token = Gateway.Token("prom");

        await RefusedCall.OfWhoAmI(401, "no-credentials").AssertAsync(
            Gateway,
            () => Gateway.CallAsync("GET", target.Replace("{token}", token, StringComparison.Ordinal), token: null, change: request =>
            {
                if (authorization is not null)
                {
                    request.Headers.TryAddWithoutValidation("Authorization", authorization.Replace("{token}", token, StringComparison.Ordinal));
                }
            }),
            token);
    }

    /// <summary>A good token beside one in the query: the query is refused, and stands in no log.</summary>
    [Fact]
    public async Task A_token_in_the_query_reaches_no_log_even_beside_a_good_one()
    {
        string token = Gateway.Token("prom");
        int logged = Gateway.Logs.All.Count;

        using HttpResponseMessage answer = await Gateway.CallAsync("GET", $"/whoami?access_token={token}", token);

        await ProblemCheck.AssertAsync(answer, 400, "bad-request");
        WriteAnswerCheck.AssertAbsent(token.Split('.').Skip(1), string.Join('\n', Gateway.Logs.All.Skip(logged)) + await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Two_authorization_headers_are_refused_even_if_both_are_good()
    {
        string token = Gateway.Token("prom");
        string head = $"""
            POST /api/v1/write HTTP/1.1
            Authorization: Bearer {token}
            Authorization: Bearer {token}
            Content-Length: 0
            """;

        await new RefusedCall(400, "several-credentials").AssertAsync(Gateway, () => RawRequest.SendAsync(Gateway.Data.BaseAddress!, head), token);
        string read = head.Replace("POST /api/v1/write", "GET /api/v1/query?query=up", StringComparison.Ordinal);
        await RefusedCall.OfRead(400, "several-credentials").AssertAsync(Gateway, () => RawRequest.SendAsync(Gateway.Data.BaseAddress!, read), token);
        head = head.Replace("POST /api/v1/write", "GET /whoami", StringComparison.Ordinal);
        await RefusedCall.OfWhoAmI(400, "several-credentials").AssertAsync(Gateway, () => RawRequest.SendAsync(Gateway.Data.BaseAddress!, head), token);
    }

    [Theory]
    [InlineData("POST /api/v1/write")]
    [InlineData("GET /api/v1/query?query=up")]
    [InlineData("GET /whoami")]
    public async Task A_token_past_what_headers_may_have_is_the_servers_431(string route)
    {
        int stored = Gateway.Store.Requests.Count;
        string token = Gateway.WithClaim("aio", $"\"{new string('a', 30_000)}\"");

        using HttpResponseMessage answer = await RawRequest.SendAsync(
            Gateway.Data.BaseAddress!, $"{route} HTTP/1.1\nAuthorization: Bearer {token}\nContent-Length: 0");

        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, answer.StatusCode);
        Assert.Equal(stored, Gateway.Store.Requests.Count);
        Assert.DoesNotContain(Gateway.Logs.All, line => line.Contains(token[..200], StringComparison.Ordinal));
    }

    /// <summary>With a NUL the server refuses the header itself, before any check of ours, and its own log must not quote it.</summary>
    [Theory]
    [InlineData("\0")]
    [InlineData("\u0001")]
    [InlineData("\r")]
    public async Task A_token_in_a_header_that_is_not_one_does_not_reach_the_log(string character)
    {
        int stored = Gateway.Store.Requests.Count;
        int logged = Gateway.Logs.All.Count;
        string token = Gateway.Token("prom");

        using HttpResponseMessage answer = await RawRequest.SendAsync(
            Gateway.Data.BaseAddress!, $"POST /api/v1/write HTTP/1.1\nAuthorization: Bearer {token[..20]}{character}{token[20..]}\nContent-Length: 0");

        Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized]);
        Assert.Equal(stored, Gateway.Store.Requests.Count);
        Assert.DoesNotContain(Gateway.Logs.All.Skip(logged), line => line.Contains(token[20..80], StringComparison.Ordinal));
    }

    private Google.Protobuf.IMessage Message => SenderMessages.ToV1(SenderMessages.Series("up").At(Gateway.NowMs));

    private Task<HttpResponseMessage> ReadAsync(string token) => Gateway.CallAsync("GET", "/api/v1/query?query=up", token);

    private Task<HttpResponseMessage> WhoAmIAsync(string token) => Gateway.CallAsync("GET", "/whoami", token);

    private Task<HttpResponseMessage> WriteAsync(string token) => Gateway.WriteAsync(Message, token: "x", change: request =>
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token));

    /// <summary>One gateway for all lines of the table.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
