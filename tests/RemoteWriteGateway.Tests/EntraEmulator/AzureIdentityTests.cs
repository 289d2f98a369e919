using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using EntraEmulator.Configuration;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>The real client library gets tokens from the emulator as it would from Entra.</summary>
public sealed class AzureIdentityTests
{
    private const string Prom = "99999999-0000-4000-8000-000000000001";
    private const string ServiceAccount = "system:serviceaccount:monitoring:prometheus";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;
    private static readonly TokenRequestContext Request = new([$"api://{EmulatorHost.Gateway}/.default"]);

    [Fact]
    public async Task ClientSecretCredential_gets_a_token()
    {
        await using EmulatorHost emulator = await StartAsync(app => app);
        ClientSecretCredential credential = new(EmulatorHost.DirectoryId, Prom, "local-dev-secret", new ClientSecretCredentialOptions
        {
            Transport = TransportTo(emulator),
            AuthorityHost = new Uri(EmulatorHost.BaseUrl),
            DisableInstanceDiscovery = true,
        });

        Check(await credential.GetTokenAsync(Request, Cancellation), clientAuth: "1");
    }

    [Fact]
    public async Task ClientSecretCredential_reports_a_wrong_secret_with_Entras_number()
    {
        await using EmulatorHost emulator = await StartAsync(app => app);
        ClientSecretCredential credential = new(EmulatorHost.DirectoryId, Prom, "wrong", new ClientSecretCredentialOptions
        {
            Transport = TransportTo(emulator),
            AuthorityHost = new Uri(EmulatorHost.BaseUrl),
            DisableInstanceDiscovery = true,
        });

        AuthenticationFailedException refusal =
            await Assert.ThrowsAsync<AuthenticationFailedException>(async () => await credential.GetTokenAsync(Request, Cancellation));

        Assert.Contains("AADSTS7000215", refusal.InnerException?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientCertificateCredential_gets_a_token()
    {
        using RSA key = RsaKeyPool.NewSource()();
        CertificateRequest request = new("CN=prom", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        await using EmulatorHost emulator = await StartAsync(app => app with { Secret = null, Certificate = certificate.ExportCertificatePem() });
        ClientCertificateCredential credential = new(EmulatorHost.DirectoryId, Prom, certificate, new ClientCertificateCredentialOptions
        {
            Transport = TransportTo(emulator),
            AuthorityHost = new Uri(EmulatorHost.BaseUrl),
            DisableInstanceDiscovery = true,
        });

        Check(await credential.GetTokenAsync(Request, Cancellation), clientAuth: "2");
    }

    [Fact]
    public async Task WorkloadIdentityCredential_gets_a_token_for_the_token_of_a_pod()
    {
        const string Issuer = "https://kubernetes.default.svc.cluster.local";
        using RSA key = RsaKeyPool.NewSource()();
        JsonObject keys = new()
        {
            ["keys"] = new JsonArray(new JsonObject
            {
                ["kty"] = "RSA",
                ["use"] = "sig",
                ["kid"] = "cluster",
                ["n"] = Base64UrlEncoder.Encode(key.ExportParameters(false).Modulus),
                ["e"] = Base64UrlEncoder.Encode(key.ExportParameters(false).Exponent),
            }),
        };
        await using EmulatorHost emulator = await StartAsync(app => app with
        {
            Secret = null,
            FederatedIssuers = [new FederatedIssuerOptions { Issuer = Issuer, Subject = ServiceAccount, Keys = keys.ToJsonString() }],
        });
        string tokenFile = Path.GetTempFileName();
        try
        {
            JsonObject claims = new()
            {
                ["iss"] = Issuer,
                ["sub"] = ServiceAccount,
                ["aud"] = new JsonArray("api://AzureADTokenExchange"),
                ["exp"] = emulator.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds(),
            };
            RsaSecurityKey signer = new(key) { KeyId = "cluster", CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } };
            await File.WriteAllTextAsync(
                tokenFile,
                new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
                    claims.ToJsonString(), new SigningCredentials(signer, SecurityAlgorithms.RsaSha256)),
                Cancellation);
            WorkloadIdentityCredential credential = new(new WorkloadIdentityCredentialOptions
            {
                TenantId = EmulatorHost.DirectoryId,
                ClientId = Prom,
                TokenFilePath = tokenFile,
                Transport = TransportTo(emulator),
                AuthorityHost = new Uri(EmulatorHost.BaseUrl),
                DisableInstanceDiscovery = true,
            });

            Check(await credential.GetTokenAsync(Request, Cancellation), clientAuth: "2");
        }
        finally
        {
            File.Delete(tokenFile);
        }
    }

    private static void Check(AccessToken token, string clientAuth)
    {
        JsonObject claims = JwtParts.Claims(token.Token);
        Assert.Equal((EmulatorHost.Gateway, Prom, clientAuth), ((string?)claims["aud"], (string?)claims["azp"], (string?)claims["azpacr"]));
        Assert.Equal("""["Metrics.Write"]""", claims["roles"]!.ToJsonString());
    }

    private static HttpClientTransport TransportTo(EmulatorHost emulator) => new(emulator.CreateHandler());

    /// <summary>With today's clock, which is what the library goes by.</summary>
    private static Task<EmulatorHost> StartAsync(Func<AppOptions, AppOptions> changeProm) => EmulatorHost.StartAsync(
        options => options with
        {
            Directories = [options.Directories[0] with { Apps = [changeProm(options.Directories[0].Apps.Single(app => app.Name == "prom"))] }],
        },
        new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UtcNow));
}
