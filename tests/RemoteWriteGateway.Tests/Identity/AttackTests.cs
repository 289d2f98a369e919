using EntraEmulator.Faults;
using EntraEmulator.Tokens;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>
/// Tokens that must not pass, and some that must. Each refusal is checked for its status, reason, challenge and metric, and for what
/// it must not cause: a fetch of metadata, or a request for another URL.
/// </summary>
public sealed class AttackTests(AttackTests.SharedHost shared) : IClassFixture<AttackTests.SharedHost>
{
    private const string OtherDirectory = "99999999-8888-4777-8666-555555555555";

    private static readonly Dictionary<string, (string Reason, Func<IdentityHost, string> Make)> Attacks = new()
    {
        ["one part"] = ("malformed-token", _ => "abc"),
        ["two parts"] = ("malformed-token", host => string.Join('.', host.Mint.Mint("prom").Split('.')[..2])),
        ["five parts, as an encrypted token"] = ("malformed-token", host => host.Mint.Mint("prom") + ".AAAA.BBBB"),
        ["signature with padding"] = ("malformed-token", host => host.Mint.Mint("prom") + "="),
        ["two tokens joined by a comma"] = ("malformed-token", host => host.Mint.Mint("prom") + "," + host.Mint.Mint("prom")),
        ["two tokens joined by a comma and a scheme"] = ("malformed-token", host => host.Mint.Mint("prom") + ", Bearer " + host.Mint.Mint("prom")),
        ["a character outside of ASCII"] = ("malformed-token", host => host.Mint.Mint("prom") + "é"),
        ["a space within"] = ("malformed-token", host => host.Mint.Mint("prom").Insert(20, " ")),
        ["empty header"] = ("malformed-token", host => host.Mint.Mint("prom").WithPart(0, "")),
        ["empty payload"] = ("malformed-token", host => host.Mint.Mint("prom").WithPart(1, "")),
        ["header of impossible length"] = ("malformed-token", host => host.Mint.Mint("prom").WithPart(0, "abcde")),
        ["header that is no JSON"] = ("malformed-token", host => host.WithHeaderText("alg: RS256")),
        ["header that is an array"] = ("malformed-token", host => host.WithHeaderText("[]")),
        ["header with something behind it"] = ("malformed-token", host => host.WithHeaderText(host.HeaderOf("RS256") + "{}")),
        ["header that ends early"] = ("malformed-token", host => host.WithHeaderText(host.HeaderOf("RS256")[..^1])),
        ["header with kid twice"] = ("malformed-token", host => host.WithHeaderText(host.HeaderOf("RS256").Replace("{", """{"kid":"x",""", StringComparison.Ordinal))),
        ["header with kid twice, once escaped"] =
            ("malformed-token", host => host.WithHeaderText(host.HeaderOf("RS256").Replace("{", """{"\u006bid":"x",""", StringComparison.Ordinal))),
        ["header with alg twice"] = ("malformed-token", host => host.WithHeaderText(host.HeaderOf("RS256").Replace("{", """{"alg":"none",""", StringComparison.Ordinal))),
        ["header with half of a surrogate pair"] = ("malformed-token", host => host.WithHeader("kid", null).WithPart(0, Forgery.Encoded("""{"alg":"RS256","typ":"JWT","kid":"\ud800"}"""))),
        ["header with a kid that is a number"] = ("malformed-token", host => host.WithHeader("kid", "7")),
        ["header with crit"] = ("malformed-token", host => host.WithHeader("crit", """["exp"]""")),
        ["payload that is no JSON"] = ("malformed-token", host => host.Mint.MintRaw(host.HeaderOf("RS256"), "hello", host.Emulator.Keys.Current)),

        ["alg none"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("none"))),
        ["alg nOnE"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("nOnE"))),
        ["alg rs256 in small letters"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("rs256"))),
        ["no alg"] = ("algorithm-not-allowed", host => host.WithHeader("alg", null)),
        ["alg RS384"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("RS384"))),
        ["alg PS256"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("PS256"))),
        ["alg HS256 keyed with the public key as PEM"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("HS256"))),
        ["alg HS256 keyed with the public key as DER"] = ("algorithm-not-allowed", host => host.WithHeaderText(host.HeaderOf("HS256"), hmacKey: HmacKeyForm.Der)),

        ["stripped signature"] = ("bad-signature", host => host.Mint.Mint("prom").WithPart(2, "")),
        ["swapped payload"] = ("bad-signature", host => host.Mint.Mint("prom").WithPart(1, host.Mint.MintUser("ann").Split('.')[1])),
        ["flipped bit"] = ("bad-signature", host => host.Mint.Mint("prom").WithFlippedBit()),
        ["short signature"] = ("bad-signature", host => host.Mint.Mint("prom").WithPart(2, "AAAA")),
        ["foreign key under our kid"] = ("bad-signature", host => host.WithHeaderText(host.HeaderOf("RS256"), host.Emulator.Keys.Foreign)),
        ["foreign key under our kid, brought along as jwk"] =
            ("bad-signature", host => host.WithHeader("jwk", """{"kty":"RSA","n":"AQAB","e":"AQAB"}""", host.Emulator.Keys.Foreign)),

        ["typ secevent+jwt"] = ("wrong-token-type", host => host.WithHeader("typ", "\"secevent+jwt\"")),
        ["typ jwt in small letters"] = ("wrong-token-type", host => host.WithHeader("typ", "\"jwt\"")),
        ["no typ"] = ("wrong-token-type", host => host.WithHeader("typ", null)),

        ["aud of another app"] = ("wrong-audience", host => host.WithClaim("aud", $"\"{OtherDirectory}\"")),
        ["aud with a slash behind it"] = ("wrong-audience", host => host.WithClaim("aud", $"\"api://{EmulatorHost.Gateway}/\"")),
        ["aud in capitals"] = ("wrong-audience", host => host.WithClaim("aud", $"\"{EmulatorHost.Gateway.ToUpperInvariant()}\"")),
        ["aud Graph"] = ("wrong-audience", host => host.WithClaim("aud", "\"00000003-0000-0000-c000-000000000000\"")),
        ["aud Azure Monitor"] = ("wrong-audience", host => host.WithClaim("aud", "\"https://monitor.azure.com\"")),
        ["no aud"] = ("wrong-audience", host => host.WithClaim("aud", null)),
        ["empty aud"] = ("wrong-audience", host => host.WithClaim("aud", "[]")),

        ["iss of another host"] = ("wrong-issuer", host => host.WithClaim("iss", $"\"https://login.foreign.test/{EmulatorHost.DirectoryId}/v2.0\"")),
        ["iss with a slash behind it"] = ("wrong-issuer", host => host.WithClaim("iss", $"\"{EmulatorHost.BaseUrl}/{EmulatorHost.DirectoryId}/v2.0/\"")),
        ["no iss"] = ("wrong-issuer", host => host.WithClaim("iss", null)),
        ["another directory with the same keys"] = ("wrong-issuer", host => host.WithClaims(claims =>
        {
            claims["iss"] = $"{EmulatorHost.BaseUrl}/{OtherDirectory}/v2.0";
            claims["tid"] = OtherDirectory;
        })),
        ["tid of another directory than iss"] = ("wrong-issuer", host => host.WithClaim("tid", $"\"{OtherDirectory}\"")),
        ["no tid"] = ("wrong-issuer", host => host.WithClaim("tid", null)),

        ["issuer of version 1.0, ver 2.0"] = ("claims-inconsistent", host => host.WithClaimV1("ver", "\"2.0\"")),
        ["issuer of version 2.0, ver 1.0"] = ("claims-inconsistent", host => host.WithClaim("ver", "\"1.0\"")),
        ["no ver"] = ("claims-inconsistent", host => host.WithClaim("ver", null)),
        ["ver 3.0"] = ("claims-inconsistent", host => host.WithClaim("ver", "\"3.0\"")),
        ["no oid"] = ("claims-inconsistent", host => host.WithClaim("oid", null)),
        ["oid that is no GUID"] = ("claims-inconsistent", host => host.WithClaim("oid", "\"ann\"")),
        ["roles an object"] = ("claims-inconsistent", host => host.WithClaim("roles", """{"Metrics.Write":true}""")),
        ["roles of numbers"] = ("claims-inconsistent", host => host.WithClaim("roles", "[1,2]")),
        ["roles of arrays"] = ("claims-inconsistent", host => host.WithClaim("roles", """[["Metrics.Write"]]""")),
        ["257 roles"] = ("claims-inconsistent", host => host.WithClaim("roles", $"[{string.Join(',', Enumerable.Range(0, 257).Select(i => $"\"r{i}\""))}]")),
        ["a role of 121 characters"] = ("claims-inconsistent", host => host.WithClaim("roles", $"[\"{new string('r', 121)}\"]")),
        ["scp an array"] = ("claims-inconsistent", host => host.WithClaim("scp", """["Metrics.Access"]""")),
        ["groups that are no GUIDs"] = ("claims-inconsistent", host => host.WithClaim("groups", """["admins"]""")),
        ["client that is no GUID"] = ("claims-inconsistent", host => host.WithClaim("azp", "\"prom\"")),
        ["half of a surrogate pair in a claim"] = ("malformed-token", host =>
            host.Mint.MintRaw(host.HeaderOf("RS256"), Forgery.Text(host.WithClaim("name", "\"xyz\""), 1).Replace("xyz", "\\ud800", StringComparison.Ordinal), host.Emulator.Keys.Current)),
        ["roles twice"] = ("claims-inconsistent", host =>
            host.Mint.MintRaw(host.HeaderOf("RS256"), Forgery.Text(host.Mint.Mint("prom"), 1).Replace("{", """{"roles":["Gateway.Admin"],""", StringComparison.Ordinal), host.Emulator.Keys.Current)),

        ["expired an hour ago"] = ("token-expired", host => host.WithClaim("exp", Seconds(host, -3600))),
        ["expired four minutes ago"] = ("token-expired", host => host.WithClaim("exp", Seconds(host, -240))),
        ["no exp"] = ("token-expired", host => host.WithClaim("exp", null)),
        ["negative exp"] = ("token-expired", host => host.WithClaim("exp", "-1")),
        ["nbf after exp"] = ("token-expired", host => host.WithClaims(claims =>
        {
            claims["nbf"] = host.Time.GetUtcNow().ToUnixTimeSeconds() + 40;
            claims["exp"] = host.Time.GetUtcNow().ToUnixTimeSeconds() + 20;
        })),
        ["nbf in four minutes"] = ("token-not-yet-valid", host => host.WithClaim("nbf", Seconds(host, 240))),
        ["exp 1e300"] = ("malformed-token", host => host.WithClaim("exp", "1e300")),

        ["ID token with roles"] = ("not-an-access-token", host => host.Mint.MintIdToken("ann")),
        ["ID token without roles"] = ("not-an-access-token", host => host.Mint.MintIdToken("ann", claims => claims.Remove("roles"))),
        ["nonce in an access token"] = ("not-an-access-token", host => host.WithClaim("nonce", "\"n\"")),
        ["c_hash in an access token"] = ("not-an-access-token", host => host.WithClaim("c_hash", "\"h\"")),
        ["at_hash in an access token"] = ("not-an-access-token", host => host.WithClaim("at_hash", "\"h\"")),
        ["idtyp device"] = ("not-an-access-token", host => host.WithClaim("idtyp", "\"device\"")),
        ["no client"] = ("not-an-access-token", host => host.WithClaim("azp", null)),
        ["version 2.0 with the client claim of version 1.0"] = ("not-an-access-token", host => host.WithClaims(claims =>
        {
            claims["appid"] = claims["azp"]!.DeepClone();
            claims.Remove("azp");
        })),

        ["token of 20 KB"] = ("token-too-large", host => host.WithClaim("aio", $"\"{new string('a', 15_000)}\"")),
    };

    private static readonly Dictionary<string, Func<IdentityHost, string>> Accepted = new()
    {
        ["typ at+jwt"] = host => host.WithHeader("typ", "\"at+jwt\""),
        ["jwk, jku, x5u and x5c of a forger beside our kid"] = host => host.WithHeaderText(host.HeaderOf("RS256").Replace(
            "{", """{"jwk":{"kty":"RSA"},"jku":"https://foreign.test/keys","x5u":"https://foreign.test/cert","x5c":["AAAA"],""", StringComparison.Ordinal)),
        ["version 1.0 with a GUID as aud"] = host => host.WithClaimV1("aud", $"\"{EmulatorHost.Gateway}\""),
        ["version 1.0 with an App ID URI as aud"] = host => host.WithClaimV1("aud", $"\"api://{EmulatorHost.Gateway}\""),
        ["version 2.0 with an App ID URI as aud"] = host => host.WithClaim("aud", $"\"api://{EmulatorHost.Gateway}\""),
        ["aud an array with ours"] = host => host.WithClaim("aud", $"[\"{OtherDirectory}\",\"{EmulatorHost.Gateway}\"]"),
        ["expired half a minute ago"] = host => host.WithClaim("exp", Seconds(host, -30)),
        ["exp as text"] = host => host.WithClaim("exp", $"\"{Seconds(host, 3600)}\""),
        ["roles as text"] = host => host.WithClaim("roles", "\"Metrics.Write\""),
        ["neither roles nor scopes"] = host => host.WithClaim("roles", null),
        ["no idtyp"] = host => host.WithClaim("idtyp", null),
    };

    public static TheoryData<string> AttackNames => [.. Attacks.Keys];

    public static TheoryData<string> AcceptedNames => [.. Accepted.Keys];

    private IdentityHost Host => shared.Host;

    [Theory]
    [MemberData(nameof(AttackNames))]
    public async Task A_forged_or_unfit_token_is_refused_for_its_reason(string attack)
    {
        (string reason, Func<IdentityHost, string> make) = Attacks[attack];
        string token = make(Host);
        string metric = $$"""rwgateway_refusals_total{route="/caller",reason="{{reason}}"}""";
        double refusedBefore = await MetricOrZeroAsync(metric);
        long fetchesBefore = Host.Emulator.Requests[EmulatedEndpoint.Metadata];

        Answer answer = await Host.GetAsync(token);

        Assert.Equal((401, reason), (answer.StatusCode, answer.Reason));
        Assert.Equal($"Bearer realm=\"remote-write-gateway\", error=\"invalid_token\", error_description=\"{reason}\"", answer.Challenge);
        Assert.Null(answer.Caller);
        Assert.Equal(refusedBefore + 1, await MetricOrZeroAsync(metric));
        Assert.Equal(fetchesBefore, Host.Emulator.Requests[EmulatedEndpoint.Metadata]);
        Assert.Empty(Host.Backchannel.ForeignUrls);

        // Again: refused tokens are not cached, neither as good nor as another reason.
        Assert.Equal(reason, (await Host.GetAsync(token)).Reason);
    }

    [Theory]
    [MemberData(nameof(AcceptedNames))]
    public async Task A_token_that_looks_unusual_but_is_good_is_accepted(string name)
    {
        string token = Accepted[name](Host);

        Answer first = await Host.GetAsync(token);
        Answer cached = await Host.GetAsync(token);

        Assert.Equal((200, ""), (first.StatusCode, first.Reason));
        Assert.Same(first.Caller, cached.Caller);
        Assert.Empty(Host.Backchannel.ForeignUrls);
    }

    [Theory]
    [InlineData("/caller")]
    [InlineData("/caller", "")]
    [InlineData("/caller", "Basic cHJvbTpzZWNyZXQ=")]
    [InlineData("/caller", "Bearer")]
    [InlineData("/caller", "Bearer ")]
    [InlineData("/caller", "Bearer\t")]
    [InlineData("/caller?access_token=<token>")]
    [InlineData("/caller?access_token=<token>", "Basic <token>")]
    [InlineData("/caller", "<token>")]
    public async Task A_request_without_a_bearer_token_is_told_to_send_one(string path, params string[] authorization)
    {
        string token = Host.Mint.Mint("prom");

        Answer answer = await Host.SendAsync(
            path.Replace("<token>", token, StringComparison.Ordinal),
            [.. authorization.Select(header => header.Replace("<token>", token, StringComparison.Ordinal))]);

        Assert.Equal((401, "no-credentials"), (answer.StatusCode, answer.Reason));
        Assert.Equal("Bearer realm=\"remote-write-gateway\"", answer.Challenge);
        Assert.StartsWith("no-credentials: send an Entra access token as \"Authorization: Bearer\" (request ", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(Host.Logs.All, line => line.Contains(token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_authorization_headers_are_refused_even_if_both_are_good()
    {
        string token = Host.Mint.Mint("prom");

        Answer answer = await Host.SendAsync("/caller", $"Bearer {token}", $"Bearer {token}");

        Assert.Equal((400, "several-credentials"), (answer.StatusCode, answer.Reason));
        Assert.Equal("Bearer realm=\"remote-write-gateway\", error=\"invalid_request\"", answer.Challenge);
    }

    [Fact]
    public async Task The_scheme_is_compared_without_case() =>
        Assert.Equal(200, (await Host.SendAsync("/caller", $"bearer {Host.Mint.Mint("prom")}")).StatusCode);

    [Fact]
    public async Task The_length_of_a_token_that_is_too_large_is_told()
    {
        string token = new('a', 16_385);

        Answer answer = await Host.GetAsync(token);

        Assert.StartsWith("token-too-large: the token has 16385 characters, limit 16384; assign fewer groups", answer.Body, StringComparison.Ordinal);
        Assert.Equal("malformed-token", (await Host.GetAsync(token[1..])).Reason);
    }

    [Fact]
    public async Task An_endpoint_for_everybody_does_not_look_at_the_token()
    {
        Assert.Equal(200, (await Host.SendAsync("/open")).StatusCode);
        Assert.Equal(200, (await Host.GetAsync("abc", "/open")).StatusCode);
        Assert.Equal(200, (await Host.SendAsync("/open", "Bearer a", "Bearer b")).StatusCode);
    }

    [Fact]
    public async Task An_unknown_route_asks_for_a_token_first()
    {
        Assert.Equal((401, "no-credentials"), await StatusAsync(Host.SendAsync("/nothing")));
        Assert.Equal((401, "malformed-token"), await StatusAsync(Host.GetAsync("abc", "/nothing")));
        Assert.Equal((404, ""), await StatusAsync(Host.GetAsync(Host.Mint.Mint("prom"), "/nothing")));

        static async Task<(int, string)> StatusAsync(Task<Answer> answer) => ((await answer).StatusCode, (await answer).Reason);
    }

    private async Task<double> MetricOrZeroAsync(string series)
    {
        try
        {
            return await Host.MetricAsync(series);
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    private static string Seconds(IdentityHost host, int fromNow) =>
        (host.Time.GetUtcNow().ToUnixTimeSeconds() + fromNow).ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>One host for all lines of the table.</summary>
    public sealed class SharedHost : IAsyncLifetime
    {
        internal IdentityHost Host { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Host = await IdentityHost.StartAsync();

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
