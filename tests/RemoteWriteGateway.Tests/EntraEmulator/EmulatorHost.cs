using EntraEmulator;
using EntraEmulator.Configuration;
using EntraEmulator.Faults;
using EntraEmulator.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>An emulator in this process: no socket, no TLS, no disk, and time that stands still until it is told to move.</summary>
/// <remarks>It knows the directory of the sample configuration unless it is given other options.</remarks>
internal sealed class EmulatorHost : IAsyncDisposable
{
    /// <summary>The origin of its issuers.</summary>
    public const string BaseUrl = "https://login.emulator.test";

    /// <summary>The directory of the sample.</summary>
    public const string DirectoryId = "11111111-2222-4333-8444-555555555555";

    /// <summary>The client id of the gateway's registration in the sample.</summary>
    public const string Gateway = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

    private readonly WebApplication _app;

    private EmulatorHost(WebApplication app, FakeTimeProvider time)
    {
        _app = app;
        Time = time;
    }

    /// <summary>The time of the emulator, and of the gateway beside it.</summary>
    public FakeTimeProvider Time { get; }

    /// <summary>Mints tokens without HTTP.</summary>
    public TokenMint Mint => _app.Services.GetRequiredService<TokenMint>();

    /// <summary>The keys that sign.</summary>
    public SigningKeys Keys => _app.Services.GetRequiredService<SigningKeys>();

    /// <summary>Puts endpoints out of order.</summary>
    public FaultSwitch Faults => _app.Services.GetRequiredService<FaultSwitch>();

    /// <summary>How often each endpoint was asked.</summary>
    public RequestCounts Requests => _app.Services.GetRequiredService<RequestCounts>();

    /// <summary>Starts one.</summary>
    /// <param name="change">Changes the sample options.</param>
    /// <param name="time">Null: a new one that stands at noon of 2026-10-01 UTC.</param>
    /// <param name="configure">Changes the host further.</param>
    public static async Task<EmulatorHost> StartAsync(
        Func<EmulatorOptions, EmulatorOptions>? change = null, FakeTimeProvider? time = null, Action<WebApplicationBuilder>? configure = null)
    {
        FakeTimeProvider clock = time ?? new FakeTimeProvider(new DateTimeOffset(2026, 10, 1, 12, 0, 0, TimeSpan.Zero));
        EmulatorOptions options = EmulatorConfiguration.LoadSample() with { PublicBaseUrl = BaseUrl };
        WebApplication app = EmulatorApp.Build(change?.Invoke(options) ?? options, builder =>
        {
            builder.WebHost.UseTestServer();
            builder.Services.AddSingleton<TimeProvider>(clock);
            builder.Services.AddSingleton(RsaKeyPool.NewSource());
            configure?.Invoke(builder);
        });
        await app.StartAsync();
        return new EmulatorHost(app, clock);
    }

    /// <summary>A handler that leads to the emulator whatever host a request names.</summary>
    public HttpMessageHandler CreateHandler() => _app.GetTestServer().CreateHandler();

    /// <summary>A client whose base address is <see cref="BaseUrl"/>. It follows no redirects.</summary>
    public HttpClient CreateClient() => new(CreateHandler()) { BaseAddress = new Uri(BaseUrl) };

    /// <summary>Stops it as SIGTERM would.</summary>
    public Task StopAsync(CancellationToken cancellation) => _app.StopAsync(cancellation);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
