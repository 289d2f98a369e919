using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>The Entra emulator as a program, with a directory of apps that all have the role <c>Metrics.Write</c>.</summary>
internal sealed class Emulator
{
    public const string Directory = "11111111-2222-4333-8444-555555555555";
    public const string GatewayApp = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    public const string Secret = "end-to-end-secret";

    private static readonly HttpClient Client = new();
    private readonly int _https = FreePorts.Take();
    private readonly int _http = FreePorts.Take();

    private Emulator(string folder) => CaFile = Path.Combine(folder, "data", "ca.pem");

    /// <summary>The CA that the emulator's certificate comes from.</summary>
    public string CaFile { get; }

    /// <summary>The gateway's <c>AzureAd:Instance</c>.</summary>
    public string Instance => $"https://localhost:{_https}/";

    /// <summary>Where senders that trust <see cref="CaFile"/> get tokens.</summary>
    public string TokenUrl => $"{Instance}{Directory}/oauth2/v2.0/token";

    /// <summary>The same without TLS.</summary>
    public string PlainTokenUrl => $"http://127.0.0.1:{_http}/{Directory}/oauth2/v2.0/token";

    /// <summary>The same for browsers and managed identities: no TLS.</summary>
    public Uri PlainUrl => new($"http://127.0.0.1:{_http}");

    /// <summary>Puts where this emulator is into a configuration.</summary>
    public string Listen(string configuration)
    {
        JsonObject changed = JsonNode.Parse(configuration)!.AsObject(); // An object, or the test fails.
        changed["PublicBaseUrl"] = $"https://localhost:{_https}";
        changed["Https"] = $"https://127.0.0.1:{_https}";
        changed["Http"] = $"http://127.0.0.1:{_http}";
        changed["TlsNames"] = new JsonArray("localhost");
        changed["DataDirectory"] = Path.GetDirectoryName(CaFile);
        changed["AllowRemote"] = false;
        return changed.ToJsonString();
    }

    /// <summary>Starts it with one app for each name.</summary>
    public static Task<Emulator> StartAsync(Workspace workspace, IReadOnlyList<string> apps, CancellationToken cancellationToken) =>
        StartAsync(workspace, emulator => emulator.Configuration(apps), cancellationToken);

    /// <summary>Starts it with a configuration of its own, in which <see cref="Listen"/> says where it is.</summary>
    public static async Task<Emulator> StartAsync(Workspace workspace, Func<Emulator, string> configure, CancellationToken cancellationToken)
    {
        string folder = workspace.Folder("emulator");
        Emulator emulator = new(folder);
        string configuration = workspace.Write("emulator", "emulator.json", configure(emulator));
        RunningProgram program = workspace.Own(RunningProgram.Start(
            "emulator", Repository.Emulator, ["--config", configuration], folder, new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development" }));
        await program.WaitForAsync(
            new Uri($"http://127.0.0.1:{emulator._http}/{Directory}/v2.0/.well-known/openid-configuration"), cancellationToken);
        return emulator;
    }

    /// <summary>The client id of an app: the same for the same name, so that configurations can be written before anything runs.</summary>
    public static Guid ClientId(string app)
    {
        Span<byte> hash = stackalloc byte[32];
        System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(app), hash);
        return new Guid(hash[..16]);
    }

    /// <summary>An access token by client credentials, as a sender gets it.</summary>
    public async Task<string> TokenAsync(string app, CancellationToken cancellationToken)
    {
        using FormUrlEncodedContent form = new(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = ClientId(app).ToString(),
            ["client_secret"] = Secret,
            ["scope"] = $"api://{GatewayApp}/.default",
        });
        using HttpResponseMessage answer = await Client.PostAsync(PlainTokenUrl, form, cancellationToken);
        string text = await answer.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("access_token").GetString()!; // Not null: it is in every success.
    }

    /// <summary>Signs with a new key from now on.</summary>
    public Task RotateKeysAsync(CancellationToken cancellationToken) => HookAsync("rotate?keep=true", null, cancellationToken);

    /// <summary>Makes one kind of endpoint fail: <c>metadata</c>, <c>keys</c> or <c>token</c>, as <c>503</c>, or <c>ok</c> again.</summary>
    public Task FaultAsync(string endpoint, string fault, CancellationToken cancellationToken) =>
        HookAsync("fault", JsonContent.Create(new Dictionary<string, string> { [endpoint] = fault }), cancellationToken);

    private async Task HookAsync(string hook, HttpContent? content, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await Client.PostAsync($"http://127.0.0.1:{_http}/test/{hook}", content, cancellationToken);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
    }

    private string Configuration(IReadOnlyList<string> apps) => JsonSerializer.Serialize(new
    {
        PublicBaseUrl = $"https://localhost:{_https}",
        Https = $"https://127.0.0.1:{_https}",
        Http = $"http://127.0.0.1:{_http}",
        TlsNames = new[] { "localhost" },
        DataDirectory = Path.GetDirectoryName(CaFile),
        Hooks = true,
        Directories = new[]
        {
            new
            {
                Id = Directory,
                Apis = new[] { new { ClientId = GatewayApp, IdUris = new[] { $"api://{GatewayApp}" }, TokenVersion = 2, OptionalClaims = new[] { "idtyp" } } },
                Apps = apps.Select(app => new
                {
                    Name = app,
                    ClientId = ClientId(app),
                    ObjectId = ClientId("principal of " + app),
                    Secret,
                    Roles = new[] { "Metrics.Write" },
                }),
            },
        },
    });
}
