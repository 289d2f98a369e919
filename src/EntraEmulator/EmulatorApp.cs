using System.Security.Cryptography;
using EntraEmulator.Configuration;
using EntraEmulator.Directories;
using EntraEmulator.Discovery;
using EntraEmulator.Faults;
using EntraEmulator.Hooks;
using EntraEmulator.Issuing;
using EntraEmulator.Tls;
using EntraEmulator.Tokens;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace EntraEmulator;

/// <summary>Puts the emulator together, for its own process and for tests that host it in theirs.</summary>
internal static class EmulatorApp
{
    /// <summary>A request of a client is a few hundred bytes, an assertion included; a free token of the hooks some ten thousand.</summary>
    private const long MaxBodyBytes = 1 << 20;

    /// <summary>Length of the signing keys, as Entra's.</summary>
    private const int KeyBits = 2048;

    /// <summary>How long requests in flight may take once the emulator is told to stop.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Builds an emulator that is not started yet. It reads nothing but <paramref name="options"/>: no file, no environment, no arguments.</summary>
    /// <param name="options">What it listens on and whom it knows.</param>
    /// <param name="configure">
    /// Last word on the host: logging; in tests <c>builder.WebHost.UseTestServer()</c>, in place of the sockets, and a <see cref="TimeProvider"/>.
    /// The environment is Development unless this or the variables of ASP.NET Core say otherwise.
    /// </param>
    /// <exception cref="OptionsValidationException">The options are wrong; one failure for each fault, with its key.</exception>
    /// <exception cref="InvalidOperationException">The environment is Production.</exception>
    public static WebApplication Build(EmulatorOptions options, Action<WebApplicationBuilder>? configure = null)
    {
        ValidateOptionsResult validation = new EmulatorOptionsValidator().Validate(null, options);
        if (validation.Failed)
        {
            throw new OptionsValidationException(nameof(EmulatorOptions), typeof(EmulatorOptions), validation.Failures);
        }

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = EnvironmentName() });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.ListenAt(options);
        });
        builder.Services.AddRouting();

        // In Development a bad parameter would be an exception; here as everywhere it is the client's 400.
        builder.Services.Configure<RouteHandlerOptions>(handlers => handlers.ThrowOnBadRequest = false);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = StopTimeout);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services
            .AddSingleton(options)
            .AddSingleton<EmulatorClock>()
            .AddSingleton<DirectorySet>()
            .AddSingleton<RsaKeySource>(() => RSA.Create(KeyBits))
            .AddSingleton<SigningKeys>()
            .AddSingleton<TokenMint>()
            .AddSingleton<FaultSwitch>()
            .AddSingleton<RequestCounts>()
            .AddSingleton<PublishedDocuments>()
            .AddSingleton<ClientAuthentication>()
            .AddSingleton<SignIns>()
            .AddSingleton<UserGrants>()
            .AddSingleton<AuthorizeEndpoint>()
            .AddSingleton<TokenEndpoint>();
        configure?.Invoke(builder);

        if (builder.Environment.IsProduction())
        {
            throw new InvalidOperationException(
                "The emulator gives any token to anybody and does not start in environment Production; set ASPNETCORE_ENVIRONMENT=Development.");
        }

        WebApplication app = builder.Build();
        app.MapDiscovery();
        app.MapTokenEndpoint();
        app.MapManagedIdentities();
        if (options.Hooks)
        {
            app.MapHooks();
        }

        return app;
    }

    /// <summary>What the variables of ASP.NET Core say. Their absence means Development: Production would be a strange default for this program.</summary>
    private static string EnvironmentName() =>
        Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT")
        ?? Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT")
        ?? Environments.Development;
}
