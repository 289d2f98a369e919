using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Prometheus;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What stops the start, and what is in force after it.</summary>
public sealed class StartCheckTests
{
    [Theory]
    [InlineData("AzureAd:TenantId", "")]
    [InlineData("AzureAd:TenantId", "common")]
    [InlineData("AzureAd:TenantId", "organizations")]
    [InlineData("AzureAd:TenantId", "example.onmicrosoft.com")]
    [InlineData("AzureAd:TenantId", "00000000-0000-0000-0000-000000000000")]
    [InlineData("AzureAd:TenantId", "{11111111-2222-4333-8444-555555555555}")]
    [InlineData("AzureAd:ClientId", "")]
    [InlineData("AzureAd:ClientId", "api://gateway")]
    [InlineData("AzureAd:Instance", "http://login.emulator.test")]
    [InlineData("AzureAd:Instance", "login.microsoftonline.com")]
    [InlineData("AzureAd:Instance", "https://user@login.emulator.test/")]
    [InlineData("AzureAd:Instance", "https://login.emulator.test/?x=y")]
    [InlineData("AzureAd:MapInboundClaims", "true")]
    [InlineData("AzureAd:IncludeErrorDetails", "true")]
    [InlineData("AzureAd:SaveToken", "true")]
    [InlineData("AzureAd:AllowWebApiToBeAuthorizedByACL", "false")]
    [InlineData("AzureAd:Challenge", "Bearer")]
    [InlineData("AzureAd:RefreshInterval", "00:00:00")]
    [InlineData("AzureAd:AutomaticRefreshInterval", "00:00:10")]
    [InlineData("AzureAd:AutomaticRefreshInterval", "23:00:00")]
    [InlineData("AzureAd:BackchannelTimeout", "00:02:00")]
    [InlineData("AzureAd:BackchannelTimeout", "soon")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAudiences:0", "00000003-0000-0000-C000-000000000000")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAudiences:0", "https://graph.microsoft.com")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAudiences:0", "https://monitor.azure.com/")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAudiences:0", "https://monitor.azure.cn")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAudiences:0", " ")]
    [InlineData("AzureAd:TokenValidationParameters:ValidIssuers:0", "https://login.microsoftonline.com/{tenantid}/v2.0")]
    [InlineData("AzureAd:TokenValidationParameters:ValidIssuers:0", "https://login.emulator.test/11111111-2222-4333-8444-555555555555/{x}")]
    [InlineData("AzureAd:TokenValidationParameters:ValidIssuers:0", "http://login.emulator.test/11111111-2222-4333-8444-555555555555/v2.0")]
    [InlineData("AzureAd:TokenValidationParameters:ValidIssuers:0", "https://login.emulator.test/v2.0")]
    [InlineData("AzureAd:TokenValidationParameters:ValidAlgorithms:0", "HS256")]
    [InlineData("AzureAd:TokenValidationParameters:ValidTypes:0", "secevent+jwt")]
    [InlineData("AzureAd:TokenValidationParameters:TryAllIssuerSigningKeys", "true")]
    [InlineData("AzureAd:TokenValidationParameters:ClockSkew", "00:05:01")]
    [InlineData("AzureAd:TokenValidationParameters:ClockSkew", "-00:00:01")]
    [InlineData("AzureAd:TokenValidationParameters:RequireSignedTokens", "false")]
    [InlineData("AzureAd:TokenValidationParameters:RequireExpirationTime", "false")]
    [InlineData("AzureAd:TokenValidationParameters:NameClaimType", "name")]
    [InlineData("AzureAd:TokenValidationParameters:RoleClaimType", "groups")]
    public async Task A_value_that_weakens_or_makes_no_sense_stops_the_start_by_its_key(string key, string value)
    {
        string fault = await FaultOfStartAsync((key, value));

        Assert.Contains(key.Replace(":0", "", StringComparison.Ordinal), fault, StringComparison.Ordinal);
        Assert.Contains(value, fault, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("AzureAd:TenantID ", "TenantID")]
    [InlineData("AzureAd:Audience", "Audience")]
    [InlineData("AzureAd:RequireHttpsMetadata", "RequireHttpsMetadata")]
    [InlineData("AzureAd:ClientSecret", "ClientSecret")]
    [InlineData("AzureAd:TokenValidationParameters:ValidateIssuer", "ValidateIssuer")]
    [InlineData("AzureAd:TokenValidationParameters:ValidateAudience", "ValidateAudience")]
    [InlineData("AzureAd:TokenValidationParameters:ValidateLifetime", "ValidateLifetime")]
    [InlineData("AzureAd:TokenValidationParameters:IssuerSigningKey", "IssuerSigningKey")]
    [InlineData("Identity:AllowEmulators", "AllowEmulators")]
    [InlineData("Identity:Metadata:MaxAge", "MaxAge")]
    [InlineData("Identity:TokenCache:MaxEntry", "MaxEntry")]
    [InlineData("Authentication:Schemes:Bearer:ValidAudiences:0", "Authentication: this section is not used")]
    [InlineData("Authentication:Schemes:Bearer:SigningKeys:0:Value", "Authentication: this section is not used")]
    public async Task An_unknown_key_stops_the_start_and_is_named(string key, string named) =>
        Assert.Contains(named.Trim(), await FaultOfStartAsync((key, "true")), StringComparison.Ordinal);

    [Theory]
    [InlineData("Identity:Metadata:UnknownKeyWait", "00:00:11", "UnknownKeyWait")]
    [InlineData("Identity:Metadata:KeyGrace", "2.00:00:00", "KeyGrace")]
    [InlineData("Identity:Metadata:MaxStale", "00:01:00", "MaxStale")]
    [InlineData("Identity:TokenCache:MaxEntries", "1", "MaxEntries")]
    [InlineData("Identity:TokenCache:MaxAge", "02:00:00", "MaxAge")]
    public async Task A_value_out_of_range_stops_the_start(string key, string value, string named) =>
        Assert.Contains(named, await FaultOfStartAsync((key, value)), StringComparison.Ordinal);

    [Fact]
    public async Task All_faults_are_told_at_once()
    {
        string fault = await FaultOfStartAsync(("AzureAd:TenantId", "common"), ("AzureAd:SaveToken", "true"));

        Assert.Contains("AzureAd:TenantId", fault, StringComparison.Ordinal);
        Assert.Contains("AzureAd:SaveToken", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Production", "false", false)]
    [InlineData("Production", "true", true)]
    [InlineData("Development", "false", true)]
    public async Task A_directory_on_loopback_needs_development_or_permission(string environment, string allowed, bool starts)
    {
        string fault = await FaultOfStartAsync(
            environment, null, ("AzureAd:Instance", "https://localhost:5903"), ("Identity:AllowEmulator", allowed));

        Assert.Equal(starts ? "" : "AzureAd:Instance", fault.Length == 0 ? "" : fault[..16]);
    }

    [Theory]
    [InlineData("ValidateAudience")]
    [InlineData("ValidateIssuer")]
    [InlineData("ValidateLifetime")]
    [InlineData("ValidAlgorithms")]
    [InlineData("IssuerSigningKey")]
    [InlineData("SignatureValidator")]
    [InlineData("TokenHandlers")]
    public async Task Code_that_weakens_the_scheme_stops_the_start(string what)
    {
        string fault = await FaultOfStartAsync("Production", services => services.PostConfigure<JwtBearerOptions>("Bearer", options =>
        {
            TokenValidationParameters token = options.TokenValidationParameters;
            switch (what)
            {
                case "ValidateAudience": token.ValidateAudience = false; break;
                case "ValidateIssuer": token.ValidateIssuer = false; break;
                case "ValidateLifetime": token.ValidateLifetime = false; break;
                case "ValidAlgorithms": token.ValidAlgorithms = ["RS256", "HS256"]; break;
                case "IssuerSigningKey": token.IssuerSigningKey = new SymmetricSecurityKey(new byte[32]); break;
                case "SignatureValidator": token.SignatureValidator = (text, _) => new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(text); break;
                default: options.TokenHandlers.Add(new Microsoft.IdentityModel.JsonWebTokens.JsonWebTokenHandler()); break;
            }
        }));

        Assert.Contains($"The bearer scheme would not validate tokens as meant: ", fault, StringComparison.Ordinal);
        Assert.Contains(what, fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_scheme_is_registered_and_nothing_that_transforms_its_claims()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();

        AuthenticationScheme scheme = Assert.Single(await host.Services.GetRequiredService<IAuthenticationSchemeProvider>().GetAllSchemesAsync());
        Assert.Equal("Bearer", scheme.Name);
        Assert.IsType<NoopClaimsTransformation>(host.Services.GetRequiredService<IClaimsTransformation>());
        Assert.IsType<PassThroughAuthorizationHandler>(Assert.Single(host.Services.GetServices<IAuthorizationHandler>()));
        Assert.Single(host.Services.GetRequiredService<IOptions<AuthorizationOptions>>().Value.DefaultPolicy.Requirements);
        Assert.Null(host.Services.GetService<IHttpContextAccessor>());
        Assert.False(Microsoft.IdentityModel.Logging.IdentityModelEventSource.ShowPII);
    }

    [Theory]
    [InlineData("https://login.microsoftonline.com", "https://login.microsoftonline.com/<tid>/v2.0", "https://sts.windows.net/<tid>/")]
    [InlineData("https://login.microsoftonline.us/", "https://login.microsoftonline.us/<tid>/v2.0", "https://sts.windows.net/<tid>/")]
    [InlineData("https://login.partner.microsoftonline.cn/", "https://login.partner.microsoftonline.cn/<tid>/v2.0", "https://sts.chinacloudapi.cn/<tid>/")]
    [InlineData("https://login.emulator.test", "https://login.emulator.test/<tid>/v2.0", "https://login.emulator.test/sts/<tid>/")]
    public void Audiences_and_issuers_follow_from_cloud_directory_and_client(string instance, string v2, string v1)
    {
        EntraOptions options = new()
        {
            Instance = instance,
            TenantId = EmulatorHost.DirectoryId.ToUpperInvariant(),
            ClientId = EmulatorHost.Gateway.ToUpperInvariant(),
        };

        EntraDirectory directory = new(options, acceptsEmulator: false);

        Assert.Equal([Of(v2), Of(v1)], directory.Issuers);
        Assert.Equal([EmulatorHost.Gateway, $"api://{EmulatorHost.Gateway}"], directory.Audiences);
        Assert.Equal($"{Of(v2)}/.well-known/openid-configuration", directory.MetadataAddress.ToString());
        Assert.True(directory.Accepts(Of(v1)));
        Assert.False(directory.Accepts(Of(v1).TrimEnd('/')));
        Assert.False(directory.Accepts(null));

        static string Of(string text) => text.Replace("<tid>", EmulatorHost.DirectoryId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audiences_that_are_given_replace_the_derived_ones()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(
            settings: ("AzureAd:TokenValidationParameters:ValidAudiences:0", "https://gateway.example.org"));

        Assert.Equal(200, (await host.GetAsync(host.WithClaim("aud", "\"https://gateway.example.org\""))).StatusCode);
        Assert.Equal("wrong-audience", (await host.GetAsync(host.Mint.Mint("prom"))).Reason);
    }

    [Fact]
    public async Task The_tolerated_difference_of_clocks_is_the_configured_one()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("AzureAd:TokenValidationParameters:ClockSkew", "00:00:10"));
        string exp = $"{host.Time.GetUtcNow().ToUnixTimeSeconds() - 11}";

        Answer answer = await host.GetAsync(host.WithClaim("exp", exp));

        Assert.StartsWith("token-expired: the token has expired; clock difference over 10 s is not tolerated", answer.Body, StringComparison.Ordinal);
    }

    private static Task<string> FaultOfStartAsync(params (string Key, string? Value)[] settings) => FaultOfStartAsync("Production", null, settings);

    /// <summary>What the start says; empty if it succeeds.</summary>
    private static async Task<string> FaultOfStartAsync(
        string environment, Action<IServiceCollection>? services, params (string Key, string? Value)[] settings)
    {
        using SilentIssuer issuer = new();
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        await using WebApplication app = IdentityHost.Build(
            new WatchedTime(DateTimeOffset.UnixEpoch), new IdentityBackchannel(issuer), new CapturedLogs(), registry, settings, environment, services);
        try
        {
            await app.StartAsync();
            return "";
        }
        catch (OptionsValidationException exception)
        {
            return string.Join('\n', exception.Failures);
        }
        catch (InvalidOperationException exception)
        {
            return exception.Message;
        }
    }

    private sealed class SilentIssuer : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromException<HttpResponseMessage>(new HttpRequestException("silent"));
    }
}
