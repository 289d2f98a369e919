using System.Security.Claims;
using EntraEmulator.Tokens;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Prometheus;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What a request was answered.</summary>
/// <param name="StatusCode">HTTP status.</param>
/// <param name="Caller">Who the endpoint saw; null if it was not reached.</param>
/// <param name="Body">The answer's text.</param>
/// <param name="Headers">Headers of the answer.</param>
internal sealed record Answer(int StatusCode, Caller? Caller, string Body, IHeaderDictionary Headers)
{
    /// <summary>The reason that the body names; empty if it is no refusal.</summary>
    public string Reason => Body.Split(':', 2) is [{ } reason, _] ? reason : "";

    public string? Challenge => Headers.WWWAuthenticate;

    public string? RetryAfter => Headers.RetryAfter;
}

/// <summary>
/// A host with nothing but authentication, beside an emulator: <c>/caller</c> asks for a valid token, <c>/open</c> for none. Time stands
/// still until it is told to move.
/// </summary>
internal sealed class IdentityHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly bool _ownsEmulator;

    private IdentityHost(WebApplication app, EmulatorHost emulator, bool ownsEmulator, CapturedLogs logs, CollectorRegistry registry, Backchannel backchannel)
    {
        _app = app;
        _ownsEmulator = ownsEmulator;
        Emulator = emulator;
        Logs = logs;
        Registry = registry;
        Backchannel = backchannel;
    }

    public EmulatorHost Emulator { get; }

    public CapturedLogs Logs { get; }

    public CollectorRegistry Registry { get; }

    /// <summary>The way to the emulator.</summary>
    public Backchannel Backchannel { get; }

    public WatchedTime Time => (WatchedTime)Emulator.Time;

    public TokenMint Mint => Emulator.Mint;

    public IServiceProvider Services => _app.Services;

    public MetadataSnapshots Keys => Services.GetRequiredService<MetadataSnapshots>();

    public TokenCache Cache => Services.GetRequiredService<TokenCache>();

    /// <summary>Starts the host, and waits for the first fetch of signing keys.</summary>
    /// <param name="emulator">Null: one of its own.</param>
    /// <param name="waitForKeys">False for an issuer that does not answer.</param>
    /// <param name="settings">Configuration beside the directory and the client id.</param>
    public static async Task<IdentityHost> StartAsync(
        EmulatorHost? emulator = null, bool waitForKeys = true, params (string Key, string? Value)[] settings)
    {
        EmulatorHost issuer = emulator ?? await StartEmulatorAsync();
        CapturedLogs logs = new();
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        Backchannel backchannel = new(issuer.CreateHandler());
        WebApplication app = Build(issuer.Time, new IdentityBackchannel(backchannel), logs, registry, settings);
        await app.StartAsync();
        IdentityHost host = new(app, issuer, emulator is null, logs, registry, backchannel);
        if (waitForKeys)
        {
            await host.Keys.WhenIdleAsync();
        }

        return host;
    }

    /// <summary>An emulator whose time is watched.</summary>
    public static Task<EmulatorHost> StartEmulatorAsync() =>
        EmulatorHost.StartAsync(time: new WatchedTime(new DateTimeOffset(2026, 10, 1, 12, 0, 0, TimeSpan.Zero)));

    /// <summary>The host, not started.</summary>
    public static WebApplication Build(
        TimeProvider time,
        IdentityBackchannel backchannel,
        CapturedLogs logs,
        CollectorRegistry registry,
        IEnumerable<(string Key, string? Value)> settings,
        string environment = "Production",
        Action<IServiceCollection>? services = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.WebHost.UseTestServer();
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs);
        builder.Configuration.AddInMemoryCollection(Defaults.Concat(settings).GroupBy(setting => setting.Key)
            .ToDictionary(setting => setting.Key, setting => setting.Last().Value));
        builder.Services
            .AddSingleton(time)
            .AddSingleton(backchannel)
            .AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(registry))
            .AddSingleton<RefusalWriter>()
            .AddSingleton<IAuthorizationMiddlewareResultHandler, RefusalAnswers>()
            .AddRouting()
            .AddAuthorization(options => options.FallbackPolicy = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
            .AddIdentity();
        services?.Invoke(builder.Services);

        WebApplication app = builder.Build();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/caller", () => "authenticated");
        app.MapGet("/open", () => "open").AllowAnonymous();
        app.MapGet("/adds-a-claim", (HttpContext http) => http.User.Identities.Single().AddClaim(new Claim("roles", "Gateway.Admin")));
        return app;
    }

    /// <summary>Configuration of the emulator's sample directory.</summary>
    public static IEnumerable<(string Key, string? Value)> Defaults =>
    [
        ("AzureAd:Instance", EmulatorHost.BaseUrl),
        ("AzureAd:TenantId", EmulatorHost.DirectoryId),
        ("AzureAd:ClientId", EmulatorHost.Gateway),
        ("Identity:AllowEmulator", "true"),
    ];

    /// <summary>Sends a request with a bearer token.</summary>
    public Task<Answer> GetAsync(string token, string path = "/caller") => SendAsync(path, $"Bearer {token}");

    /// <summary>Sends a request with these <c>Authorization</c> headers.</summary>
    public Task<Answer> SendAsync(string path, params string[] authorization) => SendAsync(path, CancellationToken.None, authorization);

    /// <summary>Sends a request that its sender may abandon.</summary>
    public async Task<Answer> SendAsync(string path, CancellationToken abort, params string[] authorization)
    {
        HttpContext http = await _app.GetTestServer().SendAsync(
            request =>
            {
                string[] parts = path.Split('?', 2);
                request.Request.Method = "GET";
                request.Request.Path = parts[0];
                request.Request.QueryString = parts.Length > 1 ? new QueryString("?" + parts[1]) : default;
                request.Request.Headers.Authorization = new StringValues(authorization);
            },
            abort);
        using StreamReader body = new(http.Response.Body);
        string text = await body.ReadToEndAsync(abort);
        return new Answer(http.Response.StatusCode, CallerPrincipal.Of(http), text, http.Response.Headers);
    }

    /// <summary>Changes the configuration while the host runs.</summary>
    public void Reconfigure(params (string Key, string? Value)[] settings)
    {
        var configuration = (IConfigurationRoot)Services.GetRequiredService<IConfiguration>();
        foreach ((string key, string? value) in settings)
        {
            configuration[key] = value;
        }

        configuration.Reload();
    }

    /// <summary>Moves time, and waits for what that has set off.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        Time.Advance(time);
        await Keys.WhenIdleAsync();
    }

    /// <summary>A metric's value; its labels as in the exposition: <c>name{label="value"}</c>.</summary>
    public async Task<double> MetricAsync(string series)
    {
        using MemoryStream text = new();
        await Registry.CollectAndExportAsTextAsync(text);
        string line = System.Text.Encoding.UTF8.GetString(text.ToArray()).Split('\n').Single(line => line.StartsWith(series + " ", StringComparison.Ordinal));
        return double.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Backchannel.Dispose();
        if (_ownsEmulator)
        {
            await Emulator.DisposeAsync();
        }
    }

    /// <summary>Writes what authentication has left, as the gateway's own handler does.</summary>
    private sealed class RefusalAnswers(RefusalWriter writer) : IAuthorizationMiddlewareResultHandler
    {
        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            authorizeResult.Succeeded
                ? next(context)
                : writer.WriteAsync(context, context.Features.Get<Refusal>() ?? throw new InvalidOperationException("Refused without a reason."));
    }
}
