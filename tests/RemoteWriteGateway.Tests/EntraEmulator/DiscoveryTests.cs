using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class DiscoveryTests
{
    private const string Root = $"{EmulatorHost.BaseUrl}/{EmulatorHost.DirectoryId}";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_verifies_with_the_keys_that_discovery_leads_to()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        OpenIdConnectConfiguration configuration =
            await OpenIdConnectConfigurationRetriever.GetAsync($"{Root}/v2.0/.well-known/openid-configuration", http, Cancellation);

        TokenValidationResult result = await new JsonWebTokenHandler().ValidateTokenAsync(emulator.Mint.Mint("prom"), new TokenValidationParameters
        {
            ValidIssuer = configuration.Issuer,
            ValidAudience = EmulatorHost.Gateway,
            IssuerSigningKeys = configuration.SigningKeys,
            TryAllIssuerSigningKeys = false,
            LifetimeValidator = (notBefore, expires, _, _) => notBefore < emulator.Time.GetUtcNow() && expires > emulator.Time.GetUtcNow(),
        });

        Assert.Null(result.Exception);
        Assert.Equal("entra-emulator", configuration.AdditionalData["cloud_instance_name"]);
    }

    [Theory]
    [InlineData("/v2.0", "/v2.0", $"{Root}/v2.0")]
    [InlineData("", "", $"{EmulatorHost.BaseUrl}/sts/{EmulatorHost.DirectoryId}/")]
    public async Task Each_version_has_a_document_with_Entras_fields(string path, string infix, string issuer)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        JsonNode document = await GetAsync(emulator, $"{Root}{path}/.well-known/openid-configuration");

        Assert.Equal(issuer, (string?)document["issuer"]);
        Assert.Equal($"{Root}/discovery{infix}/keys", (string?)document["jwks_uri"]);
        Assert.Equal($"{Root}/oauth2{infix}/token", (string?)document["token_endpoint"]);
        foreach (string field in new[]
        {
            "token_endpoint_auth_methods_supported", "response_modes_supported", "subject_types_supported", "id_token_signing_alg_values_supported",
            "response_types_supported", "scopes_supported", "authorization_endpoint", "end_session_endpoint", "claims_supported",
            "tenant_region_scope", "cloud_graph_host_name", "msgraph_host",
        })
        {
            Assert.NotNull(document[field]);
        }
    }

    [Theory]
    [InlineData("/v2.0", EmulatorHost.BaseUrl + "/{tenantid}/v2.0")]
    [InlineData("", null)]
    public async Task Keys_are_listed_with_their_certificate_and_for_v2_with_their_issuer(string version, string? issuer)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        JsonNode document = await GetAsync(emulator, $"{Root}/discovery{version}/keys");

        JsonNode key = Assert.Single(document["keys"]!.AsArray())!;
        using X509Certificate2 certificate =
            X509CertificateLoader.LoadCertificate(Convert.FromBase64String((string)Assert.Single(key["x5c"]!.AsArray())!));
        Assert.Equal(emulator.Keys.Current.Kid, (string?)key["kid"]);
        Assert.Equal(Base64Url.EncodeToString(certificate.GetCertHash()), (string?)key["x5t"]);
        Assert.Equal("RSA", (string?)key["kty"]);
        Assert.Equal("sig", (string?)key["use"]);
        Assert.Equal("AQAB", (string?)key["e"]);
        Assert.Equal(256, Base64Url.DecodeFromChars((string?)key["n"]).Length);
        Assert.Equal(issuer, (string?)key["issuer"]);
    }

    [Theory]
    [InlineData("/common/v2.0/.well-known/openid-configuration")]
    [InlineData("/99999999-2222-4333-8444-555555555555/.well-known/openid-configuration")]
    [InlineData("/organizations/discovery/v2.0/keys")]
    [InlineData("/99999999-2222-4333-8444-555555555555/discovery/keys")]
    public async Task An_unknown_directory_has_no_documents(string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();

        using HttpResponseMessage response = await http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("AADSTS90002", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    private static async Task<JsonNode> GetAsync(EmulatorHost emulator, string url)
    {
        using HttpClient http = emulator.CreateClient();
        return JsonNode.Parse(await http.GetStringAsync(url, Cancellation))!;
    }
}
