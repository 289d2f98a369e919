using System.Net;
using System.Text.Json.Nodes;
using EntraEmulator.Faults;
using EntraEmulator.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class HookTests
{
    private const string Metadata = $"/{EmulatorHost.DirectoryId}/v2.0/.well-known/openid-configuration";
    private const string Keys = $"/{EmulatorHost.DirectoryId}/discovery/v2.0/keys";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"user":"ann","client":"grafana"}""", "66666666-0000-4000-8000-000000000001", "2.0")]
    [InlineData("""{"user":"66666666-0000-4000-8000-000000000001","client":"88888888-0000-4000-8000-000000000001","version":"1.0"}""", "66666666-0000-4000-8000-000000000001", "1.0")]
    [InlineData("""{"user":"ann","idToken":true}""", "66666666-0000-4000-8000-000000000001", "2.0")]
    [InlineData("""{"app":"prom","api":"api://aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}""", "0f0f0f0f-1111-4222-8333-444444444444", "2.0")]
    [InlineData("""{"managedIdentity":"prom-mi","directory":"11111111-2222-4333-8444-555555555555"}""", "0f0f0f0f-1111-4222-8333-000000000009", "2.0")]
    public async Task A_token_of_anybody_can_be_had(string request, string objectId, string version)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, string token) = await PostAsync(emulator, "/test/token", request);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(objectId, (string?)JwtParts.Claims(token)["oid"]);
        Assert.Equal(version, (string?)JwtParts.Claims(token)["ver"]);
    }

    [Fact]
    public async Task Claims_are_set_as_they_are_written_and_removed()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (_, string token) = await PostAsync(
            emulator, "/test/token", """{"app":"prom","set":{"exp":1e300,"roles":{"a":[]},"tid":"\u0000\r\n\""},"remove":["idtyp","uti"]}""");

        string payload = JwtParts.Payload(token);
        Assert.Contains("\"exp\":1e300", payload, StringComparison.Ordinal);
        Assert.Contains("\"roles\":{\"a\":[]}", payload, StringComparison.Ordinal);
        Assert.Equal("\0\r\n\"", (string?)JwtParts.Claims(token)["tid"]);
        Assert.DoesNotContain("\"idtyp\"", payload, StringComparison.Ordinal);
        Assert.DoesNotContain("\"uti\"", payload, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"app":"nobody"}""", "there is no app \"nobody\"")]
    [InlineData("""{"user":"nobody","client":"grafana"}""", "there is no user \"nobody\"")]
    [InlineData("""{"user":"ann","client":"nobody"}""", "there is no client \"nobody\"")]
    [InlineData("""{"user":"ann"}""", "a user's token needs the client the user has signed in to")]
    [InlineData("""{"managedIdentity":"nobody"}""", "there is no managedIdentity \"nobody\"")]
    [InlineData("""{"app":"prom","api":"api://unknown"}""", "there is no api \"api://unknown\"")]
    [InlineData("""{"app":"prom","directory":"common"}""", "there is no directory \"common\"")]
    [InlineData("""{"app":"prom","version":"3.0"}""", "version \"3.0\" is neither 1.0 nor 2.0")]
    [InlineData("""{"app":"prom","user":"ann"}""", "name exactly one of app, managedIdentity and user")]
    [InlineData("""{}""", "name exactly one of app, managedIdentity and user")]
    [InlineData("""{"app":"prom","client":"grafana"}""", "client and idToken go with user")]
    [InlineData("""{"app":"prom","key":"previous"}""", "there is no previous key before the first rotation")]
    [InlineData("""{"app":"prom","sett":{}}""", "sett")]
    [InlineData("""{"app":"prom","set":null}""", "set")]
    [InlineData("""nonsense""", "'nonsense' is an invalid JSON literal")]
    public async Task A_request_for_nobodys_token_is_refused_with_what_is_wrong(string request, string fault)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, string text) = await PostAsync(emulator, "/test/token", request);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(fault, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_app_of_two_directories_needs_the_directory_named()
    {
        const string Second = "22222222-2222-4333-8444-555555555555";
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => options with
        {
            Directories = [options.Directories[0], options.Directories[0] with { Id = Guid.Parse(Second), ManagedIdentities = [] }],
        });

        (HttpStatusCode status, string text) = await PostAsync(emulator, "/test/token", """{"app":"prom"}""");
        (_, string token) = await PostAsync(emulator, "/test/token", $$"""{"app":"prom","directory":"{{Second}}"}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("2 directories know app \"prom\"; name one as directory", text);
        Assert.Equal($"{EmulatorHost.BaseUrl}/{Second}/v2.0", (string?)JwtParts.Claims(token)["iss"]);
    }

    [Fact]
    public async Task A_free_token_has_header_and_payload_as_they_are_written()
    {
        const string Header = """{"alg" : "RS256","kid":"a","kid":"b","typ":"secevent+jwt","crit":["x"],"jku":"https://forger.test"}""";
        const string Payload = """{"exp":1e300,"roles":{},"roles":[],  "exp":"soon"}""";
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (_, string token) = await PostAsync(emulator, "/test/mint", $$"""{"header":{{Header}},"payload":{{Payload}}}""");

        Assert.Equal(Header, JwtParts.Header(token));
        Assert.Equal(Payload, JwtParts.Payload(token));
    }

    [Fact]
    public async Task A_part_that_is_no_json_can_be_given_as_text()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (_, string token) = await PostAsync(emulator, "/test/mint", """{"header":"{\"alg\":","payload":"not json"}""");

        Assert.Equal("{\"alg\":", JwtParts.Header(token));
        Assert.Equal("not json", JwtParts.Payload(token));
        Assert.Equal(3, token.Split('.').Length);
    }

    [Theory]
    [InlineData("current", true)]
    [InlineData("previous", true)]
    [InlineData("foreign", false)]
    public async Task A_free_token_without_a_header_is_signed_with_the_key_it_names(string key, bool isPublished)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        await PostAsync(emulator, "/test/rotate?keep=true", "");

        (_, string token) = await PostAsync(emulator, "/test/mint", $$"""{"payload":{"sub":"x"},"key":"{{key}}"}""");

        string kid = new JsonWebToken(token).Kid;
        Assert.Equal(await GetAsync(emulator, $"/test/kid?key={key}"), kid);
        Assert.Equal(isPublished, (await GetKidsAsync(emulator)).Contains(kid));
        Assert.True(await VerifiesAsync(token, emulator.Keys.Find(Enum.Parse<SigningKeyName>(key, ignoreCase: true))!));
    }

    [Fact]
    public async Task A_foreign_key_can_sign_under_the_current_kid()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        string kid = await GetAsync(emulator, "/test/kid");

        (_, string token) = await PostAsync(
            emulator, "/test/mint", $$"""{"header":{"typ":"JWT","alg":"RS256","kid":"{{kid}}"},"payload":{},"key":"foreign"}""");

        Assert.True(await VerifiesAsync(token, emulator.Keys.Foreign));
        Assert.False(await VerifiesAsync(token, emulator.Keys.Current));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("nOnE")]
    public async Task An_unsigned_token_has_an_empty_signature(string algorithm)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (_, string token) = await PostAsync(emulator, "/test/mint", $$"""{"header":{"alg":"{{algorithm}}"},"payload":{} }""");

        Assert.EndsWith(".", token, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("PS384")]
    [InlineData("PS512")]
    public async Task A_free_token_is_signed_by_the_rsa_algorithm_of_its_header(string algorithm)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        string token = emulator.Mint.MintRaw($$"""{"alg":"{{algorithm}}"}""", "{}", emulator.Keys.Current);

        Assert.True(await VerifiesAsync(token, emulator.Keys.Current));
    }

    [Theory]
    [InlineData("HS256", "pem")]
    [InlineData("HS256", "der")]
    [InlineData("HS384", "der")]
    [InlineData("HS512", "der")]
    public async Task A_free_token_can_be_signed_with_the_public_key_as_secret(string algorithm, string form)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        string pem = await GetAsync(emulator, "/test/pem");
        byte[] secret = form == "pem" ? System.Text.Encoding.ASCII.GetBytes(pem) : emulator.Keys.Current.PublicKeyDer.ToArray();

        (_, string token) = await PostAsync(emulator, "/test/mint", $$"""{"header":{"alg":"{{algorithm}}"},"payload":{},"hmac":"{{form}}"}""");

        Assert.True(await VerifiesAsync(token, new SymmetricSecurityKey(secret)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_rotation_keeps_or_withdraws_what_was_published(bool keep)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        string first = await GetAsync(emulator, "/test/kid");

        (_, string second) = await PostAsync(emulator, $"/test/rotate?keep={(keep ? "true" : "false")}", "");

        Assert.NotEqual(first, second);
        Assert.Equal(keep ? [second, first] : [second], await GetKidsAsync(emulator));
        Assert.Equal(second, new JsonWebToken(emulator.Mint.Mint("prom")).Kid);
        Assert.Equal(first, new JsonWebToken(emulator.Mint.Mint(new TokenRequest { App = "prom", Key = SigningKeyName.Previous })).Kid);
    }

    [Fact]
    public async Task The_clock_hook_moves_what_tokens_say()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        await PostAsync(emulator, "/test/clock?offset=-3600", "");

        Assert.Equal(
            emulator.Time.GetUtcNow().ToUnixTimeSeconds() - 3600 + 3600,
            (long)JwtParts.Claims(emulator.Mint.Mint("prom"))["exp"]!);
    }

    [Theory]
    [InlineData("/test/clock", "")]
    [InlineData("/test/clock?offset=soon", "")]
    [InlineData("/test/clock?offset=9223372036854775807", "")]
    [InlineData("/test/clock?offset=-9223372036854775808", "")]
    [InlineData("/test/rotate?keep=maybe", "")]
    [InlineData("/test/fault", """{"metadata":"broken"}""")]
    [InlineData("/test/fault", """{"msi":"503"}""")]
    [InlineData("/test/fault", """{"token":"oversized"}""")]
    [InlineData("/test/mint", """{"header":{}}""")]
    [InlineData("/test/mint", """{"payload":{},"key":"third"}""")]
    [InlineData("/test/mint", """{"payload":{},"key":"previous"}""")]
    public async Task A_faulty_hook_request_is_refused(string path, string body)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(emulator, path, body)).Status);
    }

    [Fact]
    public async Task Requests_are_counted_by_endpoint_and_a_reset_undoes_everything_but_the_key()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        await PostAsync(emulator, "/test/rotate?keep=true", "");
        string kid = await GetAsync(emulator, "/test/kid");
        await PostAsync(emulator, "/test/clock?offset=100", "");
        await PostAsync(emulator, "/test/fault", """{"metadata":"503","keys":"garbage"}""");
        await GetAsync(emulator, Metadata);
        await GetAsync(emulator, Metadata);
        await GetAsync(emulator, Keys);
        await PostAsync(emulator, $"/{EmulatorHost.DirectoryId}/oauth2/v2.0/token", "");
        await GetAsync(emulator, "/msi/token");
        await GetAsync(emulator, "/metadata/identity/oauth2/token");

        Assert.Equal("""{"metadata":2,"keys":1,"token":1,"msi":1,"imds":1}""", await GetAsync(emulator, "/test/stats"));

        await PostAsync(emulator, "/test/reset", "");
        Assert.Equal("""{"metadata":0,"keys":0,"token":0,"msi":0,"imds":0}""", await GetAsync(emulator, "/test/stats"));
        Assert.Equal([kid], await GetKidsAsync(emulator));
        Assert.Equal(Fault.Ok, emulator.Faults[EmulatedEndpoint.Metadata]);
        Assert.Equal(emulator.Time.GetUtcNow().ToUnixTimeSeconds() + 3600, (long)JwtParts.Claims(emulator.Mint.Mint("prom"))["exp"]!);
    }

    [Fact]
    public async Task The_page_lists_everybody()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => options with
        {
            Directories = [options.Directories[0] with { Users = [options.Directories[0].Users[0] with { Name = "</script>" }] }],
        });

        string page = await GetAsync(emulator, "/");

        foreach (string name in new[] { "prom", "vmagent", "batch", "spoofer", "grafana", "assistant", "prom-mi" })
        {
            Assert.Contains($"\"{name}\"", page, StringComparison.Ordinal);
        }

        Assert.Contains("\"\\u003C/script\\u003E\"", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("POST", "/test/mint")]
    [InlineData("POST", "/test/token")]
    [InlineData("POST", "/test/rotate")]
    [InlineData("POST", "/test/fault")]
    [InlineData("POST", "/test/clock?offset=1")]
    [InlineData("POST", "/test/reset")]
    [InlineData("GET", "/test/stats")]
    [InlineData("GET", "/test/kid")]
    [InlineData("GET", "/test/pem")]
    public async Task Without_hooks_there_is_no_such_page_and_with_them_not_for_pages_of_another_origin(string method, string path)
    {
        await using EmulatorHost without = await EmulatorHost.StartAsync(options => options with { Hooks = false });
        await using EmulatorHost with = await EmulatorHost.StartAsync();

        Assert.Equal(HttpStatusCode.NotFound, await SendAsync(without, origin: null));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(with, "https://elsewhere.test"));
        Assert.NotEqual(HttpStatusCode.Forbidden, await SendAsync(with, EmulatorHost.BaseUrl));

        async Task<HttpStatusCode> SendAsync(EmulatorHost emulator, string? origin)
        {
            using HttpClient http = emulator.CreateClient();
            using HttpRequestMessage request = new(new HttpMethod(method), path);
            if (origin is not null)
            {
                request.Headers.Add("Origin", origin);
            }

            using HttpResponseMessage response = await http.SendAsync(request, Cancellation);
            return response.StatusCode;
        }
    }

    private static async Task<bool> VerifiesAsync(string token, SigningKey key)
    {
        using var rsa = System.Security.Cryptography.RSA.Create(key.PublicParameters);
        return await VerifiesAsync(token, new RsaSecurityKey(rsa) { CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } });
    }

    private static async Task<bool> VerifiesAsync(string token, SecurityKey key)
    {
        TokenValidationResult result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        return result.IsValid;
    }

    private static async Task<IReadOnlyList<string>> GetKidsAsync(EmulatorHost emulator)
    {
        JsonArray keys = JsonNode.Parse(await GetAsync(emulator, Keys))!["keys"]!.AsArray();
        return [.. keys.Select(key => (string)key!["kid"]!)];
    }

    private static async Task<string> GetAsync(EmulatorHost emulator, string path)
    {
        using HttpClient http = emulator.CreateClient();
        using HttpResponseMessage response = await http.GetAsync(path, Cancellation);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }

    private static async Task<(HttpStatusCode Status, string Text)> PostAsync(EmulatorHost emulator, string path, string body)
    {
        using HttpClient http = emulator.CreateClient();
        using HttpResponseMessage response = await http.PostAsync(path, new StringContent(body), Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
