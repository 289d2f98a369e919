using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using EntraEmulator;
using EntraEmulator.Configuration;
using EntraEmulator.Faults;
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
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.EntraEmulator;
using RemoteWriteGateway.Tests.Forwarding;
using RemoteWriteGateway.Tests.Identity;

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

    /// <summary>
    /// <see cref="DefaultPolicy"/>, and humans with roles: <c>Gateway.Admin</c>, <c>Policy.Read</c>, <c>Gateway.Audit</c> (all tenants),
    /// <c>Audit.Ours</c>, <c>Audit.Theirs</c>.
    /// </summary>
    public static readonly string AdminPolicy = DefaultPolicy + """

        - id: operators
          match: { kind: user, role: [Gateway.Admin] }
          grant: { permissions: [gateway:admin] }
        - id: policy-readers
          match: { kind: user, role: [Policy.Read] }
          grant: { permissions: [policy:read] }
        - id: auditors
          match: { kind: user, role: [Gateway.Audit] }
          grant: { permissions: [audit:read], allTenants: true }
        - id: audit-ours
          match: { kind: user, role: [Audit.Ours] }
          grant: { permissions: [audit:read], tenants: [ours] }
        - id: audit-theirs
          match: { kind: user, role: [Audit.Theirs] }
          grant: { permissions: [audit:read], tenants: [theirs] }
        """;

    private const string Issuer = "https://login.emulator.test";

    private readonly WebApplication _gateway;
    private readonly WebApplication _emulator;
    private readonly DirectoryInfo _folder;

    private GatewayHost(
        WebApplication gateway, WebApplication emulator, Backchannel backchannel, RecordingStore store, WatchedTime time, LogLines logs, DirectoryInfo folder)
    {
        _gateway = gateway;
        _emulator = emulator;
        _folder = folder;
        Backchannel = backchannel;
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

    public WatchedTime Time { get; }

    /// <summary>The only way to the issuer, which notes whom else the gateway asked.</summary>
    public Backchannel Backchannel { get; }

    /// <summary>Everything that the gateway has logged.</summary>
    public LogLines Logs { get; }

    public TokenMint Mint => _emulator.Services.GetRequiredService<TokenMint>();

    public SigningKeys Keys => _emulator.Services.GetRequiredService<SigningKeys>();

    /// <summary>How often the gateway has asked the issuer.</summary>
    public RequestCounts IssuerRequests => _emulator.Services.GetRequiredService<RequestCounts>();

    public IServiceProvider Services => _gateway.Services;

    /// <summary>The gateway's signing keys.</summary>
    public MetadataSnapshots SigningKeys => Services.GetRequiredService<MetadataSnapshots>();

    public string PolicyPath => Path.Combine(_folder.FullName, "policy.yaml");

    /// <summary>Now, in milliseconds since 1970.</summary>
    public long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <param name="policy">The policy document.</param>
    /// <param name="settings">
    /// Configuration over the defaults of this class, for example <c>("Stores:main:Protocol", "v1")</c>; <c>{store}</c> in a value is the store's URL.
    /// </param>
    /// <param name="issuer">How the issuer is out of order. If it is, nobody waits until the gateway is ready.</param>
    /// <param name="waitUntilReady">False for a gateway that cannot become ready for another reason.</param>
    /// <param name="services">Adds to the gateway's services, after its own.</param>
    /// <param name="routes">Maps more routes.</param>
    /// <param name="store">Tells the store how to answer, before the gateway starts.</param>
    /// <param name="catalog">The catalog's database, which outlives the gateway; a file in the gateway's folder unless said otherwise.</param>
    public static async Task<GatewayHost> StartAsync(
        string policy = DefaultPolicy,
        IEnumerable<(string Key, string? Value)>? settings = null,
        Fault issuer = Fault.Ok,
        bool waitUntilReady = true,
        Action<IServiceCollection>? services = null,
        Action<WebApplication>? routes = null,
        EmptyCatalog? catalog = null,
        Action<RecordingStore>? store = null)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        var time = new WatchedTime(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        DirectoryInfo folder = System.IO.Directory.CreateTempSubdirectory("rwgateway-test-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "policy.yaml"), policy, cancel);
        RecordingStore recording = await RecordingStore.StartAsync();
        store?.Invoke(recording);
        WebApplication emulator = EmulatorApp.Build(Emulated(), builder =>
        {
            builder.WebHost.UseTestServer();
            builder.Services.AddSingleton<TimeProvider>(time);
            builder.Services.AddSingleton(RsaKeyPool.NewSource());
        });
        await emulator.StartAsync(cancel);
        Set(emulator, issuer);

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
            ["Catalog:ConnectionString"] = $"Data Source={Path.Combine(folder.FullName, "catalog.db")}",
            ["Audit:SpoolDirectory"] = Path.Combine(folder.FullName, "audit-spool"),
            ["Policy:Path"] = Path.Combine(folder.FullName, "policy.yaml"),
            ["Stores:main:Kind"] = "Prometheus",
            ["Stores:main:Url"] = recording.Url.ToString(),

            // A store is asked at start whether it keeps readers apart; tests of other things count what it receives.
            ["Stores:main:Read:Enabled"] = "false",
        });
        if (catalog is not null)
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Catalog:Provider"] = catalog.Provider.ToString(),
                ["Catalog:ConnectionString"] = catalog.ConnectionString,
            });
        }

        builder.Configuration.AddInMemoryCollection((settings ?? []).Select(one =>
            KeyValuePair.Create(one.Key, one.Value?.Replace("{store}", recording.Url.ToString(), StringComparison.Ordinal))));
        builder.Logging.ClearProviders().AddProvider(logs).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddSingleton<TimeProvider>(time);
        var backchannel = new Backchannel(emulator.GetTestServer().CreateHandler());
        builder.Services.AddSingleton(new IdentityBackchannel(backchannel));
        services?.Invoke(builder.Services);
        WebApplication gateway = Program.Build(builder);
        routes?.Invoke(gateway);
        try
        {
            await gateway.StartAsync(cancel);
        }
        catch
        {
            await StopAsync(gateway, emulator, backchannel, recording, logs, folder);
            throw;
        }

        var host = new GatewayHost(gateway, emulator, backchannel, recording, time, logs, folder);
        if (issuer == Fault.Ok && waitUntilReady)
        {
            await host.UntilReadyAsync();
        }

        return host;
    }

    /// <summary>Puts the issuer out of order, or in order again.</summary>
    public void SetIssuer(Fault fault) => Set(_emulator, fault);

    /// <summary>Writes the policy file and has it read, as the next poll would.</summary>
    public async Task<PolicyReload> ReloadPolicyAsync(string policy)
    {
        await File.WriteAllTextAsync(PolicyPath, policy, TestContext.Current.CancellationToken);
        return await Services.GetRequiredService<PolicySource>().ReloadAsync(TestContext.Current.CancellationToken);
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

    /// <summary>A token of the human <c>ann</c> through Grafana, with these roles and no others.</summary>
    public string UserToken(params string[] roles) => UserToken(roles, _ => { });

    /// <summary>The same with changed claims.</summary>
    public string UserToken(string[] roles, Action<JsonObject> change) => Mint.MintUser("ann", change: claims =>
    {
        claims["roles"] = new JsonArray([.. roles.Select(role => JsonValue.Create(role))]);
        change(claims);
    });

    /// <summary>Calls the admin API, or any other route.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="target">Path and query.</param>
    /// <param name="token">The bearer token, or null for none.</param>
    /// <param name="body">A JSON text, or null for no body.</param>
    /// <param name="change">Changes the request before it is sent.</param>
    public async Task<HttpResponseMessage> CallAsync(
        string method, string target, string? token, string? body = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), target);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        }

        change?.Invoke(request);
        return await Data.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>Calls the admin API as one who may, and gives the answer's JSON.</summary>
    public async Task<JsonNode> JsonAsync(string method, string target, string token, string? body = null)
    {
        using HttpResponseMessage answer = await CallAsync(method, target, token, body);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {text}");
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        return JsonNode.Parse(text)!; // an answer is never the JSON null
    }

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
        await _gateway.StopAsync(CancellationToken.None);
        await StopAsync(_gateway, _emulator, Backchannel, Store, Logs, _folder);
    }

    private static async Task StopAsync(
        WebApplication gateway, WebApplication emulator, Backchannel backchannel, RecordingStore store, LogLines logs, DirectoryInfo folder)
    {
        await gateway.DisposeAsync();
        backchannel.Dispose();
        await emulator.DisposeAsync();
        await store.DisposeAsync();
        logs.Dispose();
        folder.Delete(recursive: true);
    }

    private static void Set(WebApplication emulator, Fault fault) => emulator.Services.GetRequiredService<FaultSwitch>().Set(
        new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Metadata] = fault, [EmulatedEndpoint.Keys] = fault });

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
