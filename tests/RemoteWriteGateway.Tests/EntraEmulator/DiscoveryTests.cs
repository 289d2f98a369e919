using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class DiscoveryTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_verifies_with_the_keys_that_discovery_leads_to()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        OpenIdConnectConfiguration configuration = await OpenIdConnectConfigurationRetriever.GetAsync(
            $"{EmulatorHost.BaseUrl}/{EmulatorHost.DirectoryId}/v2.0/.well-known/openid-configuration", http, Cancellation);

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
}
