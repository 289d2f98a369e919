using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Identity.Web;
using Microsoft.IdentityModel.Tokens;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>Authentication of callers by access tokens of one Entra directory.</summary>
internal static class IdentityFeature
{
    private const string Scheme = JwtBearerDefaults.AuthenticationScheme;

    /// <summary>
    /// Registers the bearer scheme, the only one. Configuration is read when the host starts, from sections <c>AzureAd</c> and <c>Identity</c>.
    /// After authentication the request's user is a <see cref="CallerPrincipal"/>, or its features hold the <see cref="Refusal"/>.
    /// </summary>
    public static IServiceCollection AddIdentity(this IServiceCollection services)
    {
        services.AddSection<IdentityOptions, IdentityOptionsValidator>(IdentityOptions.Section);
        services.AddSection<EntraOptions, EntraOptionsCheck>(EntraOptions.Section);

        services.AddAuditLog();
        services.TryAddSingleton(_ => IdentityBackchannel.Create());
        services.AddSingleton(provider => new EntraDirectory(
            provider.GetRequiredService<IOptions<EntraOptions>>().Value,
            provider.GetRequiredService<IHostEnvironment>().IsDevelopment()
                || provider.GetRequiredService<IOptions<IdentityOptions>>().Value.AllowEmulator));
        services.AddSingleton<Challenges>();
        services.AddSingleton<TokenCache>();
        services.AddSingleton<MetadataDocuments>();
        services.AddSingleton<MetadataMetrics>();
        services.AddSingleton<MetadataSnapshots>();
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<MetadataSnapshots>());
        services.AddSingleton<IReplicaFacts>(provider => provider.GetRequiredService<MetadataSnapshots>());
        services.AddSingleton<CallerReader>();
        services.AddSingleton<EntraAuthentication>();
        services.AddHostedService<IdentityStart>();
        AddScheme(services);

        // At Information the first tells every refused token once more, in words of its own, and the third logs request lines: a token
        // in a query string is nothing to us, but would stand in the log. The second logs an error for each, with claims of whoever sent it.
        services.AddLogging(logging => logging
            .AddFilter("Microsoft.AspNetCore.Authentication", LogLevel.Warning)
            .AddFilter("Microsoft.IdentityModel", LogLevel.None)
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning));
        return services;
    }

    private static void AddScheme(IServiceCollection services)
    {
        // What AddAuthentication does, without data protection, which nothing here needs and which would keep keys on disk.
        services.AddAuthenticationCore(options => options.DefaultScheme = Scheme);
        services.AddWebEncoders();
        services.AddSingleton<IAuthenticationConfigurationProvider, NoSchemeConfiguration>();

        // Before Microsoft.Identity.Web's own configuration, which keeps what is set and adds the rest.
        services.AddOptions<MicrosoftIdentityOptions>(Scheme).Configure<EntraDirectory>(Configure);
        services.AddOptions<JwtBearerOptions>(Scheme).Configure<EntraDirectory, MetadataSnapshots, EntraAuthentication>(Configure);
        new AuthenticationBuilder(services).AddMicrosoftIdentityWebApi(_ => { }, _ => { }, Scheme);
        services.AddOptions<JwtBearerOptions>(Scheme).PostConfigure<EntraAuthentication>(Harden);
        services.AddSingleton<IValidateOptions<JwtBearerOptions>, HardeningCheck>();

        RemoveWhatIsNotNeeded(services);
    }

    /// <summary>Takes out what Microsoft.Identity.Web registers beside the validation of tokens.</summary>
    private static void RemoveWhatIsNotNeeded(IServiceCollection services)
    {
        // For calls to other APIs. It costs every request an execution context.
        services.RemoveAll<IHttpContextAccessor>();

        // Its rules of scopes and roles, which succeed where an endpoint names none. What a caller may do is decided by the policy alone.
        foreach (ServiceDescriptor service in services.Where(IsRuleOfScopes).ToArray())
        {
            services.Remove(service);
        }

        static bool IsRuleOfScopes(ServiceDescriptor service) =>
            (service.ServiceType == typeof(IAuthorizationHandler)
                || service.ServiceType == typeof(IPostConfigureOptions<AuthorizationOptions>))
            && service.ImplementationType?.Assembly == typeof(MicrosoftIdentityWebApiAuthenticationBuilderExtensions).Assembly;
    }

    private static void Configure(MicrosoftIdentityOptions options, EntraDirectory directory)
    {
        options.Instance = directory.Instance.ToString();
        options.TenantId = directory.Id.ToString("D");
        options.ClientId = directory.ClientId.ToString("D");
        options.AllowWebApiToBeAuthorizedByACL = true;
    }

    private static void Configure(
        JwtBearerOptions options, EntraDirectory directory, MetadataSnapshots keys, EntraAuthentication authentication)
    {
        options.Authority = directory.Authority;
        options.ConfigurationManager = keys;
        options.MapInboundClaims = false;
        options.IncludeErrorDetails = false;
        options.SaveToken = false;
        options.Challenge = Challenges.Realm;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAudiences = directory.Audiences.ToArray(),
            IgnoreTrailingSlashWhenValidatingAudience = false,
            ValidIssuers = directory.Issuers.ToArray(),
            IssuerValidator = authentication.ValidateIssuer,
            LifetimeValidator = authentication.IsLifetimeValid,
            ClockSkew = directory.ClockSkew,
            ValidAlgorithms = [JoseHeader.Algorithm],
            ValidTypes = directory.TokenTypes.ToArray(),
            TryAllIssuerSigningKeys = false,
            ValidateIssuerSigningKey = true,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            NameClaimType = "oid",
            RoleClaimType = "roles",
        };
    }

    private static void Harden(JwtBearerOptions options, EntraAuthentication authentication)
    {
        foreach (TokenHandler handler in options.TokenHandlers)
        {
            handler.MaximumTokenSizeInBytes = IdentityRefusals.MaxTokenLength;
        }

        authentication.Attach(options.Events);
    }

    /// <summary>Section <c>Authentication:Schemes</c> is not read: it could bring signing keys, issuers and audiences of its own.</summary>
    private sealed class NoSchemeConfiguration : IAuthenticationConfigurationProvider
    {
        public IConfiguration AuthenticationConfiguration { get; } = new ConfigurationBuilder().Build();
    }
}
