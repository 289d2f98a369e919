using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using EntraEmulator.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class TokenEndpointTests
{
    private const string Tid = EmulatorHost.DirectoryId;
    private const string Prom = "99999999-0000-4000-8000-000000000001";
    private const string Scope = $"api://{EmulatorHost.Gateway}/.default";
    private const string V2 = $"/{Tid}/oauth2/v2.0/token";
    private const string JwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const string ClusterIssuer = "https://kubernetes.default.svc.cluster.local";
    private const string ServiceAccount = "system:serviceaccount:monitoring:prometheus";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_secret_in_the_body_gets_a_token()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await PostAsync(emulator, V2, Form());

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["token_type", "expires_in", "ext_expires_in", "access_token"], answer.Select(member => member.Key));
        Assert.Equal("Bearer", (string?)answer["token_type"]);
        Assert.Equal(3600, (int?)answer["expires_in"]);
        JsonObject claims = JwtParts.Claims((string)answer["access_token"]!);
        Assert.Equal(Prom, (string?)claims["azp"]);
        Assert.Equal("1", (string?)claims["azpacr"]);
        Assert.Equal(3900, (long)claims["exp"]! - (long)claims["iat"]!);
    }

    [Fact]
    public async Task A_secret_by_basic_authentication_gets_a_token_also_when_it_has_to_be_encoded()
    {
        const string Secret = "a:b+c d%/ü";
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => WithProm(options, app => app with { Secret = Secret }));
        string pair = Uri.EscapeDataString(Prom) + ":" + Uri.EscapeDataString(Secret).Replace("%20", "+", StringComparison.Ordinal);
        AuthenticationHeaderValue basic = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));

        (HttpStatusCode status, _) = await PostAsync(emulator, V2, Form(("client_id", null), ("client_secret", null)), basic);

        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task The_v1_endpoint_takes_a_resource_and_answers_in_text()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        string resource = $"api://{EmulatorHost.Gateway}";

        (HttpStatusCode status, JsonObject answer) = await PostAsync(
            emulator, $"/{Tid}/oauth2/token", Form(("scope", null), ("resource", resource)));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("3600", (string?)answer["expires_in"]);
        Assert.Equal(resource, (string?)answer["resource"]);
        Assert.Equal("2.0", (string?)JwtParts.Claims((string)answer["access_token"]!)["ver"]);
    }

    [Theory]
    [InlineData("api://AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee/.default", "api://AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee")]
    [InlineData("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee/.default", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")]
    public async Task A_v1_token_is_for_what_the_client_called_the_api(string scope, string audience)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => options with
        {
            Directories = [options.Directories[0] with { Apis = [options.Directories[0].Apis[0] with { TokenVersion = 1 }] }],
        });

        (_, JsonObject answer) = await PostAsync(emulator, V2, Form(("scope", scope)));

        JsonObject claims = JwtParts.Claims((string)answer["access_token"]!);
        Assert.Equal(audience, (string?)claims["aud"]);
        Assert.Equal(Prom, (string?)claims["appid"]);
    }

    [Fact]
    public async Task A_client_that_takes_claims_challenges_gets_a_token_that_says_so()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (_, JsonObject answer) = await PostAsync(
            emulator, V2, Form(("claims", """{"access_token":{"xms_cc":{"values":["cp1"]}}}""")));

        Assert.Equal("""["cp1"]""", JwtParts.Claims((string)answer["access_token"]!)["xms_cc"]?.ToJsonString());
    }

    [Theory]
    [InlineData("client_secret", "wrong", 401, "invalid_client", 7000215)]
    [InlineData("client_secret", null, 401, "invalid_client", 7000218)]
    [InlineData("client_id", "99999999-0000-4000-8000-0000000000ff", 400, "unauthorized_client", 700016)]
    [InlineData("client_id", "prom", 400, "unauthorized_client", 700016)]
    [InlineData("client_id", null, 400, "invalid_request", 900144)]
    [InlineData("scope", "api://unknown/.default", 400, "invalid_resource", 500011)]
    [InlineData("scope", $"api://{EmulatorHost.Gateway}/Metrics.Access", 400, "invalid_scope", 70011)]
    [InlineData("scope", $"{Scope} https://graph.microsoft.com/.default", 400, "invalid_scope", 70011)]
    [InlineData("scope", "/.default", 400, "invalid_scope", 70011)]
    [InlineData("scope", null, 400, "invalid_request", 900144)]
    [InlineData("grant_type", "password", 400, "unsupported_grant_type", 70003)]
    [InlineData("grant_type", null, 400, "invalid_request", 900144)]
    [InlineData("client_assertion", "abc", 401, "invalid_client", 70025)]
    public async Task A_wrong_request_is_refused_with_Entras_number(string parameter, string? value, int status, string error, int number)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode given, JsonObject answer) = await PostAsync(emulator, V2, Form((parameter, value)));

        Assert.Equal(status, (int)given);
        Assert.Equal(
            ["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"],
            answer.Select(member => member.Key));
        Assert.Equal(error, (string?)answer["error"]);
        Assert.Equal($"[{number}]", answer["error_codes"]!.ToJsonString());
        Assert.StartsWith($"AADSTS{number}: ", (string?)answer["error_description"], StringComparison.Ordinal);
        Assert.DoesNotContain("local-dev-secret", answer.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/99999999-2222-4333-8444-555555555555/oauth2/v2.0/token")]
    [InlineData("/common/oauth2/v2.0/token")]
    public async Task An_unknown_directory_is_refused(string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await PostAsync(emulator, path, Form());

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("[90002]", answer["error_codes"]!.ToJsonString());
    }

    [Fact]
    public async Task A_parameter_that_stands_twice_is_refused()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await PostAsync(emulator, V2, [.. Form(), new("scope", Scope)]);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("[9000411]", answer["error_codes"]!.ToJsonString());
    }

    [Theory]
    [InlineData("Bearer", "abc")]
    [InlineData("Basic", "not base64")]
    [InlineData("Basic", "bm9jb2xvbg==")]
    public async Task A_broken_authorization_header_is_refused(string scheme, string parameter)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await PostAsync(
            emulator, V2, Form(("client_id", null), ("client_secret", null)), new AuthenticationHeaderValue(scheme, parameter));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("[90014]", answer["error_codes"]!.ToJsonString());
    }

    [Fact]
    public async Task A_body_that_is_no_form_is_refused()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();

        using HttpResponseMessage response = await http.PostAsync(V2, new StringContent("""{"grant_type":"client_credentials"}"""), Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("AADSTS900561", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_correlation_id_of_the_client_comes_back()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        http.DefaultRequestHeaders.Add("client-request-id", "12345678-0000-4000-8000-000000000000");

        using HttpResponseMessage response = await http.PostAsync(V2, new FormUrlEncodedContent([]), Cancellation);

        JsonNode? answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("12345678-0000-4000-8000-000000000000", (string?)answer!["correlation_id"]);
    }

    [Theory]
    [InlineData("valid", 0)]
    [InlineData("valid-ps256", 0)]
    [InlineData("other-key", 700027)]
    [InlineData("other-audience", 700212)]
    [InlineData("other-subject", 700213)]
    [InlineData("expired", 700024)]
    [InlineData("no-expiration", 700024)]
    [InlineData("other-issuer", 700211)]
    [InlineData("malformed", 50027)]
    public async Task An_assertion_by_certificate_proves_the_app_if_it_is_right(string kind, int number)
    {
        RsaKeySource keys = RsaKeyPool.NewSource();
        using RSA key = keys();
        using RSA otherKey = keys();
        CertificateRequest request = new("CN=prom", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => WithProm(
            options, app => app with { Secret = null, Certificate = certificate.ExportCertificatePem() }));
        string assertion = kind == "malformed" ? "abc" : Assertion(
            kind == "other-key" ? otherKey : key,
            issuer: kind == "other-issuer" ? "99999999-0000-4000-8000-0000000000ff" : Prom,
            subject: kind == "other-subject" ? "99999999-0000-4000-8000-0000000000ff" : Prom,
            audience: kind == "other-audience" ? "https://elsewhere.test" : EmulatorHost.BaseUrl + V2,
            expires: kind == "no-expiration" ? null : emulator.Time.GetUtcNow().AddMinutes(kind == "expired" ? -6 : 10),
            algorithm: kind == "valid-ps256" ? "PS256" : "RS256");

        (_, JsonObject answer) = await PostAsync(emulator, V2, AssertionForm(assertion));

        CheckOutcome(answer, number);
    }

    [Theory]
    [InlineData("valid", 0)]
    [InlineData("other-key", 700027)]
    [InlineData("other-audience", 700212)]
    [InlineData("other-subject", 700213)]
    [InlineData("other-issuer", 700211)]
    [InlineData("expired", 700024)]
    public async Task An_assertion_of_a_federated_issuer_proves_the_app_if_it_is_right(string kind, int number)
    {
        RsaKeySource keys = RsaKeyPool.NewSource();
        using RSA key = keys();
        using RSA otherKey = keys();
        FederatedIssuerOptions federated = new() { Issuer = ClusterIssuer, Subject = ServiceAccount, Keys = key.ExportSubjectPublicKeyInfoPem() };
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => WithProm(
            options, app => app with { Secret = null, FederatedIssuers = [federated] }));
        string assertion = Assertion(
            kind == "other-key" ? otherKey : key,
            issuer: kind == "other-issuer" ? ClusterIssuer + "/" : ClusterIssuer,
            subject: kind == "other-subject" ? "system:serviceaccount:default:prometheus" : ServiceAccount,
            audience: kind == "other-audience" ? EmulatorHost.BaseUrl + V2 : "api://AzureADTokenExchange",
            expires: emulator.Time.GetUtcNow().AddMinutes(kind == "expired" ? -6 : 10));

        (_, JsonObject answer) = await PostAsync(emulator, V2, AssertionForm(assertion));

        CheckOutcome(answer, number);
    }

    private static void CheckOutcome(JsonObject answer, int number)
    {
        if (number == 0)
        {
            Assert.Equal("2", (string?)JwtParts.Claims((string)answer["access_token"]!)["azpacr"]);
        }
        else
        {
            Assert.Equal($"[{number}]", answer["error_codes"]?.ToJsonString());
        }
    }

    private static string Assertion(
        RSA key, string issuer, string subject, string audience, DateTimeOffset? expires, string algorithm = SecurityAlgorithms.RsaSha256)
    {
        JsonObject claims = new() { ["iss"] = issuer, ["sub"] = subject, ["aud"] = audience, ["jti"] = Guid.NewGuid().ToString() };
        if (expires is not null)
        {
            claims["exp"] = expires.Value.ToUnixTimeSeconds();
        }

        // Uncached: the library would keep the key for the next test, which has disposed it by then.
        RsaSecurityKey signer = new(key) { CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } };
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
            claims.ToJsonString(), new SigningCredentials(signer, algorithm));
    }

    private static EmulatorOptions WithProm(EmulatorOptions options, Func<AppOptions, AppOptions> change) => options with
    {
        Directories = [options.Directories[0] with { Apps = [change(options.Directories[0].Apps.Single(app => app.Name == "prom"))] }],
    };

    private static KeyValuePair<string, string>[] AssertionForm(string assertion) =>
        Form(("client_secret", null), ("client_assertion", assertion), ("client_assertion_type", JwtBearer));

    /// <summary>The form of a good request, with some parameters changed, added or (null) left out.</summary>
    private static KeyValuePair<string, string>[] Form(params (string Name, string? Value)[] changes)
    {
        Dictionary<string, string?> form = new()
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = Prom,
            ["client_secret"] = "local-dev-secret",
            ["scope"] = Scope,
        };
        foreach ((string name, string? value) in changes)
        {
            form[name] = value;
        }

        return [.. from parameter in form where parameter.Value is not null select KeyValuePair.Create(parameter.Key, parameter.Value)];
    }

    private static async Task<(HttpStatusCode Status, JsonObject Answer)> PostAsync(
        EmulatorHost emulator, string path, KeyValuePair<string, string>[] form, AuthenticationHeaderValue? authorization = null)
    {
        using HttpClient http = emulator.CreateClient();
        http.DefaultRequestHeaders.Authorization = authorization;
        using HttpResponseMessage response = await http.PostAsync(path, new FormUrlEncodedContent(form), Cancellation);
        Assert.Contains("no-store", response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!.AsObject());
    }
}
