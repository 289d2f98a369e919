using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using EntraEmulator;
using EntraEmulator.Configuration;
using EntraEmulator.Tokens;
using Google.Protobuf;
using IronSnappy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests;

/// <summary>
/// The whole gateway in this process: its real listeners on loopback, tokens of an emulator in this process too, and a
/// <see cref="RecordingStore"/> as the store. Time stands still unless a test moves it.
/// </summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    public const string Directory = "11111111-2222-4333-8444-555555555555";
    public const string GatewayApp = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    public const string PromClient = "99999999-0000-4000-8000-000000000001";
    public const string OtherClient = "99999999-0000-4000-8000-000000000002";
    public const string TwoTenantsClient = "99999999-0000-4000-8000-000000000003";
    public const string GrafanaClient = "88888888-0000-4000-8000-000000000001";

    /// <summary>App <c>prom</c> writes tenant <c>ours</c>, app <c>other</c> tenant <c>theirs</c>, app <c>both</c> either; nobody else anything.</summary>
    public const string DefaultPolicy = $$"""
        version: 1
        tenants: { ours: {}, theirs: {} }
        bindings:
        - id: prom
          match: { kind: app, client: [{{PromClient}}], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        - id: other
          match: { kind: app, client: [{{OtherClient}}], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [theirs] }
        - id: both
          match: { kind: app, client: [{{TwoTenantsClient}}], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours, theirs] }
        """;

    private const string Issuer = "https://login.emulator.test";

    private readonly WebApplication _gateway;
    private readonly WebApplication _emulator;
    private readonly DirectoryInfo _folder;

    private GatewayHost(WebApplication gateway, WebApplication emulator, RecordingStore store, FakeTimeProvider time, LogLines logs, DirectoryInfo folder)
    {
        _gateway = gateway;
        _emulator = emulator;
        _folder = folder;
        Store = store;
        Time = time;
        Logs = logs;
        string[] addresses = [.. gateway.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];
        Data = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(addresses[0]) };
        Management = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(addresses[1]) };
    }

    /// <summary>A client of the data listener, without a token.</summary>
    public HttpClient Data { get; }

    /// <summary>A client of the management listener.</summary>
    public HttpClient Management { get; }

    public RecordingStore Store { get; }

    public FakeTimeProvider Time { get; }

    /// <summary>Everything that the gateway has logged.</summary>
    public LogLines Logs { get; }

    public TokenMint Mint => _emulator.Services.GetRequiredService<TokenMint>();

    public SigningKeys Keys => _emulator.Services.GetRequiredService<SigningKeys>();

    public IServiceProvider Services => _gateway.Services;

    public string PolicyPath => Path.Combine(_folder.FullName, "policy.yaml");

    /// <summary>Now, in milliseconds since 1970.</summary>
    public long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <param name="policy">The policy document.</param>
    /// <param name="settings">Configuration over the defaults of this class, for example <c>("Stores:main:Protocol", "v1")</c>.</param>
    /// <param name="identityBackchannel">Where signing keys are fetched from; the emulator unless given.</param>
    public static async Task<GatewayHost> StartAsync(
        string policy = DefaultPolicy, IEnumerable<(string Key, string? Value)>? settings = null, HttpMessageHandler? identityBackchannel = null)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        DirectoryInfo folder = System.IO.Directory.CreateTempSubdirectory("rwgateway-test-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "policy.yaml"), policy, cancel);
        RecordingStore store = await RecordingStore.StartAsync();
        WebApplication emulator = EmulatorApp.Build(Emulated(), builder =>
        {
            builder.WebHost.UseTestServer();
            builder.Services.AddSingleton<TimeProvider>(time);
        });
        await emulator.StartAsync(cancel);

        var logs = new LogLines();
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Test" });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Http:Url"] = "http://127.0.0.1:0",
            ["Http:DrainDelay"] = "00:00:00",
            ["Management:Url"] = "http://127.0.0.1:0",
            ["AzureAd:Instance"] = Issuer + "/",
            ["AzureAd:TenantId"] = Directory,
            ["AzureAd:ClientId"] = GatewayApp,
            ["Identity:AllowEmulator"] = "true",
            ["Policy:Path"] = Path.Combine(folder.FullName, "policy.yaml"),
            ["Stores:main:Kind"] = "Prometheus",
            ["Stores:main:Url"] = store.Url.ToString(),
        });
        builder.Configuration.AddInMemoryCollection((settings ?? []).Select(one => KeyValuePair.Create(one.Key, one.Value)));
        builder.Logging.ClearProviders().AddProvider(logs).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton(new IdentityBackchannel(identityBackchannel ?? emulator.GetTestServer().CreateHandler()));
        WebApplication gateway = Program.Build(builder);
        await gateway.StartAsync(cancel);
        var host = new GatewayHost(gateway, emulator, store, time, logs, folder);
        if (identityBackchannel is null)
        {
            await host.UntilReadyAsync();
        }

        return host;
    }

    /// <summary>Asks until the signing keys are there: they are fetched in the background.</summary>
    private async Task UntilReadyAsync()
    {
        while (true)
        {
            using HttpResponseMessage answer = await Management.GetAsync(new Uri("/-/ready", UriKind.Relative), TestContext.Current.CancellationToken);
            if (answer.IsSuccessStatusCode)
            {
                return;
            }
        }
    }

    /// <summary>A token of one of the apps <c>prom</c>, <c>other</c>, <c>both</c>, <c>none</c>.</summary>
    public string Token(string app, Action<JsonObject>? change = null) => Mint.Mint(app, change);

    /// <summary>Posts a message as a sender does: packed by a codec that the gateway does not use.</summary>
    public Task<HttpResponseMessage> WriteAsync(
        IMessage message, string? token = null, string path = "/api/v1/write", Action<HttpRequestMessage>? change = null) =>
        WriteBytesAsync(Snappy.Encode(message.ToByteArray()), message is Protocol.Messages.V2.Request, token, path, change);

    /// <summary>Posts these bytes, whatever they are.</summary>
    public async Task<HttpResponseMessage> WriteBytesAsync(
        byte[] body, bool isV2 = false, string? token = null, string path = "/api/v1/write", Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? Token("prom"));
        request.Content.Headers.TryAddWithoutValidation(
            "Content-Type", isV2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request" : "application/x-protobuf");
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "snappy");
        change?.Invoke(request);
        return await Data.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>The value of one self metric, 0 if it is not there.</summary>
    /// <param name="series">As in the exposition: <c>rwgateway_x_total{tenant="ours"}</c>.</param>
    public async Task<double> MetricAsync(string series)
    {
        string text = await Management.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        string? line = text.Split('\n').SingleOrDefault(line => line.StartsWith(series + " ", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line.AsSpan(series.Length + 1), System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        Data.Dispose();
        Management.Dispose();
        await _gateway.DisposeAsync();
        await _emulator.DisposeAsync();
        await Store.DisposeAsync();
        Logs.Dispose();
        _folder.Delete(recursive: true);
    }

    private static EmulatorOptions Emulated() => new()
    {
        PublicBaseUrl = Issuer,
        Https = "",
        Http = "",
        Hooks = true,
        Directories =
        [
            new DirectoryOptions
            {
                Id = Guid.Parse(Directory),
                Apis =
                [
                    new ApiOptions
                    {
                        ClientId = Guid.Parse(GatewayApp),
                        IdUris = [$"api://{GatewayApp}"],
                        Scopes = ["Metrics.Access"],
                        OptionalClaims = ["idtyp", "xms_cc"],
                        GroupClaims = true,
                    },
                ],
                Apps =
                [
                    App("prom", PromClient, "Metrics.Write"),
                    App("other", OtherClient, "Metrics.Write"),
                    App("both", TwoTenantsClient, "Metrics.Write"),
                    App("grafana", GrafanaClient),
                    App("none", "99999999-0000-4000-8000-000000000004"),
                ],
                Users =
                [
                    new UserOptions
                    {
                        Name = "ann",
                        ObjectId = Guid.Parse("66666666-0000-4000-8000-000000000001"),
                        DisplayName = "Ann",
                        PreferredUsername = "ann@example.org",
                        Roles = ["Metrics.Read"],
                    },
                ],
            },
        ],
    };

    private static AppOptions App(string name, string client, params string[] roles) => new()
    {
        Name = name,
        ClientId = Guid.Parse(client),
        ObjectId = Guid.NewGuid(),
        Secret = "local-dev-secret",
        Roles = roles,
    };
}
